// Heat maps as SVG: Chart.js draws none.
// Colors come from the page's style, so that light, dark and paper need no second picture.
#pragma once

#include <string>
#include <vector>

namespace alsatian {

/// shares [rows][columns] in [0, 1], the first row at the top; 0 is left empty. label: what the
/// picture shows, for those who do not see it.
std::string heat_map_svg(const std::vector<std::vector<double>>& shares, const std::string& label);

/// A cell with what stands in it; the share is how dark it is, as above.
struct HeatCell {
  double share = 0;
  std::string text = {};
};

/// A table of cells, the first row at the top, with names of rows on the left and of columns below.
/// Of more than 12 columns or 24 rows cells are colors alone, and as many names are left out as
/// have no room. cells [row_names][column_names].
struct HeatTable {
  std::vector<std::string> row_names = {};
  std::vector<std::string> column_names = {};
  std::string row_title = {};
  std::string column_title = {};
  std::vector<std::vector<HeatCell>> cells = {};
};
std::string heat_table_svg(const HeatTable& table, const std::string& label);

}  // namespace alsatian
