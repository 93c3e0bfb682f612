// The backend of machines without a GPU: float kernels for the best instruction set there is.
// Holds data and padded tables; everything it computes is in kernels/cpu.
#include "host/error.hpp"
#include "host/train/backend.hpp"
#include "kernels/cpu/als.hpp"
#include "kernels/cpu/errors.hpp"
#include "kernels/cpu/factor_table.hpp"
#include "kernels/cpu/gibbs.hpp"
#include "kernels/cpu/least_squares.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/sgd.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <variant>

namespace alsatian {

namespace {

CsrView<float> view_of(const CompressedMatrix& ratings) {
  return {ratings.offsets, ratings.columns, ratings.values};
}

SideView<const float> view_of(const SideFactors* side) {
  if (side == nullptr) return {};
  return {side->factors.data(), side->biases.data(), side->rows, side->rank, side->rank};
}

SideFactors to_side_factors(const cpu::FactorTable& table) {
  SideFactors side(table.rows(), table.rank());
  table.copy_to(side.factors, side.biases);
  return side;
}

ErrorSums to_error_sums(const cpu::ErrorSums& sums) {
  return {.count = sums.count,
          .squared_error = sums.squared_error,
          .absolute_error = sums.absolute_error,
          .loss = sums.loss};
}

/// The instruction set asked for, if this machine has it, or the best one.
Isa choose_isa(const DeviceOptions& device) {
  if (!device.isa) return best_isa();
  if (isa_available(*device.isa)) return *device.isa;
  throw Error(ExitCode::device_unavailable, fmt::format("--isa {}", isa_name(*device.isa)),
              fmt::format("this machine or build does not have the instruction set {}",
                          isa_name(*device.isa)),
              fmt::format("leave --isa out, or pass --isa {}", isa_name(best_isa())));
}

/// Everything of one side: its ratings, its parameters, and what the algorithms keep of its rows.
struct CpuSide {
  CompressedMatrix ratings;
  std::vector<std::int64_t> order;  // rows, longest first
  cpu::FactorTable table;
  cpu::SgdSide sgd;

  CpuSide(CompressedMatrix rows, const SideFactors& start, const ModelSpec& spec)
      : ratings(std::move(rows)),
        order(cpu::longest_first(view_of(ratings))),
        table(start.rows, start.rank) {
    set_factors(start, spec.biases);
    if (std::holds_alternative<Mle>(spec.algorithm)) {
      sgd = cpu::SgdSide(ratings.offsets, spec.regularization.scaling);
    }
  }

  /// Rows without ratings are 0, as are biases in a model without: no step ever moves them.
  void set_factors(const SideFactors& factors, bool biases) {
    table.assign(factors.factors, factors.biases);
    const SideView<float> side = table.view();
    for (std::int64_t row = 0; row < side.rows; ++row) {
      const bool rated = view_of(ratings).row_size(row) > 0;
      if (!rated) std::fill_n(side.row(row), side.rank, 0.0F);
      if (!rated || !biases) side.biases[row] = 0;
    }
  }
};

class CpuBackend final : public Backend {
 public:
  CpuBackend(TrainingProblem problem, Isa isa)
      : kernels_(cpu::kernels(isa)),
        spec_(std::move(problem.spec)),
        mean_(problem.scale.score_mean),
        schedule_(std::move(problem.schedule)),
        held_out_(std::move(problem.held_out)),
        user_features_(std::move(problem.user_features)),
        item_features_(std::move(problem.item_features)),
        users_(std::move(problem.by_user), problem.start.users, spec_),
        items_(std::move(problem.by_item), problem.start.items, spec_) {}

  std::string description() const override {
    const int threads = thread_count();
    return fmt::format("cpu ({}, {} thread{})", isa_name(kernels_.isa), threads,
                       threads == 1 ? "" : "s");
  }

