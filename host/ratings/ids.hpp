// User and item ids: as written in a file, and as the dense indices that training uses.
// Ids never need to be contiguous, and memory never depends on the largest of them.
#pragma once

#include "host/ratings/id_column.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace alsatian {

enum class IdKind { integer, string };

/// Strings in one buffer. offsets [size + 1] into bytes, so that a model file can hold it as is.
struct StringTable {
  std::vector<char> bytes;
  std::vector<std::int64_t> offsets{0};

  std::int64_t size() const { return static_cast<std::int64_t>(offsets.size()) - 1; }
  std::string_view operator[](std::int64_t index) const {
    const auto first = static_cast<std::size_t>(offsets[static_cast<std::size_t>(index)]);
    const auto last = static_cast<std::size_t>(offsets[static_cast<std::size_t>(index) + 1]);
    return {bytes.data() + first, last - first};
  }
  void push_back(std::string_view text) {
    bytes.insert(bytes.end(), text.begin(), text.end());
    offsets.push_back(static_cast<std::int64_t>(bytes.size()));
  }
};

/// The ids of one side as read, one value per rating: the integer itself, or for string ids its
/// index in names (distinct, in order of first appearance).
struct RawIds {
  IdKind kind = IdKind::integer;
  IdColumn values;
  StringTable names;
};

/// Parses the whole of text as a decimal integer of at most 64 bits: an optional '-', digits.
std::optional<std::int64_t> parse_integer_id(std::string_view text);

/// Distinct ids in ascending order (integers by value, strings by bytes); an id's position is its
/// index. The order makes everything downstream independent of the order of lines in a file.
class IdIndex {
 public:
  IdIndex() = default;
  /// ids: distinct and ascending.
  explicit IdIndex(std::vector<std::int64_t> integers);
  explicit IdIndex(StringTable strings);

  IdKind kind() const { return kind_; }
  std::int32_t size() const;
  /// Index of an id as a person writes it; nothing if unknown, or not an integer where ids are. An
  /// integer is written in one way: 01 is not 1, here as in a file.
  std::optional<std::int32_t> find(std::string_view text) const;
  std::optional<std::int32_t> find(std::int64_t integer) const;
  /// The id as text.
  std::string text(std::int32_t index) const;
  const std::vector<std::int64_t>& integers() const { return integers_; }
  const StringTable& strings() const { return strings_; }
  /// The index with only the ids for which keep is true, in the same order. keep [size].
  IdIndex subset(const std::vector<bool>& keep) const;

 private:
  IdKind kind_ = IdKind::integer;
  std::vector<std::int64_t> integers_;
  StringTable strings_;
};

}  // namespace alsatian
