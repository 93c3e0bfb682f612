// A warp for each row: neighbouring lanes read neighbouring ratings.
// Nothing to factorize: a row is one quotient of two sums.
#include "kernels/cuda/bias_rows.hpp"

#include "kernels/cuda/sums.hpp"

namespace alsatian::cuda {
namespace {

constexpr int bias_threads = 256;
constexpr int bias_warps = bias_threads / 32;

__global__ void __launch_bounds__(bias_threads) solve_bias_rows(AlsTask task) {
  const std::int64_t row = std::int64_t{blockIdx.x} * bias_warps + threadIdx.x / device::warp_lanes;
  if (row >= task.solved_biases.size()) {
    return;
  }
  const std::int64_t first = task.offsets[row];
  const std::int64_t end = task.offsets[row + 1];
  if (first == end) {
    return;
  }
  double sum = 0;
  for (std::int64_t position = first + lane_of_warp(); position < end; position += 32) {
    sum += double{task.ratings[position]} - task.opposite_biases[task.columns[position]];
  }
  sum = group_sum<32>(sum);
  if (lane_of_warp() == 0) {
    const double weight = static_cast<double>(end - first) + task.ridges[row].biases;
    task.solved_biases[row] = static_cast<float>(sum / weight);
  }
}

}  // namespace

void solve_biases(const Context& context, const AlsTask& task) {
  const std::int64_t rows = task.solved_biases.size();
  launch(context.compute(), &solve_bias_rows, {(rows + bias_warps - 1) / bias_warps, bias_threads},
         task);
}

}  // namespace alsatian::cuda
