// Reads ratings from text in memory: layout, parallel parse, merge.
// Behind read_ratings, which knows where the text comes from; tests and fuzzing start here.
#pragma once

#include "host/ratings/reader.hpp"

#include <string>
#include <string_view>

namespace alsatian {

/// Throws what read_ratings_text would of a text with this beginning, as far as its kind and layout
/// say so. beginning: more than the first MiB.
void judge_beginning(std::string_view beginning, const std::string& place,
                     const ReadOptions& options);

/// Ratings of a text; RawRatings::path is left to the caller. place names the text in errors.
/// Bytes outside text are never looked at. Throws Error 65 and 64 like read_ratings.
RawRatings read_ratings_text(std::string_view text, const std::string& place,
                             const ReadOptions& options);

}  // namespace alsatian
