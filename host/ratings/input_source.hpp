// Turns what a person names (a file, a folder, .gz, .zip, a pipe) into one range of bytes.
// Knows files and packing; knows nothing of what the bytes mean.
#pragma once

#include "host/ratings/input_limits.hpp"
#include "host/ratings/mapped_bytes.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <utility>

namespace alsatian {

/// A file descriptor, closed by the destructor.
class FileDescriptor {
 public:
  explicit FileDescriptor(int value = -1) : value_(value) {}
  ~FileDescriptor();
  FileDescriptor(FileDescriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  int get() const { return value_; }

 private:
  int value_;
};

/// How a person says which member of an archive is meant: by --member, or not at all.
enum class MemberChoosing { by_option, by_unpacking };

/// What to look for in folders and archives, and how far what is found may grow.
struct InputOptions {
  std::span<const std::string_view> names;
  std::string member;
  InputLimits limits;
  MemberChoosing choosing = MemberChoosing::by_option;
};

/// The bytes of an input, with everything that keeps them alive.
class Input {
 public:
  std::string_view text() const;
  /// The path as input_name() has it; a file in a folder as FOLDER/FILE, in a zip as ZIP/MEMBER.
  const std::string& path() const { return path_; }
  /// The path as it stands in an error.
  const std::string& place() const { return place_; }
  /// How it is packed: "", "gzip" or "zip".
  std::string_view packing() const { return packing_; }
  /// Throws Error 74 where the file's size or time of change is no longer what it was on opening.
  void check_unchanged() const;

 private:
  friend Input open_input(const std::string& path, const InputOptions& options);
  friend std::optional<Input> find_input(const std::string& path, const InputOptions& options);

  void open_file(const std::string& path, const InputOptions& options);
  void read_stream(int descriptor, const InputLimits& limits);
  void unpack(const InputOptions& options);

  std::string path_;
  std::string place_;
  std::string packing_;
  FileDescriptor file_;
  struct stat status_ {};
  Pages mapped_;
  std::optional<GrowingBytes> memory_;  // where the bytes are not those of the file
};

/// The path as the user wrote it, but "stdin" for "-": the one name in messages and results.
std::string input_name(const std::string& path);

/// Opens a file, pipe, "-" (standard input), folder or archive. Throws Error 66 where there is
/// nothing, with similar names as help; 77 where it may not be read; 74 where reading fails; 71
/// where packed or piped text does not fit the memory; 65 where packing is damaged, expands too
/// far, or it is not clear which file is meant.
Input open_input(const std::string& path, const InputOptions& options);

/// The file called as one of options.names (earlier names first) in a folder or zip; nothing where
/// path is neither, or has none.
std::optional<Input> find_input(const std::string& path, const InputOptions& options);

}  // namespace alsatian
