// Owns what training keeps on the device, and hands it to the kernels' launchers.
#include "kernels/cuda/engine.hpp"

#include "kernels/cuda/bias_rows.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace alsatian::cuda {
namespace {

void require(bool holds, const char* what) {
  if (!holds) {
    throw std::invalid_argument(what);
  }
}

void check_rank(const EngineSpec& spec) {
  require(spec.rank >= 0 && spec.rank <= Engine::largest_rank(spec.algorithm),
          "there are no kernels for the algorithm at this rank");
}

/// Rows are solved by the dual where that is the cheaper way; it divides by λ.
BinLimits bins_of(BinLimits limits, const Regularization& regularization) {
  const bool divides = static_cast<float>(regularization.factors) > 0;
  limits.most_short_ratings = divides ? std::numeric_limits<std::int32_t>::max() : 0;
  return limits;
}

std::vector<RowRidge> ridges_of(View<const std::int64_t> offsets,
                                const Regularization& regularization) {
  std::vector<RowRidge> ridges;
  ridges.reserve(static_cast<std::size_t>(std::max<std::int64_t>(0, offsets.size() - 1)));
  for (std::int64_t row = 0; row + 1 < offsets.size(); ++row) {
    const auto ridge =
        row_ridge<float>(static_cast<double>(offsets[row + 1] - offsets[row]), regularization);
    ridges.push_back({ridge.factors, ridge.biases});
  }
  return ridges;
}

std::int64_t ratings_bytes(std::int64_t rows, std::int64_t observations) {
  return (rows + 1) * std::int64_t{sizeof(std::int64_t)} +
         observations * std::int64_t{sizeof(std::int32_t) + sizeof(float)};
}

std::int64_t table_bytes(std::int64_t rows, std::int32_t rank) {
  return rows * (std::int64_t{padded_rank(rank)} + 1) * std::int64_t{sizeof(float)};
}

/// Of the bins, and of the ridges.
std::int64_t row_solve_bytes(const Context& context, View<const std::int64_t> offsets,
                             std::int64_t opposite_rows, const EngineSpec& spec,
                             const EngineLimits& limits) {
  const std::int64_t ridges = (offsets.size() - 1) * std::int64_t{sizeof(RowRidge)};
  if (spec.rank == 0) {
    return ridges;
  }
  const BinLimits cuts = limits_at(context, spec.rank, bins_of(limits.bins, spec.regularization));
  return ridges +
         AlsSide::bytes(make_bins(offsets, part_floats(spec.rank), cuts), opposite_rows, spec.rank);
}

LeastSquaresOptions least_squares_options(const EngineSpec& spec) {
  LeastSquaresOptions options{.regularization = spec.regularization, .biases = spec.biases};
  options.inner_steps = spec.inner_steps;
  return options;
}

std::int64_t observations_of(View<const std::int64_t> offsets) {
  return offsets.size() > 0 ? offsets[offsets.size() - 1] : 0;
}

void check_offsets(const CsrView<float>& ratings, std::int64_t columns) {
  const View<const std::int64_t> offsets = ratings.offsets;
  require(offsets.size() > 0 && offsets[0] == 0 && std::is_sorted(offsets.begin(), offsets.end()),
          "offsets do not rise from 0");
  require(observations_of(offsets) == ratings.columns.size() &&
              ratings.columns.size() == ratings.values.size(),
          "offsets, columns and values do not fit together");
  require(std::all_of(ratings.columns.begin(), ratings.columns.end(),
                      [&](std::int32_t column) { return column >= 0 && column < columns; }),
          "a column is out of range");
}

}  // namespace

/// One side: its ratings, its parameters, and how its rows are solved.
struct Engine::Rows {
  std::vector<std::int64_t> host_offsets;
  DeviceBuffer<std::int64_t> offsets;
  DeviceBuffer<std::int32_t> columns;
  DeviceBuffer<float> values;
  DeviceTableBuffer parameters;
  DeviceBuffer<RowRidge> ridges;   // als
  std::unique_ptr<AlsSide> solve;  // als, but for rank 0

  /// `observations`: how many are kept on the device; mle needs no ratings of the items.
  Rows(View<const std::int64_t> row_offsets, std::int64_t observations, std::int32_t rank)
      : host_offsets(row_offsets.begin(), row_offsets.end()),
        offsets(row_offsets.size()),
        columns(observations),
        values(observations),
        parameters(row_offsets.size() - 1, rank) {}

