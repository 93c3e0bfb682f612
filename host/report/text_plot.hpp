// Curves as lines of text, for terminals: braille dots where they can be shown, else ASCII.
// Nothing here knows of a terminal; what to draw and how wide is said.
#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

namespace alsatian {

/// points (x, y), x ascending, y finite.
struct TextCurve {
  std::string name = {};
  std::vector<std::array<double, 2>> points = {};
};

enum class TextMarks { braille, ascii };
enum class TextColors { none, ansi };

/// columns is the width of the longest line, rows how many lines the curves themselves take.
struct TextPlotOptions {
  std::string title = {};
  std::string x_title = {};
  double first_x = 0;
  double last_x = 1;
  int columns = 80;
  int rows = 10;
  TextMarks marks = TextMarks::braille;
  TextColors colors = TextColors::none;
};

/// A line for the title, `rows` lines and one for the axis, without line ends. Each curve ends in
/// its name and last value; in ASCII also in its mark. Nothing where there is no point, or no room
/// for 8 columns and 3 rows.
std::vector<std::string> draw_text_plot(std::span<const TextCurve> curves,
                                        const TextPlotOptions& options);

}  // namespace alsatian
