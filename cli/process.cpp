// Implements process.hpp on POSIX signals.
// Handlers do what is allowed in them: set flags that need no lock, write(2), _exit(2).
#include "cli/process.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <string_view>
#include <unistd.h>

namespace alsatian {
namespace {

constexpr std::array<int, 3> stop_signals{SIGINT, SIGTERM, SIGHUP};

std::atomic<bool> stop_requested{false};
std::atomic<int> stop_signal{0};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

void on_stop(int signal) {
  int none = 0;
  if (!stop_signal.compare_exchange_strong(none, signal)) {
    std::signal(signal, SIG_DFL);
    ::raise(signal);
    return;
  }
  stop_requested = true;
}

void on_bus_error(int) {
  constexpr std::string_view message =
      "alsatian: error: input: changed while it was read\n"
      "  help: wait until the program that writes it has finished, then run this again\n";
  if (::write(STDERR_FILENO, message.data(), message.size()) < 0) ::_exit(74);
  ::_exit(74);
}

void set_handler(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART | SA_NODEFER;
  ::sigaction(signal, &action, nullptr);
}

bool is_ignored(int signal) {
  struct sigaction action {};
  return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

void prepare_process() {
  for (int descriptor = 0; descriptor <= 2; ++descriptor) {
    if (::fcntl(descriptor, F_GETFD) >= 0 || errno != EBADF) continue;
    // Opened the wrong way round: using it then fails with the reason, as it did while closed.
    // Standard error alone is opened to be written to, into nothing.
    const int flags = descriptor == 1 ? O_RDONLY : O_WRONLY;
    if (::open("/dev/null", flags) != descriptor) ::_exit(70);
  }
  set_handler(SIGPIPE, SIG_IGN);
  set_handler(SIGXFSZ, SIG_IGN);
  set_handler(SIGBUS, on_bus_error);
}

StopSignals::StopSignals() {
  stop_requested = false;
  stop_signal = 0;
  for (const int signal : stop_signals) {
    if (!is_ignored(signal)) set_handler(signal, on_stop);
  }
}

StopSignals::~StopSignals() {
  for (const int signal : stop_signals) {
    if (!is_ignored(signal)) set_handler(signal, SIG_DFL);
  }
}

const std::atomic<bool>& StopSignals::requested() const { return stop_requested; }

int StopSignals::signal() const { return stop_signal; }

void StopSignals::check() const {
  if (stop_requested) throw Interrupted{stop_signal};
}

void end_by_signal(int signal) {
  set_handler(signal, SIG_DFL);
  ::raise(signal);
  std::_Exit(128 + signal);
}

}  // namespace alsatian
