// Pages hold their data as text and nothing else, and stay small whatever the data.
// Whether a browser draws them is a matter of tests/reports.
#include "host/report/page.hpp"

#include "host/error.hpp"
#include "host/report/heat_map.hpp"
#include "tests/support/temporary_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

namespace alsatian::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string markup = "</script><img src=x onerror='a()'>&\"";

/// A page with the text wherever a text may stand, and so many rows.
Page page_of(const std::string& text, std::int64_t rows) {
  Figure figure{.name = "figure", .title = text, .text = text};
  figure.data.columns = {"name", "value"};
  for (std::int64_t row = 0; row < rows; ++row) figure.data.rows.push_back({text, row});
  figure.plot = {.x = "value",
                 .series = {{"value", text, Mark::points}},
                 .x_title = text,
                 .y_title = text,
                 .group = "name",
                 .hover = "name"};
  return {.title = text,
          .lead = text,
          .facts = {{text, text}},
          .sections = {{.title = text, .notes = {text}, .figures = {figure}}}};
}

std::size_t occurrences(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(HtmlText, EscapesWhatMarksUpAndWhatControls) {
  EXPECT_EQ(html_text("<a href=\"b\">'&'</a>"),
            "&lt;a href=&quot;b&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
  EXPECT_THAT(html_text(std::string("a\0b\x1b", 4)), Not(HasSubstr(std::string("\0", 1))));
}

TEST(HtmlText, IsUtf8WhateverTheBytesAndCutBetweenCharacters) {
  EXPECT_EQ(html_text("a\xff"), "a\\xff");
  EXPECT_EQ(html_text("äöü", 2), "äö…");
  EXPECT_EQ(html_text("äö", 2), "äö");
}

TEST(Page, NamesARowInOneCellWhereSeveralColumnsDo) {
  Page page = page_of("plain", 1);
  Grid& grid = page.sections[0].figures[0].data;
  grid = {.columns = {"name", "over_all", "value"},
          .rows = {{std::string("hit_rate"), std::string("<all>"), 0.5},
                   {std::string("mae"), {}, 0.25}},
          .naming = 2};
  const std::string html = render_page(page);
  EXPECT_THAT(html, HasSubstr("<th class=\"naming\">name · over all</th>"
                              "<th class=\"text apart\">name</th>"
                              "<th class=\"text apart\">over all</th><th>value</th>"));
  EXPECT_THAT(html, HasSubstr("<td class=\"naming\">hit_<wbr>rate · &lt;all&gt;</td>"
                              "<td class=\"text apart\">hit_<wbr>rate</td>"));
  EXPECT_THAT(html, HasSubstr("<td class=\"naming\">mae</td>"));
  grid.naming = 1;
  EXPECT_THAT(render_page(page), Not(HasSubstr("class=\"naming\"")));
}

TEST(Page, ShowsTextsFromDataNowhereAsMarkup) {
  const std::string with = render_page(page_of(markup, 3));
  const std::string without = render_page(page_of("plain", 3));
  EXPECT_THAT(with, Not(HasSubstr("<img")));
  EXPECT_EQ(occurrences(with, "</script>"), occurrences(without, "</script>"));
  EXPECT_THAT(with, HasSubstr("&lt;/script&gt;"));
}

TEST(Page, StaysBelowTwoMebibytesWithAMillionRowsOfLongTitles) {
  const std::string html = render_page(page_of(std::string(500, 'x'), 1'000'000));
  EXPECT_LT(html.size(), std::size_t{2} << 20);
  EXPECT_THAT(html, HasSubstr("999800 more rows"));
}

TEST(Page, HoldsItsTablesAndANoteForThoseWithoutScripts) {
  const std::string html = render_page(page_of("plain", 3));
  EXPECT_THAT(html, HasSubstr("<noscript>"));
  EXPECT_THAT(html, HasSubstr("<td class=\"text\">plain</td><td>2</td>"));
}

TEST(Tsv, KeepsEveryRowAndDigitAndOneLineForEach) {
  Grid grid{.columns = {"name", "value"}, .rows = {{std::string("a\tb\nc"), 0.1}, {{}, 1.0 / 3}}};
  EXPECT_EQ(tsv_text(grid), "name\tvalue\na\\tb\\nc\t0.1\n\t0.3333333333333333\n");
}

TEST(Figures, AreWrittenIntoAFolderThatIsMade) {
  const TemporaryFolder folder;
  const std::string figures = folder.file("figures");
  write_figures(page_of("plain", 5000), figures);
  EXPECT_EQ(std::filesystem::file_size(figures + "/figure.tsv"),
            tsv_text(page_of("plain", 5000).sections[0].figures[0].data).size());
}

TEST(Figures, RefuseAFolderThatCannotBeMade) {
  const TemporaryFolder folder;
  try {
    write_figures(page_of("plain", 1), folder.file("missing/figures"));
    FAIL() << "was made";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::cannot_create);
  }
}

TEST(HeatMap, DrawsOneRectangleForNeighborsOfOneShadeAndNoneForNothing) {
  const std::string svg = heat_map_svg({{0, 1, 1}, {0, 0, 0.01}}, markup);
  EXPECT_EQ(occurrences(svg, "<rect"), 2U);
  EXPECT_THAT(svg, HasSubstr("x=\"1\" y=\"0\" width=\"2\" height=\"1\" fill-opacity=\"1\""));
  EXPECT_THAT(svg, HasSubstr("x=\"2\" y=\"1\" width=\"1\" height=\"1\" fill-opacity=\"0.05\""));
  EXPECT_THAT(svg, Not(HasSubstr("<img")));
}

TEST(HeatTable, HasEveryCellWithItsTextInTheInkOfThePage) {
  const HeatTable table{.row_names = {"3", "0.3"},
                        .column_names = {"8", markup},
                        .row_title = "reg",
                        .column_title = "k",
                        .cells = {{{1, "0.8451"}, {0.5, "0.86"}}, {{0, ""}, {0.25, "0.87"}}}};
  const std::string svg = heat_table_svg(table, "surface");
  EXPECT_EQ(occurrences(svg, "<rect"), 4U);
  EXPECT_THAT(svg, ContainsRegex("<text class=\"\"[^>]*>0.8451</text>"));
  EXPECT_THAT(svg, ContainsRegex("<text class=\"\"[^>]*>0.86</text>"));
  EXPECT_THAT(svg, HasSubstr("<svg class=\"cells\""));
  EXPECT_THAT(svg, HasSubstr(">reg</text>"));
  EXPECT_THAT(svg, Not(HasSubstr("<img")));
}

TEST(HeatTable, OfManyCellsIsWideWithNamesThatHaveRoom) {
  HeatTable table{.row_title = "k", .column_title = "reg"};
  for (int row = 0; row < 6; ++row) table.row_names.push_back(std::to_string(row));
  for (int column = 0; column < 50; ++column) table.column_names.push_back(std::to_string(column));
  table.cells.assign(6, std::vector<HeatCell>(50, HeatCell{.share = 1, .text = "0.8451"}));
  const std::string svg = heat_table_svg(table, "surface");
  EXPECT_EQ(occurrences(svg, "<rect"), 300U);
  EXPECT_THAT(svg, Not(HasSubstr("0.8451")));
  EXPECT_THAT(svg, HasSubstr("<svg class=\"cells bare\""));
  EXPECT_EQ(occurrences(svg, "class=\"name row\""), 6U);
  // Columns are 12 wide, and a name needs 62: each sixth.
  EXPECT_EQ(occurrences(svg, "class=\"name\""), 9U);
  EXPECT_THAT(svg, HasSubstr("viewBox=\"0 0 690 242\""));
}

TEST(Tables, GiveSentencesInTheLastColumnRoomAndNamesNone) {
  Page page = page_of("plain", 1);
  page.sections[0].figures[0].plot = {};
  Grid& grid = page.sections[0].figures[0].data;
  grid.columns = {"figure", "verdict"};
  grid.rows = {{std::string("rmse"), std::string("better")}};
  EXPECT_THAT(render_page(page), Not(HasSubstr("class=\"text prose\"")));
  grid.rows[0][1] = std::string("the mean of all that was measured");
  EXPECT_THAT(render_page(page), HasSubstr("<th class=\"text prose\">verdict</th>"));
}

}  // namespace
}  // namespace alsatian::testing