  HalfSweepReport als_half_sweep(Side side) override {
    const auto* als = std::get_if<Als>(&spec_.algorithm);
    const bool iterative = als != nullptr && als->solver == Solver::conjugate_gradient;
    CpuSide& own = side_of(side);
    const cpu::AlsTask task{.ratings = view_of(own.ratings),
                            .opposite = opposite_of(side).table.view(),
                            .solved = own.table.view(),
                            .regularization = spec_.regularization,
                            .biases = spec_.biases,
                            .solver_steps = iterative ? als->solver_steps : 0};
    return {cpu::als_half_sweep(kernels_, task, own.order)};
  }

  void sgd_epoch(double learning_rate, int epoch) override {
    const auto* mle = std::get_if<Mle>(&spec_.algorithm);
    const bool adagrad = mle == nullptr || mle->optimizer == Optimizer::adagrad;
    const cpu::SgdTask task{
        .users = users_.table.view(),
        .items = items_.table.view(),
        .user_factor_sums = adagrad ? users_.sgd.factor_sums.data() : nullptr,
        .user_bias_sums = adagrad ? users_.sgd.bias_sums.data() : nullptr,
        .item_factor_sums = adagrad ? items_.sgd.factor_sums.data() : nullptr,
        .item_bias_sums = adagrad ? items_.sgd.bias_sums.data() : nullptr,
        .user_shares = users_.sgd.shares.data(),
        .item_shares = items_.sgd.shares.data(),
        .factor_regularization = static_cast<float>(spec_.regularization.factors),
        .bias_regularization = static_cast<float>(spec_.regularization.biases),
        .mean = static_cast<float>(mean_),
        .learning_rate = static_cast<float>(learning_rate),
        .biases = spec_.biases};
    cpu::sgd_epoch(kernels_, spec_.likelihood, task, schedule_.view(),
                   stage_order(schedule_.grid, epoch, spec_.seed));
  }

  LeastSquaresReport least_squares_step() override {
    const cpu::LeastSquaresStep step = least_squares().step(users_.table, items_.table);
    return {.accepted = step.accepted,
            .objective = step.objective,
            .inner_steps = step.inner_steps,
            .damping = step.damping};
  }

  void start_gibbs() override { sampler().start(users_.table.view(), items_.table.view()); }

  GibbsReport gibbs_sweep(int sweep, int chain) override {
    cpu::GibbsSampler& gibbs = sampler();
    const cpu::GibbsReport steps =
        gibbs.sweep(gibbs_key(spec_.seed, sweep, chain), users_.table.view(), items_.table.view());
    return {.noise_precision = gibbs.noise_precision(),
            .user_weight_precision = gibbs.users().prior().weight_precision,
            .item_weight_precision = gibbs.items().prior().weight_precision,
            .user_weight_steps = steps.user_weight_steps,
            .item_weight_steps = steps.item_weight_steps};
  }

  GibbsUserPrior gibbs_user_prior() const override {
    if (!sampler_) return {};
    const cpu::GibbsSide& users = sampler_->users();
    const std::span<const double> precision = users.prior().precision.entries();
    GibbsUserPrior prior{users.prior().mean, {precision.begin(), precision.end()}, {}};
    if (users.weights() == nullptr) return prior;
    const SideView<const float> weights = users.weights()->view();
    for (std::int64_t row = 0; row < weights.rows; ++row) {
      prior.weights.insert(prior.weights.end(), weights.row(row), weights.row(row) + weights.rank);
      if (spec_.biases) prior.weights.push_back(weights.biases[row]);
    }
    return prior;
  }

  Objective objective() override {
    const cpu::ScoreTask task = score_task();
    const cpu::ErrorSums sums = cpu::training_errors(kernels_, task, view_of(users_.ratings));
    const double penalty = cpu::penalty(task.users, users_.ratings.offsets, spec_.regularization) +
                           cpu::penalty(task.items, items_.ratings.offsets, spec_.regularization);
    return {sums.loss + penalty, to_error_sums(sums)};
  }

