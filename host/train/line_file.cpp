// Implements line_file.hpp on write(2).
// The lock is the file's own, so that it ends with the process however that ends.
#include "host/train/line_file.hpp"

#include "host/error.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace alsatian {
namespace {

/// Held until the file is closed, also by a killed process. False where another run holds it; some
/// file systems have no locks, and a log there is as it was: of the last who writes.
bool lock(int descriptor) {
  return ::flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

}  // namespace

LineFile::LineFile(std::string path, std::string option)
    : path_(std::move(path)), option_(std::move(option)) {
  // What is no regular file may not be readable, and is not read.
  struct stat status {};
  const bool exists = ::stat(path_.c_str(), &status) == 0;
  is_regular_ = !exists || S_ISREG(status.st_mode);
  if (is_regular_) descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  // Without permission to read, there is still that to write.
  if (descriptor_ < 0) descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) refuse(errno);
  if (!is_regular_ || lock(descriptor_)) return;
  ::close(std::exchange(descriptor_, -1));
  throw Error(ExitCode::busy, printable(path_), "is being written by another run",
              fmt::format("wait until that has ended, or choose another {}", option_));
}

void LineFile::refuse(int error_number) const {
  throw Error(ExitCode::cannot_create, printable(path_),
              fmt::format("cannot create: {}", std::strerror(error_number)),
              error_number == EMFILE ? "raise the limit of open files (ulimit -n)"
                                     : fmt::format("check the folder after {}", option_));
}

LineFile::~LineFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::string LineFile::read() const {
  std::string text;
  if (!is_regular_) return text;
  char buffer[1 << 16];
  while (true) {
    const ssize_t bytes =
        ::pread(descriptor_, buffer, sizeof buffer, static_cast<off_t>(text.size()));
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) {
      throw Error(ExitCode::input_output, printable(path_),
                  fmt::format("cannot read: {}", std::strerror(errno)),
                  fmt::format("check the disk, or choose another {}", option_));
    }
    if (bytes == 0) return text;
    text.append(buffer, static_cast<std::size_t>(bytes));
  }
}

void LineFile::cut(std::int64_t bytes) {
  if (!is_regular_) return;
  if (::ftruncate(descriptor_, bytes) != 0 || ::lseek(descriptor_, bytes, SEEK_SET) < 0) {
    refuse(errno);
  }
}

void LineFile::write(std::string_view line) {
  if (error_number_ != 0) return;
  const std::string text = std::string(line) + "\n";
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t written = ::write(descriptor_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      error_number_ = errno;
      return;
    }
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

void LineFile::finish(const std::string& rest) {
  if (descriptor_ >= 0 && ::close(descriptor_) != 0 && error_number_ == 0) error_number_ = errno;
  descriptor_ = -1;
  if (error_number_ == 0) return;
  throw Error(ExitCode::input_output, printable(path_),
              fmt::format("cannot write: {}", std::strerror(error_number_)),
              (error_number_ == EFBIG ? "raise the limit of a file's size (ulimit -f)"
                                      : "make room, or choose another file") +
                  ("; " + rest));
}

}  // namespace alsatian
