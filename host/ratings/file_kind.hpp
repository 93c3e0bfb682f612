// Recognises what is no text of ratings by its first bytes, so that the error says what it is.
// Each kind comes with the command that turns it into something the reader takes.
#pragma once

#include <string>
#include <string_view>

namespace alsatian {

/// What a file should hold, in the words of messages.
struct Contents {
  std::string_view name;
  std::string_view remedy;  // what to pass instead
};
inline constexpr Contents ratings_contents{"ratings", "pass a file with one rating per line"};
inline constexpr Contents pairs_contents{"pairs", "pass a file with one user and item per line"};
inline constexpr Contents titles_contents{
    "titles", "pass movies.csv, movies.dat or u.item, or a CSV with a header: movieId,title"};

inline constexpr Contents features_contents{
    "features",
    "pass movies.csv, movies.dat, u.item, users.dat or u.user, or a table with an id and "
    "its features in each line"};

/// Throws Error 65 naming place where the bytes are empty, UTF-16 or UTF-32, a spreadsheet,
/// Parquet, PDF, HTML, JSON, packed by something else than gzip or zip, a model, or no text.
void refuse_other_kinds(std::string_view bytes, const std::string& place, const Contents& contents);

/// Throws Error 65 where lines end in carriage returns alone.
void refuse_carriage_returns(std::string_view text, const std::string& place,
                             const Contents& contents);

/// Throws the error 65 of a text that holds nothing.
[[noreturn]] void throw_only_blanks(const std::string& place, const Contents& contents);

/// Whether all bytes are UTF-8, without overlong forms and surrogates.
bool is_utf8(std::string_view bytes);

std::string latin1_to_utf8(std::string_view text);

}  // namespace alsatian
