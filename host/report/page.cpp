// Implements page.hpp.
// Data reach the script as JSON in which "<" is escaped, so that no title can end the element.
#include "host/report/page.hpp"

#include "host/atomic_file.hpp"
#include "host/error.hpp"
#include "host/report/embedded.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <system_error>

namespace alsatian {
namespace {

using nlohmann::json;

/// At most `longest` characters, the last a sign that there were more.
std::string shortened(const std::string& text, std::size_t longest) {
  std::size_t characters = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool begins = (static_cast<unsigned char>(text[at]) & 0xc0) != 0x80;
    if (begins && ++characters > longest) return text.substr(0, at) + "…";
  }
  return text;
}

std::string clean_text(std::string_view text, std::size_t longest) {
  return shortened(printable(text), longest);
}

/// The same with the sign in the middle: the end of a name tells it apart as often as its front.
std::string shortened_in_middle(const std::string& text, std::size_t longest) {
  std::vector<std::size_t> characters;  // where each begins
  for (std::size_t at = 0; at < text.size(); ++at) {
    if ((static_cast<unsigned char>(text[at]) & 0xc0) != 0x80) characters.push_back(at);
  }
  if (characters.size() <= longest) return text;
  const std::size_t back = longest / 2;
  return text.substr(0, characters[longest - back]) + "…" +
         text.substr(characters[characters.size() - back]);
}

struct AsHtml {
  std::string operator()(std::monostate) const { return ""; }
  std::string operator()(const std::string& text) const { return html_text(text); }
  std::string operator()(std::int64_t number) const { return fmt::format("{}", number); }
  std::string operator()(double number) const { return fmt::format("{:.5g}", number); }
};

struct AsTsv {
  std::string operator()(std::monostate) const { return ""; }
  std::string operator()(const std::string& text) const { return printable(text); }
  std::string operator()(std::int64_t number) const { return fmt::format("{}", number); }
  std::string operator()(double number) const { return fmt::format("{}", number); }
};

std::string plot_text(std::string_view text) { return shortened_in_middle(printable(text), 80); }

struct AsJson {
  json operator()(std::monostate) const { return nullptr; }
  json operator()(const std::string& text) const { return plot_text(text); }
  json operator()(std::int64_t number) const { return number; }
  json operator()(double number) const {
    // Seven digits draw any plot, and keep the file small.
    return std::isfinite(number) ? json::parse(fmt::format("{:.7g}", number)) : json();
  }
};

bool is_text(const Value& value) { return std::holds_alternative<std::string>(value); }

std::size_t column_of(const Grid& grid, const std::string& name) {
  const auto found = std::ranges::find(grid.columns, name);
  if (found != grid.columns.end()) return static_cast<std::size_t>(found - grid.columns.begin());
  throw Error(ExitCode::internal, "report", fmt::format("a plot has no column {}", quoted(name)),
              "this is a fault of the program: report the command line and this message");
}

json column_json(const Grid& grid, const std::string& name) {
  const std::size_t column = column_of(grid, name);
  json values = json::array();
  const std::size_t rows = std::min(grid.rows.size(), most_plot_rows);
  for (std::size_t row = 0; row < rows; ++row) {
    values.push_back(std::visit(AsJson{}, grid.rows[row][column]));
  }
  return values;
}

std::string_view mark_name(Mark mark) {
  switch (mark) {
    case Mark::bars:
      return "bars";
    case Mark::line:
      return "line";
    case Mark::points:
      return "points";
  }
  return "";
}

std::string_view axis_name(Axis axis) { return axis == Axis::linear ? "linear" : "logarithmic"; }

json plot_json(const Figure& figure) {
  const Plot& plot = figure.plot;
  json result{{"name", figure.name},
              {"x", column_json(figure.data, plot.x)},
              {"xTitle", plot.x_title},
              {"yTitle", plot.y_title},
              {"xAxis", axis_name(plot.x_axis)},
              {"yAxis", axis_name(plot.y_axis)},
              {"series", json::array()}};
  for (const Series& series : plot.series) {
    result["series"].push_back({{"name", plot_text(series.name)},
                                {"mark", mark_name(series.mark)},
                                {"y", column_json(figure.data, series.column)}});
  }
  if (!plot.group.empty()) result["group"] = column_json(figure.data, plot.group);
  if (!plot.hover.empty()) result["hover"] = column_json(figure.data, plot.hover);
  if (!plot.shade.empty()) result["shade"] = column_json(figure.data, plot.shade);
  if (plot.stepped) result["stepped"] = true;
  if (!plot.stage.empty()) {
    result["stage"] = clean_text(plot.stage, 80);
    result["stageEnd"] = plot.stage_end;
  }
  if (!plot.lower.empty()) {
    result["lower"] = column_json(figure.data, plot.lower);
    result["upper"] = column_json(figure.data, plot.upper);
  }
  return result;
}

/// JSON that may stand inside a script element.
std::string script_json(const json& value) {
  std::string text;
  for (const char letter : value.dump(-1, ' ', true, json::error_handler_t::replace)) {
    if (letter == '<') {
      text += "\\u003c";
    } else {
      text += letter;
    }
  }
  return text;
}

/// Whether a column of text is read as sentences, which a narrow one would break into syllables.
bool is_prose(const Grid& grid, std::size_t column) {
  constexpr std::size_t longest_name = 30;
  return std::ranges::any_of(grid.rows, [&](const std::vector<Value>& row) {
    const auto* text = std::get_if<std::string>(&row[column]);
    return text != nullptr && text->size() > longest_name;
  });
}

/// Whether a cell has a word that no narrow column holds, and that may be broken anywhere for that.
bool has_long_word(const Value& value) {
  constexpr std::size_t longest_word = 20;
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr) return false;
  std::size_t length = 0;
  return std::ranges::any_of(*text, [&](char letter) {
    const bool breaks = letter == ' ' || letter == '_' || letter == '-';
    length = breaks ? 0 : length + 1;
    return length > longest_word;
  });
}

