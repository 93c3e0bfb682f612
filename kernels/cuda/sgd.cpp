// Launches of sgd_rows.hpp for the shapes that are compiled in: ranks up to 32, 64, 128, 256 and
// 1024.
#include "kernels/cuda/sgd.hpp"

#include "kernels/cuda/sgd_copies.hpp"
#include "kernels/cuda/staging.hpp"
#include "kernels/math/regularization.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace alsatian::cuda {
namespace {

constexpr std::int64_t staging_bytes = std::int64_t{8} << 20;

using LargestShape = SgdShape<32, 8>;

/// Calls body(shape) with the smallest shape that holds a row of `stride`.
template <typename Body>
void with_shape(std::int32_t stride, Body&& body) {
  const auto fits = [&](auto shape) {
    if (stride > shape.columns) {
      return false;
    }
    body(shape);
    return true;
  };
  static_cast<void>(fits(SgdShape<8, 1>()) || fits(SgdShape<16, 1>()) || fits(SgdShape<32, 1>()) ||
                    fits(SgdShape<32, 2>()) || fits(LargestShape()));
}

/// Of either half: no more than the longest list needs.
std::int64_t staging_for(std::int64_t longest_bytes) {
  return std::clamp<std::int64_t>(longest_bytes, sizeof(SgdRow), staging_bytes);
}

/// Enqueues sending the whole list; staging.finish() waits for it.
template <typename T>
DeviceBuffer<T> uploaded(Staging& staging, View<const T> from, Caller caller = Caller::current()) {
  DeviceBuffer<T> buffer(from.size(), caller);
  staging.send(from, buffer.span(), caller);
  return buffer;
}

template <typename T>
RatingsBuffer<T> placed(Staging& staging, View<const T> from, Place place,
                        Caller caller = Caller::current()) {
  RatingsBuffer<T> buffer(from.size(), place, caller);
  if (place == Place::host) {
    std::copy(from.begin(), from.end(), buffer.host().begin());
  } else {
    staging.send(from, buffer.span(), caller);
  }
  return buffer;
}

void check_schedule(const SgdScheduleView& schedule, View<const std::int64_t> user_offsets,
                    View<const std::int64_t> item_offsets, std::int32_t rank) {
  const std::int64_t grid = schedule.grid;
  const std::int64_t observations = schedule.ratings.size();
  if (grid < 1 || schedule.block_offsets.size() != grid * grid + 1) {
    throw std::invalid_argument("an SGD schedule needs grid·grid + 1 block offsets");
  }
  if (schedule.users.size() != observations || schedule.items.size() != observations ||
      schedule.block_offsets[grid * grid] != observations) {
    throw std::invalid_argument("an SGD schedule needs a user and an item for every rating");
  }
  if (user_offsets.empty() || item_offsets.empty()) {
    throw std::invalid_argument("stochastic gradient descent needs the offsets of both sides");
  }
  if (rank < 0 || rank > LargestShape::columns) {
    throw std::invalid_argument("no kernel of stochastic gradient descent for this rank");
  }
}

LaunchShape one_thread_each(std::int64_t count) {
  return {(count + copy_threads - 1) / copy_threads, copy_threads};
}

/// Groups of Hogwild that a multiprocessor has room for.
std::int64_t workers_per_processor(std::int32_t rank) {
  std::int64_t workers = 0;
  with_shape(padded_rank(rank), [&]<typename Shape>(Shape) {
    workers = std::int64_t{sgd_warps_per_processor<Shape>()} * Shape::groups;
  });
  return workers;
}

template <typename Shape>
LaunchShape groups_side_by_side(std::int64_t groups) {
  return {(groups + Shape::groups - 1) / Shape::groups, sgd_threads};
}

/// One side's rows and, for halves, its factors.
struct Side {
  const Context& context;
  std::vector<std::int64_t> counts;
  DeviceBuffer<SgdRow> rows;
  DeviceBuffer<Half> halves;

  Side(const Context& device, View<const std::int64_t> offsets, std::int32_t rank,
       SgdStorage storage)
      : context(device),
        rows(offsets.size() - 1),
        halves(storage == SgdStorage::halves ? rows.size() * padded_rank(rank) : 0) {
    for (std::int64_t row = 0; row < rows.size(); ++row) {
      counts.push_back(offsets[row + 1] - offsets[row]);
    }
  }

  std::vector<SgdRow> downloaded() const {
    PinnedBuffer<SgdRow> staging(rows.size());
    download(context.compute(), rows.span(), staging.span());
    context.compute().synchronize();
    return {staging.span().begin(), staging.span().end()};
  }
  void set(const std::vector<SgdRow>& values) {
    Staging staging(context, staging_for(rows.size() * std::int64_t{sizeof(SgdRow)}));
    staging.send(View<const SgdRow>(values), rows.span());
    staging.finish();
  }
  void set_scaling(std::vector<SgdRow> values, double scaling) {
    for (std::size_t row = 0; row < values.size(); ++row) {
      values[row].share =
          static_cast<float>(observation_share(static_cast<double>(counts[row]), scaling));
    }
    set(values);
  }

