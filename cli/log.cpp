// Implements log.hpp on write(2).
// Unbuffered: what was said last is what happened last, also when the process is killed.
#include "cli/log.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <sys/ioctl.h>
#include <unistd.h>

namespace alsatian {
namespace {

bool terminal_is_dumb() {
  const char* kind = std::getenv("TERM");
  return kind != nullptr && std::string_view(kind) == "dumb";
}

}  // namespace

std::string counted(std::int64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

bool colours_wanted() { return std::getenv("NO_COLOR") == nullptr && !terminal_is_dumb(); }

Log::Log(bool quiet)
    : quiet_(quiet),
      terminal_(::isatty(STDERR_FILENO) == 1 && !terminal_is_dumb()),
      colours_(terminal_ && colours_wanted()) {}

int Log::width() const {
  winsize size{};
  if (terminal_ && ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    return size.ws_col;
  }
  return 80;
}

void Log::line(std::string_view text) const {
  if (!quiet_) raw(fmt::format("{}\n", text));
}

void Log::field(std::string_view name, std::string_view text) const {
  if (quiet_) return;
  raw(colours_ ? fmt::format("\x1b[1m{:<9}\x1b[0m{}\n", name, text)
               : fmt::format("{:<9}{}\n", name, text));
}

void Log::warning(std::string_view text) const {
  raw(colours_ ? fmt::format("\x1b[33malsatian: warning:\x1b[0m {}\n", text)
               : fmt::format("alsatian: warning: {}\n", text));
}

void Log::raw(std::string_view text) const {
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace alsatian
