// Implements text_plot.hpp.
// A cell of braille has 2 × 4 dots, a cell of ASCII is one dot: lines are drawn the same in both.
#include "host/report/text_plot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <optional>

namespace alsatian {
namespace {

constexpr int fewest_columns = 8;
constexpr int fewest_rows = 3;
constexpr std::array ascii_marks{'*', 'o', '+', 'x', '#', '%'};
constexpr std::array ansi_colors{36, 33, 32, 35, 34, 31};

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
};

/// Of all values; a range of one value is widened, so that it has a middle, and one of 0 upwards
/// alone: errors are never below it.
std::optional<Range> value_range(std::span<const TextCurve> curves) {
  Range range;
  for (const TextCurve& curve : curves) {
    for (const auto& [x, y] : curve.points) {
      range.low = std::min(range.low, y);
      range.high = std::max(range.high, y);
    }
  }
  if (range.low > range.high) return std::nullopt;
  if (range.low == range.high) {
    const double margin = range.low == 0 ? 0.01 : std::abs(range.low) / 100;
    range = {range.low == 0 ? 0 : range.low - margin, range.high + margin};
  }
  return range;
}

/// Four digits, or all that stand before the point.
std::string value_text(double value) {
  const double size = std::abs(value);
  return size >= 1000 && size < 1e9 ? fmt::format("{:.0f}", value) : fmt::format("{:.4g}", value);
}

/// Columns that UTF-8 text takes, one per code point.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char letter) { return (static_cast<unsigned char>(letter) & 0xC0U) != 0x80U; }));
}

std::string shortened(const std::string& text, std::size_t longest) {
  if (width_of(text) <= longest) return text;
  std::string start;
  std::size_t characters = 0;
  for (const char letter : text) {
    const bool begins = (static_cast<unsigned char>(letter) & 0xC0U) != 0x80U;
    if (begins && characters++ == longest - 1) break;
    start += letter;
  }
  return start + "~";
}

/// Cells with the dots set in them, and the curve that set the last.
class Canvas {
 public:
  Canvas(int columns, int rows, TextMarks marks)
      : columns_(columns),
        rows_(rows),
        marks_(marks),
        dots_(static_cast<std::size_t>(columns) * static_cast<std::size_t>(rows)),
        curves_(dots_.size()) {}

  int dot_columns() const { return columns_ * (marks_ == TextMarks::braille ? 2 : 1); }
  int dot_rows() const { return rows_ * (marks_ == TextMarks::braille ? 4 : 1); }

  /// row 0 is at the top.
  void set(int column, int row, std::size_t curve) {
    const bool braille = marks_ == TextMarks::braille;
    const auto cell = static_cast<std::size_t>((braille ? row / 4 : row) * columns_ +
                                               (braille ? column / 2 : column));
    dots_[cell] |= static_cast<std::uint8_t>(braille ? bit(column % 2, row % 4) : 1);
    curves_[cell] = curve;
  }

  /// Bresenham (1965).
  void line(int column, int row, int last_column, int last_row, std::size_t curve) {
    const int width = std::abs(last_column - column);
    const int height = -std::abs(last_row - row);
    const int step_column = column < last_column ? 1 : -1;
    const int step_row = row < last_row ? 1 : -1;
    for (int error = width + height;;) {
      set(column, row, curve);
      if (column == last_column && row == last_row) return;
      const int twice = 2 * error;
      if (twice >= height) {
        error += height;
        column += step_column;
      }
      if (twice <= width) {
        error += width;
        row += step_row;
      }
    }
  }

  /// Columns up to the last that has a dot.
  int width_of_row(int row) const {
    int width = columns_;
    while (width > 0 && dots_[static_cast<std::size_t>(row * columns_ + width - 1)] == 0) --width;
    return width;
  }

