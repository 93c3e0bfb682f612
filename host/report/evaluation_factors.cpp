// Implements the part of evaluation.hpp about what a model has learned.
// Shown for well-known items and a few users: people judge those, and the page stays small.
#include "host/report/evaluation.hpp"
#include "host/report/principal_axes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <map>
#include <numeric>

namespace alsatian {
namespace {

constexpr std::size_t mapped_items = 1000;
constexpr std::size_t spectrum_rows = 20'000;
constexpr std::int32_t mapped_columns = 256;  // of the draws of bayes: axes cost their cube
constexpr std::size_t shown_items = 10;
constexpr std::int32_t shown_neighbors = 5;
constexpr std::size_t shown_genres = 10;
constexpr std::int32_t shown_recommendations = 8;

/// Indices by falling count, those without ratings left out.
std::vector<std::int32_t> most_rated_rows(const std::vector<std::int32_t>& counts,
                                          std::size_t most) {
  std::vector<std::int32_t> order;
  for (std::size_t row = 0; row < counts.size(); ++row) {
    if (counts[row] > 0) order.push_back(static_cast<std::int32_t>(row));
  }
  std::ranges::stable_sort(order, std::greater<>(),
                           [&](std::int32_t row) { return counts[static_cast<std::size_t>(row)]; });
  order.resize(std::min(most, order.size()));
  return order;
}

/// What people know an item by: its title, or its id.
std::string name_of(const Model& model, const ItemFacts& facts, std::int32_t item) {
  for (const StringTable* titles : {&facts.titles, &model.titles}) {
    if (titles->size() > 0 && !(*titles)[item].empty()) return std::string((*titles)[item]);
  }
  return model.items.text(item);
}

/// Factors of some draws of bayes, evenly apart and the last among them, side by side. Of other
/// models all there are. Each draw has its own axes, but what two rows have in common is the same
/// in any, so that the mean over draws of their products is that of the rows side by side.
SideFactors of_draws(const Model& model, const SideFactors& side, std::int32_t draws) {
  if (draws == model.draws) return side;
  const std::int32_t rank = model.spec.rank;
  SideFactors some(side.rows, rank * draws);
  // Kept rows are divided by √draws, so that their products add to the mean.
  const double scale = std::sqrt(static_cast<double>(model.draws) / draws);
  for (std::int64_t row = 0; row < side.rows; ++row) {
    for (std::int32_t draw = 0; draw < draws; ++draw) {
      const std::int64_t from = std::int64_t{draw + 1} * model.draws / draws - 1;
      for (std::int32_t i = 0; i < rank; ++i) {
        some.row(row)[draw * rank + i] = static_cast<float>(scale * side.row(row)[from * rank + i]);
      }
    }
  }
  return some;
}

/// Of bayes of the last draw alone: draws side by side have as many columns as all together.
Figure spectrum(const Model& model, const std::vector<std::int32_t>& user_rows,
                const std::vector<std::int32_t>& item_rows) {
  const std::vector<double> users =
      principal_variances(of_draws(model, model.factors.users, 1), user_rows);
  const std::vector<double> items =
      principal_variances(of_draws(model, model.factors.items, 1), item_rows);
  Figure figure{.name = "factor_spectrum",
                .title = "Factor spectrum",
                .text =
                    "Variance of the factors along their principal axes, of at most 20,000 of "
                    "the most rated rows."};
  figure.text +=
      model.draws > 1
          ? fmt::format(
                " Of the last of {} draws alone, since each has axes of its own; it holds "
                "how unsure the factors are beside what they say, so that its tail is no "
                "advice on --k.",
                model.draws)
          : " A tail next to 0 says that a smaller --k would do.";
  figure.data.columns = {"axis", "user_variance", "item_variance"};
  figure.plot = {.x = "axis",
                 .series = {{"user_variance", "users"}, {"item_variance", "items"}},
                 .x_title = "axis",
                 .y_title = "variance",
                 .y_axis = Axis::logarithmic};
  for (std::size_t axis = 0; axis < std::min(users.size(), items.size()); ++axis) {
    figure.data.rows.push_back({static_cast<std::int64_t>(axis) + 1, users[axis], items[axis]});
  }
  return figure;
}

/// The first genre of each item that is among the most frequent, or "other".
std::string genre_of(const ItemFacts& facts, std::int32_t item) {
  const std::uint64_t genres = facts.genres[static_cast<std::size_t>(item)];
  const auto first = static_cast<std::size_t>(std::countr_zero(genres));
  return first < std::min(shown_genres, facts.genre_names.size()) ? facts.genre_names[first]
                                                                  : "other";
}

Figure item_map(const Model& model, const ItemFacts& facts) {
  const std::vector<std::int32_t> items = most_rated_rows(model.item_counts, mapped_items);
  const std::int32_t draws = std::clamp(mapped_columns / model.spec.rank, 1, model.draws);
  const PrincipalAxes axes = principal_axes(of_draws(model, model.factors.items, draws), items);
  Figure figure{
      .name = "item_map",
      .title = "Map of the most rated items",
      .text =
          "Their factors on the two axes along which they vary most; what is near "
          "there may differ along the others. Colors: the most frequent of an item's genres."};
  if (model.draws > 1) {
    figure.text += fmt::format(" Of {} draws of {}, and of what their axes have in common.", draws,
                               model.draws);
  }
  figure.data.columns = {"x", "y", "item", "name", "ratings"};
  figure.plot = {.x = "x",
                 .series = {{"y", "items", Mark::points}},
                 .x_title = "first axis",
                 .y_title = "second axis",
                 .hover = "name"};
  const bool has_genres = !facts.genres.empty();
  if (has_genres) {
    figure.data.columns.emplace_back("genre");
    figure.plot.group = "genre";
  }
  for (std::size_t at = 0; at < items.size(); ++at) {
    const std::int32_t item = items[at];
    std::vector<Value> row{axes.coordinates[at][0], axes.coordinates[at][1], model.items.text(item),
                           name_of(model, facts, item),
                           std::int64_t{model.item_counts[static_cast<std::size_t>(item)]}};
    if (has_genres) row.emplace_back(genre_of(facts, item));
    figure.data.rows.push_back(std::move(row));
  }
  return figure;
}

Figure neighbors(const Scorer& scorer, const Model& model, const ItemFacts& facts) {
  Figure figure{.name = "neighbors",
                .title = "Neighbors of well-known items",
                .text = fmt::format("By the cosine of factors, among the {} most rated items: of "
                                    "items with a rating or two factors say little.",
                                    mapped_items)};
  figure.data.columns = {"item", "rank", "neighbor", "cosine"};
  std::vector<bool> is_well_known(model.item_counts.size());
  for (const std::int32_t item : most_rated_rows(model.item_counts, mapped_items)) {
    is_well_known[static_cast<std::size_t>(item)] = true;
  }
  for (const std::int32_t item : most_rated_rows(model.item_counts, shown_items)) {
    std::int64_t rank = 0;
    for (const ScoredItem& near : scorer.similar_items(item, model.items.size())) {
      if (!is_well_known[static_cast<std::size_t>(near.index)]) continue;
      if (rank == shown_neighbors) break;
      figure.data.rows.push_back({name_of(model, facts, item), ++rank,
                                  name_of(model, facts, near.index),
                                  static_cast<double>(near.score)});
    }
  }
  return figure;
}

/// Users at tenths of the order by activity.
std::vector<std::int32_t> some_users(const Model& model) {
  const std::vector<std::int32_t> order =
      most_rated_rows(model.user_counts, model.user_counts.size());
  std::vector<std::int32_t> users;
  for (const std::size_t tenth : {1U, 3U, 5U, 7U, 9U}) {
    if (order.empty()) break;
    const std::int32_t user = order[order.size() * tenth / 10];
    if (users.empty() || users.back() != user) users.push_back(user);
  }
  return users;
}

/// Positions in the matrix of the user's best ratings, ties to the smaller item.
std::vector<std::size_t> best_ratings(const CompressedMatrix& train, std::size_t row) {
  std::vector<std::size_t> order(
      static_cast<std::size_t>(train.offsets[row + 1] - train.offsets[row]));
  std::iota(order.begin(), order.end(), static_cast<std::size_t>(train.offsets[row]));
  std::ranges::stable_sort(order, std::greater<>(),
                           [&](std::size_t at) { return train.values[at]; });
  order.resize(std::min<std::size_t>(shown_recommendations, order.size()));
  return order;
}

}  // namespace

Section factor_section(const Scorer& scorer, const Model& model, const ItemFacts& facts) {
  Section section{.title = "What the model has learned"};
  if (model.spec.rank == 0) {
    section.notes.emplace_back("The model has no factors (--k 0).");
    return section;
  }
  const auto users = most_rated_rows(model.user_counts, spectrum_rows);
  const auto items = most_rated_rows(model.item_counts, spectrum_rows);
  section.figures.push_back(spectrum(model, users, items));
  if (model.spec.rank > 1) section.figures.push_back(item_map(model, facts));
  section.figures.push_back(neighbors(scorer, model, facts));
  return section;
}

Section user_section(const Scorer& scorer, const Model& model, const ItemFacts& facts,
                     const Triples& train) {
  const std::vector<std::int32_t> users = some_users(model);
  const CompressedMatrix seen = select_rows(compress_by_user(train, model.users.size()), users);
  const auto recommended = scorer.recommend(users, shown_recommendations, &seen, nullptr);
  Figure figure{.name = "recommendations",
                .title = "Recommendations beside what users rated best",
                .text =
                    "Five users, from an active one to one with few ratings. What they rated in "
                    "training is not recommended; what they rated in a test part may be."};
  figure.data.columns = {"user", "rank", "rating", "rated_best", "prediction", "recommended"};
  figure.data.naming = 2;
  for (std::size_t row = 0; row < users.size(); ++row) {
    const std::vector<std::size_t> rated = best_ratings(seen, row);
    for (std::size_t rank = 0; rank < std::max(rated.size(), recommended[row].size()); ++rank) {
      std::vector<Value> cells(6);
      cells[0] = model.users.text(users[row]);
      cells[1] = static_cast<std::int64_t>(rank) + 1;
      if (rank < rated.size()) {
        cells[2] = static_cast<double>(seen.values[rated[rank]]);
        cells[3] = name_of(model, facts, seen.columns[rated[rank]]);
      }
      if (rank < recommended[row].size()) {
        cells[4] = static_cast<double>(recommended[row][rank].score);
        cells[5] = name_of(model, facts, recommended[row][rank].index);
      }
      figure.data.rows.push_back(std::move(cells));
    }
  }
  Section section{.title = "What users get"};
  section.figures.push_back(std::move(figure));
  return section;
}

}  // namespace alsatian
