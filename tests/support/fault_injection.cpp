// System calls defined in the test program: the linker takes these before the C library's, and
// dlsym finds the next ones (AddressSanitizer's or the library's). No preloading, no child process.
#undef _FORTIFY_SOURCE  // its inline versions of the calls could not be defined again

#include "tests/support/fault_injection.hpp"

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <fcntl.h>
#include <optional>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

using alsatian::testing::Fault;
using alsatian::testing::FaultKind;

struct Plan {
  Fault fault;
  std::vector<std::string> calls;
};
thread_local std::optional<Plan> armed;

enum class Outcome { succeed, fail, half };

Outcome outcome_of(const char* call) {
  if (!armed) return Outcome::succeed;
  Plan& plan = *armed;
  plan.calls.emplace_back(call);
  const int number = static_cast<int>(plan.calls.size());
  const bool hit = plan.fault.sticky ? number >= plan.fault.call : number == plan.fault.call;
  if (!hit) return Outcome::succeed;
  switch (plan.fault.kind) {
    case FaultKind::none:
      return Outcome::succeed;
    case FaultKind::partial:
      return Outcome::half;
    case FaultKind::kill:
      ::kill(::getpid(), SIGKILL);
      break;
    case FaultKind::no_space:
      errno = ENOSPC;
      break;
    case FaultKind::io_error:
      errno = EIO;
      break;
    case FaultKind::no_access:
      errno = EACCES;
      break;
    case FaultKind::interrupted:
      errno = EINTR;
      break;
  }
  return Outcome::fail;
}

template <typename Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

std::size_t length_for(Outcome outcome, std::size_t length) {
  return outcome == Outcome::half && length > 1 ? length / 2 : length;
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  mode_t mode = 0;
  if ((flags & O_CREAT) != 0) {
    va_list arguments;
    va_start(arguments, flags);
    mode = va_arg(arguments, mode_t);
    va_end(arguments);
  }
  static const auto real = next<int (*)(const char*, int, ...)>("open");
  return outcome_of("open") == Outcome::fail ? -1 : real(path, flags, mode);
}

ssize_t write(int descriptor, const void* bytes, size_t length) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t)>("write");
  const Outcome outcome = outcome_of("write");
  return outcome == Outcome::fail ? -1 : real(descriptor, bytes, length_for(outcome, length));
}

ssize_t pread(int descriptor, void* bytes, size_t length, off_t offset) {
  static const auto real = next<ssize_t (*)(int, void*, size_t, off_t)>("pread");
  const Outcome outcome = outcome_of("pread");
  return outcome == Outcome::fail ? -1
                                  : real(descriptor, bytes, length_for(outcome, length), offset);
}

int fsync(int descriptor) {
  static const auto real = next<int (*)(int)>("fsync");
  return outcome_of("fsync") == Outcome::fail ? -1 : real(descriptor);
}

int fchmod(int descriptor, mode_t mode) noexcept {
  static const auto real = next<int (*)(int, mode_t)>("fchmod");
  return outcome_of("fchmod") == Outcome::fail ? -1 : real(descriptor, mode);
}

int flock(int descriptor, int operation) noexcept {
  static const auto real = next<int (*)(int, int)>("flock");
  return outcome_of("flock") == Outcome::fail ? -1 : real(descriptor, operation);
}

int rename(const char* from, const char* to) noexcept {
  static const auto real = next<int (*)(const char*, const char*)>("rename");
  return outcome_of("rename") == Outcome::fail ? -1 : real(from, to);
}

// A close that fails has closed all the same, as on Linux.
int close(int descriptor) {
  static const auto real = next<int (*)(int)>("close");
  const Outcome outcome = outcome_of("close");
  const int error_number = errno;
  const int closed = real(descriptor);
  if (outcome != Outcome::fail) return closed;
  errno = error_number;
  return -1;
}

}  // extern "C"

namespace alsatian::testing {

FaultInjection::FaultInjection(Fault fault) { armed = Plan{fault, {}}; }

FaultInjection::~FaultInjection() { armed.reset(); }

std::vector<std::string> FaultInjection::calls() const { return armed->calls; }

}  // namespace alsatian::testing
