// Where the titles of a file of ratings are: beside it, under the name of its data set.
// No other file is guessed at: that a folder holds both says little.
#pragma once

#include <string>

namespace alsatian {

/// movies.csv beside ratings.csv, movies.dat beside ratings.dat, u.item beside u.data, u1.base,
/// u1.test and their like, each also packed as .gz. "" where the file has another name or nothing
/// is beside it.
std::string titles_file_beside(const std::string& ratings_path);

}  // namespace alsatian
