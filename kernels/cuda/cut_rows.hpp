// A side's rows cut into work for warps, on the device, with the memory that sums of cut rows wait
// in: what a pass of gauss_newton_rows.hpp runs on, whoever asks for it.
#pragma once

#include "kernels/cuda/row_segments.hpp"
#include "kernels/cuda/upload_all.hpp"

#include <cstdint>
#include <utility>

namespace alsatian::cuda {

class CutRows {
 public:
  /// Allocates once, for all passes. Throws DeviceError.
  CutRows(const Stream& stream, const RowSegments& made, std::int32_t rank,
          Caller caller = Caller::current())
      : segments_(upload_all(stream, made.segments, caller)),
        cut_rows_(upload_all(stream, made.cut_rows, caller)),
        part_factors_(part_floats(made, rank), caller),
        part_biases_(made.parts, caller) {}

  DeviceSpan<const RowSegment> segments() const { return segments_.span(); }
  DeviceSpan<const SegmentedRow> cut_rows() const { return cut_rows_.span(); }
  DeviceSpan<double> part_biases() { return part_biases_.span(); }

  /// Enqueues a pass over the ratings of every row.
  template <Gathers what>
  void gather(const LaunchOn& on, const GaussNewtonTask& task) {
    const PartSums parts{part_factors_.span(), part_biases_.span()};
    with_gather_shape(task.own.stride, [&](auto shape) {
      using Shape = decltype(shape);
      launch(on, &gather_rows<Shape, what>, warps(segments_.size()), task, segments(), parts);
      launch(on, &join_rows<Shape, what>, warps(cut_rows_.size()), task, cut_rows(), parts);
    });
  }

  /// Bytes of device memory that the constructor allocates.
  static std::int64_t bytes(const RowSegments& made, std::int32_t rank) {
    return list_bytes(made.segments) + list_bytes(made.cut_rows) +
           DeviceBuffer<float>::bytes(part_floats(made, rank)) +
           DeviceBuffer<double>::bytes(made.parts);
  }

 private:
  static std::int64_t part_floats(const RowSegments& made, std::int32_t rank) {
    return std::int64_t{made.parts} * 2 * padded_rank(rank);
  }
  static LaunchShape warps(std::int64_t count) {
    return {(count + gather_warps - 1) / gather_warps, gather_threads};
  }

  DeviceBuffer<RowSegment> segments_;
  DeviceBuffer<SegmentedRow> cut_rows_;
  DeviceBuffer<float> part_factors_;
  DeviceBuffer<double> part_biases_;
};

}  // namespace alsatian::cuda
