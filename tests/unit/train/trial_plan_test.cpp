// The order of trials, what each starts from, and the rungs of halving, written out by hand.
// A search goes on after a kill because all of this is known before its first trial.
#include "host/train/trial_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

namespace alsatian {
namespace {

using ::testing::ElementsAre;

ModelSpec spec_of(std::int32_t rank, double reg) {
  ModelSpec spec;
  spec.rank = rank;
  spec.regularization.factors = reg;
  return spec;
}

// By index: 0 to 5.
const std::vector<ModelSpec> grid{spec_of(8, 0.5), spec_of(8, 1), spec_of(8, 2),
                                  spec_of(4, 0.5), spec_of(4, 1), spec_of(4, 2)};

TEST(TrialOrder, IsFromSmallToLargeRankAndFromWeakToStrongPenalty) {
  EXPECT_THAT(order_trials(grid, TrialStart::warm).order, ElementsAre(3, 4, 5, 0, 1, 2));
  EXPECT_THAT(order_trials(grid, TrialStart::cold).order, ElementsAre(3, 4, 5, 0, 1, 2));
}

TEST(TrialOrder, StartsFromTheTrialBeforeAndARankFromTheNearestPenaltyOfTheSmallerOne) {
  const TrialOrder order = order_trials(grid, TrialStart::warm);
  EXPECT_THAT(order.start, ElementsAre(3U, 0U, 1U, std::nullopt, 3U, 4U));
  // Trial 3 is needed by the first of the next rank, which runs fourth.
  EXPECT_THAT(order.last_use, ElementsAre(4, 5, 5, 3, 2, 2));
}

TEST(TrialOrder, StartsARankFromThePenaltyThatIsNearestWhereItIsNotTheSame) {
  const std::vector<ModelSpec> specs{spec_of(4, 3), spec_of(4, 1), spec_of(4, 0.3),
                                     spec_of(8, 1.2)};
  EXPECT_EQ(order_trials(specs, TrialStart::warm).start[3], 1U);
}

TEST(TrialOrder, StartsNothingFromAnotherTrialWhereStartsAreCold) {
  for (const auto& start : order_trials(grid, TrialStart::cold).start)
    EXPECT_EQ(start, std::nullopt);
}

TEST(TrialOrder, KeepsTheOrderOfTrialsThatAreEqual) {
  const std::vector<ModelSpec> same(3, spec_of(4, 0));
  EXPECT_THAT(order_trials(same, TrialStart::warm).order, ElementsAre(0, 1, 2));
}

TEST(HalvingRungs, RunAThirdOfTheTrialsForThreeTimesTheEpochs) {
  EXPECT_THAT(halving_rungs(24, 20, 2), ElementsAre(Rung{24, 2}, Rung{8, 6}, Rung{3, 20}));
  EXPECT_THAT(halving_rungs(9, 18, 2), ElementsAre(Rung{9, 2}, Rung{3, 6}, Rung{1, 18}));
}

TEST(HalvingRungs, AreOneWhereThereAreTooFewEpochsToCut) {
  EXPECT_THAT(halving_rungs(5, 2, 2), ElementsAre(Rung{5, 2}));
  EXPECT_THAT(halving_rungs(5, 1, 2), ElementsAre(Rung{5, 1}));
}

TEST(HalvingRungs, LetOneTrialGoOnToTheEnd) {
  EXPECT_THAT(halving_rungs(1, 20, 2), ElementsAre(Rung{1, 2}, Rung{1, 6}, Rung{1, 20}));
}

}  // namespace
}  // namespace alsatian
