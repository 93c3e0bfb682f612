// Claims about ranking by draws: scores are those of the draws that the model keeps, computed again
// here from its tensors; orders, ties and what is left out are as for the mean.
#include "host/evaluate/draw_ranking.hpp"

#include "host/evaluate/quantile.hpp"
#include "kernels/cpu/parallel.hpp"
#include "tests/support/models.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <vector>

namespace alsatian {
namespace {

constexpr std::int32_t draws = 7;
constexpr std::int32_t rank = 3;

const Model& sampled_model() {
  static const Model model =
      testing::sample_model({.users = 29, .items = 37, .rank = rank, .draws = draws});
  return model;
}

/// As the model's file says it: mean + deviation·(constant + biases + draws·⟨p, q⟩/deviation).
double expected_prediction(const Model& model, std::int32_t user, std::int32_t item, int draw) {
  double product = 0;
  for (std::int32_t j = draw * rank; j < (draw + 1) * rank; ++j) {
    product += double{model.factors.users.row(user)[j]} * model.factors.items.row(item)[j];
  }
  const auto bias = [&](const std::vector<float>& biases, std::int32_t row) {
    return double{biases[static_cast<std::size_t>(row * draws + draw)]};
  };
  return model.scale.mean +
         model.scale.deviation *
             (model.draw_biases.constants[static_cast<std::size_t>(draw)] +
              bias(model.draw_biases.users, user) + bias(model.draw_biases.items, item)) +
         draws * product;
}

/// Sorted, and the value at share·(count − 1) between its neighbours.
double expected_quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  const double position = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  const double rest = position - static_cast<double>(below);
  return (1 - rest) * values[below] + rest * values[above];
}

double expected_score(const Model& model, const DrawRanking& ranking, std::int32_t user,
                      std::int32_t item) {
  std::vector<double> values;
  for (int draw = 0; draw < draws; ++draw) {
    values.push_back(expected_prediction(model, user, item, draw));
  }
  const double outside = (1 - ranking.interval) / 2;
  if (ranking.by == RankBy::lower) return expected_quantile(values, outside);
  if (ranking.by == RankBy::upper) return expected_quantile(values, 1 - outside);
  return values[static_cast<std::size_t>(sampled_draw(model, user, ranking.seed))];
}

std::vector<std::vector<RankedItem>> answers_of(const Model& model, const DrawRanking& ranking,
                                                std::span<const std::int32_t> users,
                                                std::int32_t count, const CompressedMatrix* seen) {
  const CandidateItems candidates(model, nullptr);
  std::vector<std::vector<RankedItem>> all;
  make_draw_top_items({model, candidates, users, count, seen}, ranking)
      ->answer([&](std::size_t first, const auto& answers) {
        EXPECT_EQ(first, all.size());
        all.insert(all.end(), answers.begin(), answers.end());
      });
  return all;
}

std::vector<std::int32_t> all_users(const Model& model) {
  std::vector<std::int32_t> users(static_cast<std::size_t>(model.users.size()));
  std::iota(users.begin(), users.end(), 0);
  return users;
}

/// A dozen roundings in double of scores below 50.
constexpr double rounding = 1e-12;

TEST(DrawRanking, ScoresByTheDrawsThatTheModelKeeps) {
  const Model& model = sampled_model();
  for (const DrawRanking& ranking :
       {DrawRanking{.by = RankBy::lower, .interval = 0.9},
        DrawRanking{.by = RankBy::lower, .interval = 0.5},
        DrawRanking{.by = RankBy::upper, .interval = 0.9},
        DrawRanking{.by = RankBy::upper, .interval = 0.321},
        DrawRanking{.by = RankBy::sample, .seed = 1}, DrawRanking{.by = RankBy::sample}}) {
    for (const std::int32_t user : {0, 13, 28}) {
      for (const std::int32_t item : {0, 5, 36}) {
        EXPECT_NEAR(ranking_score(model, ranking, user, item),
                    expected_score(model, ranking, user, item), rounding);
      }
    }
  }
}

TEST(DrawRanking, TakesUnknownUsersForRowsOfZeros) {
  const Model& model = sampled_model();
  const std::int32_t draw = sampled_draw(model, -1, 42);
  const double bias =
      model.draw_biases.items[static_cast<std::size_t>(std::int32_t{11} * draws + draw)];
  EXPECT_NEAR(
      ranking_score(model, {.by = RankBy::sample}, -1, 11),
      model.scale.mean + model.scale.deviation *
                             (model.draw_biases.constants[static_cast<std::size_t>(draw)] + bias),
      rounding);
}

TEST(DrawRanking, ListsTheBestUnseenCandidatesInOrder) {
  Model model = sampled_model();
  model.item_counts[4] = 0;  // was never rated: no candidate
  const std::vector<std::int32_t> users = all_users(model);
  CompressedMatrix seen{{0}, {}, {}};
  for (const std::int32_t user : users) {
    for (std::int32_t item = user % 3; item < model.items.size(); item += 3) {
      seen.columns.push_back(item);
      seen.values.push_back(1);
    }
    seen.offsets.push_back(static_cast<std::int64_t>(seen.columns.size()));
  }
  for (const RankBy by : {RankBy::lower, RankBy::upper, RankBy::sample}) {
    const auto answers = answers_of(model, {.by = by}, users, 9, &seen);
    ASSERT_EQ(answers.size(), users.size());
    for (const std::int32_t user : users) {
      std::vector<RankedItem> expected;
      for (std::int32_t item = 0; item < model.items.size(); ++item) {
        if (item == 4 || item % 3 == user % 3) continue;
        expected.push_back({item, expected_score(model, {.by = by}, user, item)});
      }
      std::sort(expected.begin(), expected.end(), ranks_before);
      const auto& found = answers[static_cast<std::size_t>(user)];
      ASSERT_EQ(found.size(), 9U);
      for (std::size_t place = 0; place < found.size(); ++place) {
        EXPECT_EQ(found[place].index, expected[place].index);
        EXPECT_NEAR(found[place].score, expected[place].score, rounding);
      }
    }
  }
}

TEST(DrawRanking, LowerAndUpperEndsEncloseTheMedianAndMeetWhereOneDrawIsKept) {
  const Model& model = sampled_model();
  for (std::int32_t item = 0; item < model.items.size(); ++item) {
    const double lower = ranking_score(model, {.by = RankBy::lower}, 3, item);
    const double upper = ranking_score(model, {.by = RankBy::upper}, 3, item);
    EXPECT_LT(lower, upper);
    EXPECT_LE(lower, ranking_score(model, {.by = RankBy::lower, .interval = 0.01}, 3, item));
    EXPECT_GE(upper, ranking_score(model, {.by = RankBy::upper, .interval = 0.01}, 3, item));
  }
  const Model one = testing::sample_model({.draws = 1});
  EXPECT_EQ(ranking_score(one, {.by = RankBy::lower}, 1, 2),
            ranking_score(one, {.by = RankBy::upper}, 1, 2));
}

TEST(DrawRanking, SamplesEveryDrawAboutEquallyOftenAndAnewForEachSeed) {
  const Model& model = sampled_model();
  std::vector<int> counts(draws);
  constexpr int users = 7000;
  int changed = 0;
  for (std::int32_t user = 0; user < users; ++user) {
    const std::int32_t draw = sampled_draw(model, user, 42);
    ++counts[static_cast<std::size_t>(draw)];
    EXPECT_EQ(sampled_draw(model, user, 42), draw);
    changed += sampled_draw(model, user, 43) != draw;
  }
  // Binomial: 1000 and 6000 expected, with deviations of 29.
  for (const int count : counts) EXPECT_NEAR(count, 1000, 5 * 29.3);
  EXPECT_NEAR(changed, 6000, 5 * 29.3);
}

TEST(DrawRanking, GivesTheSameListsForAnyNumberOfThreadsAndAnyCompany) {
  const Model& model = sampled_model();
  const std::vector<std::int32_t> users = all_users(model);
  const auto indices = [](const std::vector<std::vector<RankedItem>>& answers) {
    std::vector<std::pair<std::int32_t, double>> flat;
    for (const auto& answer : answers) {
      for (const RankedItem& item : answer) flat.emplace_back(item.index, item.score);
    }
    return flat;
  };
  for (const RankBy by : {RankBy::upper, RankBy::sample}) {
    use_threads(1);
    const auto serial = indices(answers_of(model, {.by = by}, users, 5, nullptr));
    use_threads(3);
    EXPECT_EQ(indices(answers_of(model, {.by = by}, users, 5, nullptr)), serial);
    use_threads(0);
    const std::vector<std::int32_t> alone{17};
    const auto single = indices(answers_of(model, {.by = by}, alone, 5, nullptr));
    EXPECT_TRUE(std::equal(single.begin(), single.end(), serial.begin() + 17 * 5));
  }
}

TEST(Quantile, IsTheOnlyValueTheEndsAndTheMiddle) {
  std::vector<double> one{3.5};
  EXPECT_EQ(quantile(one, 0.05), 3.5);
  std::vector<double> four{1, 2, 3, 4};
  EXPECT_EQ(quantile(four, 0), 1);
  EXPECT_EQ(quantile(four, 1), 4);
  EXPECT_EQ(quantile(four, 0.5), 2.5);
}

}  // namespace
}  // namespace alsatian
