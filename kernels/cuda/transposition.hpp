// The second orientation of ratings that are on the device in the first: the host sends them once.
// Owns the memory that takes for as long as it takes.
#pragma once

#include "kernels/cuda/memory.hpp"
#include "kernels/cuda/tables.hpp"

#include <cstdint>

namespace alsatian::cuda {

/// How ratings are cut into pieces; small in tests. Results do not depend on it.
struct TranspositionLimits {
  std::int64_t least_piece = 2048;  // ratings
  std::int64_t most_pieces = 8192;
};

class Transposition {
 public:
  /// Allocates what run() needs for so many ratings and columns. `context` outlives this.
  Transposition(const Context& context, std::int64_t observations, std::int64_t columns,
                const TranspositionLimits& limits = {});
  ~Transposition();
  Transposition(const Transposition&) = delete;
  Transposition& operator=(const Transposition&) = delete;

  /// Enqueues, on context.compute(), writing the ratings by column: `rows` and `values`
  /// [observations], ordered by column, those of a column in the order of their rows. The same
  /// bytes as the host's transposition. Does not wait.
  /// ratings  compressed rows, at least one
  void run(const DeviceRatings& ratings, DeviceSpan<std::int32_t> rows, DeviceSpan<float> values);

  /// Bytes of device memory that the constructor allocates.
  static std::int64_t bytes(std::int64_t observations, std::int64_t columns,
                            const TranspositionLimits& limits = {});

 private:
  struct Shape {
    int passes;
    std::int64_t piece;
    std::int64_t pieces;
  };
  static Shape shape_of(std::int64_t observations, std::int64_t columns,
                        const TranspositionLimits& limits);

  const Context& context_;
  Shape shape_;
  DeviceBuffer<std::int64_t> counts_;
  DeviceBuffer<std::int64_t> totals_;
  DeviceBuffer<std::int32_t> keys_[2];
  DeviceBuffer<std::int32_t> rows_;
  DeviceBuffer<float> values_;
};

}  // namespace alsatian::cuda
