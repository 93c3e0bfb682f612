// A report as one HTML file that needs nothing else: no server, no network, no other file.
// Everything that comes from data is escaped here and nowhere else.
#pragma once

#include "host/report/figure.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace alsatian {

struct Section {
  std::string title = {};
  std::vector<std::string> notes = {};  // a paragraph each
  std::vector<Figure> figures = {};
};

/// names of figures are distinct.
struct Page {
  std::string title = {};
  std::string lead = {};
  std::vector<std::string> warnings = {};                       // stand first
  std::vector<std::pair<std::string, std::string>> facts = {};  // a name and a value each
  std::vector<Section> sections = {};
};

/// Largest number of rows of a grid that a page shows as a table, and draws: what keeps a report
/// small whatever the data. write_figures() writes all.
inline constexpr std::size_t most_table_rows = 200;
inline constexpr std::size_t most_plot_rows = 3000;

/// Text as it stands in HTML, also inside quotes: control characters and
/// what is no UTF-8 escaped as in errors, and cut to 200 characters where `longest` says no other
/// number.
std::string html_text(std::string_view text, std::size_t longest = 200);

/// Throws Error 64 where this build has no reports, naming the option and what to install.
void require_reports(std::string_view option);

/// The whole file. Where grids are longer, their first rows alone are shown.
std::string render_page(const Page& page);

/// The grid as TSV with a header, numbers with the fewest digits that give them back.
std::string tsv_text(const Grid& grid);

/// FOLDER/NAME.tsv.
std::string figure_path(const std::string& folder, const Figure& figure);

/// Each figure at its path; makes the folder where its parent exists. Throws Error 73, 74.
void write_figures(const Page& page, const std::string& folder);

}  // namespace alsatian
