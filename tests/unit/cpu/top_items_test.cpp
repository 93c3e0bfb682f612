// Selections by float scores against sorting every score in double: what is among the best is
// always kept, what was seen never, whatever the instruction set.
#include "kernels/cpu/top_items.hpp"

#include "kernels/math/random.hpp"
#include "tests/support/cpu_tables.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <set>
#include <span>
#include <vector>

namespace alsatian {
namespace {

using ::testing::Each;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAreArray;

constexpr float infinity = std::numeric_limits<float>::infinity();

float draw(std::uint64_t row, std::uint32_t column) {
  const Random4 words = philox(23, RandomStream::generate, row, column);
  return static_cast<float>(normal(words.word[0], words.word[1]).value[0]);
}

/// Rows of normal draws with biases of the same size. Norms fall from row to row, so that there is
/// something to give up.
cpu::FactorTable sample_rows(std::int64_t rows, std::int32_t rank, std::uint64_t seed) {
  cpu::FactorTable table(rows, rank);
  const SideView<float> side = table.view();
  for (std::int64_t row = 0; row < rows; ++row) {
    const auto key = seed * 100'000 + static_cast<std::uint64_t>(row);
    const float scale = 1.0F / (1.0F + 0.01F * static_cast<float>(row));
    side.biases[row] = scale * draw(key, 0);
    for (std::int32_t j = 0; j < rank; ++j) {
      side.row(row)[j] = scale * draw(key, 1 + static_cast<std::uint32_t>(j));
    }
  }
  return table;
}

double score_of(SideView<const float> users, std::int64_t user, SideView<const float> items,
                std::int64_t item) {
  double sum = items.biases[item];
  for (std::int32_t j = 0; j < items.rank; ++j) {
    sum += static_cast<double>(users.row(user)[j]) * static_cast<double>(items.row(item)[j]);
  }
  return sum;
}

double norm_of(SideView<const float> rows, std::int64_t row) {
  double squares = 0;
  for (std::int32_t j = 0; j < rows.rank; ++j) {
    squares += static_cast<double>(rows.row(row)[j]) * static_cast<double>(rows.row(row)[j]);
  }
  return std::sqrt(squares);
}

/// Items that a user has seen: about a fifth, others for each user.
std::vector<std::int32_t> seen_by(std::int64_t user, std::int64_t items) {
  std::vector<std::int32_t> seen;
  for (std::int32_t item = 0; item < items; ++item) {
    if ((item + user) % 5 == 0) seen.push_back(item);
  }
  return seen;
}

/// The best items of a user who has seen some, and how they score; ties to the smaller item.
std::vector<std::int32_t> sorted_items(SideView<const float> users, std::int64_t user,
                                       SideView<const float> items,
                                       const std::vector<std::int32_t>& seen, std::size_t count) {
  std::vector<std::pair<double, std::int32_t>> scores;
  for (std::int32_t item = 0; item < items.rows; ++item) {
    if (std::ranges::binary_search(seen, item)) continue;
    scores.emplace_back(-score_of(users, user, items, item), item);
  }
  std::ranges::sort(scores);
  scores.resize(std::min(count, scores.size()));
  std::vector<std::int32_t> best;
  for (const auto& [score, item] : scores) best.push_back(item);
  return best;
}

std::vector<std::int32_t> kept_items(const cpu::ItemPanels& panels,
                                     const cpu::TopSelector& selector, std::size_t user) {
  std::vector<std::int32_t> items;
  for (const std::int32_t position : selector.kept(user)) items.push_back(panels.item(position));
  return items;
}

struct Shape {
  std::int64_t users;
  std::int64_t items;
  std::int32_t rank;
  std::int64_t count;
};

class TopSelection : public ::testing::TestWithParam<Shape> {
 protected:
  /// Calls check(user, kept items) for every user of one selection on every instruction set.
  void select(const std::function<void(std::int64_t, const std::vector<std::int32_t>&)>& check) {
    const cpu::ItemPanels panels(items.view(), 1);
    std::vector<std::vector<std::int32_t>> seen;
    std::vector<cpu::TopUser> asked;
    for (std::int64_t user = 0; user < shape.users; ++user)
      seen.push_back(seen_by(user, shape.items));
    for (std::int64_t user = 0; user < shape.users; ++user) {
      asked.push_back({users.view().row(user), norm_of(users.view(), user), error,
                       seen[static_cast<std::size_t>(user)]});
    }
    for (const Isa isa : testing::available_isas()) {
      SCOPED_TRACE(isa_name(isa));
      cpu::TopSelector selector(cpu::kernels(isa), panels, shape.count);
      for (int again = 0; again < 2; ++again) {  // scratch of the first must not show in the second
        selector.select(asked);
        for (std::int64_t user = 0; user < shape.users; ++user) {
          check(user, kept_items(panels, selector, static_cast<std::size_t>(user)));
        }
      }
    }
  }

