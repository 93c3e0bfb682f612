// Checks that views show what their owners hold and promise no more than they may.
// Every kernel reads its data through them.
#include "kernels/math/views.hpp"

#include <gtest/gtest.h>

#include <type_traits>
#include <vector>

namespace alsatian {
namespace {

static_assert(std::is_constructible_v<View<const int>, std::vector<int>&>);
static_assert(std::is_constructible_v<View<const int>, View<int>>);
static_assert(!std::is_constructible_v<View<int>, const std::vector<int>&>,
              "a view that writes must not come from what may only be read");
static_assert(!std::is_constructible_v<View<int>, View<const int>>);

TEST(View, ShowsTheOwnersElements) {
  std::vector<int> owner{3, 1, 4, 1, 5};
  const View<int> view = owner;
  view[2] = 7;
  EXPECT_EQ(owner[2], 7);
  EXPECT_EQ(view.size(), 5);
  EXPECT_EQ(std::vector<int>(view.begin(), view.end()), owner);
  EXPECT_EQ(view.data(), owner.data());
}

TEST(View, OfNothingIsEmpty) {
  EXPECT_TRUE(View<double>().empty());
  EXPECT_EQ(View<double>().begin(), View<double>().end());
}

TEST(View, SubviewStartsAndEndsWhereAsked) {
  std::vector<int> owner{3, 1, 4, 1, 5};
  const View<int> part = View<int>(owner).subview(1, 3);
  EXPECT_EQ(std::vector<int>(part.begin(), part.end()), (std::vector<int>{1, 4, 1}));
  EXPECT_TRUE(View<int>(owner).subview(5, 0).empty());
}

TEST(CsrView, ShowsRowsOfAllLengths) {
  const std::vector<std::int64_t> offsets{0, 2, 2, 5};
  const std::vector<std::int32_t> columns{0, 3, 1, 2, 3};
  const std::vector<float> values{1, 2, 3, 4, 5};
  const CsrView<float> ratings{offsets, columns, values};
  EXPECT_EQ(ratings.rows(), 3);
  EXPECT_EQ(ratings.observations(), 5);
  EXPECT_EQ(ratings.row_size(0), 2);
  EXPECT_TRUE(ratings.row_columns(1).empty());
  EXPECT_EQ(ratings.row_columns(2)[0], 1);
  EXPECT_EQ(ratings.row_values(2)[2], 5.0F);
}

TEST(CsrView, OfNothingHasNoRows) {
  EXPECT_EQ(CsrView<float>().rows(), 0);
  EXPECT_EQ(CsrView<float>().observations(), 0);
}

TEST(SideView, RowsAreAStrideApart) {
  std::vector<float> factors{1, 2, 0, 0, 3, 4, 0, 0};
  std::vector<float> biases{0.5F, -0.5F};
  const SideView<float> side{factors.data(), biases.data(), 2, 2, 4};
  EXPECT_EQ(side.row(1)[0], 3.0F);
  side.row(1)[1] = 9;
  EXPECT_EQ(factors[5], 9.0F);
}

}  // namespace
}  // namespace alsatian
