// Checks the problems that all other tests are made of.
// A generator that missed its empty or heavy rows would make many tests pass for nothing.
#include "tests/support/problems.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <utility>

namespace alsatian::testing {
namespace {

PlantedProblem awkward() {
  return planted_problem({.users = 37,
                          .items = 29,
                          .heavy_users = 2,
                          .heavy_items = 1,
                          .single_users = 3,
                          .single_items = 2,
                          .empty_users = 2,
                          .empty_items = 1});
}

TEST(PlantedProblem, HasTheAwkwardRowsThatWereAskedFor) {
  const PlantedProblem problem = awkward();
  const auto users = problem.by_user.view();
  const auto items = problem.by_item.view();
  for (const std::int64_t user : {35, 36}) EXPECT_EQ(users.row_size(user), 0);
  for (const std::int64_t user : {32, 33, 34}) EXPECT_EQ(users.row_size(user), 1);
  for (const std::int64_t user : {0, 1}) EXPECT_GE(users.row_size(user), 29 - 2 - 1);
  EXPECT_EQ(items.row_size(28), 0);
  for (const std::int64_t item : {26, 27}) EXPECT_EQ(items.row_size(item), 1);
  EXPECT_GE(items.row_size(0), 37 - 3 - 2);
}

TEST(PlantedProblem, HoldsTheSameRatingsByUserByItemAndInFloat) {
  const PlantedProblem problem = awkward();
  std::set<std::tuple<std::int64_t, std::int64_t, double>> by_user;
  std::set<std::tuple<std::int64_t, std::int64_t, double>> by_item;
  for (std::int64_t user = 0; user < 37; ++user) {
    const auto columns = problem.by_user.view().row_columns(user);
    EXPECT_TRUE(std::is_sorted(columns.begin(), columns.end()));
    for (std::int64_t o = 0; o < columns.size(); ++o) {
      by_user.emplace(user, columns[o], problem.by_user.view().row_values(user)[o]);
      EXPECT_EQ(problem.by_user_float.view().row_columns(user)[o], columns[o]);
    }
  }
  for (std::int64_t item = 0; item < 29; ++item) {
    const auto columns = problem.by_item.view().row_columns(item);
    EXPECT_TRUE(std::is_sorted(columns.begin(), columns.end()));
    for (std::int64_t o = 0; o < columns.size(); ++o) {
      by_item.emplace(columns[o], item, double{problem.by_item_float.view().row_values(item)[o]});
    }
  }
  EXPECT_EQ(std::ssize(by_user), problem.observations());
  EXPECT_EQ(by_user, by_item);
}

TEST(PlantedProblem, DrawsRatingsFromTheDomainOfTheLikelihood) {
  for (const Likelihood& likelihood : {Likelihood{Gaussian{}}, Likelihood{Laplace{}},
                                       Likelihood{Poisson{}}, Likelihood{Bernoulli{}}}) {
    const PlantedProblem problem = planted_problem({.signal = 0.3, .likelihood = likelihood});
    const std::set<double> distinct(problem.by_user.values.begin(), problem.by_user.values.end());
    EXPECT_GE(distinct.size(), 2U);
    for (const double rating : distinct) {
      EXPECT_TRUE(std::visit([&](const auto& kind) { return kind.in_domain(rating); }, likelihood));
    }
  }
}

TEST(PlantedSchedule, VisitsEveryRatingOnceInTheBlockOfItsRows) {
  const PlantedProblem problem = awkward();
  const PlantedSchedule schedule = planted_schedule(problem, 3);
  std::set<std::pair<std::int32_t, std::int32_t>> visited;
  for (std::size_t block = 0; block < 9; ++block) {
    for (auto o = static_cast<std::size_t>(schedule.block_offsets[block]);
         o < static_cast<std::size_t>(schedule.block_offsets[block + 1]); ++o) {
      visited.emplace(schedule.users[o], schedule.items[o]);
      EXPECT_EQ(static_cast<std::size_t>(schedule.users[o]) * 3 / 37, block / 3);
      EXPECT_EQ(static_cast<std::size_t>(schedule.items[o]) * 3 / 29, block % 3);
    }
  }
  EXPECT_EQ(std::ssize(visited), problem.observations());
  EXPECT_EQ(std::ssize(schedule.users), problem.observations());
}

}  // namespace
}  // namespace alsatian::testing
