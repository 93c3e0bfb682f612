// The directions in which factors vary most: spectrum, and coordinates for a map.
// Of the rows given, centered; signs are chosen, since those of eigenvectors mean nothing.
#pragma once

#include "host/model/factors.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace alsatian {

/// variances [rank]: of the rows along their principal axes, largest first. coordinates [rows]: on
/// the first two axes; 0 where there are fewer. The largest entry of an axis is positive.
struct PrincipalAxes {
  std::vector<double> variances;
  std::vector<std::array<double, 2>> coordinates;
};

/// Their variances alone, which cost a fraction of the axes.
std::vector<double> principal_variances(const SideFactors& side,
                                        std::span<const std::int32_t> rows);

/// Work O(rows·rank² + rank³), in double; threads never change a digit.
PrincipalAxes principal_axes(const SideFactors& side, std::span<const std::int32_t> rows);

}  // namespace alsatian