  View<const std::int64_t> host() const { return host_offsets; }
  std::int64_t rows() const { return offsets.size() - 1; }
  DeviceRatings ratings() const { return {offsets.span(), columns.span(), values.span()}; }
  DeviceTable<const float> table() const { return std::as_const(parameters).table(); }

  void prepare_solving(const Context& context, Staging& staging, std::int64_t opposite_rows,
                       const EngineSpec& spec, const EngineLimits& limits) {
    if (ridges.size() != rows()) {
      ridges = DeviceBuffer<RowRidge>(rows());
    }
    const std::vector<RowRidge> all = ridges_of(host(), spec.regularization);
    staging.send(View<const RowRidge>(all), ridges.span());
    if (spec.rank > 0 && !solve) {
      solve = std::make_unique<AlsSide>(context, host(), opposite_rows, spec.rank,
                                        bins_of(limits.bins, spec.regularization));
    }
  }

  void half_sweep(const Context& context, const EngineSpec& spec,
                  const DeviceTable<const float>& opposite,
                  DeviceSpan<unsigned long long> repaired) {
    const DeviceTable<float> own = parameters.table();
    const AlsTask task{.offsets = std::as_const(offsets).span(),
                       .columns = std::as_const(columns).span(),
                       .ratings = std::as_const(values).span(),
                       .opposite = opposite.factors,
                       .opposite_biases = opposite.biases,
                       .ridges = std::as_const(ridges).span(),
                       .solved = own.factors,
                       .solved_biases = own.biases,
                       .repaired = repaired,
                       .rank = spec.rank,
                       .biases = spec.biases};
    if (solve) {
      solve->half_sweep(task);
    } else if (spec.biases) {
      solve_biases(context, task);
    }
  }
};

/// The held-out sets, one after the other.
struct Engine::Lists {
  std::vector<std::int64_t> offsets;  // [sets + 1]
  DeviceBuffer<std::int32_t> users;
  DeviceBuffer<std::int32_t> items;
  DeviceBuffer<float> ratings;

  explicit Lists(const std::vector<RatingList>& sets) : offsets{0} {
    for (const RatingList& set : sets) {
      require(set.users.size() == set.ratings.size() && set.items.size() == set.ratings.size(),
              "a held-out set has not as many users, items and ratings");
      offsets.push_back(offsets.back() + set.ratings.size());
    }
    users = DeviceBuffer<std::int32_t>(offsets.back());
    items = DeviceBuffer<std::int32_t>(offsets.back());
    ratings = DeviceBuffer<float>(offsets.back());
  }

  void send(Staging& staging, const std::vector<RatingList>& sets) {
    for (std::size_t index = 0; index < sets.size(); ++index) {
      const std::int64_t first = offsets[index];
      const std::int64_t count = offsets[index + 1] - first;
      staging.send(sets[index].users, users.span().subspan(first, count));
      staging.send(sets[index].items, items.span().subspan(first, count));
      staging.send(sets[index].ratings, ratings.span().subspan(first, count));
    }
  }
};

std::int32_t Engine::largest_rank(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::als:
      return largest_fused_rank;
    case Algorithm::mle:
    case Algorithm::ls:
      return 1024;
  }
  return -1;
}

