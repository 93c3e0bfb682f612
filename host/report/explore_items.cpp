// Figures of exploration.hpp about time, genres and single items.
// Items with few ratings are shrunk to the whole, or the lists would be of items rated once.
#include "host/report/exploration.hpp"
#include "host/report/number_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <utility>

namespace alsatian {
namespace {

constexpr std::size_t listed_items = 20;
constexpr std::size_t listed_genres = 10;
constexpr std::size_t most_months = 600;
constexpr std::int64_t earliest_time = -2'208'988'800;  // 1900
constexpr std::int64_t latest_time = 7'258'118'400;     // 2200

struct Amount {
  std::int64_t ratings = 0;
  double sum = 0;
};

bool is_plausible(std::int64_t time) { return time >= earliest_time && time < latest_time; }

/// Amounts by month; the map is as long as the years that is_plausible() lets pass.
std::map<std::int32_t, Amount> by_month(const CleanRatings& ratings) {
  std::map<std::int32_t, Amount> months;
  Amount* amount = nullptr;
  std::int32_t last = 0;
  for (std::size_t at = 0; at < ratings.times.size(); ++at) {
    if (!is_plausible(ratings.times[at])) continue;
    const std::int32_t month = month_of(ratings.times[at]);
    // Most ratings of a user are of one month.
    if (amount == nullptr || month != last) amount = &months[month];
    last = month;
    ++amount->ratings;
    amount->sum += ratings.ratings[at];
  }
  return months;
}

std::vector<std::size_t> first_by(const Exploration& data,
                                  const std::function<double(std::size_t)>& key) {
  std::vector<std::size_t> items;
  for (std::size_t item = 0; item < data.items.counts.size(); ++item) {
    if (data.items.counts[item] > 0) items.push_back(item);
  }
  std::vector<double> keys(data.items.counts.size());
  for (const std::size_t item : items) keys[item] = key(item);
  const auto before = [&](std::size_t a, std::size_t b) {
    return keys[a] != keys[b] ? keys[a] > keys[b] : a < b;
  };
  const std::size_t count = std::min(listed_items, items.size());
  std::partial_sort(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(count), items.end(),
                    before);
  items.resize(count);
  return items;
}

/// Squared deviations of an item's ratings from its own mean.
double within(const Exploration& data, std::size_t item) {
  const double mean = data.items.mean(item);
  return std::max(0.0, data.items.squares[item] - data.items.sums[item] * mean);
}

/// How far ratings of one item differ from each other: the variance within items, of which their
/// own means take a degree of freedom each. 0 where no item has two ratings.
double variance_within(const Exploration& data) {
  double inside = 0;
  std::int64_t items = 0;
  for (std::size_t item = 0; item < data.items.counts.size(); ++item) {
    if (data.items.counts[item] == 0) continue;
    ++items;
    inside += within(data, item);
  }
  const std::int64_t freedom = data.ratings.size() - items;
  return freedom > 0 ? inside / static_cast<double>(freedom) : 0;
}

/// How many ratings at the whole's mean each item gets beside its own: the variance within items
/// over that between them (of their true means), the best linear predictor's weight.
double shrinkage(const Exploration& data) {
  double between = 0;
  double squared_counts = 0;
  double groups = 0;
  for (std::size_t item = 0; item < data.items.counts.size(); ++item) {
    const auto count = static_cast<double>(data.items.counts[item]);
    if (count == 0) continue;
    ++groups;
    between += count * std::pow(data.items.mean(item) - data.mean, 2);
    squared_counts += count * count;
  }
  const auto ratings = static_cast<double>(data.ratings.size());
  const double inside = variance_within(data);
  if (inside <= 0 || groups < 2) return 1;
  const double effective = (ratings - squared_counts / ratings) / (groups - 1);
  const double variance_between = (between / (groups - 1) - inside) / effective;
  return variance_between > 0 ? inside / variance_between : 1;
}

Figure item_list(const Exploration& data, const std::vector<std::size_t>& items,
                 const std::string& key_name, const std::function<double(std::size_t)>& key) {
  Figure figure;
  const bool has_titles = data.facts.titles.size() > 0;
  figure.data.columns = {"rank", "item", "title", "ratings", "mean", "deviation"};
  if (!has_titles) figure.data.columns.erase(figure.data.columns.begin() + 2);
  figure.data.naming = has_titles ? 3 : 2;
  if (!key_name.empty()) figure.data.columns.push_back(key_name);
  for (std::size_t rank = 0; rank < items.size(); ++rank) {
    const std::size_t item = items[rank];
    const std::int64_t count = data.items.counts[item];
    std::vector<Value> row{static_cast<std::int64_t>(rank) + 1,
                           data.ratings.items.text(static_cast<std::int32_t>(item))};
    if (has_titles) row.emplace_back(data.title(item));
    row.emplace_back(count);
    row.emplace_back(data.items.mean(item));
    row.emplace_back(std::sqrt(within(data, item) / static_cast<double>(count)));
    if (!key_name.empty()) row.emplace_back(key(item));
    figure.data.rows.push_back(std::move(row));
  }
  return figure;
}

/// Ratings by genre, and by genre and year.
struct GenreAmounts {
  std::vector<std::int64_t> items;
  std::vector<Amount> all;
  std::map<std::int32_t, std::vector<std::int64_t>> by_year;
  std::map<std::int32_t, std::int64_t> years;
};

template <typename Visit>
void for_each_bit(std::uint64_t bits, Visit&& visit) {
  for (std::size_t bit = 0; bits != 0; ++bit, bits >>= 1) {
    if ((bits & 1) != 0) visit(bit);
  }
}

GenreAmounts genre_amounts(const Exploration& data) {
  const std::size_t genres = data.facts.genre_names.size();
  GenreAmounts amounts{std::vector<std::int64_t>(genres), std::vector<Amount>(genres), {}, {}};
  for (std::size_t item = 0; item < data.facts.genres.size(); ++item) {
    if (data.items.counts[item] == 0) continue;
    for_each_bit(data.facts.genres[item], [&](std::size_t genre) {
      ++amounts.items[genre];
      amounts.all[genre].ratings += data.items.counts[item];
      amounts.all[genre].sum += data.items.sums[item];
    });
  }
  return amounts;
}

void count_years(const Exploration& data, GenreAmounts& amounts) {
  const std::size_t genres = data.facts.genre_names.size();
  for (std::size_t at = 0; at < data.ratings.times.size(); ++at) {
    if (!is_plausible(data.ratings.times[at])) continue;
    const std::int32_t year = month_of(data.ratings.times[at]) / 12;
    ++amounts.years[year];
    std::vector<std::int64_t>& counts = amounts.by_year[year];
    counts.resize(genres);
    const auto item = static_cast<std::size_t>(data.ratings.item_indices[at]);
    for_each_bit(data.facts.genres[item], [&](std::size_t genre) { ++counts[genre]; });
  }
}

/// Genres by their ratings, most first.
std::vector<std::size_t> by_ratings(const GenreAmounts& amounts) {
  std::vector<std::size_t> order(amounts.all.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::greater<>(),
                           [&](std::size_t genre) { return amounts.all[genre].ratings; });
  return order;
}

}  // namespace

Figure ratings_by_time(const Exploration& data) {
  const std::map<std::int32_t, Amount> months = by_month(data.ratings);
  const bool yearly =
      !months.empty() &&
      static_cast<std::size_t>(months.rbegin()->first - months.begin()->first) >= most_months;
  std::map<std::int32_t, Amount> periods;
  for (const auto& [month, amount] : months) {
    Amount& period = periods[yearly ? month / 12 : month];
    period.ratings += amount.ratings;
    period.sum += amount.sum;
  }
  const char* unit = yearly ? "year" : "month";
  Figure figure{
      .name = "ratings_by_time", .title = fmt::format("Ratings per {}", unit), .text = "In UTC."};
  figure.data.columns = {unit, "ratings", "mean_rating"};
  figure.plot = {.x = unit,
                 .series = {{"ratings", "ratings", Mark::bars}},
                 .x_title = unit,
                 .y_title = "ratings"};
  if (periods.empty()) return figure;
  for (auto period = periods.begin()->first; period <= periods.rbegin()->first; ++period) {
    const Amount amount = periods.contains(period) ? periods.at(period) : Amount{};
    figure.data.rows.push_back(
        {yearly ? fmt::format("{}", period) : fmt::format("{}-{:02}", period / 12, period % 12 + 1),
         amount.ratings,
         amount.ratings > 0 ? Value(amount.sum / static_cast<double>(amount.ratings)) : Value()});
  }
  return figure;
}

Figure mean_by_time(Figure by_time) {
  Figure figure = std::move(by_time);
  figure.name = "mean_by_time";
  figure.title = "Mean rating over time";
  figure.text = "In UTC; a gap is a period without ratings.";
  figure.plot.series = {{"mean_rating", "mean rating", Mark::line}};
  figure.plot.y_title = "mean rating";
  return figure;
}

Figure genre_shares(const Exploration& data) {
  const GenreAmounts amounts = genre_amounts(data);
  Figure figure{
      .name = "genres",
      .title = "Genres",
      .text = "An item counts for each of its genres, so that shares add to more than 1."};
  figure.data.columns = {"genre", "items", "ratings", "share_of_ratings", "mean_rating"};
  figure.plot = {.x = "genre",
                 .series = {{"share_of_ratings", "share of ratings", Mark::bars}},
                 .y_title = "share of ratings"};
  for (const std::size_t genre : by_ratings(amounts)) {
    const Amount& amount = amounts.all[genre];
    if (amount.ratings == 0) continue;
    figure.data.rows.push_back(
        {data.facts.genre_names[genre], amounts.items[genre], amount.ratings,
         static_cast<double>(amount.ratings) / static_cast<double>(data.ratings.size()),
         amount.sum / static_cast<double>(amount.ratings)});
  }
  return figure;
}

Figure genres_by_year(const Exploration& data) {
  GenreAmounts amounts = genre_amounts(data);
  Figure figure{.name = "genres_by_year",
                .title = "Genres by year of the rating",
                .text = "Share of the year's ratings, of the ten most rated genres."};
  figure.data.columns = {"year"};
  figure.plot = {.x = "year", .x_title = "year", .y_title = "share of ratings"};
  if (data.facts.genres.empty() || data.ratings.times.empty()) return figure;
  count_years(data, amounts);
  std::vector<std::size_t> order = by_ratings(amounts);
  order.resize(std::min(listed_genres, order.size()));
  for (const std::size_t genre : order) {
    const std::string& name = data.facts.genre_names[genre];
    figure.data.columns.push_back(name);
    figure.plot.series.push_back({name, name, Mark::line});
  }
  for (const auto& [year, total] : amounts.years) {
    std::vector<Value> row{fmt::format("{}", year)};
    for (const std::size_t genre : order) {
      row.emplace_back(static_cast<double>(amounts.by_year[year][genre]) /
                       static_cast<double>(total));
    }
    figure.data.rows.push_back(std::move(row));
  }
  return figure;
}

Figure most_rated(const Exploration& data) {
  const auto count = [&](std::size_t item) { return static_cast<double>(data.items.counts[item]); };
  Figure figure = item_list(data, first_by(data, count), "", count);
  figure.name = "most_rated";
  figure.title = "Most rated items";
  return figure;
}

Figure best_rated(const Exploration& data) {
  const double weight = shrinkage(data);
  const auto shrunk = [&](std::size_t item) {
    return (data.items.sums[item] + weight * data.mean) /
           (static_cast<double>(data.items.counts[item]) + weight);
  };
  Figure figure = item_list(data, first_by(data, shrunk), "shrunk_mean", shrunk);
  figure.name = "best_rated";
  figure.title = "Best items";
  figure.text = fmt::format(
      "By shrunk_mean = (sum of the item's ratings + {0:.4g} · {1}) / (number of its ratings + "
      "{0:.4g}): its mean as if it had {0:.4g} more ratings, all equal to {1}, the mean of all "
      "ratings, so that a single 5 is not the best of all. That many, because it is how far "
      "ratings of one item differ from each other, over how far items differ (their variances).",
      weight, four_decimals(data.mean));
  return figure;
}

Figure most_polarizing(const Exploration& data) {
  const double variance = variance_within(data);
  constexpr double weight = 20;
  const auto shrunk = [&](std::size_t item) {
    return std::sqrt((within(data, item) + weight * variance) /
                     (static_cast<double>(data.items.counts[item]) + weight));
  };
  Figure figure = item_list(data, first_by(data, shrunk), "shrunk_deviation", shrunk);
  figure.name = "most_polarizing";
  figure.title = "Most polarizing items";
  figure.text = fmt::format(
      "By shrunk_deviation = √((sum of squared deviations of the item's ratings from their mean + "
      "{0} · {1}²) / (number of its ratings + {0})): their deviation as if there were {0} more "
      "that deviate as is usual within items, by {1} (the square root of the squared deviations of "
      "all items over the ratings less the items, as for the best items).",
      weight, four_decimals(std::sqrt(variance)));
  return figure;
}

}  // namespace alsatian
