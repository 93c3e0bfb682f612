// Where the table of somebody's own ratings begins, how its lines are cut, and what ails one.
// Tables come from spreadsheets, sites and editors: none says how, but for Excel's `sep=`.
#pragma once

#include "host/ratings/records.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace alsatian {

struct OwnLayout {
  RecordRules rules;
  std::size_t begin = 0;  // of the first line that counts
  std::int64_t first_line = 1;
};

/// All lines end in a line feed, those of old Macs (a carriage return alone) and of Windows too,
/// also where a text mixes them; so do those that a second conversion gave another return.
void end_lines_alike(std::string& text);

/// Cut as a line `sep=;` in front of all others says, or else at the delimiter that cuts the first
/// record into the most fields, of those that cut it at all; of a comma and another that cut it
/// into as many the other, where its last field is a number with a decimal comma.
OwnLayout own_layout_of(std::string_view text);

/// Whether it is a comment where comments count: `#` in front, but not alone in a field, which is
/// what tables call the column of their numbers.
bool is_comment(const Record& record);

/// As read_record, but a comment ends with its line, whatever quotes are in it.
const char* read_unless_comment(const char* begin, const char* end, const RecordRules& rules,
                                Record& record);

/// What is wrong with a record that has a flaw, and what helps.
struct RecordComplaint {
  std::string what;
  std::string help;
};

/// line: its first. Which line opens a quote is said, since others may have become its text.
/// otherwise: what helps against flaws other than quotes.
RecordComplaint complaint_of(const Record& record, std::int64_t line, const char* otherwise);

/// `the quote in line 2, column 1 takes in lines 3 to 5` of a record with a quote over several
/// lines, which begins at `line`; of one with a flaw, whose complaint says a place, `the record
/// takes in lines 3 to 5`; "" of others.
std::string swallowed_lines(const Record& record, std::int64_t line);

/// Whether a quote has swallowed lines: each of the record's lines alone, without its quotes, has
/// so many fields and a rating among them, which no text of several lines does by chance.
bool holds_whole_lines(const Record& record, const RecordRules& rules, std::size_t fields,
                       std::size_t rating);

/// What helps against such a quote. line: where the record begins.
std::string remedy_for_swallowed_lines(const Record& record, std::int64_t line);

}  // namespace alsatian
