// Implements short_row.hpp. Bits for all letters of a line at once say where its fields are, so
// that no field waits for the one before it, nor a line for more than the end of the one before it;
// a processor then works on several lines at a time.
#include "host/ratings/short_row.hpp"

#include "kernels/cpu/isa.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

#if defined(__x86_64__)

#include <immintrin.h>

// Compiled for more than the program asks of a machine: to be called behind isa_available() alone.
#define ALSATIAN_AVX2 __attribute__((target("avx2,bmi,bmi2")))

namespace alsatian {
namespace {

constexpr std::array<float, 100> tenths_as_floats = [] {
  std::array<float, 100> floats{};
  for (std::size_t tenth = 0; tenth < floats.size(); ++tenth) {
    floats[tenth] = static_cast<float>(tenth) / 10.0F;
  }
  return floats;
}();

/// Behind 16 - n of these, n bytes of ones come last of 16.
constexpr std::array<unsigned char, 32> ones_behind_zeros = [] {
  std::array<unsigned char, 32> bytes{};
  for (std::size_t at = 16; at < bytes.size(); ++at) bytes[at] = 255;
  return bytes;
}();

/// Where letters of a line are, a bit each, the first in the lowest.
struct LineBits {
  std::uint32_t others;  // no digits
  std::uint32_t delimiters;
  std::uint32_t line_ends;
};

ALSATIAN_AVX2 inline LineBits bits_of(const char* line, char delimiter) {
  const __m256i letters = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(line));
  const auto where = [](__m256i mask) ALSATIAN_AVX2 {
    return static_cast<std::uint32_t>(_mm256_movemask_epi8(mask));
  };
  const __m256i values = _mm256_xor_si256(letters, _mm256_set1_epi8('0'));
  const __m256i digits = _mm256_min_epu8(values, _mm256_set1_epi8(9));
  return {~where(_mm256_cmpeq_epi8(values, digits)),
          where(_mm256_cmpeq_epi8(letters, _mm256_set1_epi8(delimiter))),
          where(_mm256_cmpeq_epi8(letters, _mm256_set1_epi8('\n')))};
}

/// The values of two runs of eight digits, the first in the low half.
ALSATIAN_AVX2 inline std::uint64_t join_twice_eight(__m128i digits) {
  const __m128i pairs = _mm_maddubs_epi16(digits, _mm_set1_epi16(0x010a));  // 10 a + b
  const __m128i fours = _mm_madd_epi16(pairs, _mm_set1_epi32(0x00010064));  // 100 a + b
  const __m128i close = _mm_packus_epi32(fours, fours);
  const __m128i eights = _mm_madd_epi16(close, _mm_set1_epi32(0x00012710));  // 10000 a + b
  return static_cast<std::uint64_t>(_mm_cvtsi128_si64(eights));
}

/// The first `count` of the digits at `at`, 1 to 8, behind zeros.
inline std::uint64_t digits_behind_zeros(const char* at, std::uint32_t count) {
  std::uint64_t letters = 0;
  std::memcpy(&letters, at, sizeof letters);
  return (letters ^ 0x3030303030303030) << (64 - 8 * count);
}

/// The value of the `count` digits, 1 to 16, that end before `end`.
ALSATIAN_AVX2 inline std::int64_t number_before(const char* end, std::uint32_t count) {
  const __m128i letters = _mm_loadu_si128(reinterpret_cast<const __m128i*>(end - 16));
  const __m128i last =
      _mm_loadu_si128(reinterpret_cast<const __m128i*>(ones_behind_zeros.data() + count));
  const __m128i digits = _mm_and_si128(_mm_xor_si128(letters, _mm_set1_epi8('0')), last);
  const std::uint64_t halves = join_twice_eight(digits);
  return static_cast<std::int64_t>((halves & 0xffffffff) * 100000000 + (halves >> 32));
}

/// The value of a digit's letter; of others something beyond 9.
inline std::uint32_t digit_value(char letter) {
  return static_cast<unsigned char>(letter) - std::uint32_t{'0'};
}

template <TimeField time>
ALSATIAN_AVX2 const char* parse_short_row(const char* at, const char* delimiter, PlainRow& row) {
  const LineBits bits = bits_of(at, *delimiter);
  const auto place = [](std::uint32_t first) ALSATIAN_AVX2 {
    return static_cast<std::uint32_t>(std::countr_zero(first));
  };
  const auto without_first = [](std::uint32_t all) ALSATIAN_AVX2 { return all & (all - 1); };
  const std::uint32_t end = place(bits.line_ends);
  const std::uint32_t behind_user = place(bits.delimiters);
  const std::uint32_t item_on = without_first(bits.delimiters);
  const std::uint32_t behind_item = place(item_on);
  const std::uint32_t behind_rating = time == TimeField::none ? end : place(without_first(item_on));
  if (end >= 32 || behind_item >= end || behind_rating > end) return nullptr;

  const char* rating = at + behind_item + 1;
  const bool has_point = rating[1] == '.';
  if (behind_rating != behind_item + (has_point ? 4 : 2)) return nullptr;
  const std::uint32_t user_digits = behind_user;
  const std::uint32_t item_digits = behind_item - behind_user - 1;
  const char* item = at + behind_user + 1;
  if (user_digits - 1 >= 8 || item_digits - 1 >= 8) return nullptr;
  if ((*at == '0' && user_digits > 1) || (*item == '0' && item_digits > 1)) return nullptr;
  if constexpr (time != TimeField::none) {
    if (end - behind_rating - 2 >= 15) return nullptr;
  }
  // All between is digits.
  const std::uint32_t expected = 1U << behind_user | 1U << behind_item | 1U << behind_rating |
                                 (has_point ? 4U << behind_item : 0U) | 1U << end;
  if ((bits.others & ((2U << end) - 1)) != expected) return nullptr;

  const std::uint64_t ids = join_twice_eight(
      _mm_set_epi64x(static_cast<long long>(digits_behind_zeros(item, item_digits)),
                     static_cast<long long>(digits_behind_zeros(at, user_digits))));
  row.user = static_cast<std::int64_t>(ids & 0xffffffff);
  row.item = static_cast<std::int64_t>(ids >> 32);
  row.rating =
      tenths_as_floats[10 * digit_value(rating[0]) + (has_point ? digit_value(rating[2]) : 0)];
  if constexpr (time == TimeField::read) {
    row.time = number_before(at + end, end - behind_rating - 1);
  }
  return at + end + 1;
}

}  // namespace

ShortRowParser short_row_parser(TimeField time) {
  if (!isa_available(Isa::avx2) || !__builtin_cpu_supports("bmi2")) return nullptr;
  switch (time) {
    case TimeField::none:
      return parse_short_row<TimeField::none>;
    case TimeField::checked:
      return parse_short_row<TimeField::checked>;
    default:
      return parse_short_row<TimeField::read>;
  }
}

}  // namespace alsatian

#else

namespace alsatian {

ShortRowParser short_row_parser(TimeField) { return nullptr; }

}  // namespace alsatian

#endif
