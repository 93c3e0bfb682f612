// Implements fold_in.hpp on the reference's row equations, so that a new user is solved by what
// every backend is tested against.
#include "host/train/fold_in.hpp"

#include "host/error.hpp"
#include "host/train/backend.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/math/random.hpp"
#include "kernels/reference/als.hpp"
#include "kernels/reference/gibbs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace alsatian {
namespace {

using reference::Matrix;
using reference::Vector;

/// Where the items stand that ratings are explained by: those of the model, or of one draw.
struct ItemSide {
  const Model& model;
  std::optional<std::int32_t> draw;

  std::int32_t rank() const { return model.spec.rank; }
  std::int64_t order() const { return rank() + (model.spec.biases ? 1 : 0); }
  /// What a column of factors is divided by to be standardised, √draws being in both sides of
  /// bayes.
  double unit() const {
    return model.scale.factor_unit() / (draw ? std::sqrt(static_cast<double>(model.draws)) : 1.0);
  }
  std::int32_t first_column() const { return draw.value_or(0) * rank(); }

  /// ν of the draw.
  double mean(std::int32_t j) const {
    if (!draw) return 0;
    const std::int64_t index = *draw * order() + j;
    return model.draw_priors.item_means[static_cast<std::size_t>(index)];
  }
  /// What a score is without the user: μ + c.
  double known(std::int32_t item) const {
    const auto row = static_cast<std::size_t>(item);
    if (draw) {
      const auto at = row * static_cast<std::size_t>(model.draws) + static_cast<std::size_t>(*draw);
      return model.draw_biases.constants[static_cast<std::size_t>(*draw)] +
             model.draw_biases.items[at];
    }
    const double bias = model.spec.biases ? model.factors.items.biases[row] : 0.0F;
    return model.scale.score_mean + bias / model.scale.bias_unit();
  }
  /// z: the item's factors, and 1 where users have biases.
  Vector unknowns(std::int32_t item) const {
    Vector z = Vector::Ones(order());
    const float* factors = model.factors.items.row(item) + first_column();
    for (std::int32_t j = 0; j < rank(); ++j) z[j] = factors[j] / unit() + mean(j);
    return z;
  }
};

/// Λ/α of a draw: P.
Matrix prior_precision(const ItemSide& side) {
  const std::int64_t order = side.order();
  const auto draw = static_cast<std::size_t>(*side.draw);
  const double* entries = side.model.draw_priors.precisions.data() + *side.draw * order * order;
  return Eigen::Map<const Matrix>(entries, order, order) /
         side.model.draw_priors.noise_precisions[draw];
}

/// μ + Bᵀf of a draw: m. Without ratings that of an unknown row, the mean of all.
Vector prior_mean(const ItemSide& side, const std::vector<OwnRating>& ratings) {
  const std::int64_t order = side.order();
  const DrawPriors& priors = side.model.draw_priors;
  if (ratings.empty()) return Vector::Zero(order);
  Vector mean =
      Eigen::Map<const Vector>(priors.user_means.data() + std::int64_t{*side.draw} * order, order);
  if (priors.weights.empty()) return mean;
  const double share = 1 / std::sqrt(static_cast<double>(ratings.size()));
  for (const OwnRating& own : ratings) {
    const std::int64_t first = (std::int64_t{own.item} * side.model.draws + *side.draw) * order;
    for (std::int64_t j = 0; j < order; ++j) {
      mean[j] += share * priors.weights[static_cast<std::size_t>(first + j)];
    }
  }
  return mean;
}

/// What a model holds may be finite, and what is computed from it not.
void check_finite(bool is_finite) {
  if (is_finite) return;
  throw Error(ExitCode::bad_data, "the model", "gives no finite row for these ratings",
              "its file is damaged: train it again");
}

}  // namespace

struct FoldIn::Equations {
  ItemSide side;
  Vector targets;  // r − μ − c of each rating
  Matrix matrix;   // A
  Vector prior;    // P m
  Vector row;      // w

  Equations(const ItemSide& items, const std::vector<OwnRating>& ratings) : side(items) {
    const auto count = static_cast<std::int64_t>(ratings.size());
    reference::SideParameters rated(count, side.rank());
    std::vector<double> values;
    for (std::int64_t j = 0; j < count; ++j) {
      const OwnRating& own = ratings[static_cast<std::size_t>(j)];
      rated.factors.row(j) = side.unknowns(own.item).head(side.rank()).transpose();
      rated.biases[j] = side.known(own.item);
      values.push_back(side.model.scale.standardise(own.rating));
    }
    targets = Eigen::Map<const Vector>(values.data(), count) - rated.biases;
    const std::vector<std::int64_t> offsets{0, count};
    std::vector<std::int32_t> columns(ratings.size());
    std::iota(columns.begin(), columns.end(), 0);  // rows of the items that were rated
    const ModelSpec& spec = side.model.spec;
    const Regularization none{.factors = 0, .biases = 0};
    reference::RowEquations equations =
        reference::row_equations({offsets, columns, values}, 0, rated,
                                 {side.draw ? none : spec.regularization, 0.0, spec.biases});
    prior = Vector::Zero(side.order());
    if (side.draw) {
      const Matrix precision = prior_precision(side);
      prior = precision * prior_mean(side, ratings);
      equations.matrix += precision;
      equations.right_side += prior;
    }
    row = reference::solve_by_cholesky(equations).row;
    check_finite(row.allFinite());
    matrix = std::move(equations.matrix);
  }

