// Gathered panels of factor rows and their Gram matrices, in register tiles.
// The same tile serves the trailing update of the blocked Cholesky factorisation.
#pragma once

#include "kernels/cpu/isa/row_equations.inl"
#include "kernels/cpu/isa/vector.inl"
#include "kernels/cpu/kernel_table.hpp"

namespace alsatian::cpu {
namespace {

// Accumulators plus one row of the right operand plus one broadcast fill the register file:
// 8 × 2 + 2 + 1 of 32 registers of 16 floats, 4 × 3 + 3 + 1 of 16 of 8 or 4.
constexpr std::int32_t tile_rows = width == 16 ? 8 : 4;
constexpr std::int32_t tile_vectors = width == 16 ? 2 : 3;

/// Distance between rows of panels and Gram matrices: one cache line more than the padded order,
/// so that rows of a power-of-two order do not fall into one cache set.
constexpr std::int64_t row_stride(std::int64_t order) {
  return padded(static_cast<std::int32_t>(order)) + padding;
}

/// Ratings whose factor rows are gathered at once: a panel stays in the first-level cache for
/// common ranks; float sums are flushed into the Gram matrix this often.
constexpr std::int64_t panel_rows = 64;

/// What becomes of a Gram matrix: a sum replaces it, is added or subtracted.
enum class Update { replace, add, subtract };

/// gram[r][c] ±= Σ_j panel[j][r] · panel[j][c], or = where it is replaced, for one tile of rows
/// from `row` and vectors from column `column`; panel has `count` rows.
template <std::int32_t Vectors, Update Kind>
ALSATIAN_INLINE void gram_tile(const float* panel, std::int64_t stride, std::int64_t count,
                               std::int64_t row, std::int64_t column, float* gram) {
  Vector sums[tile_rows][Vectors];
#pragma GCC unroll 8
  for (std::int32_t r = 0; r < tile_rows; ++r) {
#pragma GCC unroll 3
    for (std::int32_t v = 0; v < Vectors; ++v) {
      sums[r][v] =
          Kind == Update::replace ? Vector{} : load(gram + (row + r) * stride + column + v * width);
    }
  }
  for (std::int64_t j = 0; j < count; ++j) {
    const float* values = panel + j * stride;
    Vector right[Vectors];
#pragma GCC unroll 3
    for (std::int32_t v = 0; v < Vectors; ++v) right[v] = load(values + column + v * width);
#pragma GCC unroll 8
    for (std::int32_t r = 0; r < tile_rows; ++r) {
      const Vector left = broadcast(Kind == Update::subtract ? -values[row + r] : values[row + r]);
#pragma GCC unroll 3
      for (std::int32_t v = 0; v < Vectors; ++v) sums[r][v] += left * right[v];
    }
  }
#pragma GCC unroll 8
  for (std::int32_t r = 0; r < tile_rows; ++r) {
#pragma GCC unroll 3
    for (std::int32_t v = 0; v < Vectors; ++v) {
      store(gram + (row + r) * stride + column + v * width, sums[r][v]);
    }
  }
}

/// Updates gram by panelᵀ · panel over rows and columns [first, order), upper triangle only; what
/// lies below the diagonal inside a tile is overwritten with anything finite. `first` is a multiple
/// of `padding`, columns from the order to its padding are 0 in the panel. Calls between() after
/// each row of tiles.
template <Update Kind, typename Between>
ALSATIAN_INLINE void accumulate_gram(const float* panel, std::int64_t stride, std::int64_t count,
                                     std::int64_t first, std::int64_t order, float* gram,
                                     const Between& between) {
  const std::int64_t last_vector = (order + width - 1) / width;
  for (std::int64_t row = first; row < order; row += tile_rows) {
    std::int64_t vector = row / width;
    for (; vector + tile_vectors <= last_vector; vector += tile_vectors) {
      gram_tile<tile_vectors, Kind>(panel, stride, count, row, vector * width, gram);
    }
    for (; vector < last_vector; ++vector) {
      gram_tile<1, Kind>(panel, stride, count, row, vector * width, gram);
    }
    between();
  }
}

template <Update Kind>
void accumulate_gram(const float* panel, std::int64_t stride, std::int64_t count,
                     std::int64_t first, std::int64_t order, float* gram) {
  accumulate_gram<Kind>(panel, stride, count, first, order, gram, [] {});
}

/// Ratings whose factor rows are gathered into a panel: the next `count` of `left` ones.
struct PanelRatings {
  const std::int32_t* columns;
  const float* ratings;
  std::int64_t count;
  std::int64_t left;
};

/// As accumulate_gram of whole rows, while the factor rows of the next panel are on their way.
template <Update Kind>
void accumulate_gram_and_prefetch(const AlsTask& task, const PanelRatings& next, const float* panel,
                                  std::int64_t stride, std::int64_t count, float* gram) {
  const std::int64_t rank = task.opposite.rank;
  const std::int64_t at_once = rank > 0 ? (next.count * tile_rows + rank - 1) / rank : 0;
  std::int64_t asked = 0;
  accumulate_gram<Kind>(panel, stride, count, 0, rank, gram, [&] {
    const std::int64_t end = asked + at_once < next.count ? asked + at_once : next.count;
    for (; asked < end; ++asked) {
      prefetch_row(task.opposite.row(next.columns[asked]), task.opposite.stride);
    }
  });
}

/// A panel, and what is summed while it is gathered.
struct GatheredPanel {
  float* panel;     // [count, stride]
  float* values;    // [count]: ratings less the opposite biases
  float* sums;      // += Σ_j panel[j]
  float* products;  // += Σ_j values[j] · panel[j]
};

/// Gathers `Vectors` vectors of columns, from `first` on. A sum in one register waits for itself;
/// several side by side do not.
template <std::int32_t Vectors>
ALSATIAN_INLINE void gather_columns(const AlsTask& task, const PanelRatings& from,
                                    std::int64_t stride, std::int64_t first,
                                    const GatheredPanel& to) {
  constexpr std::int64_t ahead = 8;
  Vector sums[Vectors];
  Vector products[Vectors];
#pragma GCC unroll 4
  for (std::int32_t v = 0; v < Vectors; ++v) {
    sums[v] = load(to.sums + first + v * width);
    products[v] = load(to.products + first + v * width);
  }
  for (std::int64_t j = 0; j < from.count; ++j) {
    if (j + ahead < from.left) {
      prefetch_row(task.opposite.row(from.columns[j + ahead]) + first, Vectors * width);
    }
    const float* source = task.opposite.row(from.columns[j]) + first;
    float* target = to.panel + j * stride + first;
    const Vector value = broadcast(to.values[j]);
#pragma GCC unroll 4
    for (std::int32_t v = 0; v < Vectors; ++v) {
      const Vector factors = load(source + v * width);
      store(target + v * width, factors);
      sums[v] += factors;
      products[v] += value * factors;
    }
  }
#pragma GCC unroll 4
  for (std::int32_t v = 0; v < Vectors; ++v) {
    store(to.sums + first + v * width, sums[v]);
    store(to.products + first + v * width, products[v]);
  }
}

/// Copies the factor rows of ratings into a panel, and adds them up.
void gather_panel(const AlsTask& task, const PanelRatings& from, std::int64_t stride,
                  const GatheredPanel& to) {
  for (std::int64_t j = 0; j < from.count; ++j) {
    to.values[j] = target_of(task, from.ratings[j], from.columns[j]);
  }
  const std::int64_t length = task.opposite.stride;
  std::int64_t first = 0;
  for (; first + 4 * width <= length; first += 4 * width) {
    gather_columns<4>(task, from, stride, first, to);
  }
  for (; first < length; first += width) gather_columns<1>(task, from, stride, first, to);
}

}  // namespace
}  // namespace alsatian::cpu
