// The backend that trains with the Eigen reference: slow, serial, in double, easy to believe.
// What other backends are compared with, and what --device reference runs.
#include "host/error.hpp"
#include "host/train/backend.hpp"
#include "kernels/reference/als.hpp"
#include "kernels/reference/gibbs.hpp"
#include "kernels/reference/least_squares.hpp"
#include "kernels/reference/objective.hpp"
#include "kernels/reference/sgd.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <variant>

namespace alsatian {

namespace {

/// A CompressedMatrix with its values in double; the view's owner.
struct DoubleRatings {
  std::vector<std::int64_t> offsets;
  std::vector<std::int32_t> columns;
  std::vector<double> values;

  explicit DoubleRatings(CompressedMatrix ratings)
      : offsets(std::move(ratings.offsets)),
        columns(std::move(ratings.columns)),
        values(ratings.values.begin(), ratings.values.end()) {}

  CsrView<double> view() const { return {offsets, columns, values}; }
};

/// 1/√n at each rating of a row with n of them.
DoubleRatings implicit_features(const DoubleRatings& ratings) {
  DoubleRatings features = ratings;
  const CsrView<double> rows = ratings.view();
  for (std::int64_t row = 0; row < rows.rows(); ++row) {
    const auto first = features.values.begin() + rows.offsets[row];
    std::fill_n(first, rows.row_size(row), 1 / std::sqrt(static_cast<double>(rows.row_size(row))));
  }
  return features;
}

reference::SideParameters to_double(const SideFactors& side) {
  reference::SideParameters result(side.rows, side.rank);
  std::copy(side.factors.begin(), side.factors.end(), result.factors.data());
  std::copy(side.biases.begin(), side.biases.end(), result.biases.data());
  return result;
}

reference::RowPrior to_double(const RowPrior& prior, const ModelSpec& spec) {
  reference::RowPrior result;
  if (!prior.precision.empty()) {
    const Eigen::Index order = spec.rank + (spec.biases ? 1 : 0);
    result.precision = Eigen::Map<const reference::Matrix>(prior.precision.data(), order, order);
  }
  if (prior.means != nullptr) result.means = to_double(*prior.means);
  return result;
}

SideFactors to_float(const reference::SideParameters& side) {
  SideFactors result(side.rows(), static_cast<std::int32_t>(side.rank()));
  const auto narrow = [](double value) { return static_cast<float>(value); };
  std::transform(side.factors.data(), side.factors.data() + side.factors.size(),
                 result.factors.begin(), narrow);
  std::transform(side.biases.data(), side.biases.data() + side.biases.size(), result.biases.begin(),
                 narrow);
  return result;
}

/// An empty row is 0 from the start: no rating ever moves it.
void clear_empty_rows(const CsrView<double>& ratings, reference::SideParameters& side) {
  for (std::int64_t row = 0; row < ratings.rows(); ++row) {
    if (ratings.row_size(row) > 0) continue;
    side.factors.row(row).setZero();
    side.biases[row] = 0;
  }
}

std::optional<std::int64_t> non_finite_row(const reference::SideParameters& side) {
  for (std::int64_t row = 0; row < side.rows(); ++row) {
    if (!side.factors.row(row).allFinite() || !std::isfinite(side.biases[row])) return row;
  }
  return std::nullopt;
}

ErrorSums to_error_sums(const reference::LossSums& sums) {
  return {.count = sums.count,
          .squared_error = sums.squared_error,
          .absolute_error = sums.absolute_error,
          .loss = sums.loss};
}

class ReferenceBackend final : public Backend {
 public:
  explicit ReferenceBackend(TrainingProblem problem)
      : spec_(std::move(problem.spec)),
        by_user_(std::move(problem.by_user)),
        by_item_(std::move(problem.by_item)),
        schedule_(std::move(problem.schedule)),
        held_out_(std::move(problem.held_out)),
        user_features_(std::move(problem.user_features)),
        item_features_(std::move(problem.item_features)),
        problem_{by_user_.view(),  by_item_.view(),          spec_.regularization,
                 spec_.likelihood, problem.scale.score_mean, spec_.biases},
        parameters_{to_double(problem.start.users), to_double(problem.start.items)} {
    clear_empty_rows(problem_.by_user, parameters_.users);
    clear_empty_rows(problem_.by_item, parameters_.items);
    const auto* mle = std::get_if<Mle>(&spec_.algorithm);
    if (mle != nullptr && mle->optimizer == Optimizer::adagrad) {
      sums_.emplace(parameters_.users.rows(), parameters_.items.rows());
    }
  }

