// What cleaned ratings look like before anything is trained, as the page of `alsatian explore`.
// Work is linear in the ratings; memory beyond them is linear in users, items and months.
#pragma once

#include "host/ratings/clean.hpp"
#include "host/ratings/reader.hpp"
#include "host/report/page.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace alsatian {

/// What was read and how, to be kept before cleaning consumes the raw ratings.
struct ReadingAccount {
  std::string source = {};  // file name without folders
  std::string path = {};    // as notes name it
  std::string layout = {};
  std::vector<std::string> notes = {};
  std::vector<std::string> warnings = {};
  std::vector<RejectedLine> rejected = {};  // the first few
};

/// Count, sum and sum of squares of the ratings of each row of one side.
struct RowSums {
  std::vector<std::int64_t> counts = {};
  std::vector<double> sums = {};
  std::vector<double> squares = {};

  double mean(std::size_t row) const { return sums[row] / static_cast<double>(counts[row]); }
};

/// Titles and genres by item index. genres [items]: bit g for genre_names[g]. Both empty where
/// there are none. Of more than 64 genres the 64 most frequent are kept.
struct ItemFacts {
  StringTable titles = {};
  std::vector<std::uint64_t> genres = {};
  std::vector<std::string> genre_names = {};  // most frequent first
};
ItemFacts item_facts(const Titles& titles, const IdIndex& items);

/// What the figures below are made from.
struct Exploration {
  const CleanRatings& ratings;
  ItemFacts facts = {};
  RowSums users = {};
  RowSums items = {};
  double mean = 0;
  double deviation = 0;

  /// "" without a title.
  std::string title(std::size_t item) const;
};
Exploration explore(const CleanRatings& ratings, const Titles& titles);

Figure rating_histogram(const Exploration& data);
/// side: "user" or "item". Log-spaced bins: number of rows per count, beside the power law.
Figure count_distribution(const RowSums& rows, std::string_view side);
Figure quantiles(const Exploration& data);
/// A row for each month from the first to the last (years where there are over 600 months).
/// Without times it has no rows; times outside the years 1900 to 2200 are left out.
Figure ratings_by_time(const Exploration& data);
/// From the figure of ratings by time: the same periods.
Figure mean_by_time(Figure by_time);
Figure mean_by_popularity(const Exploration& data);
Figure genre_shares(const Exploration& data);
/// Share of each of the ten most rated genres in the ratings of each year.
Figure genres_by_year(const Exploration& data);
Figure most_rated(const Exploration& data);
Figure best_rated(const Exploration& data);
Figure most_polarizing(const Exploration& data);
/// The most active users and the most rated items, as at most 64 × 64 cells of equal size.
Figure densest_block(const Exploration& data);
/// Options of train to begin with, and why. Rules of thumb: nothing is trained.
Figure suggestions(const Exploration& data);

/// The page of all of these.
Page exploration_page(const Exploration& data, const ReadingAccount& account);

/// The month of a time in seconds since 1970, as 12·year + month − 1.
std::int32_t month_of(std::int64_t time);

}  // namespace alsatian
