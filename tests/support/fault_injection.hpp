// Makes the N-th system call of a piece of code fail, to sweep over every N.
// The test program defines the calls itself, in front of the C library's; see fault_injection.cpp.
#pragma once

#include <string>
#include <vector>

namespace alsatian::testing {

enum class FaultKind {
  none,
  no_space,     // ENOSPC
  io_error,     // EIO
  no_access,    // EACCES
  interrupted,  // EINTR, before anything happened
  partial,      // write and pread do half; other calls succeed
  kill          // SIGKILL to the process
};

struct Fault {
  FaultKind kind = FaultKind::none;
  int call = 0;         // which call fails, from 1
  bool sticky = false;  // all later ones fail too
};

/// While alive, counts this thread's calls of open, write, pread, fsync, fchmod, close, rename and
/// flock, and lets one of them fail. At most one at a time per thread.
class FaultInjection {
 public:
  explicit FaultInjection(Fault fault);
  ~FaultInjection();
  FaultInjection(const FaultInjection&) = delete;
  FaultInjection& operator=(const FaultInjection&) = delete;

  /// The names of the calls so far, in order.
  std::vector<std::string> calls() const;
};

}  // namespace alsatian::testing
