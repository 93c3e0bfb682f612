// Users in blocks against all at once, and which device is chosen where there is no GPU. What a GPU
// answers is tested in tests/simt.
#include "host/evaluate/top_items_backend.hpp"

#include "host/error.hpp"
#include "kernels/cpu/parallel.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/models.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace alsatian {
namespace {

using testing::error_of;
using ::testing::HasSubstr;
using testing::sample_model;

TEST(CpuTopItems, GiveBlocksThatTogetherAreTheAnswerToAll) {
  const Model model = sample_model({.users = 7, .items = 9, .rank = 3});
  const CandidateItems candidates(model, nullptr);
  std::vector<std::int32_t> users;
  CompressedMatrix seen{{0}, {}, {}};
  for (std::int32_t i = 0; i < 5003; ++i) {
    users.push_back(i % 8 - 1);
    if (i % 3 != 0) seen.columns.push_back(i % 9);
    seen.offsets.push_back(static_cast<std::int64_t>(seen.columns.size()));
  }
  for (const CompressedMatrix* given : {static_cast<const CompressedMatrix*>(&seen),
                                        static_cast<const CompressedMatrix*>(nullptr)}) {
    const auto expected = top_items(model, candidates, users, 4, given);
    std::size_t answered = 0;
    int blocks = 0;
    make_cpu_top_items({model, candidates, users, 4, given})
        ->answer([&](std::size_t first, const std::vector<std::vector<RankedItem>>& answers) {
          EXPECT_EQ(first, answered);
          for (const std::vector<RankedItem>& items : answers) {
            const std::vector<RankedItem>& wanted = expected[answered++];
            ASSERT_EQ(items.size(), wanted.size());
            for (std::size_t i = 0; i < items.size(); ++i) {
              EXPECT_EQ(items[i].index, wanted[i].index);
              EXPECT_EQ(items[i].score, wanted[i].score);
            }
          }
          ++blocks;
        });
    EXPECT_EQ(answered, users.size());
    EXPECT_EQ(blocks, 2);
  }
}

TEST(TopItemsFinder, AnswersTheSameOnEveryInstructionSet) {
  Model model = sample_model({.users = 37, .items = 1021, .rank = 33});
  model.item_counts[500] = 0;  // no candidate, so that positions are not items
  const CandidateItems candidates(model, nullptr);
  std::vector<std::int32_t> users(38);
  std::iota(users.begin(), users.end(), -1);
  CompressedMatrix seen{{0}, {}, {}};
  for (std::int32_t i = 0; i < 38; ++i) {
    for (std::int32_t item = i; item < 1021; item += 7) seen.columns.push_back(item);
    seen.offsets.push_back(std::ssize(seen.columns));
  }
  const auto expected = TopItemsFinder(model, candidates, Isa::portable).find(users, 20, &seen);
  for (const Isa isa : {Isa::avx2, Isa::avx512}) {
    if (!isa_available(isa)) {
      EXPECT_THROW(TopItemsFinder(model, candidates, isa), std::invalid_argument);
      continue;
    }
    const auto found = TopItemsFinder(model, candidates, isa).find(users, 20, &seen);
    for (std::size_t user = 0; user < users.size(); ++user) {
      ASSERT_EQ(found[user].size(), 20U);
      for (std::size_t place = 0; place < 20; ++place) {
        EXPECT_EQ(found[user][place].index, expected[user][place].index);
        EXPECT_EQ(found[user][place].score, expected[user][place].score);
      }
    }
  }
}

/// Items seen by 38 users, every seventh.
CompressedMatrix every_seventh(std::int32_t items) {
  CompressedMatrix seen{{0}, {}, {}};
  for (std::int32_t user = 0; user < 38; ++user) {
    for (std::int32_t item = user; item < items; item += 7) seen.columns.push_back(item);
    seen.offsets.push_back(std::ssize(seen.columns));
  }
  seen.values.resize(seen.columns.size());
  return seen;
}

class TopItemsOfFewUsers : public ::testing::TestWithParam<float> {};
// Without trust in float many users are scored as few are.
INSTANTIATE_TEST_SUITE_P(Biases, TopItemsOfFewUsers,
                         ::testing::Values(0.0F, std::numeric_limits<float>::quiet_NaN()));

TEST_P(TopItemsOfFewUsers, AreThoseThatManyUsersGet) {
  Model model = sample_model({.users = 37, .items = 1021, .rank = 33});
  model.item_counts[500] = 0;
  model.factors.items.biases[7] = GetParam();
  // Ties across the parts that threads take.
  for (const std::int64_t item : {255, 256, 900}) {
    model.factors.items.biases[static_cast<std::size_t>(item)] = 50;
    std::fill_n(model.factors.items.row(item), 33, 0.0F);
  }
  const CandidateItems candidates(model, nullptr);
  const CompressedMatrix seen = every_seventh(1021);
  std::vector<std::int32_t> users(38);
  std::iota(users.begin(), users.end(), -1);
  for (const std::int32_t count : {1, 20, 2000}) {
    const auto many = TopItemsFinder(model, candidates).find(users, count, &seen);
    for (std::size_t first = 0; first < users.size(); ++first) {
      const std::size_t asked = std::min(1 + first % few_users, users.size() - first);
      const CompressedMatrix own = select_rows(seen, first, asked);
      const auto few =
          top_items(model, candidates, std::span(users).subspan(first, asked), count, &own);
      ASSERT_EQ(few.size(), asked);
      for (std::size_t user = 0; user < asked; ++user) {
        const std::vector<RankedItem>& expected = many[first + user];
        ASSERT_EQ(few[user].size(), expected.size());
        for (std::size_t place = 0; place < expected.size(); ++place) {
          EXPECT_EQ(few[user][place].index, expected[place].index);
          EXPECT_EQ(few[user][place].score, expected[place].score);
        }
      }
    }
  }
}

TEST(TopItemsOfOneUser, AreNoneWhereNoneAreAskedForOrLeft) {
  const Model model = sample_model({.users = 3, .items = 5, .rank = 2});
  const std::vector<std::int32_t> nothing;
  EXPECT_TRUE(top_items_of(model, CandidateItems(model, nullptr), 1, 0, {}).empty());
  EXPECT_TRUE(top_items_of(model, CandidateItems(model, &nothing), 1, 3, {}).empty());
}

class ChosenDevice : public ::testing::Test {
 protected:
  ChosenTopItems choose(DeviceOptions::Kind kind,
                        std::optional<double> least_work = std::nullopt) const {
    return make_top_items({model, candidates, users, 4}, {kind, std::nullopt}, least_work);
  }

