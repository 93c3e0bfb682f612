// The best items of many users on the device: found in half precision, proven by an error bound,
// ranked in double. No matrix of users × items is ever written.
#pragma once

#include "kernels/cuda/tables.hpp"

#include <cstdint>
#include <memory>

namespace alsatian::cuda {

/// Users who ask, rows of a table with the candidates' rank (an unknown user is a row of zeros),
/// and what they have seen: row r of seen_offsets [users + 1] (empty: nothing) points into `seen`,
/// positions of candidates that rise within a row. The offsets may be a part of a longer list.
struct TopItemsQuestion {
  DeviceTable<const float> users;
  DeviceSpan<const std::int64_t> seen_offsets;
  DeviceSpan<const std::int32_t> seen;
  double mean = 0;  // what every score has beside biases and factors
};

/// Row u holds the best `found[u]` candidates, best first; what is behind them is anything.
/// A found[u] of TopItems::unproven says that too many are too close for the bound, or that
/// factors are too large for it: that user has to be answered on the host.
struct TopItemsAnswer {
  DeviceSpan<const std::int32_t> positions;  // [users, count]
  DeviceSpan<const double> scores;           // [users, count]
  DeviceSpan<const std::int32_t> found;      // [users]
};

/// How scores come about: on tensor cores, fused with the selection; or block by block by cuBLAS,
/// written to memory and read again. Answers are the same, and fused is the faster.
enum class ScoreProducts { fused, library };

struct TopItemsOptions {
  ScoreProducts products = ScoreProducts::fused;
  /// Scores of a block that cuBLAS computes at once: as many users as fit, but at least 256.
  std::int64_t block_scores = std::int64_t{1} << 28;
};

/// Exactly what the host's top_items gives: the best `count` unseen candidates of each user by
///   score = mean + b_u + c_i + ⟨p_u, q_i⟩
/// in double, summed in index order, then by smaller position; fewer where fewer are left. A score
/// that is not finite is never among them, nor is a candidate with values that are not.
class TopItems {
 public:
  static constexpr std::int32_t most_count = 1024;
  static constexpr std::int32_t unproven = -1;

  /// Packs the candidates, which must stay as they are, and waits for it. Allocates once, for all
  /// answers to up to `most_users` users. 0 ≤ count ≤ most_count. Throws DeviceError;
  /// std::invalid_argument where a limit is broken; UnsupportedByDevice where cuBLAS is wanted and
  /// not there.
  TopItems(const Context& context, DeviceTable<const float> candidates, std::int32_t count,
           std::int64_t most_users, const TopItemsOptions& options = {});
  ~TopItems();
  TopItems(const TopItems&) = delete;
  TopItems& operator=(const TopItems&) = delete;

  /// Enqueues the answer on context.compute(); does not wait. It is there once that has passed,
  /// and until the next call, which overwrites it as its last step; not before `last_read`, which
  /// another stream reaches when it has read it.
  TopItemsAnswer answer(const TopItemsQuestion& question, const Event* last_read = nullptr);

  /// Bytes of device memory that the constructor allocates; cuBLAS takes some more.
  static std::int64_t bytes(std::int64_t candidates, std::int32_t rank, std::int32_t count,
                            std::int64_t most_users, const TopItemsOptions& options = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace alsatian::cuda
