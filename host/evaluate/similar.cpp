// One pass over the side's factors; memory for one cosine per row.
// No index of neighbours: a pass over all rows is exact, and short beside loading the model.
#include "host/evaluate/similar.hpp"

#include "host/evaluate/top_n.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/math/score.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace alsatian {
namespace {

constexpr std::int64_t rows_per_task = 1024;

/// ⟨p, q⟩ / (‖p‖‖q‖); not a number where a norm is 0.
double cosine(const SideFactors& side, std::int64_t left, std::int64_t right) {
  const float* p = side.row(left);
  const float* q = side.row(right);
  const double squares = dot<double>(p, p, side.rank) * dot<double>(q, q, side.rank);
  return squares > 0 ? dot<double>(p, q, side.rank) / std::sqrt(squares)
                     : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

std::vector<ScoredItem> most_similar(const SideFactors& side,
                                     const std::vector<std::int32_t>& counts, std::int32_t row,
                                     std::int32_t count) {
  std::vector<double> cosines(static_cast<std::size_t>(side.rows));
  parallel_for(
      side.rows,
      [&](std::int64_t other) {
        cosines[static_cast<std::size_t>(other)] = cosine(side, row, other);
      },
      rows_per_task);
  std::vector<RankedItem> ranked;
  for (std::int32_t other = 0; other < side.rows; ++other) {
    const double found = cosines[static_cast<std::size_t>(other)];
    const bool rated = counts[static_cast<std::size_t>(other)] > 0;
    if (other != row && rated && std::isfinite(found)) ranked.push_back({other, found});
  }
  const auto kept = std::min(ranked.size(), static_cast<std::size_t>(std::max(count, 0)));
  std::partial_sort(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(kept),
                    ranked.end(), ranks_before);
  std::vector<ScoredItem> similar;
  for (std::size_t i = 0; i < kept; ++i) {
    similar.push_back({ranked[i].index, static_cast<float>(ranked[i].score)});
  }
  return similar;
}

}  // namespace alsatian
