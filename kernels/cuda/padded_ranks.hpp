// The padded ranks that the fused row solves are compiled for, as constants.
// Other ranks are rounded up to one of them: a kernel for each would take hours to compile.
#pragma once

#include "kernels/cuda/tables.hpp"

#include <stdexcept>
#include <string>
#include <type_traits>

namespace alsatian::cuda {

/// Calls body(std::integral_constant<int, K>) with K the padded rank.
template <typename Body>
decltype(auto) with_rank(int rank, Body&& body) {
  switch (padded_rank(rank)) {
    case 16:
      return body(std::integral_constant<int, 16>());
    case 32:
      return body(std::integral_constant<int, 32>());
    case 48:
      return body(std::integral_constant<int, 48>());
    case 64:
      return body(std::integral_constant<int, 64>());
    case 96:
      return body(std::integral_constant<int, 96>());
    case 128:
      return body(std::integral_constant<int, 128>());
    case 192:
      return body(std::integral_constant<int, 192>());
    case 256:
      return body(std::integral_constant<int, 256>());
    default:
      throw std::invalid_argument("no fused kernel for rank " + std::to_string(rank));
  }
}

}  // namespace alsatian::cuda
