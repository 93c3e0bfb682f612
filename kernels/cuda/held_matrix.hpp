// A symmetric matrix of order up to 64 in the registers of one warp, its lower half only, and its
// Cholesky solve. Diagonal blocks are factored and inverted by shuffles, a lane to a row; all else
// is products on tensor cores, whose operands are the registers that other products left. Nothing
// branches on a pivot: a matrix that has none of use is factored to its end.
#pragma once

#include "kernels/cuda/panel_row.hpp"
#include "kernels/cuda/tensor.hpp"

namespace alsatian::cuda {

/// Where the 16 × 16 piece of two groups of rows lies in an array of accumulators: columns 0 to 7
/// of it, and behind them the others.
__host__ __device__ constexpr int held_place(int group, int columns) {
  return group * (group + 1) + 2 * columns;
}
/// Accumulators of a matrix of order 16·groups.
__host__ __device__ constexpr int held_accumulators(int groups) { return held_place(groups, 0); }

/// Of two numbers each lane keeps one, the second where it is `odd`, and adds what its partner
/// `bits` further has of it.
__device__ __forceinline__ float kept_sum(bool odd, float first, float second, int bits) {
  return (odd ? second : first) + __shfl_xor_sync(device::all_lanes, odd ? first : second, bits);
}

/// Shared memory of one solve of order 16·groups.
struct HeldBlocks {
  static constexpr int width = PanelRow::width;
  static constexpr int stride = width + 4;  // rows of 16 bytes a lane without bank conflicts
  static constexpr int block = width * stride;

  float* data;

  __host__ __device__ static constexpr int size(int groups) { return (2 + groups) * block; }

  /// 16 rows for the diagonal block at work, and behind them those of the identity, all negative.
  __device__ float* work_row(int index) const { return data + index * stride; }
  /// L⁻ᵀ of a panel's diagonal block, by rows.
  __device__ float* inverse(int panel) const { return data + (2 + panel) * block; }

  /// Writes the negative identity; the calling warp does, and sees it after a barrier.
  __device__ __forceinline__ void prepare() const {
    const int row = static_cast<int>(threadIdx.x) % width;
    PanelRow unit;
#pragma unroll
    for (int column = 0; column < width; ++column) {
      unit.values[column] = column == row ? -1.0F : 0.0F;
    }
    if (threadIdx.x >= width) {
      unit.store(work_row(width + row));
    }
  }
};

/// Factors the diagonal block of a panel, whose negative the accumulators are, and leaves L⁻ᵀ in
/// `blocks`. Lane r < 16 works on row r of the block and lane 16 + r on row r of the identity,
/// which the same steps make L⁻ᵀ. Whether each pivot is above least_pivot, the same in all lanes.
__device__ __forceinline__ bool invert_factor(const Accumulator& left, const Accumulator& right,
                                              HeldBlocks blocks, int panel, float least_pivot) {
  constexpr int width = HeldBlocks::width;
  left.store(blocks.work_row(0), HeldBlocks::stride);
  right.store(blocks.work_row(0) + 8, HeldBlocks::stride);
  __syncwarp();
  PanelRow own;
  own.load(blocks.work_row(static_cast<int>(threadIdx.x)));
  own.negate();
  bool regular = true;
#pragma unroll
  for (int pivot = 0; pivot < width; ++pivot) {
    const float square = __shfl_sync(device::all_lanes, own.values[pivot], pivot);
    regular = regular && square > least_pivot;
    own.values[pivot] *= device::inverse_root(square);
#pragma unroll
    for (int column = pivot + 1; column < width; ++column) {
      own.values[column] -=
          own.values[pivot] * __shfl_sync(device::all_lanes, own.values[pivot], column);
    }
  }
  if (threadIdx.x >= width) {
    own.store(blocks.inverse(panel) + (static_cast<int>(threadIdx.x) - width) * HeldBlocks::stride);
  }
  __syncwarp();
  return regular;
}

/// The negative of L⁻ᵀ as the right operand of products: its 16 rows are the columns of the left
/// one, in the order of SplitColumns::held. Columns 0 to 7 have zeros in rows 8 to 15.
struct NegativeInverse {
  std::uint32_t high[2][2][2];  // [columns 0 to 7 or 8 to 15][step][register]
  std::uint32_t low[2][2][2];

  __device__ __forceinline__ void load(const float* inverse) {
    const int row = static_cast<int>(threadIdx.x % 4) * 2;
    const int column = static_cast<int>(threadIdx.x / 4);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
#pragma unroll
      for (int step = 0; step <= half; ++step) {
#pragma unroll
        for (int i = 0; i < 2; ++i) {
          const float value =
              -inverse[(8 * step + row + i) * HeldBlocks::stride + 8 * half + column];
          high[half][step][i] = SplitFloat::high(value);
          low[half][step][i] = SplitFloat::low(value);
        }
      }
    }
  }
};

