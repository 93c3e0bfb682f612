// A stack and the point where it was left: what one CUDA thread is when kernels run on the CPU.
// AddressSanitizer is told of every switch, or it takes another fiber's stack for an overflow.
#pragma once

#include <boost/context/detail/fcontext.hpp>

#include <cstddef>

namespace alsatian::simt {

/// Lives for many blocks: its body returns, it is resumed with the next body. Never moves, since
/// its stack points into it.
class Fiber {
 public:
  Fiber();
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// From the scheduler: runs `body(argument)`, from its start or from where it yielded, until it
  /// yields or returns. False once it has returned.
  bool resume(void (*body)(void*), void* argument);
  /// From inside: back to the scheduler, until it resumes this fiber.
  void yield();
  /// From the scheduler: forgets a body that will not be finished. Its destructors do not run.
  void abandon();

 private:
  static void entry(boost::context::detail::transfer_t transfer);

  std::byte* mapping_ = nullptr;  // a guard page, then the stack
  boost::context::detail::fcontext_t context_ = nullptr;
  boost::context::detail::fcontext_t scheduler_ = nullptr;
  void (*body_)(void*) = nullptr;
  void* argument_ = nullptr;
  bool finished_ = true;
  // AddressSanitizer's view of both stacks; unused without it.
  void* own_fake_stack_ = nullptr;
  void* scheduler_fake_stack_ = nullptr;
  const void* scheduler_stack_ = nullptr;
  std::size_t scheduler_stack_bytes_ = 0;
};

}  // namespace alsatian::simt
