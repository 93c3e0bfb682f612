// Fibers on Boost.Context's switch, which saves registers alone: 20 ns, where ucontext's two
// system calls take 500.
#include "tests/simt/fiber.hpp"

#include <new>
#include <sys/mman.h>
#include <utility>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace alsatian::simt {
namespace {

using boost::context::detail::jump_fcontext;
using boost::context::detail::make_fcontext;
using boost::context::detail::transfer_t;

constexpr std::size_t guard_bytes = 4096;

#if defined(__SANITIZE_ADDRESS__)
constexpr std::size_t stack_bytes = 256 << 10;  // its frames are larger
void start_switch(void** fake_stack, const void* stack, std::size_t bytes) {
  __sanitizer_start_switch_fiber(fake_stack, stack, bytes);
}
void finish_switch(void* fake_stack, const void** stack, std::size_t* bytes) {
  __sanitizer_finish_switch_fiber(fake_stack, stack, bytes);
}
void forget_stack(void* stack) { __asan_unpoison_memory_region(stack, stack_bytes); }
#else
constexpr std::size_t stack_bytes = 64 << 10;
void start_switch(void** /*fake_stack*/, const void* /*stack*/, std::size_t /*bytes*/) {}
void finish_switch(void* /*fake_stack*/, const void** /*stack*/, std::size_t* /*bytes*/) {}
void forget_stack(void* /*stack*/) {}
#endif

}  // namespace

Fiber::Fiber() {
  void* mapping = mmap(nullptr, guard_bytes + stack_bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED || mprotect(mapping, guard_bytes, PROT_NONE) != 0) {
    throw std::bad_alloc();
  }
  mapping_ = static_cast<std::byte*>(mapping);
}

Fiber::~Fiber() {
  forget_stack(mapping_ + guard_bytes);
  munmap(mapping_, guard_bytes + stack_bytes);
}

bool Fiber::resume(void (*body)(void*), void* argument) {
  if (finished_) {
    body_ = body;
    argument_ = argument;
    finished_ = false;
  }
  std::byte* const stack = mapping_ + guard_bytes;
  if (context_ == nullptr) {
    context_ = make_fcontext(stack + stack_bytes, stack_bytes, &Fiber::entry);
  }
  start_switch(&scheduler_fake_stack_, stack, stack_bytes);
  context_ = jump_fcontext(context_, this).fctx;
  finish_switch(scheduler_fake_stack_, nullptr, nullptr);
  return !finished_;
}

void Fiber::yield() {
  start_switch(&own_fake_stack_, scheduler_stack_, scheduler_stack_bytes_);
  const transfer_t transfer = jump_fcontext(scheduler_, nullptr);
  finish_switch(own_fake_stack_, &scheduler_stack_, &scheduler_stack_bytes_);
  scheduler_ = transfer.fctx;
}

void Fiber::abandon() {
  forget_stack(mapping_ + guard_bytes);
  context_ = nullptr;
  finished_ = true;
}

void Fiber::entry(transfer_t transfer) {
  Fiber& self = *static_cast<Fiber*>(transfer.data);
  finish_switch(nullptr, &self.scheduler_stack_, &self.scheduler_stack_bytes_);
  self.scheduler_ = transfer.fctx;
  for (;;) {
    self.body_(self.argument_);
    self.finished_ = true;
    self.yield();
  }
}

}  // namespace alsatian::simt