/// May be broken where a name of several words may.
std::string breakable(const std::string& html) {
  std::string text;
  for (const char letter : html) {
    text += letter;
    if (letter == '_') text += "<wbr>";
  }
  return text;
}

std::string cell_html(const Value& value) { return breakable(std::visit(AsHtml{}, value)); }

/// The first parts of a row, all in one cell; nothing where one column alone names it.
template <typename Html>
void append_naming_cell(std::string& html, const char* element, std::size_t naming,
                        const Html& part) {
  if (naming < 2) return;
  std::string text;
  for (std::size_t column = 0; column < naming; ++column) {
    const std::string next = part(column);
    if (!text.empty() && !next.empty()) text += " · ";
    text += next;
  }
  html += fmt::format("<{0} class=\"naming\">{1}</{0}>", element, text);
}

/// The style of a cell: of text also `more`. apart: it is in the cell that names the row as well.
std::string cell_class(bool is_text, const char* more, bool apart) {
  std::string styles = is_text ? std::string("text") + more : "";
  if (apart) styles += styles.empty() ? "apart" : " apart";
  return styles.empty() ? "" : fmt::format(" class=\"{}\"", styles);
}

bool has_own_name(const Grid& grid, std::size_t column) {
  return column + grid.own_names >= grid.columns.size();
}

/// Names of data over many columns stand upright on paper, which has no room for them beside each
/// other.
bool is_upright(const Grid& grid, std::size_t column) {
  constexpr std::size_t most_beside = 6;
  return has_own_name(grid, column) && grid.own_names > most_beside;
}

std::string column_title(const Grid& grid, std::size_t column) {
  std::string name = grid.columns[column];
  if (has_own_name(grid, column)) return breakable(html_text(name));
  std::ranges::replace(name, '_', ' ');
  return html_text(name);
}