  std::string description() const override { return "reference (Eigen, double, 1 thread)"; }

  HalfSweepReport als_half_sweep(Side side) override {
    const auto* als = std::get_if<Als>(&spec_.algorithm);
    const bool iterative = als != nullptr && als->solver == Solver::conjugate_gradient;
    const reference::HalfSweepOptions options{iterative ? als->solver_steps : 0};
    if (side == Side::users) {
      return {reference::half_sweep(problem_.by_user, parameters_.items, problem_, options,
                                    parameters_.users)};
    }
    return {reference::half_sweep(problem_.by_item, parameters_.users, problem_, options,
                                  parameters_.items)};
  }

  void sgd_epoch(double learning_rate, int epoch) override {
    reference::sgd_epoch(problem_, schedule_.view(), stage_order(schedule_.grid, epoch, spec_.seed),
                         learning_rate, sums_, parameters_);
  }

  LeastSquaresReport least_squares_step() override {
    reference::LeastSquaresOptions options;
    if (const auto* choice = std::get_if<LeastSquares>(&spec_.algorithm)) {
      options.inner_steps = choice->inner_steps;
    }
    const reference::LeastSquaresOutcome outcome =
        reference::least_squares_step(problem_, options, damping_, parameters_);
    return {.accepted = outcome.accepted,
            .objective = outcome.objective,
            .inner_steps = outcome.inner_steps,
            .damping = outcome.damping};
  }

  void start_gibbs() override {
    const auto* given = std::get_if<Bayes>(&spec_.algorithm);
    const Bayes bayes = given != nullptr ? *given : Bayes{};
    const bool implicit = bayes.features == Features::implicit;
    gibbs_ = reference::start_gibbs(problem_, implicit ? parameters_.items.rows() : 0,
                                    implicit ? parameters_.users.rows() : 0, parameters_);
    gibbs_.likelihood_power = bayes.likelihood_power;
    give_features(user_features_, problem_.by_user, gibbs_.users);
    give_features(item_features_, problem_.by_item, gibbs_.items);
  }

  GibbsReport gibbs_sweep(int sweep, int chain) override {
    reference::gibbs_sweep(problem_, implicit_features(by_user_).view(),
                           implicit_features(by_item_).view(), gibbs_key(spec_.seed, sweep, chain),
                           gibbs_, parameters_);
    return {.noise_precision = gibbs_.noise_precision,
            .user_weight_precision = gibbs_.users.weight_precision,
            .item_weight_precision = gibbs_.items.weight_precision};
  }

  GibbsUserPrior gibbs_user_prior() const override {
    const auto& [mean, precision, weights] =
        std::tie(gibbs_.users.mean, gibbs_.users.precision, gibbs_.users.weights);
    return {{mean.begin(), mean.end()},
            {precision.data(), precision.data() + precision.size()},
            {weights.data(), weights.data() + weights.size()}};
  }

  Objective objective() override {
    const reference::LossSums sums = reference::loss_sums(problem_, parameters_);
    return {sums.loss + reference::penalty(problem_, parameters_), to_error_sums(sums)};
  }

  ErrorSums held_out_errors(std::size_t index) override {
    const HeldOut& ratings = held_out_.at(index);
    reference::LossSums sums;
    for (std::size_t o = 0; o < ratings.ratings.size(); ++o) {
      const double score =
          reference::score_of(parameters_, problem_.mean, ratings.users[o], ratings.items[o]);
      sums.add(problem_.likelihood, score, static_cast<double>(ratings.ratings[o]));
    }
    return to_error_sums(sums);
  }

  std::optional<BadRow> first_non_finite_row() override {
    if (const auto row = non_finite_row(parameters_.users)) return BadRow{Side::users, *row};
    if (const auto row = non_finite_row(parameters_.items)) return BadRow{Side::items, *row};
    return std::nullopt;
  }