  const Model model = sample_model({});
  const CandidateItems candidates{model, nullptr};
  const std::vector<std::int32_t> users{0, 1};
};

TEST_F(ChosenDevice, IsTheCpuWhereItIsAskedForOrTheWorkIsLittle) {
  const ChosenTopItems cpu = choose(DeviceOptions::Kind::cpu);
  EXPECT_EQ(cpu.reason, "asked for");
  EXPECT_THAT(cpu.backend->description(), HasSubstr("cpu ("));
  EXPECT_EQ(choose(DeviceOptions::Kind::automatic).reason, "too little to do for a GPU");
}

TEST_F(ChosenDevice, IsTheCpuAsLongAsItsThreadsAreDoneBeforeAGpuHasStarted) {
  // A thread does 4e10 multiply-adds a second, and a GPU takes 0.35 s to start.
  EXPECT_DOUBLE_EQ(least_gpu_work(1), 1.4e10);
  EXPECT_DOUBLE_EQ(least_gpu_work(16), 22.4e10);
}

TEST_F(ChosenDevice, IsTheCpuForLessWorkWithEveryThreadOfIt) {
  // 15,313 users, 1,021 items and rank 1,023: 1.6e10, between the limits of one thread and of two.
  const Model large = sample_model({.users = 7, .items = 1021, .rank = 1023});
  const CandidateItems all{large, nullptr};
  const std::vector<std::int32_t> everybody(15313, 3);
  const auto reason = [&](int threads) {
    const int before = thread_count();
    use_threads(threads);
    const ChosenTopItems chosen =
        make_top_items({large, all, everybody, 4}, {DeviceOptions::Kind::automatic, {}});
    use_threads(before);
    return chosen.reason;
  };
  EXPECT_THAT(reason(1), HasSubstr("no GPU"));
  EXPECT_EQ(reason(2), "too little to do for a GPU");
}

TEST_F(ChosenDevice, IsTheCpuWithTheReasonWhereThereIsNoGpu) {
  const ChosenTopItems chosen = choose(DeviceOptions::Kind::automatic, 0);
  EXPECT_THAT(chosen.reason, HasSubstr("no GPU: this build has no CUDA module"));
  EXPECT_THAT(chosen.backend->description(), HasSubstr("cpu ("));
}

TEST_F(ChosenDevice, IsNeverAnotherThanTheGpuThatIsAskedFor) {
  const auto error = error_of([&] { choose(DeviceOptions::Kind::cuda); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ExitCode::device_unavailable);
}

}  // namespace
}  // namespace alsatian
