// The fast way to read a row of the most frequent layouts: user, item, rating and time in plain
// digits, one letter or "::" between them. Anything else is left to the careful parser.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace alsatian {

/// parse_plain_row may read this many bytes from the start of a row.
inline constexpr std::int64_t plain_row_reach = 128;

struct PlainRow {
  std::int64_t user;
  std::int64_t item;
  std::int64_t time;
  float rating;
};

namespace detail {

static_assert(std::endian::native == std::endian::little, "the first letter is the lowest byte");

/// The value of eight digits, one per byte, the first in the lowest byte: neighbours are joined to
/// pairs, pairs to fours, fours to eight.
inline std::uint64_t join_digits(std::uint64_t digits) {
  const std::uint64_t pairs = (digits * 10 + (digits >> 8)) & 0x00ff00ff00ff00ff;
  const std::uint64_t fours = (pairs * 100 + (pairs >> 16)) & 0x0000ffff0000ffff;
  return (fours * 10000 + (fours >> 32)) & 0xffffffff;
}

/// A run of digits.
struct Digits {
  std::uint64_t value;
  int count;  // 0 where there is none, or more than 18
};

/// Reads the digits that start at `at`, looking at up to 24 bytes.
inline Digits read_digits(const char* at) {
  std::uint64_t letters = 0;
  std::memcpy(&letters, at, sizeof letters);
  const std::uint64_t digits = letters ^ 0x3030303030303030;
  // The top bit of each byte above 9; sums carry only into later letters, behind the first one.
  const std::uint64_t others = ((digits + 0x7676767676767676) | digits) & 0x8080808080808080;
  if (others != 0) [[likely]] {
    const int count = std::countr_zero(others) / 8;
    if (count == 0) return {0, 0};
    return {join_digits(digits << (64 - 8 * count)), count};
  }
  std::uint64_t value = join_digits(digits);
  int count = 8;
  for (unsigned digit = 0; (digit = static_cast<unsigned char>(at[count]) - unsigned{'0'}) <= 9;) {
    value = value * 10 + digit;
    if (++count > 18) return {0, 0};
  }
  return {value, count};
}

/// Reads an id: digits without leading zeros. nullptr where there is none.
inline const char* read_id(const char* at, std::int64_t& id) {
  const Digits digits = read_digits(at);
  if (digits.count == 0 || (*at == '0' && digits.count > 1)) return nullptr;
  id = static_cast<std::int64_t>(digits.value);
  return at + digits.count;
}

/// Reads digits with an optional point and more digits, seven at most: both the digits and the
/// power of ten are then exact floats, so that their quotient is the nearest float.
inline const char* read_decimal(const char* at, float& value) {
  constexpr std::array<float, 8> powers_of_ten = {1, 1e1F, 1e2F, 1e3F, 1e4F, 1e5F, 1e6F, 1e7F};
  // Stars, as 4.5: one digit on each side of the point.
  const unsigned stars = static_cast<unsigned char>(at[0]) - unsigned{'0'};
  const unsigned tenths = static_cast<unsigned char>(at[2]) - unsigned{'0'};
  if (stars <= 9 && at[1] == '.' && tenths <= 9 &&
      static_cast<unsigned char>(at[3]) - unsigned{'0'} > 9) {
    value = static_cast<float>(10 * stars + tenths) / powers_of_ten[1];
    return at + 3;
  }
  const Digits whole = read_digits(at);
  if (whole.count == 0 || whole.count > 7) return nullptr;
  at += whole.count;
  if (*at != '.') {
    value = static_cast<float>(whole.value);
    return at;
  }
  std::uint64_t digits = whole.value;
  int places = 0;
  for (unsigned digit = 0;
       (digit = static_cast<unsigned char>(at[1 + places]) - unsigned{'0'}) <= 9;) {
    digits = digits * 10 + digit;
    if (++places + whole.count > 7) return nullptr;
  }
  if (places == 0) return nullptr;
  value = static_cast<float>(digits) / powers_of_ten[static_cast<std::size_t>(places)];
  return at + 1 + places;
}

template <std::size_t delimiter_size>
bool step_over(const char*& at, const char* delimiter) {
  if (at == nullptr || at[0] != delimiter[0]) return false;
  if (delimiter_size == 2 && at[1] != delimiter[1]) return false;
  at += delimiter_size;
  return true;
}

}  // namespace detail

/// Reads "user<delimiter>item<delimiter>rating" and, where has_time, "<delimiter>time", to the end
/// of the line. Returns the start of the next line, or nullptr where the row is written in any
/// other way, which says nothing about whether it is right.
template <std::size_t delimiter_size, bool has_time>
const char* parse_plain_row(const char* at, const char* delimiter, PlainRow& row) {
  at = detail::read_id(at, row.user);
  if (!detail::step_over<delimiter_size>(at, delimiter)) return nullptr;
  at = detail::read_id(at, row.item);
  if (!detail::step_over<delimiter_size>(at, delimiter)) return nullptr;
  at = detail::read_decimal(at, row.rating);
  if constexpr (has_time) {
    if (!detail::step_over<delimiter_size>(at, delimiter)) return nullptr;
    const detail::Digits time = detail::read_digits(at);
    if (time.count == 0) return nullptr;
    row.time = static_cast<std::int64_t>(time.value);
    at += time.count;
  }
  if (at == nullptr) return nullptr;
  if (*at == '\r') ++at;
  return *at == '\n' ? at + 1 : nullptr;
}

}  // namespace alsatian
