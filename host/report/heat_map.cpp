// Implements heat_map.hpp.
// Neighbors of one shade are one rectangle, which keeps the picture small.
#include "host/report/heat_map.hpp"

#include "host/report/page.hpp"

#include <fmt/format.h>

#include <cmath>

namespace alsatian {
namespace {

constexpr int shades = 20;

int shade_of(double share) {
  // What is not nothing is seen.
  return share <= 0 ? 0 : static_cast<int>(std::ceil(std::min(share, 1.0) * shades));
}

}  // namespace

std::string heat_map_svg(const std::vector<std::vector<double>>& shares, const std::string& label) {
  const std::size_t width = shares.empty() ? 0 : shares.front().size();
  std::string svg = fmt::format(
      "<svg class=\"heat\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\" "
      "shape-rendering=\"crispEdges\">\n",
      width, shares.size(), html_text(label));
  for (std::size_t row = 0; row < shares.size(); ++row) {
    for (std::size_t first = 0; first < width;) {
      const int shade = shade_of(shares[row][first]);
      std::size_t last = first + 1;
      while (last < width && shade_of(shares[row][last]) == shade) ++last;
      if (shade > 0) {
        svg += fmt::format(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"1\" fill-opacity=\"{:.2g}\"/>", first,
            row, last - first, static_cast<double>(shade) / shades);
      }
      first = last;
    }
    svg += '\n';
  }
  return svg + "</svg>\n";
}

}  // namespace alsatian