  SgdSums sums() const {
    SgdSums result;
    for (const SgdRow& row : downloaded()) {
      result.factors.push_back(row.factor_sum);
      result.biases.push_back(row.bias_sum);
    }
    return result;
  }
  void set_sums(const SgdSums& sums) {
    if (sums.factors.size() != counts.size() || sums.biases.size() != counts.size()) {
      throw std::invalid_argument("AdaGrad's sums need one number for every row");
    }
    std::vector<SgdRow> values = downloaded();
    for (std::size_t row = 0; row < values.size(); ++row) {
      values[row].factor_sum = sums.factors[row];
      values[row].bias_sum = sums.biases[row];
    }
    set(values);
  }

  void check(const DeviceTable<float>& table, std::int32_t rank) const {
    if (table.rows() != rows.size() || table.rank != rank || table.stride != padded_rank(rank)) {
      throw std::invalid_argument("a table has another shape than the schedule was made for");
    }
  }

  template <typename Storage>
  SgdSide<Storage> begin(const DeviceTable<float>& table) {
    launch(context.compute(), &take_biases<copy_threads>, one_thread_each(rows.size()),
           table.biases, rows.span());
    if constexpr (std::is_same_v<Storage, Half>) {
      launch(context.compute(), &take_factors<copy_threads>, one_thread_each(halves.size() / 4),
             table.factors, halves.span());
      return {halves.span().data(), rows.span().data(), table.stride};
    } else {
      return {table.factors.data(), rows.span().data(), table.stride};
    }
  }
  void end(const DeviceTable<float>& table) const {
    launch(context.compute(), &give_biases<copy_threads>, one_thread_each(rows.size()), rows.span(),
           table.biases);
    launch(context.compute(), &give_factors<copy_threads>, one_thread_each(halves.size() / 4),
           halves.span(), table.factors);
  }
};

}  // namespace

struct SgdEpochs::State {
  const Context& context;
  SgdOptions options;
  std::int32_t rank;
  std::int32_t grid;
  std::int64_t hogwild_workers;
  DeviceBuffer<std::int64_t> block_offsets;
  RatingsBuffer<std::int32_t> user_ids;
  RatingsBuffer<std::int32_t> item_ids;
  RatingsBuffer<float> ratings;
  Side users;
  Side items;

  State(const Context& device, Staging& staging, const SgdScheduleView& schedule,
        View<const std::int64_t> user_offsets, View<const std::int64_t> item_offsets,
        std::int32_t factors, const SgdOptions& how)
      : context(device),
        options(how),
        rank(factors),
        grid(schedule.grid),
        hogwild_workers(std::min({workers_without_crowding(user_offsets, how.most_meetings),
                                  workers_without_crowding(item_offsets, how.most_meetings),
                                  device.processors() * workers_per_processor(factors)})),
        block_offsets(uploaded(staging, schedule.block_offsets)),
        user_ids(placed(staging, schedule.users, how.ratings)),
        item_ids(placed(staging, schedule.items, how.ratings)),
        ratings(placed(staging, schedule.ratings, how.ratings)),
        users(device, user_offsets, factors, how.storage),
        items(device, item_offsets, factors, how.storage) {}

  template <typename Storage>
  SgdTask<Storage> begin(const DeviceTable<float>& user_table, const DeviceTable<float>& item_table,
                         const SgdStep& step, std::uint32_t epoch) {
    return {.users = users.begin<Storage>(user_table),
            .items = items.begin<Storage>(item_table),
            .ratings = {user_ids.span().data(), item_ids.span().data(), ratings.span().data()},
            .likelihood = static_cast<std::uint32_t>(step.likelihood.index()),
            .factor_regularization = step.factor_regularization,
            .bias_regularization = step.bias_regularization,
            .mean = step.mean,
            .learning_rate = step.learning_rate,
            .rank_share = rank > 0 ? 1.0F / static_cast<float>(rank) : 0.0F,
            .adagrad = step.adagrad,
            .biases = step.biases,
            .seed = options.seed,
            .epoch = epoch};
  }

  /// Calls launch_all(task, shape) between what begins and ends an epoch.
  template <typename LaunchAll>
  void epoch(const DeviceTable<float>& user_table, const DeviceTable<float>& item_table,
             const SgdStep& step, std::uint32_t number, LaunchAll&& launch_all) {
    users.check(user_table, rank);
    items.check(item_table, rank);
    with_shape(user_table.stride, [&](auto shape) {
      if (options.storage == SgdStorage::halves) {
        launch_all(begin<Half>(user_table, item_table, step, number), shape);
      } else {
        launch_all(begin<float>(user_table, item_table, step, number), shape);
      }
    });
    users.end(user_table);
    items.end(item_table);
  }
};

