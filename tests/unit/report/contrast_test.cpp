// Texts of reports are told from what is behind them, in light, in dark and on paper.
// By the formula of WCAG 2.1 from the colors that the style sheet names, which no browser decides.
#include "host/report/embedded.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

namespace alsatian::testing {
namespace {

using Color = std::array<double, 3>;  // red, green, blue in [0, 1]

constexpr double least_contrast = 4.5;  // WCAG 2.1, 1.4.3 (AA) for texts of normal size

/// What each `:root` of the style sheet declares: of light, of dark and of print.
std::vector<std::string> schemes() {
  const std::string style(page_style());
  std::vector<std::string> found;
  for (auto at = style.find(":root"); at != std::string::npos; at = style.find(":root", at + 1))
    found.push_back(style.substr(at, style.find('}', at) - at));
  return found;
}

Color color_of(const std::string& scheme, const std::string& name) {
  const auto at = scheme.find("--" + name + ": #");
  EXPECT_NE(at, std::string::npos) << name << " is missing in " << scheme;
  if (at == std::string::npos) return {};
  const std::string digits = scheme.substr(at + name.size() + 5, 6);
  Color color{};
  for (std::size_t channel = 0; channel < 3; ++channel)
    color[channel] = std::stoi(digits.substr(2 * channel, 2), nullptr, 16) / 255.0;
  return color;
}

/// A color of that opacity over another, as a browser draws it.
Color over(const Color& front, double opacity, const Color& back) {
  Color color{};
  for (std::size_t channel = 0; channel < 3; ++channel)
    color[channel] = front[channel] * opacity + back[channel] * (1 - opacity);
  return color;
}

/// Relative luminance, of WCAG 2.1.
double luminance(const Color& color) {
  constexpr std::array weights{0.2126, 0.7152, 0.0722};
  double sum = 0;
  for (std::size_t channel = 0; channel < 3; ++channel) {
    const double value = color[channel];
    sum += weights[channel] *
           (value <= 0.03928 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4));
  }
  return sum;
}

double contrast(const Color& one, const Color& other) {
  const double first = luminance(one) + 0.05;
  const double second = luminance(other) + 0.05;
  return std::max(first, second) / std::min(first, second);
}

TEST(Contrast, OfBlackOnWhiteAndOfAGrayIsWhatWcagSays) {
  EXPECT_NEAR(contrast({0, 0, 0}, {1, 1, 1}), 21, 1e-12);
  // #767676 is known as the lightest gray that has 4.5 on white.
  const Color gray{0x76 / 255.0, 0x76 / 255.0, 0x76 / 255.0};
  EXPECT_NEAR(contrast(gray, {1, 1, 1}), 4.54, 0.005);
}

TEST(Contrast, OfFiguresOnEveryShadeOfAHeatMapSuffices) {
  ASSERT_EQ(schemes().size(), 3U);
  for (const std::string& scheme : schemes()) {
    for (int shade = 0; shade <= 20; ++shade) {
      const Color cell = over(color_of(scheme, "cell"), shade / 20.0, color_of(scheme, "paper"));
      EXPECT_GE(contrast(color_of(scheme, "ink"), cell), least_contrast) << shade << scheme;
    }
  }
}

TEST(Contrast, OfTextsOnThePageAndItsPanelsSuffices) {
  ASSERT_EQ(schemes().size(), 3U);
  for (const std::string& scheme : schemes()) {
    for (const char* text : {"ink", "soft", "accent"}) {
      for (const char* back : {"paper", "panel"}) {
        EXPECT_GE(contrast(color_of(scheme, text), color_of(scheme, back)), least_contrast)
            << text << " on " << back << scheme;
      }
    }
  }
}

}  // namespace
}  // namespace alsatian::testing
