// What the engine keeps of a problem on the device: either side's ratings and parameters with what
// solves its rows, and the held-out sets. For the engine's own files alone.
#pragma once

#include "kernels/cuda/engine.hpp"
#include "kernels/cuda/ratings_buffer.hpp"
#include "kernels/cuda/require.hpp"
#include "kernels/cuda/row_solver.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace alsatian::cuda {

/// Rows are solved by the dual where that is the cheaper way; it divides by λ, and gives no draw.
BinLimits bins_of(BinLimits limits, const EngineSpec& spec);

/// Whether its rows are solved, by als or to start bayes.
inline bool solves_rows(const EngineSpec& spec) {
  return spec.algorithm == Algorithm::als || spec.algorithm == Algorithm::bayes;
}

/// Bytes of device memory of ratings and offsets, and of what solves the rows.
std::int64_t ratings_bytes(std::int64_t rows, std::int64_t observations);
std::int64_t row_solve_bytes(const Context& context, View<const std::int64_t> offsets,
                             std::int64_t opposite_rows, const EngineSpec& spec,
                             const EngineLimits& limits);

/// One side: its ratings, its parameters, and how its rows are solved.
struct Engine::Rows {
  std::vector<std::int64_t> host_offsets;
  DeviceBuffer<std::int64_t> offsets;
  RatingsBuffer<std::int32_t> columns;
  RatingsBuffer<float> values;
  DeviceTableBuffer parameters;
  DeviceBuffer<RowRidge> ridges;     // als
  std::unique_ptr<RowSolver> solve;  // als, but for rank 0
  std::int32_t solve_short = 0;      // BinLimits::most_short_ratings that it was made for

  /// `observations`: how many are kept; mle needs no ratings of the items.
  Rows(View<const std::int64_t> row_offsets, std::int64_t observations, std::int32_t rank,
       Place place = Place::device)
      : host_offsets(row_offsets.begin(), row_offsets.end()),
        offsets(row_offsets.size()),
        columns(observations, place),
        values(observations, place),
        parameters(row_offsets.size() - 1, rank) {}

  View<const std::int64_t> host() const { return host_offsets; }
  std::int64_t rows() const { return offsets.size() - 1; }
  DeviceRatings ratings() const { return {offsets.span(), columns.span(), values.span()}; }
  /// Sends ratings by row, to wherever they are kept.
  void send_ratings(Staging& staging, const CsrView<float>& from) {
    if (columns.place() == Place::host) {
      require(from.columns.size() == columns.size() && from.values.size() == values.size(),
              "ratings are not as many as there is memory for");
      std::copy(from.columns.begin(), from.columns.end(), columns.host().begin());
      std::copy(from.values.begin(), from.values.end(), values.host().begin());
    } else {
      staging.send(from.columns, columns.span());
      staging.send(from.values, values.span());
    }
  }
  DeviceTable<const float> table() const { return std::as_const(parameters).table(); }

  /// Enqueues sending the ridges; what solves the rows is made where there is none, or one for
  /// other bins, whose memory goes first. Where it throws, another call starts where this one
  /// ended.
  void prepare_solving(const Context& context, Staging& staging, std::int64_t opposite_rows,
                       const EngineSpec& spec, const EngineLimits& limits);
  /// Of a half-sweep with `opposite` fixed.
  AlsTask task(const EngineSpec& spec, const DeviceTable<const float>& opposite,
               DeviceSpan<unsigned long long> repaired);
  /// Enqueues replacing every row by the minimiser of F with `opposite` fixed, or going there.
  void half_sweep(const Context& context, const EngineSpec& spec,
                  const DeviceTable<const float>& opposite,
                  DeviceSpan<unsigned long long> repaired);
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

}  // namespace alsatian::cuda