void append_table_head(std::string& html, const Grid& grid) {
  html += "<thead><tr>";
  append_naming_cell(html, "th", grid.naming,
                     [&](std::size_t column) { return column_title(grid, column); });
  for (std::size_t column = 0; column < grid.columns.size(); ++column) {
    const bool over_text = !grid.rows.empty() && is_text(grid.rows.front()[column]);
    const bool is_last = column + 1 == grid.columns.size();
    const std::string style =
        is_upright(grid, column)
            ? " class=\"upright\""
            : cell_class(over_text, is_last && is_prose(grid, column) ? " prose" : "",
                         grid.naming > 1 && column < grid.naming);
    html += fmt::format("<th{}>{}</th>", style, column_title(grid, column));
  }
  html += "</tr></thead>";
}

void append_table(std::string& html, const Grid& grid) {
  // From there on a sheet has room for small print alone, and for the smallest.
  constexpr std::size_t many_columns = 10;
  constexpr std::size_t most_columns = 14;
  const std::size_t columns = grid.columns.size();
  const char* style = columns >= most_columns   ? " class=\"wide widest\""
                      : columns >= many_columns ? " class=\"wide\""
                                                : "";
  html += fmt::format("<div class=\"scroll\"><table{}>", style);
  append_table_head(html, grid);
  html += "<tbody>\n";
  const std::size_t rows = std::min(grid.rows.size(), most_table_rows);
  for (std::size_t row = 0; row < rows; ++row) {
    const std::vector<Value>& values = grid.rows[row];
    html += "<tr>";
    append_naming_cell(html, "td", grid.naming,
                       [&](std::size_t column) { return cell_html(values[column]); });
    for (std::size_t column = 0; column < values.size(); ++column) {
      html += fmt::format(
          "<td{}>{}</td>",
          cell_class(is_text(values[column]), has_long_word(values[column]) ? " long" : "",
                     grid.naming > 1 && column < grid.naming),
          cell_html(values[column]));
    }
    html += "</tr>\n";
  }
  html += "</tbody></table></div>\n";
  if (grid.rows.size() > rows) {
    html += fmt::format("<p class=\"more\">{} more rows: --figures DIR writes all of them.</p>\n",
                        grid.rows.size() - rows);
  }
}

void append_figure(std::string& html, const Figure& figure) {
  html += fmt::format("<figure id=\"{}\"><h3>{}</h3>\n", html_text(figure.name),
                      html_text(figure.title));
  if (!figure.text.empty()) html += fmt::format("<p>{}</p>\n", html_text(figure.text, 1000));
  if (!figure.svg.empty()) html += "<div class=\"picture\">" + figure.svg + "</div>\n";
  const bool drawn = !figure.plot.series.empty() && !figure.data.rows.empty();
  if (drawn) {
    html += fmt::format(
        "<div class=\"plot\"><canvas data-plot=\"{}\" role=\"img\" aria-label=\"{}\"></canvas>"
        "</div>\n",
        html_text(figure.name), html_text(figure.title));
  }
  const bool folded = drawn || !figure.svg.empty();
  // Open until the script folds it: without one the table stands for the plot.
  if (folded) html += "<details open><summary>The same as a table</summary>\n";
  append_table(html, figure.data);
  if (folded) html += "</details>\n";
  html += "</figure>\n";
}

void append_head(std::string& html, const Page& page) {
  html += fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n"
      // The browser itself holds the file to needing nothing else.
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "script-src 'unsafe-inline'; style-src 'unsafe-inline'\">\n"
      "<title>{0}</title>\n<style>\n{1}</style></head><body><main>\n<h1>{0}</h1>\n",
      html_text(page.title), page_style());
  if (!page.lead.empty()) {
    html += fmt::format("<p class=\"lead\">{}</p>\n", html_text(page.lead, 1000));
  }
  for (const std::string& warning : page.warnings) {
    html += fmt::format("<p class=\"note\"><strong>Warning:</strong> {}</p>\n",
                        html_text(warning, 1000));
  }
  html +=
      "<noscript><style>.plot { display: none; }</style><p class=\"note\">The plots need "
      "JavaScript, which is off. The tables hold the "
      "same figures.</p></noscript>\n<dl>\n";
  for (const auto& [name, value] : page.facts) {
    html += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", html_text(name), html_text(value));
  }
  html += "</dl>\n";
}

