// Looking ids up and writing them as text.
// Binary search over the sorted ids: no hash table to keep in step, and the model file is the
// index.
#include "host/ratings/ids.hpp"

#include "host/ratings/values.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

namespace alsatian {

std::optional<std::int64_t> parse_integer_id(std::string_view text) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || rest != end) return std::nullopt;
  return value;
}

IdIndex::IdIndex(std::vector<std::int64_t> integers)
    : kind_(IdKind::integer), integers_(std::move(integers)) {}

IdIndex::IdIndex(StringTable strings) : kind_(IdKind::string), strings_(std::move(strings)) {}

std::int32_t IdIndex::size() const {
  return kind_ == IdKind::integer ? static_cast<std::int32_t>(integers_.size())
                                  : static_cast<std::int32_t>(strings_.size());
}

std::optional<std::int32_t> IdIndex::find(std::string_view text) const {
  if (kind_ == IdKind::integer) {
    const ParsedId id = parse_id(text);
    return id.form == IdForm::integer ? find(id.value) : std::nullopt;
  }
  std::int64_t first = 0;
  std::int64_t last = strings_.size();
  while (first < last) {
    const std::int64_t middle = first + (last - first) / 2;
    if (strings_[middle] < text) {
      first = middle + 1;
    } else {
      last = middle;
    }
  }
  if (first == strings_.size() || strings_[first] != text) return std::nullopt;
  return static_cast<std::int32_t>(first);
}

std::optional<std::int32_t> IdIndex::find(std::int64_t integer) const {
  if (kind_ == IdKind::string) return find(std::to_string(integer));
  const auto place = std::lower_bound(integers_.begin(), integers_.end(), integer);
  if (place == integers_.end() || *place != integer) return std::nullopt;
  return static_cast<std::int32_t>(place - integers_.begin());
}

std::string IdIndex::text(std::int32_t index) const {
  if (kind_ == IdKind::integer) return std::to_string(integers_[static_cast<std::size_t>(index)]);
  return std::string(strings_[index]);
}

IdIndex IdIndex::subset(const std::vector<bool>& keep) const {
  if (kind_ == IdKind::integer) {
    std::vector<std::int64_t> kept;
    for (std::size_t index = 0; index < integers_.size(); ++index) {
      if (keep[index]) kept.push_back(integers_[index]);
    }
    return IdIndex(std::move(kept));
  }
  StringTable kept;
  for (std::int64_t index = 0; index < strings_.size(); ++index) {
    if (keep[static_cast<std::size_t>(index)]) kept.push_back(strings_[index]);
  }
  return IdIndex(std::move(kept));
}

}  // namespace alsatian
