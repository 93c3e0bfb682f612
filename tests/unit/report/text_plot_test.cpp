// Drawings in text against what a person reads off them: where dots are, what stands beside them.
// Braille is taken apart into its dots, so that both kinds of marks are held to the same claims.
#include "host/report/text_plot.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace alsatian {
namespace {

using ::testing::Each;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char letter) { return (static_cast<unsigned char>(letter) & 0xC0U) != 0x80U; }));
}

/// Code points of UTF-8 text.
std::u32string code_points(const std::string& text) {
  std::u32string points;
  for (const char letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    if ((byte & 0xC0U) == 0x80U) {
      points.back() = points.back() << 6 | (byte & 0x3FU);
    } else {
      points += byte < 0x80 ? byte : byte < 0xE0 ? byte & 0x1FU : byte & 0x0FU;
    }
  }
  return points;
}

TextCurve falling(const std::string& name, double from, double by, int count) {
  TextCurve curve{.name = name};
  for (int at = 1; at <= count; ++at) curve.points.push_back({double(at), from - by * at});
  return curve;
}

const TextPlotOptions ascii{.title = "RMSE",
                            .x_title = "epoch",
                            .first_x = 1,
                            .last_x = 9,
                            .columns = 60,
                            .rows = 7,
                            .marks = TextMarks::ascii};

TEST(TextPlot, InAsciiIsTheseLines) {
  const std::vector<TextCurve> curves{{"a", {{1, 4}, {2, 2}, {3, 2}}}};
  const std::vector<std::string> expected{"  y",     //
                                          "4|*",     //
                                          " | *",    //
                                          "3|  *",   //
                                          " |   *",  //
                                          "2|    ***** * a 2",
                                          "  1 epoch 3"};
  EXPECT_EQ(draw_text_plot(curves, {.title = "y",
                                    .x_title = "epoch",
                                    .first_x = 1,
                                    .last_x = 3,
                                    .columns = 17,
                                    .rows = 5,
                                    .marks = TextMarks::ascii}),
            expected);
}

TEST(TextPlot, HasATitleItsRowsAndAnAxisNoneWiderThanAskedFor) {
  for (const TextMarks marks : {TextMarks::ascii, TextMarks::braille}) {
    for (const int columns : {30, 61, 200}) {
      for (const int rows : {3, 8, 13}) {
        TextPlotOptions options = ascii;
        options.marks = marks;
        options.columns = columns;
        options.rows = rows;
        const std::vector<TextCurve> curves{falling("train", 1, 0.05, 9),
                                            falling("a test set with a long name", 1.1, 0.01, 9)};
        const auto lines = draw_text_plot(curves, options);
        ASSERT_THAT(lines, SizeIs(static_cast<std::size_t>(rows) + 2));
        for (const std::string& line : lines) {
          EXPECT_LE(width_of(line), static_cast<std::size_t>(columns)) << line;
        }
      }
    }
  }
}

TEST(TextPlot, DrawsAFallingCurveFromTheTopLeftToTheBottomRight) {
  const std::vector<TextCurve> curves{falling("train", 1, 0.05, 9)};
  const auto lines = draw_text_plot(curves, ascii);
  std::size_t before = 0;
  for (int row = 1; row <= ascii.rows; ++row) {
    const std::string& line = lines[static_cast<std::size_t>(row)];
    const std::size_t bar = line.find('|');
    const std::size_t first = line.find('*', bar);
    ASSERT_NE(first, std::string::npos) << line;
    EXPECT_GT(first, before);
    before = first;
  }
  EXPECT_EQ(lines[1].find('*'), lines[1].find('|') + 1);
}

TEST(TextPlot, InBrailleHasADotInEveryColumnBetweenTwoPoints) {
  TextPlotOptions options = ascii;
  options.marks = TextMarks::braille;
  const std::vector<TextCurve> curves{{"a", {{1, 2}, {9, 1}}}};
  const auto lines = draw_text_plot(curves, options);
  // Dots of the left and the right column of a cell.
  constexpr char32_t left = 0x01 | 0x02 | 0x04 | 0x40;
  std::vector<int> dots;
  for (int row = 1; row <= options.rows; ++row) {
    const std::u32string points = code_points(lines[static_cast<std::size_t>(row)]);
    const std::size_t bar = points.find(U'│');
    ASSERT_NE(bar, std::u32string::npos);
    for (std::size_t at = bar + 1; at < points.size(); ++at) {
      if (points[at] < 0x2800 || points[at] > 0x28FF) continue;
      const std::size_t column = 2 * (at - bar - 1);
      if (dots.size() < column + 2) dots.resize(column + 2);
      dots[column] += (points[at] & left) != 0;
      dots[column + 1] += (points[at] & 0xFF & ~left) != 0;
    }
  }
  ASSERT_GT(dots.size(), 50U);
  EXPECT_THAT(dots, Each(::testing::Ge(1)));
}

