// Implements fold_in.hpp on the reference's row equations, so that a new user is solved by what
// every backend is tested against.
#include "host/train/fold_in.hpp"

#include "host/error.hpp"
#include "host/train/backend.hpp"
#include "kernels/reference/als.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

namespace alsatian {
namespace {

/// The rows of the items that were rated, one after the other, in standardised units.
reference::SideParameters rows_of_items(const Model& model, const std::vector<OwnRating>& ratings) {
  const SideFactors& items = model.factors.items;
  reference::SideParameters rows(static_cast<std::int64_t>(ratings.size()), items.rank);
  for (std::int64_t j = 0; j < rows.rows(); ++j) {
    const std::int32_t item = ratings[static_cast<std::size_t>(j)].item;
    for (std::int32_t q = 0; q < items.rank; ++q) {
      rows.factors(j, q) = items.row(item)[q] / model.scale.factor_unit();
    }
    rows.biases[j] = items.biases[static_cast<std::size_t>(item)] / model.scale.bias_unit();
  }
  return rows;
}

/// z of an item: its factors, and 1 where users have biases.
reference::Vector unknowns_of(const reference::SideParameters& items, std::int64_t row,
                              const ModelSpec& spec) {
  reference::Vector z(spec.rank + (spec.biases ? 1 : 0));
  z.head(spec.rank) = items.factors.row(row).transpose();
  if (spec.biases) z[spec.rank] = 1;
  return z;
}

}  // namespace

struct FoldIn::Equations {
  reference::SideParameters items;  // of each rating
  reference::Vector targets;        // r − μ − c of each rating
  reference::Matrix matrix;         // A
  reference::Vector row;            // w
};

FoldIn::FoldIn(const Model& model, std::vector<OwnRating> ratings)
    : model_(model), ratings_(std::move(ratings)), equations_(std::make_unique<Equations>()) {
  if (is_bayes(model.spec)) {
    throw Error(ExitCode::usage, "--model bayes",
                "rows for new ratings are not drawn: the model holds draws of those it was trained "
                "on",
                "use a model trained with --model als");
  }
  const auto count = static_cast<std::int64_t>(ratings_.size());
  const std::vector<std::int64_t> offsets{0, count};
  std::vector<std::int32_t> columns(ratings_.size());
  std::iota(columns.begin(), columns.end(), 0);  // rows of the items that were rated
  check_row_solve(model.spec, count, {offsets, columns, std::vector<float>(ratings_.size())},
                  RowPrior{});
  std::vector<double> values;
  for (const OwnRating& own : ratings_) {
    values.push_back(model.scale.standardise(own.rating));
  }
  equations_->items = rows_of_items(model, ratings_);
  reference::RowEquations equations = reference::row_equations(
      {offsets, columns, values}, 0, equations_->items,
      {model.spec.regularization, model.scale.score_mean, model.spec.biases});
  equations_->row = reference::solve_by_cholesky(equations).row;
  equations_->matrix = std::move(equations.matrix);
  equations_->targets.resize(count);
  for (std::int64_t j = 0; j < count; ++j) {
    const double bias = model.spec.biases ? equations_->items.biases[j] : 0.0;
    equations_->targets[j] = values[static_cast<std::size_t>(j)] - model.scale.score_mean - bias;
  }
}

FoldIn::~FoldIn() = default;

CompressedMatrix FoldIn::rated_items() const {
  CompressedMatrix row{{0, static_cast<std::int64_t>(ratings_.size())}, {}, {}};
  std::vector<OwnRating> sorted = ratings_;
  std::ranges::sort(sorted, {}, &OwnRating::item);
  for (const OwnRating& own : sorted) {
    row.columns.push_back(own.item);
    row.values.push_back(own.rating);
  }
  return row;
}

Model FoldIn::model_of_user() const {
  // All but the users that training knows, who may be most of the model.
  Model model;
  model.spec = model_.spec;
  model.scale = model_.scale;
  model.items = model_.items;
  model.item_counts = model_.item_counts;
  model.factors.items = model_.factors.items;
  model.statistics = model_.statistics;
  model.user_counts = {static_cast<std::int32_t>(ratings_.size())};
  SideFactors user(1, model_.spec.rank);
  const reference::Vector& row = equations_->row;
  for (std::int32_t q = 0; q < model_.spec.rank; ++q) {
    user.row(0)[q] = static_cast<float>(row[q] * model_.scale.factor_unit());
  }
  if (model_.spec.biases) {
    user.biases[0] = static_cast<float>(row[model_.spec.rank] * model_.scale.bias_unit());
  }
  model.factors.users = std::move(user);
  return model;
}

double FoldIn::Explanation::prediction() const {
  return std::accumulate(contributions.begin(), contributions.end(), base);
}

FoldIn::Explanation FoldIn::explain(std::int32_t item) const {
  const reference::SideParameters explained = rows_of_items(model_, {{item, 0.0F}});
  const reference::Vector z = unknowns_of(explained, 0, model_.spec);
  const reference::Vector weights =
      reference::solve_by_cholesky({equations_->matrix, z}).row;  // A⁻¹z, A being symmetric
  Explanation explanation{.base = model_.mean_score(), .contributions = {}};
  if (model_.spec.biases) {
    explanation.base += model_.factors.items.biases[static_cast<std::size_t>(item)];
  }
  for (std::int64_t j = 0; j < equations_->targets.size(); ++j) {
    const double share = weights.dot(unknowns_of(equations_->items, j, model_.spec));
    explanation.contributions.push_back(share * equations_->targets[j] * model_.scale.bias_unit());
  }
  return explanation;
}

}  // namespace alsatian
