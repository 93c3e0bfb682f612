// The atomic writer: every system call checked, every failure named, nothing left behind.
// The order open, write, fsync, close, rename, fsync of the folder is what makes it durable.
#include "host/atomic_file.hpp"

#include "host/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <filesystem>
#include <signal.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace alsatian {
namespace {

constexpr std::size_t buffer_bytes = std::size_t{1} << 20;
constexpr int most_links = 40;  // as the kernel follows

std::string reason(int error_number) { return std::generic_category().message(error_number); }

/// Repeats a system call while signals interrupt it.
template <typename Call>
auto uninterrupted(Call&& call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

std::string readable_bytes(std::uint64_t bytes) {
  constexpr const char* units[] = {"bytes", "kB", "MB", "GB", "TB", "PB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1000 && unit + 1 < std::size(units); ++unit) value /= 1000;
  return unit == 0 ? fmt::format("{} bytes", bytes) : fmt::format("{:.1f} {}", value, units[unit]);
}

std::string folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

std::optional<struct stat> status(const std::string& path) {
  struct stat found;
  if (::stat(path.c_str(), &found) != 0) return std::nullopt;
  return found;
}

/// "-" is standard input.
std::optional<struct stat> status_of_input(const std::string& path) {
  if (path != "-") return status(path);
  struct stat found;
  if (::fstat(STDIN_FILENO, &found) != 0) return std::nullopt;
  return found;
}

bool same_file(const struct stat& left, const struct stat& right) {
  return left.st_dev == right.st_dev && left.st_ino == right.st_ino;
}

/// Free bytes of the file system that holds the folder; nothing where it does not say.
std::optional<std::uint64_t> free_bytes(const std::string& folder) {
  struct statvfs found;
  if (::statvfs(folder.c_str(), &found) != 0) return std::nullopt;
  return std::uint64_t{found.f_bavail} * found.f_frsize;
}

/// Removes a temporary that nobody writes any more: its process is dead, or had our own id, and
/// nobody holds its lock (which also protects a process of another container).
void remove_if_stale(const std::string& temporary, pid_t process) {
  const bool dead = process == ::getpid() || (::kill(process, 0) != 0 && errno == ESRCH);
  if (!dead) return;
  const int descriptor = ::open(temporary.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (descriptor < 0) return;
  if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) ::unlink(temporary.c_str());
  ::close(descriptor);
}

void remove_stale_temporaries(const std::string& target) {
  const std::string prefix = std::filesystem::path(target).filename().string() + ".tmp.";
  std::error_code ignored;
  for (std::filesystem::directory_iterator entry(folder_of(target), ignored), end;
       !ignored && entry != end; entry.increment(ignored)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(prefix)) continue;
    pid_t process = 0;
    const char* last = name.data() + name.size();
    const auto parsed = std::from_chars(name.data() + prefix.size(), last, process);
    if (parsed.ec != std::errc() || parsed.ptr != last || process <= 0) continue;
    remove_if_stale(entry->path().string(), process);
  }
}

}  // namespace

AtomicFile::AtomicFile(std::string path, std::int64_t expected_bytes)
    : path_(std::move(path)), target_(path_), expected_bytes_(expected_bytes) {
  if (path_.empty()) refuse("an output needs a name", "name a file");
  // Where inputs are read "-" is standard input: a file of that name could not be read back.
  if (path_ == "-") {
    throw Error(ExitCode::usage, "-", "is no output: files are written, not standard output",
                "name a file; ./- is one called -");
  }
  try {
    const std::optional<struct stat> existing = status(path_);
    if (existing) check_existing(*existing);
    if (is_device_) return;
    resolve();
    remove_stale_temporaries(target_);
    folder_ = uninterrupted(
        [&] { return ::open(folder_of(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (folder_ < 0) {
      refuse(
          fmt::format("cannot open the folder {}: {}", quoted(folder_of(target_)), reason(errno)),
          "create the folder, or choose another output");
    }
    open_temporary(existing);
  } catch (...) {
    discard();
    throw;
  }
}

AtomicFile::~AtomicFile() { discard(); }

void AtomicFile::check_existing(const struct stat& existing) {
  if (S_ISDIR(existing.st_mode)) refuse("is a folder", "name a file in it");
  if (S_ISCHR(existing.st_mode)) {
    is_device_ = true;
    descriptor_ =
        uninterrupted([&] { return ::open(path_.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY); });
    if (descriptor_ < 0) refuse("cannot be opened: " + reason(errno), "choose another output");
    return;
  }
  if (!S_ISREG(existing.st_mode)) {
    refuse("is neither a regular file nor a character device", "choose another output");
  }
  if (::access(path_.c_str(), W_OK) != 0) {
    refuse("is there and may not be written: " + reason(errno),
           "change its permissions, or choose another output");
  }
}

void AtomicFile::resolve() {
  std::error_code ignored;
  for (int hops = 0; std::filesystem::is_symlink(target_, ignored); ++hops) {
    if (hops == most_links) refuse("is a circle of symbolic links", "choose another output");
    const std::filesystem::path link = std::filesystem::read_symlink(target_, ignored);
    target_ = (std::filesystem::path(target_).parent_path() / link).string();
  }
}

void AtomicFile::open_temporary(const std::optional<struct stat>& existing) {
  temporary_ = fmt::format("{}.tmp.{}", target_, ::getpid());
  // Nobody else may read a replaced private file's new content before it has the old mode.
  const mode_t mode = existing ? 0600 : 0666;
  descriptor_ = uninterrupted([&] {
    return ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  });
  if (descriptor_ < 0) {
    const int error_number = errno;
    temporary_.clear();  // not ours: must not be removed
    if (error_number == EEXIST) {
      throw Error(ExitCode::busy, printable(path_), "is being written by this process",
                  "choose another output");
    }
    refuse("cannot be created: " + reason(error_number), "choose another output");
  }
  ::flock(descriptor_, LOCK_EX | LOCK_NB);  // best effort: some file systems have no locks
  if (existing) keep_mode_and_owner(*existing);
}

void AtomicFile::keep_mode_and_owner(const struct stat& existing) {
  const bool foreign = existing.st_uid != ::geteuid();
  if (foreign || existing.st_gid != ::getegid()) {
    const int changed = ::fchown(descriptor_, existing.st_uid, existing.st_gid);
    if (changed != 0 && foreign) {
      refuse("belongs to another user, and replacing it would change that",
             "choose another output");
    }
  }
  if (uninterrupted([&] { return ::fchmod(descriptor_, existing.st_mode & 0777); }) != 0) {
    refuse("cannot keep its mode: " + reason(errno), "choose another output");
  }
}

void AtomicFile::write(std::string_view bytes) {
  if (buffer_.size() + bytes.size() > buffer_bytes) flush();
  if (bytes.size() > buffer_bytes) {
    write_through(bytes);
  } else {
    buffer_.append(bytes);
  }
}

void AtomicFile::flush() {
  write_through(buffer_);
  buffer_.clear();
}

void AtomicFile::write_through(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written =
        uninterrupted([&] { return ::write(descriptor_, bytes.data(), bytes.size()); });
    if (written < 0) fail("write", errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void AtomicFile::commit() {
  flush();
  if (!is_device_ && uninterrupted([&] { return ::fsync(descriptor_); }) != 0) fail("flush", errno);
  // An interrupted close has closed; after fsync nothing is left that it could lose.
  const int closed = ::close(std::exchange(descriptor_, -1));
  if (closed != 0 && errno != EINTR) fail("close", errno);
  if (is_device_) return;
  if (uninterrupted([&] { return ::rename(temporary_.c_str(), target_.c_str()); }) != 0) {
    fail("rename the temporary file of", errno);
  }
  temporary_.clear();
  // Some file systems cannot flush folders, and need not.
  if (uninterrupted([&] { return ::fsync(folder_); }) != 0 && errno != EINVAL) {
    fail("flush the folder of", errno);
  }
  discard();
}

void AtomicFile::discard() noexcept {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  if (folder_ >= 0) ::close(std::exchange(folder_, -1));
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  temporary_.clear();
}

void AtomicFile::fail(const char* action, int error_number) {
  discard();
  std::string what = fmt::format("cannot {} the file: {}", action, reason(error_number));
  if (error_number == ENOSPC || error_number == EDQUOT || error_number == EFBIG) {
    const auto available = is_device_ ? std::nullopt : free_bytes(folder_of(target_));
    if (available && expected_bytes_ > 0) {
      what += fmt::format(" (needs {}, {} free)",
                          readable_bytes(static_cast<std::uint64_t>(expected_bytes_)),
                          readable_bytes(*available));
    }
    throw Error(ExitCode::input_output, printable(path_), what,
                error_number == EFBIG ? "raise the limit of a file's size (ulimit -f)"
                                      : "make room, or choose another output");
  }
  throw Error(ExitCode::input_output, printable(path_), what, "choose another output");
}

void AtomicFile::refuse(const std::string& why, const std::string& help) {
  const bool files = why.ends_with(reason(EMFILE));
  throw Error(ExitCode::cannot_create, printable(path_), why,
              files ? "raise the limit of open files (ulimit -n)" : help);
}

void probe_output(const std::string& path, const std::string& input, std::int64_t expected_bytes) {
  const auto refuse_overwriting = [&](const std::string& source) {
    const auto read = status_of_input(source);
    const auto written = status(path);
    if (!read || !written || S_ISCHR(read->st_mode) || !same_file(*read, *written)) return;
    throw Error(ExitCode::usage, printable(path),
                fmt::format("output would overwrite the input {}",
                            quoted(source == "-" ? "stdin" : source)),
                "choose another output");
  };
  if (!input.empty()) {
    refuse_overwriting(input);
    std::error_code ignored;
    const std::string folder = input == "-" ? "" : input;
    for (std::filesystem::directory_iterator entry(folder, ignored), end; !ignored && entry != end;
         entry.increment(ignored)) {
      refuse_overwriting(entry->path().string());
    }
  }
  const AtomicFile probe(path, expected_bytes);
  const auto existing = status(path);
  if (existing && S_ISCHR(existing->st_mode)) return;
  const auto available = free_bytes(folder_of(path));
  if (expected_bytes > 0 && available && *available < static_cast<std::uint64_t>(expected_bytes)) {
    // As where the disk fills while it is written: a script sees one code for one cause.
    throw Error(ExitCode::input_output, printable(path),
                fmt::format("needs {}, but {} are free there",
                            readable_bytes(static_cast<std::uint64_t>(expected_bytes)),
                            readable_bytes(*available)),
                "make room, or choose another output");
  }
}

}  // namespace alsatian
