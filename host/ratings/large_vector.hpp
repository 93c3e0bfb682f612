// Columns of hundreds of megabytes on huge pages: faults of 4 KiB pages took a quarter of the time
// of loading.
#pragma once

#include <cstddef>
#include <vector>

namespace alsatian {

/// Has the system give memory that is not touched yet its pages, huge ones where there are any, on
/// all threads; does nothing where there is little of it.
void prepare_pages(void* memory, std::size_t bytes);

/// Gives an empty vector its size, on huge pages where that pays.
template <typename T>
void resize_large(std::vector<T>& values, std::size_t size) {
  values.reserve(size);
  prepare_pages(values.data(), size * sizeof(T));
  values.resize(size);
}

/// A copy on huge pages where that pays.
template <typename T>
std::vector<T> copy_large(const std::vector<T>& values) {
  std::vector<T> copy;
  copy.reserve(values.size());
  prepare_pages(copy.data(), values.size() * sizeof(T));
  copy.insert(copy.end(), values.begin(), values.end());
  return copy;
}

}  // namespace alsatian