  SideFactors solve_rows(Side side, const CompressedMatrix& ratings,
                         const RowPrior& prior) override {
    const reference::SideParameters& opposite =
        side == Side::users ? parameters_.items : parameters_.users;
    check_row_solve(spec_, opposite.rows(), ratings, prior);
    const DoubleRatings rows(ratings);
    const reference::RowPrior exact_prior = to_double(prior, spec_);
    reference::SideParameters solved(ratings.rows(), opposite.rank());
    reference::half_sweep(rows.view(), opposite, problem_, {.prior = &exact_prior}, solved);
    return to_float(solved);
  }

  void set_regularization(const Regularization& regularization) override {
    problem_.regularization = regularization;
  }

  Factors factors() const override {
    return {to_float(parameters_.users), to_float(parameters_.items)};
  }

  void set_factors(const Factors& factors) override {
    check_shape(factors.users, parameters_.users);
    check_shape(factors.items, parameters_.items);
    parameters_ = {to_double(factors.users), to_double(factors.items)};
  }

  BackendState state() override { return copy_state(state_places()); }
  void restore(const BackendState& state) override { restore_state(state, state_places()); }

 private:
  static void give_features(const SideFeatures& features, const CsrView<double>& ratings,
                            reference::GibbsSide& side) {
    if (features.count() == 0) return;
    const DoubleRatings rows(features.rows);
    side.given = reference::give_features({rows.view(), features.count(), features.described},
                                          ratings, side.order());
  }

  std::vector<StatePlace> state_places() {
    std::vector<StatePlace> places;
    const auto add = [&](std::string_view name, auto& values) {
      places.push_back({name, values.data(), values.size()});
    };
    add("user_factors", parameters_.users.factors);
    add("user_biases", parameters_.users.biases);
    add("item_factors", parameters_.items.factors);
    add("item_biases", parameters_.items.biases);
    if (sums_) {
      add("user_factor_sums", sums_->user_factors);
      add("user_bias_sums", sums_->user_biases);
      add("item_factor_sums", sums_->item_factors);
      add("item_bias_sums", sums_->item_biases);
    }
    if (std::holds_alternative<LeastSquares>(spec_.algorithm)) {
      places.push_back({"damping", &damping_.damping});
      places.push_back({"damping_growth", &damping_.growth});
    }
    if (is_bayes(spec_)) {
      if (gibbs_.users.order() == 0) start_gibbs();  // so that there is room for a state
      const auto add_side = [&](const std::array<std::string_view, 6>& names,
                                reference::GibbsSide& side) {
        add(names[0], side.mean);
        add(names[1], side.precision);
        places.push_back({names[2], &side.weight_precision});
        add(names[3], side.weights);
        if (!side.given.any()) return;
        add(names[4], side.given.weights);
        places.push_back({names[5], &side.given.weight_precision});
      };
      add_side({"user_mean", "user_precision", "user_weight_precision", "user_weights",
                "user_given_weights", "user_given_precision"},
               gibbs_.users);
      add_side({"item_mean", "item_precision", "item_weight_precision", "item_weights",
                "item_given_weights", "item_given_precision"},
               gibbs_.items);
      places.push_back({"noise_precision", &gibbs_.noise_precision});
    }
    return places;
  }

  static void check_shape(const SideFactors& given, const reference::SideParameters& held) {
    if (given.rows == held.rows() && given.rank == held.rank()) return;
    throw Error(ExitCode::internal, "set_factors",
                "the factors have another shape than those of the backend",
                "report this as a bug, with the command");
  }

  ModelSpec spec_;
  DoubleRatings by_user_;
  DoubleRatings by_item_;
  SgdSchedule schedule_;
  std::vector<HeldOut> held_out_;
  SideFeatures user_features_;
  SideFeatures item_features_;
  reference::Problem problem_;
  reference::Parameters parameters_;
  std::optional<reference::AdaGradSums> sums_;
  reference::DampingState damping_;
  reference::GibbsState gibbs_;
};

}  // namespace

std::unique_ptr<Backend> make_reference_backend(TrainingProblem problem) {
  if (auto refusal = cpu_refusal(problem.spec)) throw *refusal;
  return std::make_unique<ReferenceBackend>(std::move(problem));
}

}  // namespace alsatian
