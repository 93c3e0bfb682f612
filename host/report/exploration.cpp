// Implements the parts of exploration.hpp that all figures share.
// Sums run in the order of the ratings, so that threads never change a digit.
#include "host/report/exploration.hpp"

#include "kernels/cpu/parallel.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <map>
#include <optional>

namespace alsatian {
namespace {

RowSums empty_sums(std::int32_t rows) {
  const auto size = static_cast<std::size_t>(rows);
  return {std::vector<std::int64_t>(size), std::vector<double>(size), std::vector<double>(size)};
}

RowSums user_sums(const CleanRatings& ratings) {
  RowSums sums = empty_sums(ratings.users.size());
  parallel_for(
      ratings.users.size(),
      [&](std::int64_t user) {
        const auto row = static_cast<std::size_t>(user);
        for (auto at = ratings.offsets[row]; at < ratings.offsets[row + 1]; ++at) {
          const double rating = ratings.ratings[static_cast<std::size_t>(at)];
          sums.sums[row] += rating;
          sums.squares[row] += rating * rating;
        }
        sums.counts[row] = ratings.offsets[row + 1] - ratings.offsets[row];
      },
      1024);
  return sums;
}

RowSums item_sums(const CleanRatings& ratings) {
  RowSums sums = empty_sums(ratings.items.size());
  for (std::size_t at = 0; at < ratings.ratings.size(); ++at) {
    const auto item = static_cast<std::size_t>(ratings.item_indices[at]);
    const double rating = ratings.ratings[at];
    ++sums.counts[item];
    sums.sums[item] += rating;
    sums.squares[item] += rating * rating;
  }
  return sums;
}

template <typename Visit>
void for_each_genre(std::string_view genres, Visit&& visit) {
  while (!genres.empty()) {
    const std::size_t end = std::min(genres.find('|'), genres.size());
    if (end > 0) visit(genres.substr(0, end));
    genres.remove_prefix(std::min(end + 1, genres.size()));
  }
}

/// At most 64 names, the most frequent first.
std::vector<std::string> frequent_genres(const StringTable& genres) {
  std::map<std::string, std::int64_t, std::less<>> counts;
  for (std::int64_t entry = 0; entry < genres.size(); ++entry) {
    for_each_genre(genres[entry], [&](std::string_view name) { ++counts[std::string(name)]; });
  }
  std::vector<std::pair<std::string, std::int64_t>> sorted(counts.begin(), counts.end());
  std::ranges::stable_sort(sorted, std::greater<>(),
                           [](const auto& entry) { return entry.second; });
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::min<std::size_t>(64, sorted.size()); ++i) {
    names.push_back(sorted[i].first);
  }
  return names;
}

}  // namespace

std::string Exploration::title(std::size_t item) const {
  if (facts.titles.size() == 0) return "";
  return std::string(facts.titles[static_cast<std::int64_t>(item)]);
}

ItemFacts item_facts(const Titles& titles, const IdIndex& items) {
  ItemFacts facts;
  std::vector<std::int64_t> entry_of(static_cast<std::size_t>(items.size()), -1);
  for (std::int64_t entry = 0; entry < titles.ids.size(); ++entry) {
    const auto item = items.find(titles.ids[entry]);
    if (item) entry_of[static_cast<std::size_t>(*item)] = entry;
  }
  if (titles.ids.size() == 0) return facts;
  for (const std::int64_t entry : entry_of) {
    facts.titles.push_back(entry < 0 ? std::string_view() : titles.titles[entry]);
  }
  facts.genre_names = frequent_genres(titles.genres);
  if (facts.genre_names.empty()) return facts;
  facts.genres.resize(entry_of.size());
  for (std::size_t item = 0; item < entry_of.size(); ++item) {
    if (entry_of[item] < 0) continue;
    for_each_genre(titles.genres[entry_of[item]], [&](std::string_view name) {
      const auto found = std::ranges::find(facts.genre_names, name);
      if (found == facts.genre_names.end()) return;
      facts.genres[item] |= std::uint64_t{1} << (found - facts.genre_names.begin());
    });
  }
  return facts;
}

Exploration explore(const CleanRatings& ratings, const Titles& titles) {
  Exploration data{.ratings = ratings,
                   .facts = item_facts(titles, ratings.items),
                   .users = user_sums(ratings),
                   .items = item_sums(ratings)};
  const auto count = static_cast<double>(ratings.size());
  double sum = 0;
  for (const double part : data.users.sums) sum += part;
  data.mean = sum / count;
  double deviations = 0;
  for (const float rating : ratings.ratings) {
    deviations += (rating - data.mean) * (rating - data.mean);
  }
  data.deviation = std::sqrt(deviations / count);
  return data;
}

std::int32_t month_of(std::int64_t time) {
  using namespace std::chrono;
  const year_month_day date(floor<days>(sys_seconds(seconds(time))));
  return static_cast<int>(date.year()) * 12 +
         static_cast<std::int32_t>(static_cast<unsigned>(date.month())) - 1;
}

}  // namespace alsatian
