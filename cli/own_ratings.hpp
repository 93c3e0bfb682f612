// Ratings of one person who is no user of the model, as people write them down: items by id or by
// title, in any table that has them beside a rating.
#pragma once

#include "cli/log.hpp"
#include "cli/titles.hpp"
#include "host/model/model.hpp"
#include "host/train/fold_in.hpp"

#include <string>
#include <vector>

namespace alsatian {

/// A file of lines `item,rating`, or of ratings of one user in a layout of MovieLens. Fields are
/// separated by commas, tabs, semicolons, bars or ::, quoted as in CSV; a header is recognised. An
/// item that is rated twice has its last rating, and one that the model does not know by id is left
/// out with a note. Throws Error 65 with file and line for what is no rating, is not on the model's
/// scale, or names several items or none; 66 and such as read_small_file.
std::vector<OwnRating> read_own_ratings(const std::string& path, const Model& model,
                                        TitleLookup& titles, const Log& log);

}  // namespace alsatian
