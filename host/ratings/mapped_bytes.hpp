// Bytes in one contiguous range: a file mapped read-only, or memory that grows without copying.
// Whatever the source, the reader works on one range; nothing else of the reader calls mmap.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace alsatian {

/// Pages of memory, unmapped by the destructor.
class Pages {
 public:
  Pages() = default;
  ~Pages();
  Pages(Pages&& other) noexcept;
  Pages& operator=(Pages&& other) noexcept;
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;

  /// The first `size` bytes of an open regular file, read-only. size > 0. Bytes beyond the end of
  /// a file that has shrunk since raise SIGBUS when touched. Throws Error 71 or 74 naming place.
  static Pages of_file(int descriptor, std::size_t size, const std::string& place);

  /// Makes it `size` bytes of writable memory, keeping what is there. Throws Error 71.
  void grow(std::size_t size, const std::string& place);

  char* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  char* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Bytes appended piece by piece. Memory is what was appended, rounded up to twice that; the part
/// not written yet takes address space only.
class GrowingBytes {
 public:
  /// place: the input named by an error when memory runs out.
  explicit GrowingBytes(std::string place) : place_(std::move(place)) {}

  /// At least `size` writable bytes behind the end; valid until the next call.
  std::span<char> spare(std::size_t size);
  /// The first `size` bytes of the spare ones now belong to text().
  void append_spare(std::size_t size) { used_ += size; }

  std::string_view text() const { return {pages_.data(), used_}; }
  std::size_t size() const { return used_; }

 private:
  std::string place_;
  Pages pages_;
  std::size_t used_ = 0;
};

}  // namespace alsatian
