// Ratings of one person who is no user of the model, as people write them down: items by id or by
// title, in any table that has them beside a rating.
#pragma once

#include "cli/log.hpp"
#include "cli/own_bad_lines.hpp"
#include "cli/reading_options.hpp"
#include "cli/titles.hpp"
#include "host/model/model.hpp"
#include "host/train/fold_in.hpp"

#include <string>
#include <vector>

namespace alsatian {

/// What --on-bad-line and --rejects say. Throws Error 64 for any other of the options of reading: a
/// file of own ratings has a layout of its own. options must outlive what is returned.
BadOwnLines bad_own_lines(const ReadingOptions& options);

/// A file of lines `item,rating`, or of ratings of one user in a layout of MovieLens, with the line
/// ends of any system. Fields are separated by commas, tabs, semicolons, bars or ::, quoted as in
/// CSV; a header is recognised. Under `title` there are titles alone, also where they are numbers,
/// of the years under `year`; under `item` or `movieId`, or without a header, an id of the model is
/// that item, and all else a title. Beside titles, of which there may be several, ids count where
/// they are the model's: where most lines contradict theirs the titles do, with a warning. Lines
/// with # in front are comments, which are counted, but not where they have as many fields as a
/// header. Says which title each line has become. An item that is rated twice has its last rating,
/// and a number that is neither is left out with a note, of the first 20. Throws Error 65 for text
/// that is no UTF-8, for a header as own_columns_by_header, for ratings of two users, for a scale
/// that is another (own_scale.hpp), and where bad lines are an error, with the first 20 and how
/// many there are, up to 1000: what is no record, no rating or no year, is not on the model's
/// scale, has more fields than the first line or fewer than it takes, has a quote that takes in
/// lines which are ratings of their own, has an id and the title of two items, or names several
/// items or none; else warns of them. 66 and such as read_small_file.
std::vector<OwnRating> read_own_ratings(const std::string& path, const Model& model,
                                        const TitleLookup& titles, const BadOwnLines& bad_lines,
                                        const Log& log);

}  // namespace alsatian
