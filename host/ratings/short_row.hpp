// The fastest way to read a row, for processors with AVX2: one of at most 32 letters, with stars or
// tenths of stars. Anything else is left to parse_plain_row.
#pragma once

#include "host/ratings/plain_row.hpp"

#include <cstdint>

namespace alsatian {

/// A row's time: there is none, it has to be digits but its value is not wanted, or it is read.
enum class TimeField { none, checked, read };

/// A parser that may look at this many bytes before a row, and at 32 from its start.
inline constexpr std::int64_t short_row_reach_back = 16;

/// As parse_plain_row, for one letter between fields, and leaves more to others: lines beyond 32
/// letters, ids beyond 8 digits, times beyond 15, ratings other than "4" or "4.5", a carriage
/// return. Sets row.time where it is read.
using ShortRowParser = const char* (*)(const char* at, const char* delimiter, PlainRow& row);

/// The parser; nullptr where this machine cannot run it.
ShortRowParser short_row_parser(TimeField time);

}  // namespace alsatian
