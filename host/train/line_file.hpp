// A file of lines that grows as things happen, written by one run at a time.
// A run that dies leaves the lines it had; a full disk must not cost the work that they tell of.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace alsatian {

class LineFile {
 public:
  /// Opens or makes the file, which is this process's alone until finish() or the end; what is in
  /// it stays. option: that names it, for remedies. Throws Error 73, or 75 where another run writes
  /// to it.
  LineFile(std::string path, std::string option);
  ~LineFile();
  LineFile(const LineFile&) = delete;
  LineFile& operator=(const LineFile&) = delete;

  const std::string& path() const { return path_; }

  /// All that is in the file, "" where it is no regular one. Throws Error 74.
  std::string read() const;
  /// Leaves the first bytes alone and writes behind them; nothing where it is no regular file.
  /// Throws Error 73.
  void cut(std::int64_t bytes);

  /// Adds a line in one call of write(2), so that a reader never sees half. After a failure nothing
  /// more is written.
  void write(std::string_view line);

  /// Closes the file. Throws Error 74 where a line could not be written. rest: what became of the
  /// work, for the remedy.
  void finish(const std::string& rest);

 private:
  [[noreturn]] void refuse(int error_number) const;

  std::string path_;
  std::string option_;
  int descriptor_ = -1;
  bool is_regular_ = false;
  int error_number_ = 0;
};

}  // namespace alsatian