  /// The row with what its conditional distribution leaves open: w + L⁻ᵀε, LLᵀ = αA.
  Vector drawn_row(std::uint64_t seed) const {
    // Beside the rows of recommended_draw that choose a user's draw.
    RandomWords words(seed, RandomStream::recommended_draw,
                      (std::uint64_t{1} << 32) | static_cast<std::uint64_t>(*side.draw));
    NormalDraws normal_draw(words);
    Vector noise(side.order());
    for (double& value : noise) value = normal_draw();
    const double precision =
        side.model.draw_priors.noise_precisions[static_cast<std::size_t>(*side.draw)];
    const Vector drawn = row + reference::deviation_of_precision(precision * matrix, noise);
    check_finite(drawn.allFinite());
    return drawn;
  }
};

FoldIn::FoldIn(const Model& model, std::vector<OwnRating> ratings)
    : model_(model), ratings_(std::move(ratings)) {
  const bool draws = is_bayes(model.spec);
  if (draws && model.draw_priors.noise_precisions.empty()) {
    throw Error(
        ExitCode::usage, "--model bayes",
        "rows for new ratings cannot be solved: an earlier version wrote the model, without "
        "what its rows are drawn around",
        "train it again, or use a model trained with --model als");
  }
  const auto count = static_cast<std::int64_t>(ratings_.size());
  std::vector<std::int32_t> columns(ratings_.size());
  std::iota(columns.begin(), columns.end(), 0);
  check_row_solve(model.spec, count, {{0, count}, columns, std::vector<float>(ratings_.size())},
                  RowPrior{});
  if (!draws) {
    equations_.emplace_back(ItemSide{model, std::nullopt}, ratings_);
    return;
  }
  std::vector<std::optional<Equations>> solved(static_cast<std::size_t>(model.draws));
  parallel_for(model.draws, [&](std::int64_t draw) {
    const ItemSide side{model, static_cast<std::int32_t>(draw)};
    solved[static_cast<std::size_t>(draw)].emplace(side, ratings_);
  });
  for (std::optional<Equations>& equations : solved) equations_.push_back(*std::move(equations));
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

void FoldIn::replace_users(Model& model) const {
  make_room(model, 1);
  set_user(model, 0, std::nullopt);
}

void FoldIn::replace_users_by_draw(Model& model, std::uint64_t seed) const {
  make_room(model, 2);
  set_user(model, 0, seed);
  set_user(model, 1, std::nullopt);
}

void FoldIn::make_room(Model& model, std::int32_t users) const {
  model.users = IdIndex();
  model.user_features = FeatureSource();
  model.user_counts.assign(static_cast<std::size_t>(users),
                           static_cast<std::int32_t>(ratings_.size()));
  model.factors.users = SideFactors(users, model.factors.items.rank);
  model.draw_biases.users.clear();
}

void FoldIn::set_user(Model& model, std::int32_t user, std::optional<std::uint64_t> seed) const {
  double bias = 0;
  for (const Equations& equations : equations_) {
    const ItemSide& side = equations.side;
    const Vector row = seed && side.draw ? equations.drawn_row(*seed) : equations.row;
    double own_bias = model.spec.biases ? row[side.rank()] : 0.0;
    for (std::int32_t j = 0; j < side.rank(); ++j) {
      model.factors.users.row(user)[side.first_column() + j] =
          static_cast<float>(row[j] * side.unit());
      own_bias += row[j] * side.mean(j);
    }
    if (side.draw) model.draw_biases.users.push_back(static_cast<float>(own_bias));
    bias += own_bias / static_cast<double>(equations_.size());
  }
  model.factors.users.biases[static_cast<std::size_t>(user)] =
      static_cast<float>(bias * model.scale.bias_unit());
}

double FoldIn::Explanation::prediction() const {
  return std::accumulate(contributions.begin(), contributions.end(), base);
}

FoldIn::Explanation FoldIn::explain(std::int32_t item) const {
  const double share = model_.scale.bias_unit() / static_cast<double>(equations_.size());
  Explanation explanation{
      .base = model_.mean_score() + model_.factors.items.biases[static_cast<std::size_t>(item)],
      .contributions = std::vector<double>(ratings_.size())};
  for (const Equations& equations : equations_) {
    const Vector weights =  // A⁻¹z, A being symmetric
        reference::solve_by_cholesky({equations.matrix, equations.side.unknowns(item)}).row;
    explanation.base += share * weights.dot(equations.prior);
    for (std::size_t j = 0; j < ratings_.size(); ++j) {
      const Vector rated = equations.side.unknowns(ratings_[j].item);
      explanation.contributions[j] +=
          share * weights.dot(rated) * equations.targets[static_cast<std::int64_t>(j)];
    }
  }
  check_finite(std::isfinite(explanation.prediction()));
  return explanation;
}

}  // namespace alsatian
