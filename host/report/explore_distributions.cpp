// Figures of exploration.hpp about how ratings are distributed: values, counts, quantiles.
// Bins are spaced by logarithm where counts run over decades; their edges are whole numbers.
#include "host/evaluate/quantile.hpp"
#include "host/report/exploration.hpp"
#include "host/report/number_text.hpp"
#include "host/report/power_law.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <set>

namespace alsatian {
namespace {

constexpr std::size_t most_values = 50;  // distinct ratings that get a bar each
constexpr int wide_bars = 40;            // where there are more

/// Distinct ratings, ascending; nothing where there are more than get a bar each.
std::optional<std::vector<float>> distinct_ratings(const std::vector<float>& ratings) {
  std::set<float> values;
  for (const float rating : ratings) {
    values.insert(rating);
    if (values.size() > most_values) return std::nullopt;
  }
  return std::vector<float>(values.begin(), values.end());
}

/// Edges of bins from 1 on: whole counts below 10, then ten to a decade.
std::vector<std::int64_t> count_edges(std::int64_t largest) {
  std::vector<std::int64_t> edges;
  for (std::int64_t edge = 1; edge < 10; ++edge) edges.push_back(edge);
  for (int tenth = 10; edges.back() <= largest; ++tenth) {
    const auto edge = static_cast<std::int64_t>(std::llround(std::pow(10.0, tenth / 10.0)));
    if (edge > edges.back()) edges.push_back(edge);
  }
  return edges;
}

std::vector<std::int64_t> ascending_counts(const RowSums& rows) {
  std::vector<std::int64_t> counts;
  for (const std::int64_t count : rows.counts) {
    if (count > 0) counts.push_back(count);
  }
  std::ranges::sort(counts);
  return counts;
}

std::int64_t number_below(const std::vector<std::int64_t>& ascending, std::int64_t edge) {
  return std::ranges::lower_bound(ascending, edge) - ascending.begin();
}

std::string power_law_text(const std::optional<PowerLaw>& fit, std::string_view side) {
  if (!fit) return fmt::format("There are too few {}s for a power law.", side);
  return fmt::format(
      "Number of {0}s per rating count. Line: power law with exponent {1:.3f} from a count of {2} "
      "on, "
      "fitted by maximum likelihood to {3} {0}s, largest distance of the distributions {4:.3f}; a "
      "straight line here is no proof of one (Clauset, Shalizi and Newman 2009).",
      side, fit->exponent, fit->from, fit->tail, fit->distance);
}

struct Sorted {
  std::vector<double> counts;
  std::vector<double> means;
};

Sorted sorted(const RowSums& rows) {
  Sorted result;
  for (std::size_t row = 0; row < rows.counts.size(); ++row) {
    if (rows.counts[row] == 0) continue;
    result.counts.push_back(static_cast<double>(rows.counts[row]));
    result.means.push_back(rows.mean(row));
  }
  std::ranges::sort(result.counts);
  std::ranges::sort(result.means);
  return result;
}

}  // namespace

Figure rating_histogram(const Exploration& data) {
  const std::vector<float>& ratings = data.ratings.ratings;
  Figure figure{.name = "rating_histogram", .title = "Ratings by value"};
  figure.data.columns = {"rating", "ratings", "share"};
  figure.plot = {.x = "rating",
                 .series = {{"ratings", "ratings", Mark::bars}},
                 .x_title = "rating",
                 .y_title = "ratings"};
  const auto values = distinct_ratings(ratings);
  const auto [low, high] = std::minmax_element(ratings.begin(), ratings.end());
  const std::size_t bars = values ? values->size() : wide_bars;
  const double lowest = *low;
  const double width = (static_cast<double>(*high) - lowest) / wide_bars;
  std::vector<std::int64_t> counts(bars);
  for (const float rating : ratings) {
    const std::size_t bar =
        values
            ? static_cast<std::size_t>(std::ranges::lower_bound(*values, rating) - values->begin())
            : std::min(static_cast<std::size_t>((rating - lowest) / width), bars - 1);
    ++counts[bar];
  }
  for (std::size_t bar = 0; bar < bars; ++bar) {
    const double value =
        values ? static_cast<double>((*values)[bar]) : lowest + (static_cast<double>(bar)) * width;
    figure.data.rows.push_back(
        {value, counts[bar],
         static_cast<double>(counts[bar]) / static_cast<double>(ratings.size())});
  }
  figure.text = fmt::format("Mean {}, standard deviation {}.{}", four_decimals(data.mean),
                            four_decimals(data.deviation),
                            values ? "" : " Each bar begins at the rating that it is named for.");
  return figure;
}

Figure count_distribution(const RowSums& rows, std::string_view side) {
  const std::vector<std::int64_t> counts = ascending_counts(rows);
  const std::optional<PowerLaw> fit = fit_power_law(counts);
  Figure figure{.name = fmt::format("{}s_by_count", side),
                .title = fmt::format("How many ratings {}s have", side),
                .text = power_law_text(fit, side)};
  figure.data.columns = {"from", "to", "center", "rows", "rows_per_count", "power_law"};
  figure.plot = {.x = "center",
                 .series = {{"rows_per_count", fmt::format("{}s", side), Mark::points}},
                 .x_title = fmt::format("ratings of the {}", side),
                 .y_title = fmt::format("{}s per count", side),
                 .x_axis = Axis::logarithmic,
                 .y_axis = Axis::logarithmic};
  if (fit) figure.plot.series.push_back({"power_law", "power law", Mark::line});
  const std::vector<std::int64_t> edges = count_edges(counts.empty() ? 0 : counts.back());
  for (std::size_t bin = 0; bin + 1 < edges.size(); ++bin) {
    const std::int64_t found =
        number_below(counts, edges[bin + 1]) - number_below(counts, edges[bin]);
    if (found == 0) continue;
    const double center =
        std::sqrt(static_cast<double>(edges[bin]) * static_cast<double>(edges[bin + 1] - 1));
    std::vector<Value> row{
        edges[bin], edges[bin + 1] - 1, center, found,
        static_cast<double>(found) / static_cast<double>(edges[bin + 1] - edges[bin])};
    row.emplace_back();
    if (fit && edges[bin] >= fit->from) row.back() = fit->expected(center);
    figure.data.rows.push_back(std::move(row));
  }
  return figure;
}

Figure quantiles(const Exploration& data) {
  const Sorted users = sorted(data.users);
  const Sorted items = sorted(data.items);
  Figure figure{.name = "quantiles",
                .title = "Quantiles of users and items",
                .text = "Linear between order statistics; users and items with ratings."};
  figure.data.columns = {"share", "user_ratings", "user_mean", "item_ratings", "item_mean"};
  for (const double share : {0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0}) {
    figure.data.rows.push_back({share, quantile(users.counts, share), quantile(users.means, share),
                                quantile(items.counts, share), quantile(items.means, share)});
  }
  return figure;
}

Figure mean_by_popularity(const Exploration& data) {
  const std::vector<std::int64_t> counts = ascending_counts(data.items);
  const std::vector<std::int64_t> edges = count_edges(counts.empty() ? 0 : counts.back());
  struct Bin {
    std::int64_t items = 0;
    std::int64_t ratings = 0;
    double sum = 0;
    double means = 0;
  };
  std::vector<Bin> bins(edges.size());
  for (std::size_t item = 0; item < data.items.counts.size(); ++item) {
    const std::int64_t count = data.items.counts[item];
    if (count == 0) continue;
    Bin& bin =
        bins[static_cast<std::size_t>(std::ranges::upper_bound(edges, count) - edges.begin()) - 1];
    ++bin.items;
    bin.ratings += count;
    bin.sum += data.items.sums[item];
    bin.means += data.items.mean(item);
  }
  Figure figure{.name = "mean_by_popularity",
                .title = "Mean rating by popularity of the item",
                .text =
                    "Mean over the ratings of the items; the table also has the mean over the "
                    "items of their own means."};
  figure.data.columns = {"from", "to", "items", "ratings", "mean_rating", "mean_of_items"};
  figure.plot = {.x = "from",
                 .series = {{"mean_rating", "over ratings", Mark::line}},
                 .x_title = "ratings of the item, from",
                 .y_title = "mean rating",
                 .x_axis = Axis::logarithmic};
  for (std::size_t bin = 0; bin + 1 < edges.size(); ++bin) {
    if (bins[bin].items == 0) continue;
    figure.data.rows.push_back({edges[bin], edges[bin + 1] - 1, bins[bin].items, bins[bin].ratings,
                                bins[bin].sum / static_cast<double>(bins[bin].ratings),
                                bins[bin].means / static_cast<double>(bins[bin].items)});
  }
  return figure;
}

}  // namespace alsatian
