// The ids of a column, one per row: in 32 bits where all of them fit, as those of nearly all files.
// Columns of hundreds of megabytes are passed over many times between a file and its matrices.
#pragma once

#include "host/ratings/large_vector.hpp"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <utility>
#include <variant>
#include <vector>

namespace alsatian {

class IdColumn {
 public:
  IdColumn() = default;
  IdColumn(std::initializer_list<std::int64_t> ids) {
    for (const std::int64_t id : ids) push_back(id);
  }
  explicit IdColumn(const std::vector<std::int64_t>& ids) {
    for (const std::int64_t id : ids) push_back(id);
  }

  /// Calls use with the vector of 32 or 64 bits.
  template <typename Use>
  decltype(auto) visit(Use&& use) const {
    return std::visit(std::forward<Use>(use), ids_);
  }
  template <typename Use>
  decltype(auto) visit(Use&& use) {
    return std::visit(std::forward<Use>(use), ids_);
  }

  std::size_t size() const {
    return visit([](const auto& ids) { return ids.size(); });
  }
  bool empty() const { return size() == 0; }
  bool is_wide() const { return std::holds_alternative<std::vector<std::int64_t>>(ids_); }
  std::int64_t operator[](std::size_t row) const {
    return visit([&](const auto& ids) { return std::int64_t{ids[row]}; });
  }

  /// Widens the column where the id does not fit.
  void push_back(std::int64_t id) {
    if (!std::in_range<std::int32_t>(id)) widen();
    visit([&]<typename Id>(std::vector<Id>& ids) { ids.push_back(static_cast<Id>(id)); });
  }
  /// From now on in 64 bits.
  void widen() {
    if (is_wide()) return;
    const auto& narrow = std::get<std::vector<std::int32_t>>(ids_);
    ids_ = std::vector<std::int64_t>(narrow.begin(), narrow.end());
  }
  /// Gives an empty column its size.
  void resize(std::size_t size) {
    visit([&](auto& ids) { resize_large(ids, size); });
  }

  bool operator==(const IdColumn&) const = default;

 private:
  std::variant<std::vector<std::int32_t>, std::vector<std::int64_t>> ids_;
};

}  // namespace alsatian
