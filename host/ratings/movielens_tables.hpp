// MovieLens' tables of people and of films, which some of their columns make look like ratings:
// users.dat has a user, a letter and an age where user, item and rating stand.
#pragma once

#include "host/ratings/records.hpp"

#include <string>
#include <string_view>

namespace alsatian {

/// Throws Error 65 where the sample is a table of users (users.dat, u.user) or of movies
/// (movies.dat, u.item), without a header and in columns that nobody has chosen.
void refuse_movielens_tables(std::string_view sample, const RecordRules& rules,
                             const std::string& place);

}  // namespace alsatian
