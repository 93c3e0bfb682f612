// Figures as people read them, of ratings of any size.
// Held to what a person would write.
#include "host/report/number_text.hpp"

#include <gtest/gtest.h>

namespace alsatian {
namespace {

TEST(FourDecimals, OfUsualErrorsAreFour) {
  EXPECT_EQ(four_decimals(0.84889), "0.8489");
  EXPECT_EQ(four_decimals(-12.5), "-12.5000");
  EXPECT_EQ(four_decimals(0), "0.0000");
  EXPECT_EQ(four_decimals(999999.5), "999999.5000");
}

TEST(FourDecimals, AreLeftOutWhereDigitsBeforeThemSayEnough) {
  EXPECT_EQ(four_decimals(1e30), "1e+30");
  EXPECT_EQ(four_decimals(-2.34567e9), "-2.346e+09");
  EXPECT_EQ(four_decimals(1e6), "1e+06");
}

}  // namespace
}  // namespace alsatian