  const Shape shape = GetParam();
  const cpu::FactorTable users = sample_rows(shape.users, shape.rank, 1);
  cpu::FactorTable items = sample_rows(shape.items, shape.rank, 2);
  /// (rank + 4) roundings of sums of at most 2 √rank √rank, generously.
  double error = 1e-6 * (shape.rank + 4) * (shape.rank + 1);
};

TEST_P(TopSelection, HoldsTheBestItemsAndFewOthers) {
  select([&](std::int64_t user, const std::vector<std::int32_t>& kept) {
    const auto best =
        sorted_items(std::as_const(users).view(), user, std::as_const(items).view(),
                     seen_by(user, shape.items), static_cast<std::size_t>(shape.count));
    const std::set<std::int32_t> found(kept.begin(), kept.end());
    EXPECT_EQ(found.size(), kept.size()) << "an item is there twice";
    for (const std::int32_t item : best) EXPECT_TRUE(found.contains(item)) << item;
    // A sixteenth more than asked for, and those within rounding of the last.
    EXPECT_LE(kept.size(), best.size() + best.size() / 16 + 4);
  });
}

TEST_P(TopSelection, NeverHoldsWhatWasSeen) {
  select([&](std::int64_t user, const std::vector<std::int32_t>& kept) {
    const auto seen = seen_by(user, shape.items);
    for (const std::int32_t item : kept) EXPECT_FALSE(std::ranges::binary_search(seen, item));
  });
}

TEST_P(TopSelection, HoldsAllItemsThatScoreTheSame) {
  for (float& value : items.flat()) value = 0;
  select([&](std::int64_t user, const std::vector<std::int32_t>& kept) {
    std::vector<std::int32_t> unseen;
    const auto seen = seen_by(user, shape.items);
    for (std::int32_t item = 0; item < shape.items; ++item) {
      if (!std::ranges::binary_search(seen, item)) unseen.push_back(item);
    }
    EXPECT_THAT(kept, UnorderedElementsAreArray(unseen));
  });
}

TEST_P(TopSelection, NeverHoldsAnItemWhoseScoreIsNotANumber) {
  const std::int64_t bad = shape.items / 2;
  items.view().biases[bad] = std::numeric_limits<float>::quiet_NaN();
  select([&](std::int64_t, const std::vector<std::int32_t>& kept) {
    EXPECT_THAT(kept, Each(::testing::Ne(bad)));
  });
}

TEST_P(TopSelection, HoldsNothingOfAUserWhoseErrorIsNotKnown) {
  error = std::numeric_limits<double>::quiet_NaN();
  select(
      [&](std::int64_t, const std::vector<std::int32_t>& kept) { EXPECT_THAT(kept, IsEmpty()); });
}

INSTANTIATE_TEST_SUITE_P(Shapes, TopSelection,
                         ::testing::Values(Shape{1, 1, 1, 1}, Shape{7, 47, 0, 3},
                                           Shape{8, 48, 1, 5}, Shape{9, 49, 5, 10},
                                           Shape{17, 1021, 33, 100}, Shape{3, 4999, 64, 10},
                                           Shape{11, 97, 129, 97}, Shape{13, 2003, 16, 1}),
                         [](const ::testing::TestParamInfo<Shape>& shape) {
                           return "Users" + std::to_string(shape.param.users) + "Items" +
                                  std::to_string(shape.param.items) + "Rank" +
                                  std::to_string(shape.param.rank) + "Top" +
                                  std::to_string(shape.param.count);
                         });

/// A selection of given scores with room behind them.
class ThinnedSelection : public ::testing::Test {
 protected:
  cpu::TopSelection thin(const cpu::KernelTable& kernels, std::span<const float> given,
                         std::int64_t count, double slack) {
    const std::size_t room = given.size() + cpu::panel_items + cpu::padding;
    scores.assign(room, infinity);
    positions.assign(room, -1);
    std::ranges::copy(given, scores.begin());
    for (std::size_t i = 0; i < given.size(); ++i) positions[i] = static_cast<std::int32_t>(i);
    cpu::TopSelection selection{.scores = scores.data(),
                                .positions = positions.data(),
                                .kept = std::ssize(given),
                                .limit = std::ssize(given),
                                .threshold = -infinity,
                                .slack = slack};
    kernels.thin_selection(selection, count);
    return selection;
  }