SgdEpochs::SgdEpochs(const Context& context, const SgdScheduleView& schedule,
                     View<const std::int64_t> user_offsets, View<const std::int64_t> item_offsets,
                     double scaling, std::int32_t rank, const SgdOptions& options) {
  check_schedule(schedule, user_offsets, item_offsets, rank);
  {
    const std::int64_t ids = schedule.ratings.size() * std::int64_t{sizeof(std::int32_t)};
    const std::int64_t offsets = schedule.block_offsets.size() * std::int64_t{sizeof(std::int64_t)};
    Staging staging(context, staging_for(std::max(ids, offsets)));
    state_ = std::make_unique<State>(context, staging, schedule, user_offsets, item_offsets, rank,
                                     options);
    staging.finish();
  }
  for (Side* const side : {&state_->users, &state_->items}) {
    side->set_scaling(std::vector<SgdRow>(side->counts.size(), SgdRow{0, 1, 1, 0}), scaling);
  }
}

SgdEpochs::~SgdEpochs() = default;

void SgdEpochs::blocked_epoch(const DeviceTable<float>& users, const DeviceTable<float>& items,
                              const SgdStep& step, std::span<const std::int32_t> stages,
                              std::uint32_t epoch) {
  for (const std::int32_t stage : stages) {
    if (stage < 0 || stage >= state_->grid) {
      throw std::invalid_argument("an SGD stage is out of range");
    }
  }
  state_->epoch(users, items, step, epoch,
                [&]<typename Storage, typename Shape>(const SgdTask<Storage>& task, Shape) {
                  for (const std::int32_t stage : stages) {
                    launch(state_->context.compute(), &sgd_stage<Storage, Shape>,
                           groups_side_by_side<Shape>(state_->grid), task,
                           std::as_const(state_->block_offsets).span(), state_->grid, stage);
                  }
                });
}

void SgdEpochs::hogwild_epoch(const DeviceTable<float>& users, const DeviceTable<float>& items,
                              const SgdStep& step, std::uint32_t epoch) {
  state_->epoch(users, items, step, epoch,
                [&]<typename Storage, typename Shape>(const SgdTask<Storage>& task, Shape) {
                  launch(state_->context.compute(), &sgd_chunks<Storage, Shape>,
                         groups_side_by_side<Shape>(state_->hogwild_workers), task,
                         state_->ratings.size(), state_->options.chunk_ratings,
                         state_->hogwild_workers);
                });
}

SgdSums SgdEpochs::user_sums() const { return state_->users.sums(); }
SgdSums SgdEpochs::item_sums() const { return state_->items.sums(); }
void SgdEpochs::set_user_sums(const SgdSums& sums) { state_->users.set_sums(sums); }
void SgdEpochs::set_item_sums(const SgdSums& sums) { state_->items.set_sums(sums); }

void SgdEpochs::set_scaling(double scaling) {
  for (Side* const side : {&state_->users, &state_->items}) {
    side->set_scaling(side->downloaded(), scaling);
  }
}

std::int64_t SgdEpochs::hogwild_workers() const { return state_->hogwild_workers; }

std::int64_t SgdEpochs::bytes(std::int64_t users, std::int64_t items, std::int64_t observations,
                              std::int32_t grid, std::int32_t rank, SgdStorage storage) {
  const std::int64_t half_columns = storage == SgdStorage::halves ? padded_rank(rank) : 0;
  const auto of_side = [&](std::int64_t rows) {
    return DeviceBuffer<SgdRow>::bytes(rows) + DeviceBuffer<Half>::bytes(rows * half_columns);
  };
  return DeviceBuffer<std::int64_t>::bytes(std::int64_t{grid} * grid + 1) +
         2 * DeviceBuffer<std::int32_t>::bytes(observations) +
         DeviceBuffer<float>::bytes(observations) + of_side(users) + of_side(items);
}

std::int64_t workers_without_crowding(View<const std::int64_t> offsets, double most_meetings) {
  const auto total = static_cast<double>(offsets[offsets.size() - 1]);
  double meeting = 0;  // the chance that two ratings drawn at random are of the same row
  for (std::int64_t row = 0; row + 1 < offsets.size(); ++row) {
    const double share = static_cast<double>(offsets[row + 1] - offsets[row]) / total;
    meeting += share * share;
  }
  if (!(meeting > 0)) {
    return 1;
  }
  return 1 + static_cast<std::int64_t>(std::min(most_meetings / meeting, 1e6));
}

}  // namespace alsatian::cuda