/// A piece of rows below a panel, of which the negative of what is left of the matrix is held,
/// becomes that piece of the factor: its product with the panel's L⁻ᵀ.
__device__ __forceinline__ void multiply_by(const NegativeInverse& inverse, Accumulator& left,
                                            Accumulator& right) {
  const SplitRows rows = SplitColumns::held(left, right).as_rows();
  Accumulator products[2];
#pragma unroll
  for (int kind = 0; kind < 3; ++kind) {  // low · high, high · low, high · high
#pragma unroll
    for (int step = 0; step < 2; ++step) {
#pragma unroll
      for (int half = step; half < 2; ++half) {
        device::multiply_add_16x8x8(products[half].values,
                                    kind == 0 ? rows.low[step] : rows.high[step],
                                    kind == 1 ? inverse.low[half][step] : inverse.high[half][step]);
      }
    }
  }
  left = products[0];
  right = products[1];
}

/// Makes sums the negative of a matrix: times −scale, less `ridge` and `jitter` on the first
/// `order` places of the diagonal, −padding on the others. The calling lane's share of the matrix'
/// trace without jitter and padding.
template <int Groups>
__device__ __forceinline__ float negate_with_ridge(Accumulator* pieces, float scale, int order,
                                                   float ridge, float jitter, float padding) {
  const int off_diagonal = Accumulator::row() - Accumulator::column();
  float trace = 0;
  unrolled<held_accumulators(Groups)>([&]<int Place>() { pieces[Place].scale(-scale); });
  unrolled<2 * Groups>([&]<int Half>() {
    float(&values)[4] = pieces[held_place(Half / 2, Half / 2) + Half % 2].values;
    const bool inside = 8 * Half + Accumulator::row() < order;
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      float& entry = values[Half % 2 * 2 + i];
      // After the sum: a tiny ridge plus many large terms would be absorbed in float.
      const float ridged = entry - ridge;
      trace -= off_diagonal == i && inside ? ridged : 0.0F;
      entry = off_diagonal != i ? entry : inside ? ridged - jitter : -padding;
    }
  });
  return trace;
}

/// Right-hand sides and what is still to be taken out of them: columns of rows further down, which
/// the lanes of a row have a share of each.
template <int Groups>
struct HeldSides {
  float* values[2];               // [16·Groups] each, in shared memory
  float waiting[Groups][4] = {};  // of rows g and g + 8 of the first side, then of the second

  /// Takes out of a group's values what waits for them, the sum over the four lanes of a row: each
  /// lane ends with one of the four sums.
  template <int Group>
  __device__ __forceinline__ void settle() {
    const int lane = static_cast<int>(threadIdx.x);
    const bool second_side = (lane & 2) != 0;
    const bool lower_row = (lane & 1) != 0;
    float(&sums)[4] = waiting[Group];
    const float upper = kept_sum(second_side, sums[0], sums[2], 2);
    const float lower = kept_sum(second_side, sums[1], sums[3], 2);
    const float sum = kept_sum(lower_row, upper, lower, 1);
    const int row = HeldBlocks::width * Group + lane / 4 + (lower_row ? 8 : 0);
    (second_side ? values[1] : values[0])[row] -= sum;
    __syncwarp();
  }

  /// Replaces a panel's values by L⁻¹ times them: lanes 0 to 15 those of the first side.
  template <int Panel>
  __device__ __forceinline__ void solve(const float* inverse) {
    constexpr int width = HeldBlocks::width;
    const int row = static_cast<int>(threadIdx.x) % width;
    float* const own = (threadIdx.x < width ? values[0] : values[1]) + width * Panel;
    PanelRow before;
    before.load(own);
    float sum = 0;
#pragma unroll
    for (int k = 0; k < width; ++k) {
      sum += inverse[k * HeldBlocks::stride + row] * before.values[k];
    }
    __syncwarp();  // all have read
    own[row] = sum;
    __syncwarp();
  }

  /// Adds the product of a piece of the factor with a panel's solved values to what waits.
  template <int Group, int Panel>
  __device__ __forceinline__ void add(const Accumulator& left, const Accumulator& right) {
#pragma unroll
    for (int side = 0; side < 2; ++side) {
      const float* const solved = values[side] + HeldBlocks::width * Panel + Accumulator::column();
      const float2 first = *reinterpret_cast<const float2*>(solved);
      const float2 second = *reinterpret_cast<const float2*>(solved + 8);
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        waiting[Group][2 * side + i] +=
            left.values[2 * i] * first.x + left.values[2 * i + 1] * first.y +
            right.values[2 * i] * second.x + right.values[2 * i + 1] * second.y;
      }
    }
  }
};

