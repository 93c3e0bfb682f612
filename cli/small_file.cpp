// Implements small_file.hpp.
// Reads by descriptor, so that the system's reason for a failure is known.
#include "cli/small_file.hpp"

#include "host/ratings/input_source.hpp"
#include "host/ratings/records.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace alsatian {
namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

[[noreturn]] void fail(const std::string& path, const SmallFile& file, int error_number) {
  if (error_number == ENOENT || error_number == ENOTDIR) {
    throw Error(ExitCode::missing_input, printable(path), "no such file",
                fmt::format("check the path after {}", file.option));
  }
  throw Error(error_number == EACCES ? ExitCode::no_permission : ExitCode::input_output,
              printable(path),
              fmt::format("cannot be read: {}", std::generic_category().message(error_number)),
              fmt::format("check the path after {} and its permissions", file.option));
}

void check_kind(const std::string& path, const SmallFile& file, int descriptor) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) fail(path, file, errno);
  if (S_ISREG(status.st_mode) || S_ISFIFO(status.st_mode)) return;
  throw Error(ExitCode::missing_input, printable(path),
              S_ISDIR(status.st_mode) ? "is a folder" : "is a device, not a file",
              fmt::format("name a file after {}", file.option));
}

}  // namespace

std::string read_small_file(const std::string& path, const SmallFile& file) {
  const FileDescriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (descriptor.get() < 0) fail(path, file, errno);
  check_kind(path, file, descriptor.get());
  std::string text;
  char block[1 << 14];
  while (true) {
    const ssize_t count = ::read(descriptor.get(), block, sizeof(block));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(path, file, errno);
    if (count == 0) break;
    text.append(block, static_cast<std::size_t>(count));
    if (text.size() > file.largest_mib << 20) {
      throw Error(file.code_of_too_long, printable(path),
                  fmt::format("is longer than {} MiB: is it {}?", file.largest_mib, file.kind),
                  std::string(file.one_entry));
    }
  }
  if (text.starts_with(byte_order_mark)) text.erase(0, byte_order_mark.size());
  return text;
}

std::string_view take_line(std::string_view& rest) {
  const std::size_t end = std::min(rest.find('\n'), rest.size());
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return trimmed(line);
}

}  // namespace alsatian