Engine::Engine(const EngineProblem& problem, const EngineLimits& limits)
    : spec_(problem.spec), limits_(limits), context_(0) {
  check_rank(spec_);
  check_offsets(problem.by_user, problem.by_item.rows());
  check_offsets(problem.by_item, problem.by_user.rows());
  require(problem.by_user.observations() == problem.by_item.observations(),
          "the two orientations hold different ratings");
  std::int64_t held_out = 0;
  for (const RatingList& set : problem.held_out) {
    held_out += set.ratings.size();
  }
  planned_ = total_of(plan(
      context_,
      {spec_, problem.by_user.offsets, problem.by_item.offsets, held_out, problem.schedule.grid},
      limits_));
  free_at_start_ = static_cast<std::int64_t>(context_.memory().free);
  require_free(planned_, free_at_start_);
  with_sizes(planned_, free_at_start_, [&] {
    const bool both = spec_.algorithm != Algorithm::mle;
    const std::int64_t observations = problem.by_user.observations();
    staging_ = std::make_unique<Staging>(context_, limits_.staging_bytes);
    users_ = std::make_unique<Rows>(problem.by_user.offsets, observations, spec_.rank);
    items_ = std::make_unique<Rows>(problem.by_item.offsets, both ? observations : 0, spec_.rank);
    held_out_ = std::make_unique<Lists>(problem.held_out);
    errors_ = std::make_unique<Errors>(context_);
    const auto send = [&](const CsrView<float>& from, Rows& to) {
      staging_->send(from.offsets, to.offsets.span());
      if (to.columns.size() > 0) {
        staging_->send(from.columns, to.columns.span());
        staging_->send(from.values, to.values.span());
      }
    };
    send(problem.by_user, *users_);
    send(problem.by_item, *items_);
    held_out_->send(*staging_, problem.held_out);
    if (spec_.algorithm == Algorithm::als) {
      repaired_ = DeviceBuffer<unsigned long long>(1);
      fetched_repaired_ = PinnedBuffer<unsigned long long>(1);
      users_->prepare_solving(context_, *staging_, items_->rows(), spec_, limits_);
      items_->prepare_solving(context_, *staging_, users_->rows(), spec_, limits_);
    }
    set_factors(Side::users, problem.users);
    set_factors(Side::items, problem.items);
    if (spec_.algorithm == Algorithm::mle) {
      sgd_ = std::make_unique<SgdEpochs>(context_, problem.schedule, users_->host(), items_->host(),
                                         spec_.regularization.scaling, spec_.rank);
    }
    if (spec_.algorithm == Algorithm::ls) {
      least_squares_ = std::make_unique<LeastSquares>(
          context_,
          LeastSquaresRatings{users_->ratings(), items_->ratings(), users_->host(), items_->host()},
          spec_.rank, least_squares_options(spec_));
    }
  });
}

Engine::~Engine() { context_.compute().wait(); }

std::vector<PlanPart> Engine::plan(const Context& context, const EngineShape& shape,
                                   const EngineLimits& limits) {
  const EngineSpec& spec = shape.spec;
  check_rank(spec);
  require(shape.user_offsets.size() > 0 && shape.item_offsets.size() > 0,
          "a problem without offsets");
  const std::int64_t users = shape.user_offsets.size() - 1;
  const std::int64_t items = shape.item_offsets.size() - 1;
  const std::int64_t observations = observations_of(shape.user_offsets);
  const bool both = spec.algorithm != Algorithm::mle;
  std::vector<PlanPart> parts{
      {"ratings_by_user", ratings_bytes(users, observations)},
      {"ratings_by_item", ratings_bytes(items, both ? observations : 0)},
      {"held_out_ratings", shape.held_out * std::int64_t{2 * sizeof(std::int32_t) + sizeof(float)}},
      {"factors", table_bytes(users, spec.rank) + table_bytes(items, spec.rank)},
      {"sums", Errors::bytes()},
  };
  if (spec.algorithm == Algorithm::als) {
    parts.push_back(
        {"row_solves",
         row_solve_bytes(context, shape.user_offsets, shape.item_offsets.size() - 1, spec, limits) +
             row_solve_bytes(context, shape.item_offsets, shape.user_offsets.size() - 1, spec,
                             limits) +
             std::int64_t{sizeof(unsigned long long)}});
  }
  if (spec.algorithm == Algorithm::mle) {
    parts.push_back({"visiting_order", SgdEpochs::bytes(users, items, observations, shape.grid,
                                                        spec.rank, SgdOptions().storage)});
  }
  if (spec.algorithm == Algorithm::ls) {
    parts.push_back({"least_squares", LeastSquares::bytes(shape.user_offsets, shape.item_offsets,
                                                          spec.rank, least_squares_options(spec))});
  }
  return parts;
}

Engine::Rows& Engine::rows_of(Side side) { return side == Side::users ? *users_ : *items_; }
const Engine::Rows& Engine::opposite_of(Side side) const {
  return side == Side::users ? *items_ : *users_;
}

std::int64_t Engine::als_half_sweep(Side side) {
  require(spec_.algorithm == Algorithm::als, "the problem was made for another algorithm");
  clear(context_.compute(), repaired_.span());
  rows_of(side).half_sweep(context_, spec_, opposite_of(side).table(), repaired_.span());
  download(context_.compute(), std::as_const(repaired_).span(), fetched_repaired_.span());
  context_.compute().synchronize();
  return static_cast<std::int64_t>(fetched_repaired_.span()[0]);
}

