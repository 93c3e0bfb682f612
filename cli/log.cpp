// Implements log.hpp on write(2).
// Unbuffered: what was said last is what happened last, also when the process is killed.
#include "cli/log.hpp"

#include "cli/option_values.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <optional>
#include <sys/ioctl.h>
#include <unistd.h>

namespace alsatian {
namespace {

bool terminal_is_dumb() {
  const char* kind = std::getenv("TERM");
  return kind != nullptr && std::string_view(kind) == "dumb";
}

/// All 0 where it is not known.
winsize terminal_size() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 ? size : winsize{};
}

std::optional<int> columns_of_environment() {
  const char* text = std::getenv("COLUMNS");
  const auto columns = text != nullptr ? whole_number(text) : std::nullopt;
  if (!columns || *columns < 1 || *columns > 10'000) return std::nullopt;
  return static_cast<int>(*columns);
}

}  // namespace

bool locale_is_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    std::string locale;
    for (const char letter : std::string_view(value)) {
      if (letter != '-') locale += static_cast<char>(letter | 0x20);
    }
    return locale.find("utf8") != std::string::npos;
  }
  return false;
}

std::string counted(std::int64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

bool colours_wanted() { return std::getenv("NO_COLOR") == nullptr && !terminal_is_dumb(); }

Log::Log(bool quiet)
    : quiet_(quiet),
      terminal_(::isatty(STDERR_FILENO) == 1 && !terminal_is_dumb()),
      colours_(terminal_ && colours_wanted()) {}

int Log::width() const {
  const winsize size = terminal_ ? terminal_size() : winsize{};
  return size.ws_col > 0 ? size.ws_col : columns_of_environment().value_or(80);
}

int Log::height() const {
  const winsize size = terminal_ ? terminal_size() : winsize{};
  return size.ws_row > 0 ? size.ws_row : 24;
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
