// Implements output.hpp on write(2).
// Streams of the standard library would lose the reason of a failure, and the failure of the last
// flush altogether.
#include "cli/output.hpp"

#include "host/error.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace alsatian {
namespace {

constexpr std::size_t buffer_bytes = std::size_t{1} << 16;

[[noreturn]] void fail(int error_number) {
  throw Error(ExitCode::input_output, "standard output",
              fmt::format("cannot write: {}", std::strerror(error_number)),
              error_number == EFBIG ? "raise the limit of a file's size (ulimit -f)"
                                    : "send it to a file on a disk with room, or to /dev/null");
}

}  // namespace

Output::Output() {
  // process.cpp opens a closed descriptor for reading only, which is what tells it apart here.
  const int flags = ::fcntl(STDOUT_FILENO, F_GETFL);
  if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY) fail(EBADF);
}

void Output::write(std::string_view text) {
  buffer_.append(text);
  if (buffer_.size() >= buffer_bytes) flush();
}

void Output::flush() {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, rest.data(), rest.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      if (errno == EPIPE) throw OutputClosed{};
      fail(errno);
    }
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  buffer_.clear();
}

bool Output::is_terminal() const { return ::isatty(STDOUT_FILENO) == 1; }

}  // namespace alsatian