void Engine::sgd_epoch(double learning_rate, View<const std::int32_t> stages, std::int32_t epoch) {
  require(sgd_ != nullptr, "the problem was made for another algorithm");
  const SgdStep step{.likelihood = spec_.likelihood,
                     .factor_regularization = static_cast<float>(spec_.regularization.factors),
                     .bias_regularization = static_cast<float>(spec_.regularization.biases),
                     .mean = static_cast<float>(spec_.mean),
                     .learning_rate = static_cast<float>(learning_rate),
                     .adagrad = spec_.adagrad,
                     .biases = spec_.biases};
  sgd_->blocked_epoch(users_->parameters.table(), items_->parameters.table(), step,
                      {stages.data(), static_cast<std::size_t>(stages.size())},
                      static_cast<std::uint32_t>(epoch));
  context_.compute().synchronize();
}

LeastSquaresStep Engine::least_squares_step() {
  require(least_squares_ != nullptr, "the problem was made for another algorithm");
  return least_squares_->step(users_->parameters.table(), items_->parameters.table());
}

ScoreTask Engine::score_task() const {
  return {users_->table(), items_->table(), spec_.mean, spec_.likelihood};
}

Objective Engine::objective() {
  return errors_->objective(score_task(), users_->ratings(), items_->ratings().offsets,
                            spec_.regularization);
}

ErrorSums Engine::held_out_errors(std::int64_t index) {
  const std::vector<std::int64_t>& offsets = held_out_->offsets;
  require(index >= 0 && index + 1 < static_cast<std::int64_t>(offsets.size()),
          "there is no such held-out set");
  const std::int64_t first = offsets[static_cast<std::size_t>(index)];
  const std::int64_t count = offsets[static_cast<std::size_t>(index) + 1] - first;
  return errors_->listed_errors(score_task(),
                                std::as_const(held_out_->users).span().subspan(first, count),
                                std::as_const(held_out_->items).span().subspan(first, count),
                                std::as_const(held_out_->ratings).span().subspan(first, count));
}

std::optional<std::int64_t> Engine::first_non_finite_row(Side side) {
  return errors_->first_non_finite_row(rows_of(side).table());
}

void Engine::solve_rows(Side side, const CsrView<float>& ratings, const SideView<float>& solved) {
  const Rows& opposite = opposite_of(side);
  require(spec_.rank <= largest_fused_rank, "there are no kernels for row solves at this rank");
  check_offsets(ratings, opposite.rows());
  require(solved.rows == ratings.rows(), "there are not as many rows to write as to solve");
  const std::int64_t needed =
      ratings_bytes(ratings.rows(), ratings.observations()) +
      table_bytes(ratings.rows(), spec_.rank) +
      row_solve_bytes(context_, ratings.offsets, opposite.rows(), spec_, limits_) +
      std::int64_t{sizeof(unsigned long long)};
  const auto free = static_cast<std::int64_t>(context_.memory().free);
  require_free(needed, free);
  with_sizes(needed, free, [&] {
    Rows rows(ratings.offsets, ratings.observations(), spec_.rank);
    DeviceBuffer<unsigned long long> repaired(1);
    staging_->send(ratings.offsets, rows.offsets.span());
    staging_->send(ratings.columns, rows.columns.span());
    staging_->send(ratings.values, rows.values.span());
    rows.prepare_solving(context_, *staging_, opposite.rows(), spec_, limits_);
    staging_->finish();
    clear(context_.compute(), rows.parameters.table().factors);
    clear(context_.compute(), rows.parameters.table().biases);
    clear(context_.compute(), repaired.span());
    rows.half_sweep(context_, spec_, opposite.table(), repaired.span());
    context_.compute().synchronize();
    receive_table(rows.table(), solved);
  });
}

void Engine::set_regularization(const Regularization& regularization) {
  const bool same_bins = bins_of(limits_.bins, regularization).most_short_ratings ==
                         bins_of(limits_.bins, spec_.regularization).most_short_ratings;
  spec_.regularization = regularization;
  if (sgd_) {
    sgd_->set_scaling(regularization.scaling);
  }
  if (least_squares_) {
    least_squares_->set_regularization(regularization);
    context_.compute().synchronize();
  }
  if (spec_.algorithm != Algorithm::als) {
    return;
  }
  for (const Side side : {Side::users, Side::items}) {
    Rows& rows = rows_of(side);
    if (!same_bins) {
      rows.solve.reset();
    }
    rows.prepare_solving(context_, *staging_, opposite_of(side).rows(), spec_, limits_);
  }
  staging_->finish();
}

