// Implements allow_list.hpp.
// Reads by descriptor, so that the system's reason for a failure is known.
#include "cli/allow_list.hpp"

#include "host/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <unistd.h>

namespace alsatian {
namespace {

[[noreturn]] void fail(const std::string& path, int error_number) {
  const ExitCode code = error_number == ENOENT || error_number == ENOTDIR ? ExitCode::missing_input
                        : error_number == EACCES                          ? ExitCode::no_permission
                        : error_number == EISDIR                          ? ExitCode::missing_input
                                                                          : ExitCode::input_output;
  throw Error(code, printable(path), fmt::format("cannot read: {}", std::strerror(error_number)),
              "check the path after --items");
}

std::string read_text(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail(path, errno);
  std::string text;
  char block[1 << 16];
  while (true) {
    const ssize_t count = ::read(descriptor, block, sizeof(block));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const int error_number = errno;
      ::close(descriptor);
      fail(path, error_number);
    }
    if (count == 0) break;
    text.append(block, static_cast<std::size_t>(count));
  }
  ::close(descriptor);
  return text;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

}  // namespace

std::vector<std::int32_t> read_allow_list(const std::string& path, const IdIndex& items,
                                          const Log& log) {
  const std::string text = read_text(path);
  std::vector<std::int32_t> allowed;
  std::int64_t unknown = 0;
  for (std::size_t first = 0; first < text.size();) {
    const std::size_t end = std::min(text.find('\n', first), text.size());
    const std::string_view id = trimmed(std::string_view(text).substr(first, end - first));
    first = end + 1;
    if (id.empty() || id.front() == '#') continue;
    if (const auto item = items.find(id)) {
      allowed.push_back(*item);
    } else {
      ++unknown;
    }
  }
  if (allowed.empty()) {
    throw Error(ExitCode::bad_data, printable(path),
                fmt::format("no id of {} is in the model", quoted(path)),
                "write one item id a line, as in the ratings");
  }
  if (unknown > 0) {
    log.field("note", fmt::format("{} ids of {} are not in the model", unknown, printable(path)));
  }
  std::sort(allowed.begin(), allowed.end());
  allowed.erase(std::unique(allowed.begin(), allowed.end()), allowed.end());
  return allowed;
}

}  // namespace alsatian
