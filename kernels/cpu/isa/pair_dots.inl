// Dot products of listed pairs of rows: what errors and objectives are summed from.
// The caller adds biases and sums in double; here is only the part worth vectorising.
#pragma once

#include "kernels/cpu/isa/vector.inl"
#include "kernels/cpu/kernel_table.hpp"

namespace alsatian::cpu {
namespace {

[[gnu::flatten]] void pair_dots(SideView<const float> users, SideView<const float> items,
                                const std::int32_t* user_indices, const std::int32_t* item_indices,
                                std::int64_t count, float* dots) {
  constexpr std::int64_t ahead = 8;  // pairs between the prefetch of a row and its use
  const std::int32_t stride = users.stride;
  for (std::int64_t pair = 0; pair < count; ++pair) {
    if (pair + ahead < count && item_indices[pair + ahead] >= 0) {
      prefetch_row(items.row(item_indices[pair + ahead]), stride);
    }
    if (user_indices[pair] < 0 || item_indices[pair] < 0) {
      dots[pair] = 0;
      continue;
    }
    const float* user = users.row(user_indices[pair]);
    const float* item = items.row(item_indices[pair]);
    Vector products{};
    for (std::int32_t j = 0; j < stride; j += width) products += load(user + j) * load(item + j);
    dots[pair] = sum(products);
  }
}

}  // namespace
}  // namespace alsatian::cpu
