// A figure of a report: its numbers as a grid, and how they are drawn.
// The plot, the table beside it and the TSV file are all made from the one grid.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace alsatian {

/// Nothing, text or a number.
using Value = std::variant<std::monostate, std::string, std::int64_t, double>;

/// columns: names in snake_case; rows [rows][columns]. The first `naming` columns say what a row is
/// of: on a phone they stay in sight, in one cell, while the others scroll. The last `own_names`
/// are named after data (models, say), and are shown letter by letter.
struct Grid {
  std::vector<std::string> columns = {};
  std::vector<std::vector<Value>> rows = {};
  std::size_t naming = 1;
  std::size_t own_names = 0;
};

enum class Mark { bars, line, points };
enum class Axis { linear, logarithmic };

/// A column of the grid as a series of the plot.
struct Series {
  std::string column = {};
  std::string name = {};  // in the legend
  Mark mark = Mark::line;
};

/// Which columns are drawn and how. No series: the figure is a table alone.
struct Plot {
  std::string x = {};  // column; its values are categories where a series has bars or labels is set
  std::vector<Series> series = {};
  std::string x_title = {};
  std::string y_title = {};
  Axis x_axis = Axis::linear;
  Axis y_axis = Axis::linear;
  std::string group = {};  // column that splits the only series into several, "" for none
  std::string hover = {};  // column with a name for each point, "" for none
  std::string shade = {};  // column by which points are colored, the least strongest, "" for none
  /// Columns with the ends of an interval around the only series; "" for none. Such a plot is a
  /// forest: x are names, one below the other, and intervals lie beside each other's with 0 marked.
  std::string lower = {};
  std::string upper = {};
  /// Up to where on the x axis the plot is shaded, and what that part is; "" for none of it.
  double stage_end = 0;
  std::string stage = {};
  bool stepped = false;  // a value holds until the next: lines are steps
};

struct Figure {
  std::string name = {};   // in snake_case: anchor and file name
  std::string title = {};  // as people read it
  std::string text = {};   // what is shown and how it is defined
  Grid data = {};
  Plot plot = {};
  std::string svg = {};  // a picture of our own in place of a plot, "" for none
};

}  // namespace alsatian
