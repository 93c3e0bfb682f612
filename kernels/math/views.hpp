// Non-owning views that kernels of every backend take: pointer and length in one value.
// std::span is not usable in device code without relaxed constexpr, hence a type of our own.
#pragma once

#include "kernels/math/host_device.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <type_traits>

namespace alsatian {

/// A contiguous range owned by somebody else. The members are always inlined, so that a file
/// compiled for one instruction set never leaves a copy for others to link with.
template <typename T>
class View {
 public:
  View() = default;
  [[gnu::always_inline]] ALSATIAN_HD constexpr View(T* data, std::int64_t size)
      : data_(data), size_(size) {}

  /// From any contiguous container: vector, span, array, View<non-const T>.
  template <typename Range>
  requires(!std::is_same_v<std::remove_cvref_t<Range>, View> &&
           requires(Range & range) {
             { range.data() } -> std::convertible_to<T*>;
             range.size();
           }) [[gnu::always_inline]] constexpr View(Range&& range)
      : data_(range.data()), size_(static_cast<std::int64_t>(range.size())) {}

  [[gnu::always_inline]] ALSATIAN_HD constexpr T* data() const { return data_; }
  [[gnu::always_inline]] ALSATIAN_HD constexpr std::int64_t size() const { return size_; }
  [[gnu::always_inline]] ALSATIAN_HD constexpr bool empty() const { return size_ == 0; }
  [[gnu::always_inline]] ALSATIAN_HD constexpr T& operator[](std::int64_t index) const {
    return data_[index];
  }
  [[gnu::always_inline]] ALSATIAN_HD constexpr T* begin() const { return data_; }
  [[gnu::always_inline]] ALSATIAN_HD constexpr T* end() const { return data_ + size_; }
  [[gnu::always_inline]] ALSATIAN_HD constexpr View subview(std::int64_t first,
                                                            std::int64_t count) const {
    return View(data_ + first, count);
  }

 private:
  T* data_ = nullptr;
  std::int64_t size_ = 0;
};

/// Ratings in compressed sparse rows: row r holds entries [offsets[r], offsets[r + 1]).
/// offsets [rows + 1], columns [observations] ascending within a row, values [observations].
template <typename Value>
struct CsrView {
  View<const std::int64_t> offsets;
  View<const std::int32_t> columns;
  View<const Value> values;

  [[gnu::always_inline]] ALSATIAN_HD std::int64_t rows() const {
    return offsets.size() > 0 ? offsets.size() - 1 : 0;
  }
  [[gnu::always_inline]] ALSATIAN_HD std::int64_t observations() const { return values.size(); }
  [[gnu::always_inline]] ALSATIAN_HD std::int64_t row_size(std::int64_t row) const {
    return offsets[row + 1] - offsets[row];
  }
  [[gnu::always_inline]] ALSATIAN_HD View<const std::int32_t> row_columns(std::int64_t row) const {
    return columns.subview(offsets[row], row_size(row));
  }
  [[gnu::always_inline]] ALSATIAN_HD View<const Value> row_values(std::int64_t row) const {
    return values.subview(offsets[row], row_size(row));
  }
};

/// One side of the model: factors [rows, stride] row-major, of which the first `rank` columns
/// count and the others are 0, and biases [rows]. T is float or double, const where only read.
template <typename T>
struct SideView {
  T* factors = nullptr;
  T* biases = nullptr;
  std::int64_t rows = 0;
  std::int32_t rank = 0;
  std::int32_t stride = 0;

  [[gnu::always_inline]] ALSATIAN_HD T* row(std::int64_t index) const {
    return factors + index * stride;
  }
  /// What may be written may be read. A template, because nvcc warns of a conversion to itself.
  template <typename Other>
  requires(std::is_same_v<Other, const T> && !std::is_const_v<T>) [[gnu::always_inline]] ALSATIAN_HD
  operator SideView<Other>() const {
    return {factors, biases, rows, rank, stride};
  }
};

/// Ratings in the order in which stochastic gradient descent visits them: a grid × grid partition
/// of users and items, so that the blocks (b, (b + stage) mod grid) of one stage share no row.
/// block_offsets [grid² + 1], block (b, c) at b·grid + c; users, items, ratings [observations].
struct SgdScheduleView {
  std::int32_t grid = 0;
  View<const std::int64_t> block_offsets;
  View<const std::int32_t> users;
  View<const std::int32_t> items;
  View<const float> ratings;
};

}  // namespace alsatian
