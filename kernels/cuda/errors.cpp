// Launches of error_sums.hpp, and the sums' way back.
// Parts of blocks are added by one block in a fixed order: the same bytes every time.
#include "kernels/cuda/errors.hpp"

#include "kernels/cuda/error_sums.hpp"

#include <stdexcept>
#include <utility>

namespace alsatian::cuda {
namespace {

constexpr std::int64_t least_ratings = 256;  // of a warp: the search for its rows costs some
constexpr std::int64_t least_rows = 32;
constexpr std::int64_t least_fours = 1024;

// Where the sums stand in sums_.
constexpr std::int64_t error_place = 0;
constexpr std::int64_t errors_count = 3;
constexpr std::int64_t penalty_place = 3;
constexpr std::int64_t sums_count = 5;

}  // namespace

Errors::Errors(const Context& context)
    : context_(context),
      parts_(most_sum_blocks * errors_count),
      sums_(sums_count),
      bad_row_(1),
      fetched_sums_(sums_count),
      fetched_bad_row_(1) {
  clear(context.compute(), sums_.span());
}

std::int64_t Errors::bytes() {
  return DeviceBuffer<double>::bytes(most_sum_blocks * errors_count) +
         DeviceBuffer<double>::bytes(sums_count) + DeviceBuffer<unsigned long long>::bytes(1);
}

void Errors::enqueue_errors(const ScoreTask& task, DeviceSpan<const std::int64_t> offsets,
                            DeviceSpan<const std::int32_t> users,
                            DeviceSpan<const std::int32_t> items, DeviceSpan<const float> ratings) {
  const Judge judge{task.users, task.items, task.mean, task.likelihood.index()};
  const JudgedRatings judged{offsets, users, items, ratings};
  const WarpPieces pieces = WarpPieces::of(ratings.size(), least_ratings);
  const DeviceSpan<double> parts = parts_.span().subspan(0, pieces.blocks * errors_count);
  with_lanes(task.users.stride, [&](auto lanes) {
    launch(context_.compute(), &sum_errors<lanes>,
           {pieces.blocks, sum_threads, sum_shared_bytes<errors_count>}, judge, judged, pieces,
           parts);
  });
  launch(context_.compute(), &add_parts<errors_count>,
         {1, sum_threads, sum_shared_bytes<errors_count>}, parts,
         sums_.span().subspan(error_place, errors_count));
}

void Errors::enqueue_penalty(const DeviceTable<const float>& side,
                             DeviceSpan<const std::int64_t> offsets,
                             const Regularization& regularization, std::int64_t place) {
  const WarpPieces pieces = WarpPieces::of(side.rows(), least_rows);
  const DeviceSpan<double> parts = parts_.span().subspan(0, pieces.blocks);
  with_lanes(side.stride, [&](auto lanes) {
    launch(context_.compute(), &sum_penalties<lanes>,
           {pieces.blocks, sum_threads, sum_shared_bytes<1>}, side, offsets, regularization, pieces,
           parts);
  });
  launch(context_.compute(), &add_parts<1>, {1, sum_threads, sum_shared_bytes<1>}, parts,
         sums_.span().subspan(place, 1));
}

std::span<const double> Errors::fetch() {
  download(context_.compute(), std::as_const(sums_).span(), fetched_sums_.span());
  context_.compute().synchronize();
  return fetched_sums_.span();
}

ErrorSums Errors::training_errors(const ScoreTask& task, const DeviceRatings& by_user) {
  enqueue_errors(task, by_user.offsets, {}, by_user.columns, by_user.values);
  const std::span<const double> sums = fetch();
  return {by_user.observations(), sums[0], sums[1], sums[2]};
}

ErrorSums Errors::listed_errors(const ScoreTask& task, DeviceSpan<const std::int32_t> users,
                                DeviceSpan<const std::int32_t> items,
                                DeviceSpan<const float> ratings) {
  if (users.size() != ratings.size() || items.size() != ratings.size()) {
    throw std::invalid_argument("a list of ratings needs as many users and items");
  }
  enqueue_errors(task, {}, users, items, ratings);
  const std::span<const double> sums = fetch();
  return {ratings.size(), sums[0], sums[1], sums[2]};
}

double Errors::penalty(const DeviceTable<const float>& side, DeviceSpan<const std::int64_t> offsets,
                       const Regularization& regularization) {
  enqueue_penalty(side, offsets, regularization, penalty_place);
  return fetch()[penalty_place];
}

Objective Errors::objective(const ScoreTask& task, const DeviceRatings& by_user,
                            DeviceSpan<const std::int64_t> item_offsets,
                            const Regularization& regularization) {
  enqueue_errors(task, by_user.offsets, {}, by_user.columns, by_user.values);
  enqueue_penalty(task.users, by_user.offsets, regularization, penalty_place);
  enqueue_penalty(task.items, item_offsets, regularization, penalty_place + 1);
  const std::span<const double> sums = fetch();
  return {{by_user.observations(), sums[0], sums[1], sums[2]},
          sums[penalty_place] + sums[penalty_place + 1]};
}

std::optional<std::int64_t> Errors::first_non_finite_row(const DeviceTable<const float>& side) {
  const WarpPieces pieces =
      WarpPieces::of(side.rows() * (side.stride / 4) + side.rows(), least_fours);
  clear(context_.compute(), bad_row_.span());
  launch(context_.compute(), &find_non_finite<sum_threads>, {pieces.blocks, sum_threads}, side,
         pieces, bad_row_.span());
  download(context_.compute(), std::as_const(bad_row_).span(), fetched_bad_row_.span());
  context_.compute().synchronize();
  const unsigned long long code = fetched_bad_row_.span()[0];
  if (code == 0) {
    return std::nullopt;
  }
  return static_cast<std::int64_t>(~code);
}

}  // namespace alsatian::cuda
