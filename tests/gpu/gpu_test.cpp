// The program's own way to a GPU: the module beside the program, loaded, on a real device. The
// cases of backend_cases.cpp run here too.
#include "host/error.hpp"
#include "host/evaluate/top_items_backend.hpp"
#include "host/train/cuda_backend.hpp"
#include "tests/gpu/backend_under_test.hpp"
#include "tests/support/backend_pairs.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <string>
#include <string_view>

namespace alsatian {

namespace testing {

std::optional<std::string> why_no_backend() { return cuda_unavailable(); }
bool gpu_is_required() {
  const char* const required = std::getenv("ALSATIAN_REQUIRE_GPU");
  return required != nullptr && std::string_view(required) == "1";
}
std::unique_ptr<Backend> cuda_backend(const TrainingProblem& problem) {
  return make_cuda_backend(problem, {DeviceOptions::Kind::cuda, std::nullopt});
}
std::vector<int> ranks_under_test() {
  return {0, 1, 7, 16, 31, 32, 33, 48, 64, 65, 96, 100, 127, 128, 129, 192, 255, 256};
}

}  // namespace testing

namespace {

using testing::BackendPair;
using testing::cuda_backend;
using testing::expect_equal_half_sweeps;
using testing::spec_of;

class Gpu : public ::testing::Test {
 protected:
  void SetUp() override { ALSATIAN_NEED_GPU(); }
};

TEST_F(Gpu, IsWhatRunsWhenItIsAskedFor) {
  for (const auto kind : {DeviceOptions::Kind::cuda, DeviceOptions::Kind::automatic}) {
    const ChosenBackend chosen =
        make_backend(testing::problem_of(spec_of(Als{})), {kind, std::nullopt});
    EXPECT_EQ(chosen.backend->description(), "cuda (" + cuda_device() + ")");
  }
}

/// Thousands of rows of very different lengths: one user has rated every item, so that it is
/// split, and many rows fill several waves of blocks.
TrainingProblem large_problem(const ModelSpec& spec) {
  const auto planted = testing::planted_problem({.users = 3001,
                                                 .items = 9973,
                                                 .density = 0.05,
                                                 .mean = 0.25,
                                                 .signal = 0.4,
                                                 .heavy_users = 2,
                                                 .single_items = 5,
                                                 .empty_users = 3,
                                                 .empty_items = 2});
  TrainingProblem problem;
  problem.spec = spec;
  problem.by_user = testing::to_matrix(planted.by_user_float);
  problem.by_item = testing::to_matrix(planted.by_item_float);
  if (std::holds_alternative<Mle>(spec.algorithm)) {
    problem.schedule = make_sgd_schedule(problem.by_user, 9973, spec.seed);
  }
  problem.start = start_factors(3001, 9973, spec.rank, 0.1, spec.seed);
  return problem;
}

TEST_F(Gpu, SolvesThousandsOfRowsLikeTheReference) {
  for (const int rank : {7, 64, 128}) {
    SCOPED_TRACE(rank);
    BackendPair pair(large_problem(spec_of(Als{}, rank)), cuda_backend);
    expect_equal_half_sweeps(pair, Side::users, 1, 9973);
    expect_equal_half_sweeps(pair, Side::items, 1, 3001);
    const Objective fast = pair.fast->objective();
    pair.exact->set_factors(pair.fast->factors());
    EXPECT_NEAR(fast.value, pair.exact->objective().value,
                testing::tolerance::figures<float>(rank, fast.train.count));
  }
}

TEST_F(Gpu, DescendsOverThousandsOfRowsLikeTheReference) {
  for (const int rank : {7, 64, 128}) {
    SCOPED_TRACE(rank);
    BackendPair pair(large_problem(spec_of(Mle{}, rank)), cuda_backend);
    pair.fast->sgd_epoch(0.03, 0);
    pair.exact->sgd_epoch(0.03, 0);
    testing::expect_equal_factors(pair, testing::tolerance::descent<float>(9973, 0.03, rank));
  }
}

TEST_F(Gpu, GivesTheSameBytesTwiceOnThousandsOfRows) {
  for (const Algorithm& algorithm :
       {Algorithm(Als{}), Algorithm(Mle{}), Algorithm(LeastSquares{})}) {
    SCOPED_TRACE(algorithm_name(algorithm));
    const auto run = [&] {
      const auto backend = cuda_backend(large_problem(spec_of(algorithm, 64)));
      for (int epoch = 0; epoch < 2; ++epoch) {
        if (std::holds_alternative<Als>(algorithm)) {
          backend->als_half_sweep(Side::users);
          backend->als_half_sweep(Side::items);
        } else if (std::holds_alternative<Mle>(algorithm)) {
          backend->sgd_epoch(0.05, epoch);
        } else {
          backend->least_squares_step();
        }
      }
      return std::make_pair(backend->state(), backend->objective().value);
    };
    EXPECT_EQ(run(), run());
  }
}

/// Random factors; every tenth item is the one before it again, so that items tie.
Model large_model(std::int32_t users, std::int32_t items, std::int32_t rank) {
  Model model;
  model.scale.mean = 3.5;
  const auto fill = [](SideFactors& side, RandomStream stream) {
    for (std::int64_t row = 0; row < side.rows; ++row) {
      const auto draw = [&](std::int32_t column) {
        return static_cast<float>(0.3 * testing::detail::normal_draw(7, stream, row, column));
      };
      for (std::int32_t j = 0; j < side.rank; ++j) side.row(row)[j] = draw(j + 1);
      side.biases[static_cast<std::size_t>(row)] = draw(0);
    }
  };
  model.factors.users = SideFactors(users, rank);
  model.factors.items = SideFactors(items, rank);
  fill(model.factors.users, RandomStream::user_start);
  fill(model.factors.items, RandomStream::item_start);
  SideFactors& table = model.factors.items;
  for (std::int64_t item = 1; item < items; item += 10) {
    std::copy_n(table.row(item - 1), rank, table.row(item));
    table.biases[static_cast<std::size_t>(item)] = table.biases[static_cast<std::size_t>(item) - 1];
  }
  std::vector<std::int64_t> ids(static_cast<std::size_t>(items));
  std::iota(ids.begin(), ids.end(), 0);
  model.items = IdIndex(std::move(ids));
  model.item_counts.assign(static_cast<std::size_t>(items), 1);
  return model;
}

/// The best items of every user and of nobody, on the GPU and on the CPU.
void expect_the_best_items_of_the_cpu(std::int32_t users, std::int32_t items,
                                      const std::vector<std::int32_t>& ranks) {
  std::vector<std::int32_t> asked(users);
  std::iota(asked.begin(), asked.end(), 0);
  asked[users / 2] = -1;
  CompressedMatrix seen{{0}, {}, {}};
  for (std::int32_t user = 0; user < users; ++user) {
    for (std::int32_t item = user % 89; item < items; item += 89) seen.columns.push_back(item);
    seen.offsets.push_back(static_cast<std::int64_t>(seen.columns.size()));
  }
  for (const std::int32_t rank : ranks) {
    const Model model = large_model(users, items, rank);
    const CandidateItems candidates(model, nullptr);
    for (const std::int32_t count : {10, 100}) {
      SCOPED_TRACE("rank " + std::to_string(rank) + ", count " + std::to_string(count));
      const auto expected = top_items(model, candidates, asked, count, &seen);
      const ChosenTopItems gpu = make_top_items({model, candidates, asked, count, &seen}, {}, 0);
      EXPECT_EQ(gpu.backend->description(), "cuda (" + cuda_device() + ")") << gpu.reason;
      std::size_t different = 0;
      std::size_t answered = 0;
      gpu.backend->answer([&](std::size_t first, const auto& answers) {
        EXPECT_EQ(first, answered);
        answered += answers.size();
        for (std::size_t i = 0; i < answers.size(); ++i) {
          const auto same = [](const RankedItem& left, const RankedItem& right) {
            return left.index == right.index && left.score == right.score;
          };
          different += std::ranges::equal(answers[i], expected[first + i], same) ? 0 : 1;
        }
      });
      EXPECT_EQ(answered, asked.size());
      EXPECT_EQ(different, 0U);
    }
  }
}

TEST_F(Gpu, FindsTheBestItemsOfTheCpuToTheLastBit) {
  expect_the_best_items_of_the_cpu(70'001, 5'003, {0, 33, 64, 128, 300});  // three blocks of users
}

/// For compute-sanitizer, which takes hundreds of times as long.
TEST_F(Gpu, FindsTheBestItemsOfAFewUsers) {
  expect_the_best_items_of_the_cpu(301, 703, {9, 64, 300});
}

}  // namespace
}  // namespace alsatian