  std::string text_of_row(int row, TextColors colors) const {
    std::string text;
    std::optional<std::size_t> shown;  // whose color is on
    for (int column = 0; column < width_of_row(row); ++column) {
      const auto cell = static_cast<std::size_t>(row * columns_ + column);
      const bool empty = dots_[cell] == 0;
      if (colors == TextColors::ansi && !empty && shown != curves_[cell]) {
        shown = curves_[cell];
        text += fmt::format("\x1b[{}m", ansi_colors[*shown % ansi_colors.size()]);
      }
      text += empty ? " " : mark(cell);
    }
    if (shown) text += "\x1b[0m";
    return text;
  }

 private:
  /// Dots of a braille character count down the left column, then down the right, but for the
  /// lowest two, which came last to the standard.
  static int bit(int column, int row) {
    constexpr std::array<std::array<int, 4>, 2> bits{
        {{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}}};
    return bits[static_cast<std::size_t>(column)][static_cast<std::size_t>(row)];
  }

  std::string mark(std::size_t cell) const {
    if (marks_ == TextMarks::ascii) return {ascii_marks[curves_[cell] % ascii_marks.size()]};
    // U+2800 + dots in UTF-8.
    const unsigned code = 0x2800U + dots_[cell];
    return {static_cast<char>(0xE0U | (code >> 12)), static_cast<char>(0x80U | ((code >> 6) & 63U)),
            static_cast<char>(0x80U | (code & 63U))};
  }

  int columns_;
  int rows_;
  TextMarks marks_;
  std::vector<std::uint8_t> dots_;
  std::vector<std::size_t> curves_;
};

/// The dot of a value between two others, of so many.
int dot_of(double value, double first, double last, int dots) {
  const double share = last > first ? (value - first) / (last - first) : 0;
  return std::clamp(static_cast<int>(std::lround(share * (dots - 1))), 0, dots - 1);
}

void draw_curve(const TextCurve& curve, std::size_t number, const Range& range,
                const TextPlotOptions& options, Canvas& canvas) {
  const auto column = [&](const std::array<double, 2>& point) {
    return dot_of(point[0], options.first_x, options.last_x, canvas.dot_columns());
  };
  const auto row = [&](const std::array<double, 2>& point) {
    return canvas.dot_rows() - 1 - dot_of(point[1], range.low, range.high, canvas.dot_rows());
  };
  for (std::size_t at = 0; at < curve.points.size(); ++at) {
    const auto& from = curve.points[at == 0 ? 0 : at - 1];
    const auto& to = curve.points[at];
    canvas.line(column(from), row(from), column(to), row(to), number);
  }
}

/// What stands behind a row: the curve that ends there, moved to a free row beside it.
struct EndLabel {
  std::string text;
  std::size_t curve = 0;
};

std::string label_text(const TextCurve& curve, std::size_t number, TextMarks marks,
                       std::size_t longest) {
  const std::string value = value_text(curve.points.back()[1]);
  const std::string mark = marks == TextMarks::ascii
                               ? fmt::format("{} ", ascii_marks[number % ascii_marks.size()])
                               : std::string();
  const std::size_t rest =
      longest > value.size() + mark.size() + 1 ? longest - value.size() - mark.size() - 1 : 1;
  return mark + shortened(curve.name, rest) + " " + value;
}

/// [rows]; labels beyond the rows that there are get none.
std::vector<std::optional<EndLabel>> place_labels(std::span<const TextCurve> curves,
                                                  const Range& range,
                                                  const TextPlotOptions& options,
                                                  std::size_t longest) {
  std::vector<std::optional<EndLabel>> labels(static_cast<std::size_t>(options.rows));
  for (std::size_t number = 0; number < curves.size(); ++number) {
    const TextCurve& curve = curves[number];
    if (curve.points.empty()) continue;
    const int wanted =
        options.rows - 1 - dot_of(curve.points.back()[1], range.low, range.high, options.rows);
    for (int distance = 0; distance < 2 * options.rows; ++distance) {
      const int row = wanted + (distance % 2 == 0 ? distance / 2 : -(distance + 1) / 2);
      if (row < 0 || row >= options.rows || labels[static_cast<std::size_t>(row)]) continue;
      labels[static_cast<std::size_t>(row)] = {label_text(curve, number, options.marks, longest),
                                               number};
      break;
    }
  }
  return labels;
}