/// Factors the matrix whose negative `pieces` hold, and replaces the right-hand sides by L⁻¹ times
/// them; pieces below the diagonal blocks become those of L. Whether every pivot is a number above
/// least_pivot, which is one of the normal floats; the same in all lanes.
template <int Groups>
__device__ __forceinline__ bool factor_held(Accumulator* pieces, HeldBlocks blocks,
                                            HeldSides<Groups>& sides, float least_pivot) {
  bool regular = true;
  unrolled<Groups>([&]<int Panel>() {
    regular = invert_factor(pieces[held_place(Panel, Panel)], pieces[held_place(Panel, Panel) + 1],
                            blocks, Panel, least_pivot) &&
              regular;
    if constexpr (Panel > 0) {
      sides.template settle<Panel>();
    }
    sides.template solve<Panel>(blocks.inverse(Panel));
    NegativeInverse inverse;
    if constexpr (Panel + 1 < Groups) {
      inverse.load(blocks.inverse(Panel));
    }
    SplitColumns columns[Groups];  // those that are not read take no register
    unrolled<Groups - Panel - 1>([&]<int Below>() {
      constexpr int group = Panel + 1 + Below;
      Accumulator& left = pieces[held_place(group, Panel)];
      Accumulator& right = pieces[held_place(group, Panel) + 1];
      multiply_by(inverse, left, right);
      sides.template add<group, Panel>(left, right);
      columns[group] = SplitColumns::held(left, right);
      const SplitRows rows = columns[group].as_rows();
      // Term by term: the products of one piece would wait for each other.
      unrolled<split_terms>([&]<int Term>() {
        unrolled<Below + 1>([&]<int Beside>() {
          constexpr int other = Panel + 1 + Beside;
          constexpr int place = held_place(group, other);
          add_term<Term>(pieces[place], rows, columns[other], 0);
          add_term<Term>(pieces[place + 1], rows, columns[other], 1);
        });
      });
    });
  });
  return regular;
}

/// Replaces right-hand sides by L⁻¹ times them, once the matrix is factored.
template <int Groups>
__device__ __forceinline__ void solve_held_forward(const Accumulator* pieces, HeldBlocks blocks,
                                                   HeldSides<Groups>& sides) {
  unrolled<Groups>([&]<int Panel>() {
    if constexpr (Panel > 0) {
      sides.template settle<Panel>();
    }
    sides.template solve<Panel>(blocks.inverse(Panel));
    unrolled<Groups - Panel - 1>([&]<int Below>() {
      constexpr int group = Panel + 1 + Below;
      constexpr int place = held_place(group, Panel);
      sides.template add<group, Panel>(pieces[place], pieces[place + 1]);
    });
  });
}

/// Replaces `values` [16·Groups] in shared memory by L⁻ᵀ times them.
template <int Groups>
__device__ __forceinline__ void solve_held_transposed(const Accumulator* pieces, HeldBlocks blocks,
                                                      float* values) {
  constexpr int width = HeldBlocks::width;
  const int lane = static_cast<int>(threadIdx.x);
  float solved[Groups][2];  // values of rows g and g + 8 of each group
  unrolled<Groups>([&]<int Index>() {
    constexpr int panel = Groups - 1 - Index;
    float* const own = values + width * panel;
    if constexpr (Index > 0) {
      // Of columns 2t, 2t + 1, 2t + 8 and 2t + 9, over the rows of the calling lane.
      float sums[4] = {};
      unrolled<Index>([&]<int Below>() {
        constexpr int group = panel + 1 + Below;
        const Accumulator& left = pieces[held_place(group, panel)];
        const Accumulator& right = pieces[held_place(group, panel) + 1];
#pragma unroll
        for (int i = 0; i < 2; ++i) {
          sums[i] += left.values[i] * solved[group][0] + left.values[2 + i] * solved[group][1];
          sums[2 + i] +=
              right.values[i] * solved[group][0] + right.values[2 + i] * solved[group][1];
        }
      });
      const bool upper = (lane & 16) != 0;
      const bool odd = (lane & 8) != 0;
      const float even_sum = kept_sum(upper, sums[0], sums[2], 16);
      const float odd_sum = kept_sum(upper, sums[1], sums[3], 16);
      float sum = kept_sum(odd, even_sum, odd_sum, 8);
      sum += __shfl_xor_sync(device::all_lanes, sum, 4);
      if ((lane & 4) == 0) {
        own[(upper ? 8 : 0) + lane % 4 * 2 + (odd ? 1 : 0)] -= sum;
      }
      __syncwarp();
    }
    // Lanes r and 16 + r share row r of L⁻ᵀ.
    const float* const row = blocks.inverse(panel) + lane % width * HeldBlocks::stride;
    float sum = 0;
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int column = lane / width * 8 + 4 * i;
      const float4 factor = *reinterpret_cast<const float4*>(row + column);
      const float4 value = *reinterpret_cast<const float4*>(own + column);
      sum += factor.x * value.x + factor.y * value.y + factor.z * value.z + factor.w * value.w;
    }
    sum += __shfl_xor_sync(device::all_lanes, sum, 16);
    __syncwarp();  // all have read
    if (lane < width) {
      own[lane] = sum;
    }
    __syncwarp();
    if constexpr (panel > 0) {
      solved[panel][0] = own[lane / 4];
      solved[panel][1] = own[lane / 4 + 8];
    }
  });
}

}  // namespace alsatian::cuda
