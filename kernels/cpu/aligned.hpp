// Floats aligned to a cache line, as the kernels' vector loads need them.
// std::allocator promises 16 bytes only; a vector that crosses cache lines is loaded twice.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace alsatian::cpu {

/// Allocates on cache lines.
template <typename T>
struct CacheLineAllocator {
  using value_type = T;
  static constexpr std::align_val_t alignment{64};

  CacheLineAllocator() = default;
  template <typename Other>
  CacheLineAllocator(const CacheLineAllocator<Other>&) {}

  T* allocate(std::size_t count) {
    if (count > static_cast<std::size_t>(-1) / sizeof(T)) throw std::bad_array_new_length();
    return static_cast<T*>(::operator new(count * sizeof(T), alignment));
  }
  void deallocate(T* memory, std::size_t) noexcept { ::operator delete(memory, alignment); }
  template <typename Other>
  bool operator==(const CacheLineAllocator<Other>&) const {
    return true;
  }
};

using AlignedFloats = std::vector<float, CacheLineAllocator<float>>;

}  // namespace alsatian::cpu
