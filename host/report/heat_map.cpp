// Implements heat_map.hpp.
// Neighbors of one shade are one rectangle, which keeps the picture small.
#include "host/report/heat_map.hpp"

#include "host/report/page.hpp"

#include <fmt/format.h>

#include <algorithm>
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

std::string heat_table_svg(const HeatTable& table, const std::string& label) {
  constexpr int left = 90;
  constexpr int cell_height = 30;
  constexpr int below = 42;
  const int rows = static_cast<int>(table.row_names.size());
  const int columns = static_cast<int>(table.column_names.size());
  const int cell_width = std::clamp(600 / std::max(columns, 1), 62, 120);
  const int height = 20 + rows * cell_height;
  std::string svg = fmt::format(
      "<svg class=\"cells\" width=\"{0}\" viewBox=\"0 0 {0} {1}\" role=\"img\" "
      "aria-label=\"{2}\">\n",
      left + columns * cell_width, height + below, html_text(label));
  const auto write = [&](const char* style, int x, int y, const std::string& text) {
    svg +=
        fmt::format("<text class=\"{}\" x=\"{}\" y=\"{}\">{}</text>", style, x, y, html_text(text));
  };
  write("row", left - 8, 13, table.row_title);
  for (int row = 0; row < rows; ++row) {
    const int top = 20 + row * cell_height;
    write("name row", left - 8, top + 20, table.row_names[static_cast<std::size_t>(row)]);
    for (int column = 0; column < columns; ++column) {
      const HeatCell& cell =
          table.cells[static_cast<std::size_t>(row)][static_cast<std::size_t>(column)];
      const int x = left + column * cell_width;
      const double dark = static_cast<double>(shade_of(cell.share)) / shades;
      svg += fmt::format(
          "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill-opacity=\"{:.2g}\"/>", x + 1,
          top + 1, cell_width - 2, cell_height - 2, dark);
      write(dark > 0.6 ? "on" : "", x + cell_width / 2, top + 20, cell.text);
    }
    svg += '\n';
  }
  for (int column = 0; column < columns; ++column) {
    write("name", left + column * cell_width + cell_width / 2, height + 16,
          table.column_names[static_cast<std::size_t>(column)]);
  }
  write("", left + columns * cell_width / 2, height + 36, table.column_title);
  return svg + "</svg>\n";
}

}  // namespace alsatian