  ErrorSums held_out_errors(std::size_t index) override {
    const HeldOut& ratings = held_out_.at(index);
    return to_error_sums(
        cpu::listed_errors(kernels_, score_task(), ratings.users, ratings.items, ratings.ratings));
  }

  std::optional<BadRow> first_non_finite_row() override {
    const cpu::ScoreTask task = score_task();
    if (const auto row = cpu::first_non_finite_row(task.users)) return BadRow{Side::users, *row};
    if (const auto row = cpu::first_non_finite_row(task.items)) return BadRow{Side::items, *row};
    return std::nullopt;
  }

  SideFactors solve_rows(Side side, const CompressedMatrix& ratings,
                         const RowPrior& prior) override {
    check_row_solve(spec_, opposite_of(side).table.rows(), ratings, prior);
    const cpu::PaddedPrior padded(spec_.rank, spec_.biases, prior.precision, view_of(prior.means));
    const cpu::AlsPrior shown = padded.view();
    const bool is_given = !prior.precision.empty() || prior.means != nullptr;
    cpu::FactorTable solved(ratings.rows(), spec_.rank);
    const cpu::AlsTask task{.ratings = view_of(ratings),
                            .opposite = opposite_of(side).table.view(),
                            .solved = solved.view(),
                            .regularization = spec_.regularization,
                            .biases = spec_.biases,
                            .solver_steps = 0,
                            .prior = is_given ? &shown : nullptr};
    cpu::als_half_sweep(kernels_, task, cpu::longest_first(view_of(ratings)));
    return to_side_factors(solved);
  }

  void set_regularization(const Regularization& regularization) override {
    spec_.regularization = regularization;
    for (CpuSide* side : {&users_, &items_}) {
      if (side->sgd.shares.empty()) continue;
      side->sgd.shares = cpu::observation_shares(side->ratings.offsets, regularization.scaling);
    }
    if (least_squares_) least_squares_->set_regularization(regularization);
  }

  Factors factors() const override {
    return {to_side_factors(users_.table), to_side_factors(items_.table)};
  }

  void set_factors(const Factors& factors) override {
    users_.set_factors(factors.users, spec_.biases);
    items_.set_factors(factors.items, spec_.biases);
  }

  BackendState state() override { return copy_state(state_places()); }
  void restore(const BackendState& state) override {
    restore_state(state, state_places());
    users_.table.clear_padding();
    items_.table.clear_padding();
    if (!sampler_) return;
    for (cpu::GibbsSide* side : {&sampler_->users(), &sampler_->items()}) {
      if (side->given() != nullptr) side->given()->refresh_means();
    }
  }

 private:
  CpuSide& side_of(Side side) { return side == Side::users ? users_ : items_; }
  const CpuSide& opposite_of(Side side) const { return side == Side::users ? items_ : users_; }

  /// Made when it is first needed: it holds several times the parameters.
  cpu::LeastSquares& least_squares() {
    if (!least_squares_) {
      cpu::LeastSquaresOptions options{.regularization = spec_.regularization,
                                       .biases = spec_.biases};
      if (const auto* choice = std::get_if<LeastSquares>(&spec_.algorithm)) {
        options.inner_steps = choice->inner_steps;
      }
      least_squares_.emplace(kernels_, view_of(users_.ratings), view_of(items_.ratings), spec_.rank,
                             options);
    }
    return *least_squares_;
  }

  static cpu::GivenFeatures given_view(const SideFeatures& features) {
    return {view_of(features.rows), features.count(), features.described};
  }

  cpu::GibbsSampler& sampler() {
    if (!sampler_) {
      const auto* given = std::get_if<Bayes>(&spec_.algorithm);
      const Bayes bayes = given != nullptr ? *given : Bayes{};
      sampler_.emplace(kernels_, view_of(users_.ratings), view_of(items_.ratings),
                       cpu::GibbsOptions{.rank = spec_.rank,
                                         .biases = spec_.biases,
                                         .implicit_features = bayes.features == Features::implicit,
                                         .likelihood_power = bayes.likelihood_power},
                       given_view(user_features_), given_view(item_features_));
    }
    return *sampler_;
  }

