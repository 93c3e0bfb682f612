// Told by shape, not by name: files are renamed, and a file of that name may hold ratings.
// Every line has to look so; one that does not is left to the parser.
#include "host/ratings/movielens_tables.hpp"

#include "host/error.hpp"
#include "host/ratings/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace alsatian {
namespace {

constexpr int records_looked_at = 100;

/// "F" or "M".
bool is_gender(std::string_view text) { return text == "F" || text == "M"; }

/// A title with its year, as "Toy Story (1995)".
bool is_title(std::string_view text) {
  if (!text.ends_with(')') || text.size() < 7) return false;
  const std::string_view year = text.substr(text.size() - 5, 4);
  return text[text.size() - 6] == '(' &&
         std::ranges::all_of(year, [](unsigned char digit) { return std::isdigit(digit) != 0; });
}

/// As 1::F::1::10::48067 or 1|24|M|technician|85711.
bool is_person(const std::vector<Field>& fields) {
  return fields.size() == 5 && (is_gender(fields[1].text) || is_gender(fields[2].text));
}

/// As 1::Toy Story (1995)::Animation|Comedy. A title with a number behind it may be an item with
/// its rating.
bool is_movie(const std::vector<Field>& fields) {
  return fields.size() >= 3 && is_title(fields[1].text) && !is_number(fields[2].text);
}

}  // namespace

void refuse_movielens_tables(std::string_view sample, const RecordRules& rules,
                             const std::string& place) {
  const char* at = sample.data();
  const char* end = at + sample.size();
  Record record;
  int records = 0;
  int people = 0;
  int movies = 0;
  while (at < end && records < records_looked_at) {
    at = read_record(at, end, rules, record);
    if (record.is_blank || record.flaw != RecordFlaw::none) continue;
    ++records;
    people += is_person(record.fields) ? 1 : 0;
    movies += is_movie(record.fields) ? 1 : 0;
  }
  if (records == 0 || (people < records && movies < records)) return;
  throw Error(ExitCode::bad_data, place,
              people == records ? "is a table of users, as MovieLens' users.dat and u.user are"
                                : "is a table of movies, as MovieLens' movies.dat and u.item are",
              "pass the ratings beside it: ratings.csv, ratings.dat or u.data; if these are "
              "ratings, --columns says where");
}

}  // namespace alsatian