  std::vector<float> scores;
  std::vector<std::int32_t> positions;
};

TEST_F(ThinnedSelection, KeepsWhatIsWithinTheSlackOfTheLastThatCounts) {
  for (const Isa isa : testing::available_isas()) {
    for (const std::size_t size : {1U, 3U, 4U, 7U, 15U, 16U, 17U, 33U, 264U}) {
      for (const std::int64_t count : {std::int64_t{1}, static_cast<std::int64_t>(size + 1) / 2}) {
        std::vector<float> given;
        for (std::size_t i = 0; i < size; ++i)
          given.push_back(draw(size, static_cast<std::uint32_t>(i)));
        const double slack = 1e-3;
        const cpu::TopSelection thinned = thin(cpu::kernels(isa), given, count, slack);
        std::vector<float> sorted = given;
        std::ranges::sort(sorted, std::greater<>());
        const float last = sorted[static_cast<std::size_t>(count - 1)];
        EXPECT_LT(thinned.threshold, last - slack + 1e-6);
        for (std::size_t i = 0; i < given.size(); ++i) {
          const std::span<const std::int32_t> kept(thinned.positions,
                                                   static_cast<std::size_t>(thinned.kept));
          const auto place = std::ranges::find(kept, static_cast<std::int32_t>(i));
          EXPECT_EQ(place != kept.end(), given[i] >= thinned.threshold) << isa_name(isa) << size;
          if (place != kept.end()) {
            EXPECT_EQ(thinned.scores[place - kept.begin()], given[i]);
          } else {
            EXPECT_LT(given[i], last - slack);
          }
        }
      }
    }
  }
}

TEST_F(ThinnedSelection, OrdersNegativeScoresZerosAndInfinities) {
  const std::vector<float> given{-infinity, -3, -0.0F, 0, 1e-40F, -1e30F, 2, infinity};
  for (const Isa isa : testing::available_isas()) {
    for (std::int64_t count = 1; count <= std::ssize(given); ++count) {
      const cpu::TopSelection thinned = thin(cpu::kernels(isa), given, count, 0);
      std::vector<float> sorted = given;
      std::ranges::sort(sorted, std::greater<>());
      for (std::int64_t i = 0; i < count; ++i) {
        EXPECT_THAT(std::span(thinned.scores, static_cast<std::size_t>(thinned.kept)),
                    ::testing::Contains(sorted[static_cast<std::size_t>(i)]))
            << isa_name(isa) << ", " << count;
      }
      EXPECT_LE(thinned.kept, count + 1);  // the zeros tie
    }
  }
}

}  // namespace
}  // namespace alsatian
