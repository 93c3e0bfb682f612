// Launches of transpose.hpp: passes go to and fro between the result's memory and our own, so that
// the last one ends in the result.
#include "kernels/cuda/transposition.hpp"

#include "kernels/cuda/transpose.hpp"

#include <algorithm>
#include <stdexcept>

namespace alsatian::cuda {
namespace {

/// Two passes for up to 65,536 items, three for up to 16 million.
constexpr int digit_bits = 8;
using Pass = SortPass<digit_bits>;

}  // namespace

Transposition::Shape Transposition::shape_of(std::int64_t observations, std::int64_t columns,
                                             const TranspositionLimits& limits) {
  const std::int64_t wanted = (observations + limits.most_pieces - 1) / limits.most_pieces;
  const std::int64_t piece = std::max(limits.least_piece, wanted);
  return {digit_passes(columns, digit_bits), piece, (observations + piece - 1) / piece};
}

Transposition::Transposition(const Context& context, std::int64_t observations,
                             std::int64_t columns, const TranspositionLimits& limits)
    : context_(context),
      shape_(shape_of(observations, columns, limits)),
      counts_(shape_.pieces * Pass::digits),
      totals_(Pass::digits),
      keys_{DeviceBuffer<std::int32_t>(shape_.passes > 1 ? observations : 0),
            DeviceBuffer<std::int32_t>(shape_.passes > 2 ? observations : 0)},
      rows_(shape_.passes > 1 ? observations : 0),
      values_(shape_.passes > 1 ? observations : 0) {}

Transposition::~Transposition() { context_.compute().wait(); }

void Transposition::run(const DeviceRatings& ratings, DeviceSpan<std::int32_t> rows,
                        DeviceSpan<float> values) {
  if (rows.size() != ratings.columns.size() || values.size() != ratings.columns.size()) {
    throw std::invalid_argument("as many ratings leave a transposition as enter it");
  }
  Pass pass{.keys = ratings.columns,
            .rows = {},
            .offsets = ratings.offsets,
            .values = ratings.values,
            .sorted = {},
            .counts = counts_.span(),
            .totals = totals_.span(),
            .piece = shape_.piece,
            .pieces = shape_.pieces,
            .shift = 0};
  const Stream& stream = context_.compute();
  for (int number = 0; number < shape_.passes; ++number) {
    const int left = shape_.passes - 1 - number;
    const DeviceSpan<std::int32_t> keys =
        left > 0 ? keys_[left % 2 == 0 ? 1 : 0].span() : DeviceSpan<std::int32_t>();
    pass.sorted = left % 2 == 0 ? SortedEntries{keys, rows, values}
                                : SortedEntries{keys, rows_.span(), values_.span()};
    pass.shift = number * digit_bits;
    launch(stream, &count_digits<digit_bits>,
           {shape_.pieces, device::warp_lanes, Pass::count_shared_bytes}, pass);
    launch(stream, &add_counts<digit_bits>, {Pass::digits, device::warp_lanes}, pass);
    launch(stream, &move_entries<digit_bits>,
           {shape_.pieces, device::warp_lanes, Pass::move_shared_bytes}, pass);
    pass.keys = pass.sorted.keys;
    pass.rows = pass.sorted.rows;
    pass.values = pass.sorted.values;
  }
}

std::int64_t Transposition::bytes(std::int64_t observations, std::int64_t columns,
                                  const TranspositionLimits& limits) {
  const Shape shape = shape_of(observations, columns, limits);
  const std::int64_t arrays = shape.passes > 2 ? 4 : shape.passes > 1 ? 3 : 0;
  return DeviceBuffer<std::int64_t>::bytes(shape.pieces * Pass::digits) +
         DeviceBuffer<std::int64_t>::bytes(Pass::digits) +
         arrays * DeviceBuffer<float>::bytes(observations);  // values, or as large
}

}  // namespace alsatian::cuda