/// Text of several lines, trusted but for its signs.
std::string html_lines(std::string_view text) {
  std::string html;
  for (const char letter : text) {
    if (letter == '<') {
      html += "&lt;";
    } else if (letter == '&') {
      html += "&amp;";
    } else {
      html += letter;
    }
  }
  return html;
}

void append_scripts(std::string& html, const Page& page) {
  json plots = json::array();
  for (const Section& section : page.sections) {
    for (const Figure& figure : section.figures) {
      if (figure.plot.series.empty() || figure.data.rows.empty()) continue;
      plots.push_back(plot_json(figure));
    }
  }
  html +=
      "<details class=\"license\"><summary>License of Chart.js, which draws the plots"
      "</summary><pre>";
  html += html_lines(chart_license());
  html += "</pre></details>\n</main>\n<script type=\"application/json\" id=\"plots\">";
  html += script_json(plots);
  html += "</script>\n<script>\n";
  html += chart_library();
  html += "\n</script>\n<script>\n";
  html += page_script();
  html += "</script>\n</body></html>\n";
}

}  // namespace

std::string html_text(std::string_view text, std::size_t longest) {
  std::string html;
  for (const char letter : clean_text(text, longest)) {
    switch (letter) {
      case '&':
        html += "&amp;";
        break;
      case '<':
        html += "&lt;";
        break;
      case '>':
        html += "&gt;";
        break;
      case '"':
        html += "&quot;";
        break;
      case '\'':
        html += "&#39;";
        break;
      default:
        html += letter;
    }
  }
  return html;
}

void require_reports(std::string_view option) {
  if (!chart_library().empty()) return;
  throw Error(ExitCode::usage, std::string(option),
              "this program was built without Chart.js, which draws the plots of reports",
              "install Debian's package libjs-chart.js and build again, or use --figures DIR");
}

std::string render_page(const Page& page) {
  std::string html;
  append_head(html, page);
  for (const Section& section : page.sections) {
    html += fmt::format("<section><h2>{}</h2>\n", html_text(section.title));
    for (const std::string& note : section.notes) {
      html += fmt::format("<p>{}</p>\n", html_text(note, 1000));
    }
    for (const Figure& figure : section.figures) append_figure(html, figure);
    html += "</section>\n";
  }
  append_scripts(html, page);
  return html;
}

std::string tsv_text(const Grid& grid) {
  std::string text = fmt::format("{}\n", fmt::join(grid.columns, "\t"));
  for (const std::vector<Value>& row : grid.rows) {
    for (std::size_t column = 0; column < row.size(); ++column) {
      if (column > 0) text += '\t';
      text += std::visit(AsTsv{}, row[column]);
    }
    text += '\n';
  }
  return text;
}

std::string figure_path(const std::string& folder, const Figure& figure) {
  return (std::filesystem::path(folder) / (figure.name + ".tsv")).string();
}

void write_figures(const Page& page, const std::string& folder) {
  std::error_code failure;
  std::filesystem::create_directory(folder, failure);
  if (failure) {
    throw Error(ExitCode::cannot_create, printable(folder),
                fmt::format("the folder cannot be made: {}", failure.message()),
                "give --figures a folder below one that exists and may be written to");
  }
  for (const Section& section : page.sections) {
    for (const Figure& figure : section.figures) {
      AtomicFile file(figure_path(folder, figure));
      file.write(tsv_text(figure.data));
      file.commit();
    }
  }
}

}  // namespace alsatian