void Engine::send_table(const DeviceTable<float>& table, const SideView<const float>& from,
                        View<const std::int64_t> offsets) {
  require(from.rows == table.rows() && from.rank == table.rank,
          "the factors have another shape than those on the device");
  const auto rated = [&](std::int64_t row) { return offsets[row + 1] > offsets[row]; };
  send_rows(*staging_, table.factors, table.stride, table.rank,
            [&](std::int64_t row) { return rated(row) ? from.row(row) : nullptr; });
  send_rows(*staging_, table.biases, 1, 1, [&](std::int64_t row) {
    return spec_.biases && rated(row) ? from.biases + row : nullptr;
  });
  staging_->finish();
}

void Engine::receive_table(const DeviceTable<const float>& table, const SideView<float>& to) {
  require(to.rows == table.rows() && to.rank == table.rank,
          "the factors have another shape than those on the device");
  receive_rows(*staging_, table.factors, table.stride, table.rank,
               [&](std::int64_t row) { return to.row(row); });
  staging_->receive(table.biases, View<float>(to.biases, to.rows));
}

void Engine::factors(Side side, const SideView<float>& to) {
  receive_table(rows_of(side).table(), to);
}

void Engine::set_factors(Side side, const SideView<const float>& from) {
  Rows& rows = rows_of(side);
  send_table(rows.parameters.table(), from, rows.host());
}

std::vector<StateArray> Engine::state_arrays() {
  std::vector<StateArray> arrays;
  const auto add_table = [&](const char* factors, const char* biases, Rows& side) {
    const DeviceTable<float> table = side.parameters.table();
    arrays.push_back({factors, table.rows(), table.rank, table.stride, table.factors});
    arrays.push_back({biases, table.rows(), 1, 1, table.biases});
  };
  add_table("user_factors", "user_biases", *users_);
  add_table("item_factors", "item_biases", *items_);
  if (sgd_ && spec_.adagrad) {
    const auto add_sums = [&](const char* name, Side side, std::vector<float> SgdSums::*which) {
      arrays.push_back({name, rows_of(side).rows(), 1, 1, SumsPlace{side, which}});
    };
    add_sums("user_factor_sums", Side::users, &SgdSums::factors);
    add_sums("user_bias_sums", Side::users, &SgdSums::biases);
    add_sums("item_factor_sums", Side::items, &SgdSums::factors);
    add_sums("item_bias_sums", Side::items, &SgdSums::biases);
  }
  if (least_squares_) {
    DampingState& damping = least_squares_->state();
    arrays.push_back({"damping", 1, 1, 1, &damping.damping});
    arrays.push_back({"first_gradient", 1, 1, 1, &damping.first_gradient});
  }
  return arrays;
}

SgdSums Engine::sums_of(Side side) const {
  return side == Side::users ? sgd_->user_sums() : sgd_->item_sums();
}

void Engine::state(std::size_t index, void* values) {
  const StateArray array = state_arrays().at(index);
  if (double* const* const host = std::get_if<double*>(&array.place)) {
    std::copy_n(*host, array.size(), static_cast<double*>(values));
    return;
  }
  auto* const to = static_cast<float*>(values);
  if (const auto* const sums = std::get_if<SumsPlace>(&array.place)) {
    const SgdSums held = sums_of(sums->side);
    std::copy_n((held.*sums->which).data(), array.size(), to);
    return;
  }
  receive_rows(*staging_, DeviceSpan<const float>(std::get<DeviceSpan<float>>(array.place)),
               array.stride, array.columns,
               [&](std::int64_t row) { return to + row * array.columns; });
}

void Engine::set_state(std::size_t index, const void* values) {
  const StateArray array = state_arrays().at(index);
  if (double* const* const host = std::get_if<double*>(&array.place)) {
    std::copy_n(static_cast<const double*>(values), array.size(), *host);
    return;
  }
  const auto* const from = static_cast<const float*>(values);
  if (const auto* const sums = std::get_if<SumsPlace>(&array.place)) {
    SgdSums held = sums_of(sums->side);
    std::copy_n(from, array.size(), (held.*sums->which).data());
    sums->side == Side::users ? sgd_->set_user_sums(held) : sgd_->set_item_sums(held);
    return;
  }
  send_rows(*staging_, std::get<DeviceSpan<float>>(array.place), array.stride, array.columns,
            [&](std::int64_t row) { return from + row * array.columns; });
  staging_->finish();
}

}  // namespace alsatian::cuda
