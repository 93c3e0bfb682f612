// Writing a file whole or not at all: temporary in the same folder, fsync, rename, fsync folder.
// Every output of the program that is worth keeping goes through here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/stat.h>

namespace alsatian {

/// A file that appears under its name only at commit(). Until then, and when anything fails,
/// whatever was there before stays as it was. A symbolic link is followed: its target is replaced.
/// A file that was there keeps its mode and owner; other hard links to it keep the old content.
/// The temporary is PATH.tmp.PID; temporaries of dead processes beside it are removed. What exists
/// and is no regular file is refused, but for character devices, which are written through.
class AtomicFile {
 public:
  /// expected_bytes: what will be written, for the message on a full disk; 0 if not known.
  /// Throws Error 73 where the folder is missing or not writable, the file there is not writable
  /// or the path is no regular file, and 75 where this process already writes to the path.
  explicit AtomicFile(std::string path, std::int64_t expected_bytes = 0);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Appends. Throws Error 74 naming the path and the system's reason; the old file stays.
  void write(std::string_view bytes);
  /// Makes the file durable and visible. Throws Error 74; the old file stays unless the very last
  /// step fails, fsync of the folder: then the new one is there, whole, but may not outlive a
  /// power cut.
  void commit();

 private:
  void resolve();
  void check_existing(const struct stat& existing);
  void open_temporary(const std::optional<struct stat>& existing);
  void keep_mode_and_owner(const struct stat& existing);
  void flush();
  void write_through(std::string_view bytes);
  void discard() noexcept;
  [[noreturn]] void fail(const char* action, int error_number);
  [[noreturn]] void refuse(const std::string& why, const std::string& help);

  std::string path_;    // as given, for messages
  std::string target_;  // links resolved
  std::string temporary_;
  std::int64_t expected_bytes_ = 0;
  int folder_ = -1;
  int descriptor_ = -1;
  bool is_device_ = false;
  std::string buffer_;
};

/// Fails now, with 73, if writing `path` would fail later, and with 74 where there is no room for
/// it; writes nothing that stays. Throws Error 64 where `path` is the same file as `input` (also
/// through links, or one in the folder `input`, or what standard input is where `input` is "-"); ""
/// for no input. expected_bytes: what will be written, checked against the free space; 0 if not
/// known.
void probe_output(const std::string& path, const std::string& input,
                  std::int64_t expected_bytes = 0);

}  // namespace alsatian
