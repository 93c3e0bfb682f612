// What the program agrees with the operating system: descriptors, signals, the end of the process.
// Everything that is not about one command but about being a well-behaved process.
#pragma once

#include <atomic>

namespace alsatian {

/// Called once, first: descriptors 0-2 are opened where they were closed, so that no output file
/// ever gets their numbers; SIGPIPE and SIGXFSZ become errors of write(2); SIGBUS, which a memory
/// map of a file that shrinks raises, ends the process with a message and exit code 74.
void prepare_process();

/// A clean stop by a signal: main ends the process by raising it again, so that the shell sees it.
struct Interrupted {
  int signal;
};

/// While it lives, the first SIGINT, SIGTERM or SIGHUP only sets requested(), and a second one
/// ends the process at once. A SIGHUP that was ignored (nohup) stays ignored.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  const std::atomic<bool>& requested() const;
  /// The signal that came.
  int signal() const;
  /// Throws Interrupted where one came.
  void check() const;
};

/// Ends the process by the signal's default action.
[[noreturn]] void end_by_signal(int signal);

}  // namespace alsatian
