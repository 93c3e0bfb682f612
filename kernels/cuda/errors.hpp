// How wrong the factors on the device are: errors, loss and penalty, summed in double there; only
// the sums come back. Every sum has a fixed order: the same device gives the same bytes.
#pragma once

#include "kernels/cuda/tables.hpp"
#include "kernels/math/likelihood.hpp"
#include "kernels/math/regularization.hpp"

#include <cstdint>
#include <optional>

namespace alsatian::cuda {

/// Sums over a set of ratings.
struct ErrorSums {
  std::int64_t count = 0;
  double squared_error = 0;  // of mean(score) − rating
  double absolute_error = 0;
  double loss = 0;  // of the likelihood at unit dispersion
};

/// F = errors.loss + penalty.
struct Objective {
  ErrorSums errors;
  double penalty = 0;

  double value() const { return errors.loss + penalty; }
};

/// What scores are made of: η = mean + b_u + c_i + ⟨p_u, q_i⟩, and the likelihood that judges
/// them. Both tables have the same rank.
struct ScoreTask {
  DeviceTable<const float> users;
  DeviceTable<const float> items;
  double mean = 0;
  Likelihood likelihood;
};

/// Sums on one device, on its compute stream: they see what was enqueued there before, and wait
/// until they are there. Dot products in float, sums in double. Throws DeviceError.
class Errors {
 public:
  /// Allocates once, a fixed size for problems of any size. `context` outlives it.
  explicit Errors(const Context& context);

  /// Over all ratings of the compressed rows of users.
  ErrorSums training_errors(const ScoreTask& task, const DeviceRatings& by_user);

  /// Over listed ratings; users, items and ratings [count]. An index of −1 is an unknown row,
  /// which adds neither bias nor dot product. Throws std::invalid_argument where the lengths
  /// differ.
  ErrorSums listed_errors(const ScoreTask& task, DeviceSpan<const std::int32_t> users,
                          DeviceSpan<const std::int32_t> items, DeviceSpan<const float> ratings);

  /// ½ Σ s(n)(λ‖w‖² + λ_b b²) over the rows of one side; offsets [rows + 1] give n.
  double penalty(const DeviceTable<const float>& side, DeviceSpan<const std::int64_t> offsets,
                 const Regularization& regularization);

  /// F, with one wait: the errors over by_user and the penalty of both sides.
  Objective objective(const ScoreTask& task, const DeviceRatings& by_user,
                      DeviceSpan<const std::int64_t> item_offsets,
                      const Regularization& regularization);

  /// The first row with a factor or bias that is not finite.
  std::optional<std::int64_t> first_non_finite_row(const DeviceTable<const float>& side);

  /// Bytes of device memory that the constructor allocates.
  static std::int64_t bytes();

 private:
  void enqueue_errors(const ScoreTask& task, DeviceSpan<const std::int64_t> offsets,
                      DeviceSpan<const std::int32_t> users, DeviceSpan<const std::int32_t> items,
                      DeviceSpan<const float> ratings);
  void enqueue_penalty(const DeviceTable<const float>& side, DeviceSpan<const std::int64_t> offsets,
                       const Regularization& regularization, std::int64_t place);
  std::span<const double> fetch();

  const Context& context_;
  DeviceBuffer<double> parts_;
  DeviceBuffer<double> sums_;
  DeviceBuffer<unsigned long long> bad_row_;
  PinnedBuffer<double> fetched_sums_;
  PinnedBuffer<unsigned long long> fetched_bad_row_;
};

}  // namespace alsatian::cuda