TEST(TextPlot, SaysWhereEachCurveEndsAndTheValuesOfItsRows) {
  const std::vector<TextCurve> curves{falling("train", 1, 0.05, 9), falling("test", 1.1, 0.01, 9)};
  const auto lines = draw_text_plot(curves, ascii);
  EXPECT_THAT(lines[0], EndsWith("RMSE"));
  EXPECT_THAT(lines[1], HasSubstr("1.09|"));
  EXPECT_THAT(lines[7], HasSubstr("0.55|"));
  EXPECT_THAT(lines[7], EndsWith("* train 0.55"));
  EXPECT_THAT(lines[8], HasSubstr("epoch"));
  EXPECT_THAT(lines, ::testing::Contains(EndsWith("o test 1.01")));
}

TEST(TextPlot, GivesCurvesThatEndAlikeRowsBesideEachOther) {
  std::vector<TextCurve> curves;
  for (const char* name : {"a", "b", "c"}) curves.push_back({name, {{1, 2}, {9, 1}}});
  const auto lines = draw_text_plot(curves, ascii);
  for (const char* label : {"* a 1", "o b 1", "+ c 1"}) {
    EXPECT_EQ(std::ranges::count_if(lines,
                                    [&](const std::string& line) { return line.ends_with(label); }),
              1)
        << label;
  }
}

TEST(TextPlot, LeavesRoomForEpochsThatAreStillToCome) {
  const std::vector<TextCurve> curves{falling("train", 1, 0.05, 3)};
  for (const std::string& line : draw_text_plot(curves, ascii)) {
    const std::size_t last = line.find_last_of('*');
    if (line.find("train") == std::string::npos && last != std::string::npos) {
      EXPECT_LT(last, 60U / 2);
    }
  }
}

TEST(TextPlot, ColorsAreThereWhereAskedForAndEveryLineEndsThem) {
  const std::vector<TextCurve> curves{falling("train", 1, 0.05, 9), falling("test", 1.1, 0.01, 9)};
  EXPECT_THAT(draw_text_plot(curves, ascii), Each(Not(HasSubstr("\x1b"))));
  TextPlotOptions options = ascii;
  options.colors = TextColors::ansi;
  const auto lines = draw_text_plot(curves, options);
  for (const std::string& line : lines) {
    const std::size_t last = line.rfind("\x1b[");
    if (last == std::string::npos) continue;
    EXPECT_EQ(line.compare(last, 4, "\x1b[0m"), 0) << line;
  }
  EXPECT_THAT(lines[7], HasSubstr("\x1b[36m"));
}

TEST(TextPlot, OfOnePointOrEqualValuesIsDrawnInTheMiddle) {
  const std::vector<TextCurve> curves{{"a", {{1, 3}, {5, 3}}}};
  const auto lines = draw_text_plot(curves, ascii);
  ASSERT_THAT(lines, SizeIs(9));
  EXPECT_THAT(lines[4], HasSubstr("3|****"));
  const std::vector<TextCurve> point{{"a", {{1, 0.25}}}};
  EXPECT_THAT(draw_text_plot(point, ascii)[4], ::testing::MatchesRegex(" *0.25[|][*] +[*] a 0.25"));
}

TEST(TextPlot, OfNothingButZeroHasNoValuesBelowIt) {
  const std::vector<TextCurve> curves{{"a", {{1, 0}, {9, 0}}}};
  const auto lines = draw_text_plot(curves, ascii);
  EXPECT_THAT(lines[7], ::testing::MatchesRegex(" *0[|][*]+ [*] a 0"));
  EXPECT_THAT(lines, Each(Not(HasSubstr("-"))));
}

TEST(TextPlot, OfOneEpochNamesItOnce) {
  TextPlotOptions options = ascii;
  options.last_x = 1;
  const std::vector<TextCurve> curves{{"a", {{1, 3}}}};
  EXPECT_THAT(draw_text_plot(curves, options).back(), ::testing::MatchesRegex(" +1 +epoch"));
}

TEST(TextPlot, WritesLargeNumbersOut) {
  TextPlotOptions options = ascii;
  options.first_x = 1;
  options.last_x = 30000;
  const std::vector<TextCurve> curves{{"a", {{1, 123456.7}, {30000, 20000}}}};
  const auto lines = draw_text_plot(curves, options);
  EXPECT_THAT(lines[1], HasSubstr("123457|"));
  EXPECT_THAT(lines[7], EndsWith("* a 20000"));
  EXPECT_THAT(lines[8], EndsWith(" 30000"));
  const std::vector<TextCurve> beyond{{"a", {{1, 5e9}, {30000, 2.5}}}};
  EXPECT_THAT(draw_text_plot(beyond, options)[1], HasSubstr("5e+09|"));
  EXPECT_THAT(draw_text_plot(beyond, options)[7], EndsWith("* a 2.5"));
}

TEST(TextPlot, IsNothingWithoutPointsOrRoom) {
  const std::vector<TextCurve> empty{{"a", {}}};
  EXPECT_THAT(draw_text_plot(empty, ascii), IsEmpty());
  EXPECT_THAT(draw_text_plot({}, ascii), IsEmpty());
  const std::vector<TextCurve> curves{falling("train", 1, 0.05, 9)};
  TextPlotOptions options = ascii;
  options.columns = 15;
  EXPECT_THAT(draw_text_plot(curves, options), IsEmpty());
  options = ascii;
  options.rows = 2;
  EXPECT_THAT(draw_text_plot(curves, options), IsEmpty());
}

}  // namespace
}  // namespace alsatian
