// Epochs of stochastic gradient descent on the device: ratings, accumulators and shares are
// uploaded once, then an epoch is a few launches, or one a stage.
#pragma once

#include "kernels/cuda/ratings_buffer.hpp"
#include "kernels/cuda/tables.hpp"
#include "kernels/math/likelihood.hpp"
#include "kernels/math/views.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace alsatian::cuda {

/// How factors are kept while an epoch runs; arithmetic is in float either way.
enum class SgdStorage { floats, halves };

/// What holds for all epochs.
struct SgdOptions {
  SgdStorage storage = SgdStorage::floats;
  Place ratings = Place::device;
  std::uint64_t seed = 0;  // of Hogwild's order and of the rounding to halves
  /// Hogwild: ratings that a worker visits in a row. A worker is a warp, or a part of it up to rank
  /// 64, and at one rating at a time.
  std::int32_t chunk_ratings = 128;
  /// Hogwild: how many other workers may be at work on a rating's user, and on its item, at a time,
  /// on average over ratings. Of steps that meet in a row all but one are lost; at 4 an epoch of
  /// ml-25m's shape takes half the time that it takes at 1, and the test error is no larger.
  double most_meetings = 4.0;
};

/// What may change from epoch to epoch.
struct SgdStep {
  Likelihood likelihood = Gaussian{};
  float factor_regularization = 0;  // λ
  float bias_regularization = 0;    // λ_b
  float mean = 0;                   // μ of the score
  float learning_rate = 0;
  bool adagrad = true;
  bool biases = true;
};

/// AdaGrad's accumulators of one side, [rows] each.
struct SgdSums {
  std::vector<float> factors;
  std::vector<float> biases;
};

/// Trains on one schedule. The tables are the caller's: float, with zeros in the padding, stride
/// padded_rank(rank), rank from 0 to 1024.
class SgdEpochs {
 public:
  /// Uploads the schedule; accumulators start at 1.
  /// user_offsets [users + 1], item_offsets [items + 1]: of the compressed rows, on the host
  /// scaling  α of s(n) = n^α
  /// Allocates once, for all epochs. Throws std::invalid_argument where the schedule's sizes do not
  /// fit, DeviceError. `context` outlives this.
  SgdEpochs(const Context& context, const SgdScheduleView& schedule,
            View<const std::int64_t> user_offsets, View<const std::int64_t> item_offsets,
            double scaling, std::int32_t rank, const SgdOptions& options = {});
  ~SgdEpochs();
  SgdEpochs(const SgdEpochs&) = delete;
  SgdEpochs& operator=(const SgdEpochs&) = delete;

  /// Enqueues the stages in the given order on context.compute(), the blocks of each side by side:
  /// the same bytes every time, those of visiting block after block. Does not wait.
  /// stages  a permutation of 0 … grid − 1
  /// epoch   from 0 on: what the rounding to halves is drawn for
  void blocked_epoch(const DeviceTable<float>& users, const DeviceTable<float>& items,
                     const SgdStep& step, std::span<const std::int32_t> stages,
                     std::uint32_t epoch);

  /// Enqueues every rating once: chunks of the schedule's order, in a random order of their own, on
  /// as many workers as options allow, without regard to rows that they share. Fast, and another
  /// result every time. Best given a schedule of one block: the rows of the side whose ratings
  /// crowd in fewer rows in random order, the ratings of each together.
  void hogwild_epoch(const DeviceTable<float>& users, const DeviceTable<float>& items,
                     const SgdStep& step, std::uint32_t epoch);

  /// The accumulators, after all work enqueued; waits for it.
  SgdSums user_sums() const;
  SgdSums item_sums() const;
  /// Goes on from these, [rows] each; waits.
  void set_user_sums(const SgdSums& sums);
  void set_item_sums(const SgdSums& sums);

  /// Other shares s(n)/n; the accumulators stay. Waits.
  void set_scaling(double scaling);

  /// Workers that hogwild_epoch has.
  std::int64_t hogwild_workers() const;

  /// Bytes of device memory that the constructor allocates for so many ratings on the device.
  static std::int64_t bytes(std::int64_t users, std::int64_t items, std::int64_t observations,
                            std::int32_t grid, std::int32_t rank, SgdStorage storage);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// How many workers can be at work so that on average `most_meetings` others are at a rating's row:
/// W − 1 = most_meetings / Σ (n/N)², at least 1. offsets [rows + 1]
std::int64_t workers_without_crowding(View<const std::int64_t> offsets, double most_meetings);

}  // namespace alsatian::cuda