  std::vector<StatePlace> state_places() {
    std::vector<StatePlace> places;
    const auto add_table = [&](std::string_view factors, std::string_view biases, CpuSide& side) {
      const SideView<float> table = side.table.view();
      places.push_back({factors, table.factors, table.rows, table.rank, table.stride});
      places.push_back({biases, table.biases, table.rows});
    };
    add_table("user_factors", "user_biases", users_);
    add_table("item_factors", "item_biases", items_);
    const auto add_sums = [&](std::string_view name, std::vector<float>& sums) {
      places.push_back({name, sums.data(), static_cast<std::int64_t>(sums.size())});
    };
    const auto* mle = std::get_if<Mle>(&spec_.algorithm);
    if (mle != nullptr && mle->optimizer == Optimizer::adagrad) {
      add_sums("user_factor_sums", users_.sgd.factor_sums);
      add_sums("user_bias_sums", users_.sgd.bias_sums);
      add_sums("item_factor_sums", items_.sgd.factor_sums);
      add_sums("item_bias_sums", items_.sgd.bias_sums);
    }
    if (std::holds_alternative<LeastSquares>(spec_.algorithm)) {
      cpu::DampingState& state = least_squares().state();
      places.push_back({"damping", &state.damping});
      places.push_back({"first_gradient", &state.first_gradient});
    }
    if (is_bayes(spec_)) add_gibbs_places(places);
    return places;
  }

  void add_gibbs_places(std::vector<StatePlace>& places) {
    cpu::GibbsSampler& gibbs = sampler();
    const auto add_side = [&](const std::array<std::string_view, 7>& names, cpu::GibbsSide& side) {
      cpu::SidePrior& prior = side.prior();
      const auto order = static_cast<std::int64_t>(prior.mean.size());
      places.push_back({names[0], prior.mean.data(), order});
      places.push_back({names[1], prior.precision.entries().data(), order, order, order});
      places.push_back({names[2], &prior.weight_precision});
      if (side.weights() != nullptr) {
        const SideView<float> weights = side.weights()->view();
        places.push_back({names[3], weights.factors, weights.rows, weights.rank, weights.stride});
        if (spec_.biases) places.push_back({names[4], weights.biases, weights.rows});
      }
      if (cpu::GivenWeights* given = side.given()) {
        const std::span<double> weights = given->weights();
        places.push_back({names[5], weights.data(), static_cast<std::int64_t>(weights.size())});
        places.push_back({names[6], &given->precision()});
      }
    };
    add_side({"user_mean", "user_precision", "user_weight_precision", "user_weights",
              "user_weight_biases", "user_given_weights", "user_given_precision"},
             gibbs.users());
    add_side({"item_mean", "item_precision", "item_weight_precision", "item_weights",
              "item_weight_biases", "item_given_weights", "item_given_precision"},
             gibbs.items());
    places.push_back({"noise_precision", &gibbs.noise_precision()});
  }

  cpu::ScoreTask score_task() const {
    return {users_.table.view(), items_.table.view(), mean_, spec_.likelihood};
  }

  const cpu::KernelTable& kernels_;
  ModelSpec spec_;
  double mean_;
  SgdSchedule schedule_;
  std::vector<HeldOut> held_out_;
  SideFeatures user_features_;
  SideFeatures item_features_;
  CpuSide users_;
  CpuSide items_;
  std::optional<cpu::LeastSquares> least_squares_;
  std::optional<cpu::GibbsSampler> sampler_;
};

}  // namespace

std::unique_ptr<Backend> make_cpu_backend(TrainingProblem problem, const DeviceOptions& device) {
  if (auto refusal = cpu_refusal(problem.spec)) throw *refusal;
  return std::make_unique<CpuBackend>(std::move(problem), choose_isa(device));
}

}  // namespace alsatian
