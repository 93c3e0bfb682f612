// Owns what training keeps on the device, and hands it to the kernels' launchers.
// Its rows, its state and its verbs have files of their own (engine_*.cpp).
#include "kernels/cuda/engine.hpp"

#include "kernels/cuda/als.hpp"
#include "kernels/cuda/engine_gibbs.hpp"
#include "kernels/cuda/engine_rows.hpp"

#include <algorithm>
#include <utility>

namespace alsatian::cuda {
namespace {

bool is_iterative(const EngineSpec& spec) {
  return spec.algorithm == Algorithm::als && spec.solver_steps > 0;
}

void check_rank(const EngineSpec& spec) {
  const bool is_als = spec.algorithm == Algorithm::als;
  const std::int32_t most = is_iterative(spec) ? Engine::largest_iterative_rank
                            : is_als           ? Engine::largest_vendor_rank
                                               : Engine::largest_rank(spec.algorithm);
  require(spec.rank >= 0 && spec.rank <= most,
          "there are no kernels for the algorithm at this rank");
}

bool is_fused(const EngineSpec& spec) {
  return spec.rank > 0 && spec.rank <= largest_fused_rank && !is_iterative(spec);
}

LeastSquaresOptions least_squares_options(const EngineSpec& spec) {
  LeastSquaresOptions options{.regularization = spec.regularization, .biases = spec.biases};
  options.inner_steps = spec.inner_steps;
  return options;
}

/// mle needs no more than the counts of the items.
bool needs_both_orientations(const EngineSpec& spec) { return spec.algorithm != Algorithm::mle; }

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

/// Of all copies of a rating: by user, and by item or in the visiting order.
std::int64_t bytes_of_a_rating(const EngineSpec& spec) {
  constexpr std::int64_t with_column = sizeof(std::int32_t) + sizeof(float);
  constexpr std::int64_t with_row_and_column = 2 * sizeof(std::int32_t) + sizeof(float);
  return with_column + (needs_both_orientations(spec) ? with_column : with_row_and_column);
}

/// The ratings by item, those of an item in the order of their users: by the host, where it keeps
/// them. rows, values [observations]
void transpose(const CsrView<float>& by_user, View<const std::int64_t> item_offsets,
               std::span<std::int32_t> rows, std::span<float> values) {
  std::vector<std::int64_t> next(item_offsets.begin(), item_offsets.end() - 1);
  for (std::int64_t user = 0; user < by_user.rows(); ++user) {
    for (std::int64_t o = by_user.offsets[user]; o < by_user.offsets[user + 1]; ++o) {
      const auto place =
          static_cast<std::size_t>(next[static_cast<std::size_t>(by_user.columns[o])]++);
      rows[place] = static_cast<std::int32_t>(user);
      values[place] = by_user.values[o];
    }
  }
}

/// A wrong one would leave rows of the device's second orientation with ratings of others.
void check_item_offsets(const CsrView<float>& by_user, View<const std::int64_t> item_offsets) {
  const std::int64_t items = item_offsets.size() - 1;
  std::vector<std::int64_t> counts(static_cast<std::size_t>(items));
  for (const std::int32_t item : by_user.columns) {
    ++counts[static_cast<std::size_t>(item)];
  }
  std::int64_t expected = 0;
  for (std::int64_t item = 0; item < items; ++item) {
    require(item_offsets[item] == expected, "the offsets by item are not those of the ratings");
    expected += counts[static_cast<std::size_t>(item)];
  }
  require(item_offsets[items] == expected, "the offsets by item are not those of the ratings");
}

}  // namespace

std::int32_t Engine::largest_rank(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::als:
    case Algorithm::bayes:
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
  require(problem.item_offsets.size() > 0, "a problem without offsets");
  check_offsets(problem.by_user, problem.item_offsets.size() - 1);
  check_item_offsets(problem.by_user, problem.item_offsets);
  std::int64_t held_out = 0;
  for (const RatingList& set : problem.held_out) {
    held_out += set.ratings.size();
  }
  const EnginePlan planned =
      plan(context_,
           {spec_, problem.by_user.offsets, problem.item_offsets, held_out, problem.schedule.grid},
           limits_);
  planned_ = total_of(planned.parts);
  free_at_start_ = static_cast<std::int64_t>(context_.memory().free);
  require_free(planned_, free_at_start_);
  with_sizes(planned_, free_at_start_, [&] {
    staging_ = std::make_unique<Staging>(context_, limits_.staging_bytes, Caller::current());
    const std::int64_t observations = problem.by_user.observations();
    const bool both = needs_both_orientations(spec_);
    users_ =
        std::make_unique<Rows>(problem.by_user.offsets, observations, spec_.rank, planned.ratings);
    items_ = std::make_unique<Rows>(problem.item_offsets, both ? observations : 0, spec_.rank,
                                    planned.ratings);
    held_out_ = std::make_unique<Lists>(problem.held_out);
    errors_ = std::make_unique<Errors>(context_);
    upload(problem);
    if (solves_rows(spec_)) {
      repaired_ = DeviceBuffer<unsigned long long>(1);
      fetched_repaired_ = PinnedBuffer<unsigned long long>(1);
      users_->prepare_solving(context_, *staging_, items_->rows(), spec_, limits_);
      items_->prepare_solving(context_, *staging_, users_->rows(), spec_, limits_);
      staging_->finish();
    }
    if (spec_.algorithm == Algorithm::bayes) {
      gibbs_ = std::make_unique<Gibbs>(context_, *users_, *items_, problem.by_user, spec_, limits_);
      context_.compute().synchronize();  // what it clears may be asked for on the other stream
    }
    if (spec_.algorithm == Algorithm::mle) {
      sgd_ = std::make_unique<SgdEpochs>(
          context_, problem.schedule, users_->host(), items_->host(), spec_.regularization.scaling,
          spec_.rank,
          SgdOptions{.storage = spec_.storage, .ratings = planned.ratings, .seed = spec_.seed});
    }
    if (spec_.algorithm == Algorithm::ls) {
      least_squares_ = std::make_unique<LeastSquares>(
          context_,
          LeastSquaresRatings{users_->ratings(), items_->ratings(), users_->host(), items_->host()},
          spec_.rank, least_squares_options(spec_));
    }
  });
}

void Engine::upload(const EngineProblem& problem) {
  staging_->send(problem.by_user.offsets, users_->offsets.span());
  users_->send_ratings(*staging_, problem.by_user);
  staging_->send(problem.item_offsets, items_->offsets.span());
  std::unique_ptr<Transposition> transposition;
  if (needs_both_orientations(spec_) && items_->columns.place() == Place::host) {
    transpose(problem.by_user, problem.item_offsets, items_->columns.host(), items_->values.host());
  } else if (needs_both_orientations(spec_)) {
    transposition =
        std::make_unique<Transposition>(context_, problem.by_user.observations(),
                                        problem.item_offsets.size() - 1, limits_.transposition);
    // It waits for all ratings. Begun on the first of them only its first count of digits could be
    // ahead: 4 bytes of the device's memory to read for every 8 that the bus has to carry.
    Event ratings_are_there;
    ratings_are_there.record(context_.transfer());
    ratings_are_there.hold_back(context_.compute());
    transposition->run(users_->ratings(), items_->columns.span(), items_->values.span());
  }
  // Beside the transposition, which is waited for at the end: its memory is used again.
  held_out_->send(*staging_, problem.held_out);
  set_factors(Side::users, problem.users);
  set_factors(Side::items, problem.items);
}

Engine::~Engine() { context_.compute().wait(); }

EnginePlan Engine::plan(const Context& context, const EngineShape& shape,
                        const EngineLimits& limits) {
  EnginePlan on_device = plan_with(context, shape, limits, Place::device);
  const auto free = static_cast<std::int64_t>(context.memory().free);
  if (total_of(on_device.parts) <= free) {
    return on_device;
  }
  return plan_with(context, shape, limits, Place::host);
}

EnginePlan Engine::plan_with(const Context& context, const EngineShape& shape,
                             const EngineLimits& limits, Place ratings) {
  const EngineSpec& spec = shape.spec;
  check_rank(spec);
  require(shape.user_offsets.size() > 0 && shape.item_offsets.size() > 0,
          "a problem without offsets");
  const std::int64_t users = shape.user_offsets.size() - 1;
  const std::int64_t items = shape.item_offsets.size() - 1;
  const std::int64_t observations = observations_of(shape.user_offsets);
  const bool both = needs_both_orientations(spec);
  const bool is_device = ratings == Place::device;
  const std::int64_t on_device = is_device ? observations : 0;
  const std::int64_t host_bytes = is_device ? 0 : observations * bytes_of_a_rating(spec);
  std::vector<PlanPart> parts{
      {"ratings_by_user", ratings_bytes(users, on_device)},
      {"ratings_by_item", ratings_bytes(items, both ? on_device : 0)},
      {"held_out_ratings", 2 * DeviceBuffer<std::int32_t>::bytes(shape.held_out) +
                               DeviceBuffer<float>::bytes(shape.held_out)},
      {"factors",
       DeviceTableBuffer::bytes(users, spec.rank) + DeviceTableBuffer::bytes(items, spec.rank)},
      {"sums", Errors::bytes()},
  };
  const auto first_parts = static_cast<std::ptrdiff_t>(parts.size());
  if (solves_rows(spec)) {
    if (is_fused(spec)) {
      require_shared_memory(context, spec.rank);
    }
    parts.push_back(
        {"row_solves",
         row_solve_bytes(context, shape.user_offsets, shape.item_offsets.size() - 1, spec, limits) +
             row_solve_bytes(context, shape.item_offsets, shape.user_offsets.size() - 1, spec,
                             limits) +
             DeviceBuffer<unsigned long long>::bytes(1)});
  }
  if (spec.algorithm == Algorithm::bayes) {
    parts.push_back({"draws", Gibbs::bytes(shape.user_offsets, shape.item_offsets, spec, limits)});
  }
  if (spec.algorithm == Algorithm::mle) {
    parts.push_back({"visiting_order", SgdEpochs::bytes(users, items, on_device, shape.grid,
                                                        spec.rank, spec.storage)});
  }
  if (spec.algorithm == Algorithm::ls) {
    parts.push_back({"least_squares", LeastSquares::bytes(shape.user_offsets, shape.item_offsets,
                                                          spec.rank, least_squares_options(spec))});
  }
  if (both && is_device) {
    // What is listed behind the sums is allocated when the transposition's memory is free again.
    const std::int64_t later = total_of({parts.begin() + first_parts, parts.end()});
    const std::int64_t needed = Transposition::bytes(observations, items, limits.transposition);
    parts.push_back({"transposition", std::max<std::int64_t>(needed - later, 0)});
  }
  parts.push_back(margin(context, host_bytes));
  return {std::move(parts), ratings, host_bytes};
}

Engine::Rows& Engine::rows_of(Side side) { return side == Side::users ? *users_ : *items_; }
const Engine::Rows& Engine::opposite_of(Side side) const {
  return side == Side::users ? *items_ : *users_;
}

std::int64_t Engine::als_half_sweep(Side side) {
  require(solves_rows(spec_), "the problem was made for another algorithm");
  require_regularization();
  objective_.reset();
  clear(context_.compute(), repaired_.span());
  rows_of(side).half_sweep(context_, spec_, opposite_of(side).table(), repaired_.span());
  download(context_.compute(), std::as_const(repaired_).span(), fetched_repaired_.span());
  context_.compute().synchronize();
  return static_cast<std::int64_t>(fetched_repaired_.span()[0]);
}

void Engine::sgd_epoch(double learning_rate, View<const std::int32_t> stages, std::int32_t epoch) {
  require(sgd_ != nullptr, "the problem was made for another algorithm");
  require_regularization();
  objective_.reset();
  const SgdStep step{.likelihood = spec_.likelihood,
                     .factor_regularization = static_cast<float>(spec_.regularization.factors),
                     .bias_regularization = static_cast<float>(spec_.regularization.biases),
                     .mean = static_cast<float>(spec_.mean),
                     .learning_rate = static_cast<float>(learning_rate),
                     .adagrad = spec_.adagrad,
                     .biases = spec_.biases};
  const DeviceTable<float> users = users_->parameters.table();
  const DeviceTable<float> items = items_->parameters.table();
  const auto number = static_cast<std::uint32_t>(epoch);
  if (spec_.hogwild) {
    sgd_->hogwild_epoch(users, items, step, number);
  } else {
    sgd_->blocked_epoch(users, items, step,
                        {stages.data(), static_cast<std::size_t>(stages.size())}, number);
  }
  context_.compute().synchronize();
}

LeastSquaresStep Engine::least_squares_step() {
  require(least_squares_ != nullptr, "the problem was made for another algorithm");
  require_regularization();
  std::optional<double> before;
  if (objective_ && spec_.mean == 0) {  // of which least squares is
    before = objective_->value();
  }
  objective_.reset();
  return least_squares_->step(users_->parameters.table(), items_->parameters.table(), before);
}

ScoreTask Engine::score_task() const {
  return {users_->table(), items_->table(), spec_.mean, spec_.likelihood};
}

Objective Engine::objective() {
  require_regularization();
  if (!objective_) {
    objective_ = errors_->objective(score_task(), users_->ratings(), items_->ratings().offsets,
                                    spec_.regularization);
  }
  return *objective_;
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
  EngineSpec exact = spec_;
  exact.halves = Halves::two;
  exact.solver_steps = 0;
  require(spec_.rank <= largest_vendor_rank, "there are no kernels for row solves at this rank");
  require_regularization();
  check_offsets(ratings, opposite.rows());
  require(solved.rows == ratings.rows(), "there are not as many rows to write as to solve");
  // No margin: these rows may take what the problem's plan left of it, for they are gone at once.
  const std::int64_t needed =
      ratings_bytes(ratings.rows(), ratings.observations()) +
      DeviceTableBuffer::bytes(ratings.rows(), spec_.rank) +
      row_solve_bytes(context_, ratings.offsets, opposite.rows(), exact, limits_) +
      DeviceBuffer<unsigned long long>::bytes(1);
  const auto free = static_cast<std::int64_t>(context_.memory().free);
  require_free(needed, free);
  with_sizes(needed, free, [&] {
    Rows rows(ratings.offsets, ratings.observations(), spec_.rank);
    DeviceBuffer<unsigned long long> repaired(1);
    staging_->send(ratings.offsets, rows.offsets.span());
    staging_->send(ratings.columns, rows.columns.span());
    staging_->send(ratings.values, rows.values.span());
    rows.prepare_solving(context_, *staging_, opposite.rows(), exact, limits_);
    staging_->finish();
    clear(context_.compute(), rows.parameters.table().factors);
    clear(context_.compute(), rows.parameters.table().biases);
    clear(context_.compute(), repaired.span());
    rows.half_sweep(context_, exact, opposite.table(), repaired.span());
    context_.compute().synchronize();
    receive_table(rows.table(), solved);
  });
}

void Engine::require_regularization() const {
  require(is_regularized_, "other penalties could not be set: set them again before going on");
}

void Engine::set_regularization(const Regularization& regularization) {
  is_regularized_ = false;
  objective_.reset();
  spec_.regularization = regularization;
  if (sgd_) {
    sgd_->set_scaling(regularization.scaling);
  }
  if (least_squares_) {
    least_squares_->set_regularization(regularization);
    context_.compute().synchronize();
  }
  if (solves_rows(spec_)) {
    users_->prepare_solving(context_, *staging_, items_->rows(), spec_, limits_);
    items_->prepare_solving(context_, *staging_, users_->rows(), spec_, limits_);
    staging_->finish();
  }
  is_regularized_ = true;
}

}  // namespace alsatian::cuda
