// A folded-in user against training's own row solve, and explanations against predictions.
// The model is trained by the reference, so that the last half-sweep is the oracle.
#include "host/train/fold_in.hpp"

#include "host/error.hpp"
#include "host/evaluate/scorer.hpp"
#include "host/train/backend.hpp"
#include "tests/support/backend_pairs.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/newcomers.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace alsatian {
namespace {

/// A model of a problem whose users were solved last, on a scale of its own.
struct Trained {
  TrainingProblem problem;
  Model model;
  Factors standardised;

  explicit Trained(const ModelSpec& spec) : problem(testing::problem_of(spec)) {
    const auto backend = make_reference_backend(problem);
    backend->als_half_sweep(Side::users);
    backend->als_half_sweep(Side::items);
    backend->als_half_sweep(Side::users);
    standardised = backend->factors();
    model.spec = spec;
    model.scale = {.mean = 3.5, .deviation = 1.25, .score_mean = 0, .lowest = -50, .highest = 50};
    model.factors = to_rating_units(standardised, model.scale);
    model.user_counts.assign(static_cast<std::size_t>(problem.by_user.rows()), 1);
    model.item_counts.assign(static_cast<std::size_t>(problem.by_item.rows()), 1);
  }

  std::vector<OwnRating> ratings_of(std::int64_t user) const {
    std::vector<OwnRating> ratings;
    for (std::int64_t o = problem.by_user.offsets[static_cast<std::size_t>(user)];
         o < problem.by_user.offsets[static_cast<std::size_t>(user) + 1]; ++o) {
      const auto at = static_cast<std::size_t>(o);
      ratings.push_back({problem.by_user.columns[at],
                         static_cast<float>(model.scale.mean +
                                            model.scale.deviation * problem.by_user.values[at])});
    }
    return ratings;
  }
};

/// Of a prediction of size 50 made of floats: the items' factors, the user's row, the ratings.
double allowed_difference(std::int32_t rank) { return 50 * std::sqrt(rank + 4.0) * 6e-8 * 8; }

class FoldInOf : public ::testing::TestWithParam<int> {};

TEST_P(FoldInOf, SolvesAUserAsTrainingDid) {
  for (const bool biases : {true, false}) {
    ModelSpec spec = testing::spec_of(Als{}, GetParam());
    spec.biases = biases;
    const Trained trained(spec);
    for (const std::int64_t user : {0, 7, 23}) {
      const FoldIn folded(trained.model, trained.ratings_of(user));
      const Model own = testing::model_of_user(folded, trained.model);
      const Scorer new_user(own, {});
      const Scorer old_user(trained.model, {});
      for (std::int32_t item = 0; item < trained.problem.by_item.rows(); ++item) {
        EXPECT_NEAR(new_user.score(0, item), old_user.score(static_cast<std::int32_t>(user), item),
                    allowed_difference(GetParam()));
      }
    }
  }
}

TEST_P(FoldInOf, LeavesTheItemsForTheNextUser) {
  const Trained trained(testing::spec_of(Als{}, GetParam()));
  Model shared = trained.model;
  FoldIn(shared, trained.ratings_of(7)).replace_users(shared);
  const FoldIn next(shared, trained.ratings_of(23));
  next.replace_users(shared);
  const FoldIn alone(trained.model, trained.ratings_of(23));
  const Model expected = testing::model_of_user(alone, trained.model);
  EXPECT_EQ(shared.factors.users.factors, expected.factors.users.factors);
  EXPECT_EQ(shared.factors.users.biases, expected.factors.users.biases);
  EXPECT_EQ(shared.factors.items.factors, trained.model.factors.items.factors);
}

TEST_P(FoldInOf, ExplainsAPredictionToItsLastDigit) {
  const Trained trained(testing::spec_of(Als{}, GetParam()));
  const FoldIn folded(trained.model, trained.ratings_of(7));
  const Model own = testing::model_of_user(folded, trained.model);
  for (std::int32_t item = 0; item < trained.problem.by_item.rows(); item += 5) {
    const FoldIn::Explanation explanation = folded.explain(item);
    EXPECT_EQ(explanation.contributions.size(), folded.ratings().size());
    EXPECT_NEAR(explanation.prediction(), Scorer(own, {}).score(0, item),
                allowed_difference(GetParam()));
  }
}

TEST_P(FoldInOf, ContributionsAreTheChangesThatARatingMakes) {
  const Trained trained(testing::spec_of(Als{}, GetParam()));
  std::vector<OwnRating> ratings = trained.ratings_of(7);
  const FoldIn before(trained.model, ratings);
  // The prediction is linear in a rating: its slope times r − μ − c is the contribution.
  const double step = 0.5;
  ratings[1].rating += static_cast<float>(step);
  const FoldIn after(trained.model, ratings);
  const double rated_bias =
      trained.model.factors.items.biases[static_cast<std::size_t>(ratings[1].item)];
  const double target = before.ratings()[1].rating - trained.model.mean_score() - rated_bias;
  for (const std::int32_t item : {0, 3}) {
    const double slope = (after.explain(item).prediction() - before.explain(item).prediction()) /
                         (ratings[1].rating - before.ratings()[1].rating);
    EXPECT_NEAR(before.explain(item).contributions[1], slope * target, 1e-9);
  }
}

INSTANTIATE_TEST_SUITE_P(Ranks, FoldInOf, ::testing::Values(0, 1, 16, 33),
                         ::testing::PrintToStringParamName());

TEST(FoldIn, WithoutRatingsPredictsWhatIsKnownOfTheItem) {
  const Trained trained(testing::spec_of(Als{}, 4));
  const FoldIn nobody(trained.model, {});
  EXPECT_TRUE(nobody.explain(2).contributions.empty());
  EXPECT_NEAR(Scorer(testing::model_of_user(nobody, trained.model), {}).score(0, 2),
              3.5 + trained.model.factors.items.biases[2], 1e-6);
}

TEST(FoldIn, RefusesDrawsOfBayesWithoutTheirPriors) {
  Trained trained(testing::spec_of(Als{}, 4));
  trained.model.spec.algorithm = Bayes{};
  const auto error = testing::error_of([&] { FoldIn(trained.model, {{0, 1.0F}}); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ExitCode::usage);
  EXPECT_EQ(error->place(), "--model bayes");
}

TEST(FoldIn, RefusesOtherLikelihoods) {
  Trained trained(testing::spec_of(Als{}, 4));
  trained.model.spec.likelihood = Bernoulli{};
  const auto error = testing::error_of([&] { FoldIn(trained.model, {{0, 1.0F}}); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ExitCode::usage);
}

}  // namespace
}  // namespace alsatian
