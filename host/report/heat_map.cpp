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

/// Where the cells of a table lie, in pixels.
struct CellLayout {
  static constexpr int left = 90;
  static constexpr int top = 20;
  int width = 0;
  int height = 30;
  bool has_text = true;
  int row_step = 1;  // between rows that are named
  int column_step = 1;
};

CellLayout layout_of(const HeatTable& table) {
  constexpr int most_rows = 24;
  constexpr int most_columns = 12;
  constexpr int extent = 600;
  constexpr int name_width = 62;
  constexpr int name_height = 16;
  const int rows = std::max(static_cast<int>(table.row_names.size()), 1);
  const int columns = std::max(static_cast<int>(table.column_names.size()), 1);
  CellLayout layout{.width = std::clamp(extent / columns, name_width, 76)};
  if (rows <= most_rows && columns <= most_columns) return layout;
  layout.has_text = false;
  layout.width = std::clamp(extent / columns, 3, name_width);
  layout.height = std::clamp(extent / rows, 3, 30);
  layout.row_step = (name_height + layout.height - 1) / layout.height;
  layout.column_step = (name_width + layout.width - 1) / layout.width;
  return layout;
}

void append_text(std::string& svg, const char* style, int x, int y, const std::string& text) {
  svg +=
      fmt::format("<text class=\"{}\" x=\"{}\" y=\"{}\">{}</text>", style, x, y, html_text(text));
}

void append_cells(std::string& svg, const HeatTable& table, const CellLayout& layout, int row) {
  const std::vector<HeatCell>& cells = table.cells[static_cast<std::size_t>(row)];
  const int top = CellLayout::top + row * layout.height;
  const int gap = std::min(layout.width, layout.height) >= 8 ? 1 : 0;
  for (int column = 0; column < static_cast<int>(cells.size()); ++column) {
    const HeatCell& cell = cells[static_cast<std::size_t>(column)];
    const int x = CellLayout::left + column * layout.width;
    const double dark = static_cast<double>(shade_of(cell.share)) / shades;
    svg +=
        fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill-opacity=\"{:.2g}\"/>",
                    x + gap, top + gap, layout.width - 2 * gap, layout.height - 2 * gap, dark);
    if (!layout.has_text) continue;
    append_text(svg, "", x + layout.width / 2, top + 20, cell.text);
  }
  svg += '\n';
}

void append_names(std::string& svg, const HeatTable& table, const CellLayout& layout) {
  const int rows = static_cast<int>(table.row_names.size());
  const int columns = static_cast<int>(table.column_names.size());
  const int bottom = CellLayout::top + rows * layout.height;
  append_text(svg, "row", CellLayout::left - 8, 13, table.row_title);
  for (int row = 0; row < rows; row += layout.row_step) {
    append_text(svg, "name row", CellLayout::left - 8,
                CellLayout::top + row * layout.height + layout.height / 2 + 5,
                table.row_names[static_cast<std::size_t>(row)]);
  }
  for (int column = 0; column < columns; column += layout.column_step) {
    append_text(svg, "name", CellLayout::left + column * layout.width + layout.width / 2,
                bottom + 16, table.column_names[static_cast<std::size_t>(column)]);
  }
  append_text(svg, "", CellLayout::left + columns * layout.width / 2, bottom + 36,
              table.column_title);
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
  const CellLayout layout = layout_of(table);
  const int rows = static_cast<int>(table.row_names.size());
  const int columns = static_cast<int>(table.column_names.size());
  const int width = CellLayout::left + columns * layout.width;
  // Its letters can be read down to four fifths of their size.
  std::string svg = fmt::format(
      "<svg class=\"cells{4}\" style=\"--readable: {3}px\" width=\"{0}\" viewBox=\"0 0 {0} {1}\" "
      "role=\"img\" aria-label=\"{2}\">\n",
      width, CellLayout::top + rows * layout.height + 42, html_text(label), width * 4 / 5,
      layout.has_text ? "" : " bare");
  for (int row = 0; row < rows; ++row) append_cells(svg, table, layout, row);
  append_names(svg, table, layout);
  return svg + "</svg>\n";
}

}  // namespace alsatian
