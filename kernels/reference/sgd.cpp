// Stochastic gradient descent's epoch, its update written row against row.
// The two rows of a rating are treated alike: one function, called for the user and for the item.
#include "kernels/reference/sgd.hpp"

#include "kernels/reference/objective.hpp"

#include <cmath>
#include <variant>

namespace alsatian::reference {

namespace {

/// s(n)/n of every row.
Vector observation_shares(const CsrView<double>& ratings, double scaling) {
  Vector shares(ratings.rows());
  for (std::int64_t row = 0; row < ratings.rows(); ++row) {
    shares[row] = observation_share(static_cast<double>(ratings.row_size(row)), scaling);
  }
  return shares;
}

/// rate/√G with the old G, which then grows by the mean of the squared slopes.
double step_length(double rate, double mean_squared_slope, double* sum) {
  if (sum == nullptr) return rate;
  const double length = rate / std::sqrt(*sum);
  *sum += mean_squared_slope;
  return length;
}

struct Update {
  const Problem& problem;
  double learning_rate;

  /// Moves one row of `side` given the old factors of the row it met and its share s(n)/n.
  void factors(double slope, double share, const Vector& met, double* sum, Vector& row) const {
    const Vector slopes = slope * met + problem.regularization.factors * share * row;
    const double mean_square = slopes.squaredNorm() / static_cast<double>(row.size());
    row -= step_length(learning_rate, mean_square, sum) * slopes;
  }

  void bias(double slope, double share, double* sum, double& value) const {
    const double own_slope = slope + problem.regularization.biases * share * value;
    value -= step_length(learning_rate, own_slope * own_slope, sum) * own_slope;
  }
};

}  // namespace

void sgd_epoch(const Problem& problem, const SgdScheduleView& schedule,
               std::span<const std::int32_t> stages, double learning_rate,
               std::optional<AdaGradSums>& sums, Parameters& parameters) {
  const double scaling = problem.regularization.scaling;
  const Vector user_shares = observation_shares(problem.by_user, scaling);
  const Vector item_shares = observation_shares(problem.by_item, scaling);
  const Update update{problem, learning_rate};

  const auto visit = [&](std::int64_t user, std::int64_t item, double rating) {
    const double eta = score_of(parameters, problem.mean, user, item);
    const double slope =
        std::visit([&](const auto& kind) { return kind.loss_and_slope(eta, rating).slope; },
                   problem.likelihood);
    if (parameters.rank() > 0) {
      const Vector old_user = parameters.users.factors.row(user);
      const Vector old_item = parameters.items.factors.row(item);
      Vector new_user = old_user;
      Vector new_item = old_item;
      update.factors(slope, user_shares[user], old_item, sums ? &sums->user_factors[user] : nullptr,
                     new_user);
      update.factors(slope, item_shares[item], old_user, sums ? &sums->item_factors[item] : nullptr,
                     new_item);
      parameters.users.factors.row(user) = new_user.transpose();
      parameters.items.factors.row(item) = new_item.transpose();
    }
    if (problem.biases) {
      update.bias(slope, user_shares[user], sums ? &sums->user_biases[user] : nullptr,
                  parameters.users.biases[user]);
      update.bias(slope, item_shares[item], sums ? &sums->item_biases[item] : nullptr,
                  parameters.items.biases[item]);
    }
  };

  for (const std::int32_t stage : stages) {
    for (std::int32_t part = 0; part < schedule.grid; ++part) {
      const std::int64_t block =
          std::int64_t{part} * schedule.grid + (part + stage) % schedule.grid;
      for (std::int64_t o = schedule.block_offsets[block]; o < schedule.block_offsets[block + 1];
           ++o) {
        visit(schedule.users[o], schedule.items[o], static_cast<double>(schedule.ratings[o]));
      }
    }
  }
}

}  // namespace alsatian::reference