std::string axis_line(const TextPlotOptions& options, std::size_t margin, int columns) {
  const std::string first = value_text(options.first_x);
  const std::string last = options.last_x > options.first_x ? value_text(options.last_x) : "";
  const std::string text(margin + 1, ' ');
  const auto room = static_cast<std::size_t>(columns);
  std::string names = first;
  const std::size_t middle = (room - std::min(room, options.x_title.size())) / 2;
  if (middle > names.size() && middle + options.x_title.size() + last.size() < room) {
    names.resize(middle, ' ');
    names += options.x_title;
  }
  if (last.empty()) return text + names;
  if (names.size() + last.size() < room) names.resize(room - last.size(), ' ');
  if (names.size() + last.size() <= room) names += last;
  return text + names;
}

/// The value of the first, middle and last row beside it, "" beside the others. [rows]
std::vector<std::string> value_names(const Range& range, int rows) {
  std::vector<std::string> names(static_cast<std::size_t>(rows));
  const double step = (range.high - range.low) / 1e6;
  for (const int row : {0, rows / 2, rows - 1}) {
    const double value = range.high - (range.high - range.low) * row / (rows - 1);
    // What rounding leaves of 0 is 0.
    names[static_cast<std::size_t>(row)] = value_text(std::abs(value) < step ? 0 : value);
  }
  return names;
}

std::size_t longest_of(const std::vector<std::string>& texts) {
  std::size_t longest = 0;
  for (const std::string& text : texts) longest = std::max(longest, text.size());
  return longest;
}

std::string colored(const EndLabel& label, TextColors colors) {
  if (colors == TextColors::none) return " " + label.text;
  return fmt::format(" \x1b[{}m{}\x1b[0m", ansi_colors[label.curve % ansi_colors.size()],
                     label.text);
}

/// Columns of the longest label, none of which has more than `most`.
std::size_t longest_label(std::span<const TextCurve> curves, TextMarks marks, std::size_t most) {
  std::size_t longest = 0;
  for (std::size_t number = 0; number < curves.size(); ++number) {
    if (curves[number].points.empty()) continue;
    longest = std::max(longest, width_of(label_text(curves[number], number, marks, most)));
  }
  return longest;
}

}  // namespace

std::vector<std::string> draw_text_plot(std::span<const TextCurve> curves,
                                        const TextPlotOptions& options) {
  const std::optional<Range> range = value_range(curves);
  if (!range || options.rows < fewest_rows) return {};
  const std::vector<std::string> values = value_names(*range, options.rows);
  const std::size_t margin = longest_of(values);
  const std::size_t most = static_cast<std::size_t>(std::max(options.columns, 0)) / 3;
  // The values, the axis, the curves, a blank, and the names behind them.
  const int columns =
      options.columns - static_cast<int>(margin + 2 + longest_label(curves, options.marks, most));
  if (columns < fewest_columns) return {};
  Canvas canvas(columns, options.rows, options.marks);
  for (std::size_t number = 0; number < curves.size(); ++number) {
    draw_curve(curves[number], number, *range, options, canvas);
  }
  const auto labels = place_labels(curves, *range, options, most);
  std::vector<std::string> lines{std::string(margin + 1, ' ') + options.title};
  for (int row = 0; row < options.rows; ++row) {
    const auto at = static_cast<std::size_t>(row);
    std::string line = fmt::format("{:>{}}{}", values[at], margin,
                                   options.marks == TextMarks::braille ? "│" : "|");
    line += canvas.text_of_row(row, options.colors);
    if (labels[at]) {
      line.append(static_cast<std::size_t>(columns - canvas.width_of_row(row)), ' ');
      line += colored(*labels[at], options.colors);
    }
    lines.push_back(std::move(line));
  }
  lines.push_back(axis_line(options, margin, columns));
  return lines;
}

}  // namespace alsatian
