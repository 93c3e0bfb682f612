// Maps files and grows memory, with one owner for each.
// Growing moves page tables, not bytes, so that unpacking needs no second copy.
#include "host/ratings/mapped_bytes.hpp"

#include "host/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <sys/mman.h>
#include <system_error>
#include <utility>

namespace alsatian {
namespace {

constexpr std::size_t smallest_growth = std::size_t{1} << 20;

[[noreturn]] void throw_out_of_memory(std::size_t size, const std::string& place) {
  throw Error(ExitCode::out_of_memory, place,
              fmt::format("no memory for {} bytes of unpacked input", size),
              "free memory, or unpack the file on disk and pass the plain file");
}

}  // namespace

Pages::~Pages() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

Pages::Pages(Pages&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Pages& Pages::operator=(Pages&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

Pages Pages::of_file(int descriptor, std::size_t size, const std::string& place) {
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (address == MAP_FAILED && errno == ENOMEM) {
    throw Error(ExitCode::out_of_memory, place,
                fmt::format("no address space for its {} bytes, or too many mappings", size),
                "raise the limit (ulimit -v), or train on a smaller file");
  }
  if (address == MAP_FAILED) {
    throw Error(ExitCode::input_output, place,
                fmt::format("cannot be mapped ({})", std::generic_category().message(errno)),
                "copy the file to a local disk, or pipe it: cat FILE | alsatian ... --data -");
  }
  ::madvise(address, size, MADV_SEQUENTIAL);
  Pages pages;
  pages.data_ = static_cast<char*>(address);
  pages.size_ = size;
  return pages;
}

void Pages::grow(std::size_t size, const std::string& place) {
  void* address = data_ == nullptr ? ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                                   : ::mremap(data_, size_, size, MREMAP_MAYMOVE);
  if (address == MAP_FAILED) throw_out_of_memory(size, place);
  data_ = static_cast<char*>(address);
  size_ = size;
}

std::span<char> GrowingBytes::spare(std::size_t size) {
  if (pages_.size() - used_ < size) {
    if (size > std::numeric_limits<std::size_t>::max() / 2 - used_) {
      throw_out_of_memory(size, place_);
    }
    pages_.grow(std::max({2 * used_, used_ + size, smallest_growth}), place_);
  }
  return {pages_.data() + used_, pages_.size() - used_};
}

}  // namespace alsatian
