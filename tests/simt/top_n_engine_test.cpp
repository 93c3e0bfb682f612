// The module's functions for top-N on the stand-in device: blocks in turn, memory, refusals, and
// failures of every call of the runtime.
#include "kernels/cuda/table.h"
#include "kernels/cuda/top_n.hpp"
#include "tests/simt/failed_calls.hpp"
#include "tests/simt/top_n_problems.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace alsatian::cuda {
namespace {

using ::testing::HasSubstr;

const AlsatianCudaTable& table() { return *alsatian_cuda_table(ALSATIAN_CUDA_TABLE_VERSION); }

struct Failed {
  AlsatianCudaStatus status;
};

/// Calls a function of the table; throws Failed where it fails.
template <typename Function, typename... Arguments>
void call(Function* function, Arguments... arguments) {
  AlsatianCudaStatus status{};
  if (function(arguments..., &status) != ALSATIAN_CUDA_OK) {
    throw Failed{status};
  }
}

template <typename Body>
AlsatianCudaStatus status_of(Body&& body) {
  try {
    body();
    return {};
  } catch (const Failed& failed) {
    return failed.status;
  }
}

struct Destroy {
  void operator()(AlsatianCudaTopItems* engine) const { table().top_items_destroy(engine); }
};
using Engine = std::unique_ptr<AlsatianCudaTopItems, Destroy>;

AlsatianCudaTopItemsShape shape_of(const Problem& problem, std::int64_t block_users) {
  return {problem.items.rows(), problem.items.rank, problem.count, block_users,
          block_users * problem.items.rows()};
}

Engine create(const Problem& problem, const AlsatianCudaTopItemsShape& shape) {
  const AlsatianCudaRows candidates{problem.items.factors.data(), problem.items.biases.data(),
                                    problem.items.rows()};
  AlsatianCudaTopItems* engine = nullptr;
  call(table().top_items_create, &candidates, &shape, &engine);
  return Engine(engine);
}

/// A question of `users` of the problem, and the memory that it shows.
struct Question {
  std::vector<std::int32_t> asked;
  std::vector<std::int64_t> seen_offsets;
  std::vector<std::int32_t> seen;
  AlsatianCudaTopItemsQuestion question{};

  Question(const Problem& problem, std::vector<std::int32_t> users) : asked(std::move(users)) {
    if (!problem.seen.empty()) {
      seen_offsets.push_back(0);
      for (const std::int32_t user : asked) {
        if (user >= 0) {
          const auto& row = problem.seen[static_cast<std::size_t>(user)];
          seen.insert(seen.end(), row.begin(), row.end());
        }
        seen_offsets.push_back(static_cast<std::int64_t>(seen.size()));
      }
    }
    question = {{problem.users.factors.data(), problem.users.biases.data(), problem.users.rows()},
                {asked.data(), static_cast<std::int64_t>(asked.size())},
                {seen_offsets.data(), static_cast<std::int64_t>(seen_offsets.size())},
                {seen.data(), static_cast<std::int64_t>(seen.size())},
                problem.mean};
  }
};

void ask(const Engine& engine, const Problem& problem, const std::vector<std::int32_t>& users) {
  const Question question(problem, users);
  call(table().top_items_ask, engine.get(), &question.question);
}

Answers answer(const Engine& engine, std::int32_t count) {
  AlsatianCudaTopItemsAnswer given{};
  call(table().top_items_answer, engine.get(), &given);
  EXPECT_EQ(given.positions.size, given.found.size * count);
  EXPECT_EQ(given.scores.size, given.found.size * count);
  Answers answers;
  for (std::int64_t user = 0; user < given.found.size; ++user) {
    std::vector<Ranked>& row = answers.emplace_back();
    for (std::int64_t i = user * count; i < user * count + given.found.data[user]; ++i) {
      row.push_back({given.positions.data[i], given.scores.data[i]});
    }
  }
  return answers;
}

std::vector<std::int32_t> users_from(std::int32_t first, std::int32_t end) {
  std::vector<std::int32_t> users;
  for (std::int32_t user = first; user < end; ++user) {
    users.push_back(user);
  }
  return users;
}

/// All users in blocks, two of which are under way at any time.
Answers all_answers(const Problem& problem, std::int32_t block_users) {
  const auto users = static_cast<std::int32_t>(problem.users.rows());
  const Engine engine = create(problem, shape_of(problem, block_users));
  const auto ask_from = [&](std::int32_t first) {
    if (first < users) {
      ask(engine, problem, users_from(first, std::min(first + block_users, users)));
    }
  };
  Answers answers;
  ask_from(0);
  for (std::int32_t first = 0; first < users; first += block_users) {
    ask_from(first + block_users);
    const Answers block = answer(engine, problem.count);
    answers.insert(answers.end(), block.begin(), block.end());
  }
  return answers;
}

class TopItemsTable : public ::testing::Test {
 protected:
  TopItemsTable() { simt::reset_device(); }
  ~TopItemsTable() override {
    EXPECT_EQ(simt::leaks(), "");
    simt::reset_device();
  }
};

TEST_F(TopItemsTable, AnswersBlocksInTurnLikeSortingEveryPair) {
  for (const std::int32_t rank : {0, 7, 33}) {
    SCOPED_TRACE(rank);
    Problem problem = make_problem({.users = 37, .items = 131, .rank = rank, .count = 4});
    for (const auto streams : {simt::Streams::late, simt::Streams::eager}) {
      simt::set_streams(streams);
      EXPECT_EQ(all_answers(problem, 8), best_of_all(problem));
      EXPECT_EQ(all_answers(problem, 64), best_of_all(problem));
    }
    problem.seen.clear();
    EXPECT_EQ(all_answers(problem, 8), best_of_all(problem));
  }
}

TEST_F(TopItemsTable, KeepsAnAnswerWhereTheDeviceRunsAhead) {
  const Problem problem = make_problem({.users = 9, .items = 70, .rank = 5, .count = 3});
  const Engine engine = create(problem, shape_of(problem, 5));
  ask(engine, problem, users_from(0, 5));
  ask(engine, problem, users_from(5, 9));
  DeviceBuffer<float>(1);  // releasing it runs every stream as far as it goes, one after the other
  Answers found = answer(engine, problem.count);
  const Answers others = answer(engine, problem.count);
  found.insert(found.end(), others.begin(), others.end());
  EXPECT_EQ(found, best_of_all(problem));
}

TEST_F(TopItemsTable, AnswersUsersInAnyOrderAndUnknownOnesAsZeros) {
  Problem problem = make_problem({.users = 9, .items = 70, .rank = 5, .count = 3});
  const Engine engine = create(problem, shape_of(problem, 5));
  ask(engine, problem, {7, -1, 0, 7});
  const Answers found = answer(engine, problem.count);
  const Answers all = best_of_all(problem);
  problem.users.factors.assign(problem.users.factors.size(), 0.0F);
  problem.users.biases.assign(problem.users.biases.size(), 0.0F);
  problem.seen.clear();
  EXPECT_EQ(found, (Answers{all[7], best_of_user(problem, 0), all[0], all[7]}));
}

TEST_F(TopItemsTable, AnswersAmongNoCandidatesAndForNobody) {
  const Problem none = make_problem({.users = 3, .items = 0, .rank = 5, .count = 4});
  EXPECT_EQ(all_answers(none, 2), Answers(3));
  const Problem problem = make_problem({.users = 3, .items = 9, .rank = 5, .count = 4});
  const Engine engine = create(problem, shape_of(problem, 2));
  ask(engine, problem, {});
  EXPECT_EQ(answer(engine, problem.count), Answers());
}

TEST_F(TopItemsTable, PlansExactlyWhatItAllocates) {
  for (const std::int32_t rank : {0, 9, 64, 300}) {
    SCOPED_TRACE(rank);
    simt::reset_device();
    const Problem problem = make_problem({.users = 20, .items = 70, .rank = rank, .count = 5});
    const AlsatianCudaTopItemsShape shape = shape_of(problem, 13);
    AlsatianCudaPlan plan{};
    call(table().top_items_plan, &shape, &plan);
    std::int64_t total = 0;
    for (std::int32_t part = 0; part < plan.count; ++part) {
      total += plan.parts[part].bytes;
    }
    EXPECT_EQ(plan.total_bytes, total);
    EXPECT_EQ(plan.free_bytes, std::int64_t{1} << 30);
    create(problem, shape);
    constexpr std::int64_t margin = (std::int64_t{64} << 20) + 4 * 2048 * 1024;  // for the driver
    EXPECT_EQ(static_cast<std::int64_t>(simt::most_device_bytes_used()) + margin, total);

    simt::reset_device({.memory_bytes = static_cast<std::size_t>(total - 1)});
    const AlsatianCudaStatus status = status_of([&] { create(problem, shape); });
    EXPECT_EQ(status.code, ALSATIAN_CUDA_OUT_OF_MEMORY);
    EXPECT_EQ(status.needed_bytes, total);
    EXPECT_EQ(status.free_bytes, total - 1);
    EXPECT_EQ(simt::most_device_bytes_used(), 0) << "refused before the first allocation";
  }
}

TEST_F(TopItemsTable, AllocatesNothingForAnswers) {
  const Problem problem = make_problem({.users = 20, .items = 70, .rank = 9, .count = 5});
  const Engine engine = create(problem, shape_of(problem, 7));
  const std::int64_t before = simt::allocations_made();
  for (const std::int32_t first : {0, 7, 13}) {
    ask(engine, problem, users_from(first, first + 7));
    answer(engine, problem.count);
  }
  EXPECT_EQ(simt::allocations_made(), before);
}

TEST_F(TopItemsTable, RefusesWhatItWasNotMadeForAndStaysUsable) {
  const Problem problem = make_problem({.users = 9, .items = 70, .rank = 5, .count = 3});
  const AlsatianCudaTopItemsShape shape = shape_of(problem, 4);
  const auto refusal_of = [](auto&& body) {
    const AlsatianCudaStatus status = status_of(body);
    EXPECT_EQ(status.code, ALSATIAN_CUDA_INVALID_ARGUMENT);
    return std::string(status.message);
  };
  AlsatianCudaPlan plan{};
  const auto planned = [&](AlsatianCudaTopItemsShape wrong) {
    return refusal_of([&] { call(table().top_items_plan, &wrong, &plan); });
  };
  EXPECT_EQ(planned({70, table().top_items_largest_rank + 1, 3, 4, 0}),
            "there are no kernels for top-N at this rank");
  EXPECT_EQ(planned({70, 5, table().top_items_most_count + 1, 4, 0}),
            "there are no kernels for top-N of so many items");
  EXPECT_EQ(planned({-1, 5, 3, 4, 0}), "a size is negative");
  EXPECT_EQ(refusal_of([&] {
              auto fewer = shape;
              --fewer.candidates;
              create(problem, fewer);
            }),
            "there are other candidates than was announced");

  const Engine engine = create(problem, shape);
  const auto asked = [&](auto&& spoil) {
    Question question(problem, {0, 1, 2});
    spoil(question);
    return refusal_of([&] { call(table().top_items_ask, engine.get(), &question.question); });
  };
  EXPECT_EQ(asked([&](Question& it) { it = Question(problem, users_from(0, 5)); }),
            "more users ask, or have seen more, than was announced");
  EXPECT_EQ(asked([](Question& it) { it.asked[1] = 9; }), "a user is out of range");
  EXPECT_EQ(asked([](Question& it) { it.seen[0] = 70; }), "a position seen is out of range");
  EXPECT_EQ(asked([](Question& it) { it.seen[0] = -1; }), "a position seen is out of range");
  for (const std::size_t offset : {0U, 1U, 3U}) {
    EXPECT_EQ(asked([&](Question& it) { it.seen_offsets[offset] += 1000; }),
              "the offsets of what was seen do not rise from 0 to its end");
  }
  EXPECT_EQ(refusal_of([&] { answer(engine, problem.count); }), "nobody asked");
  ask(engine, problem, {0});
  ask(engine, problem, {1});
  EXPECT_EQ(refusal_of([&] { ask(engine, problem, {2}); }), "too many blocks are under way");
  const Answers all = best_of_all(problem);
  EXPECT_EQ(answer(engine, problem.count), Answers{all[0]});
  EXPECT_EQ(answer(engine, problem.count), Answers{all[1]});
}

void expect_every_failure_told(cudaError_t failure, AlsatianCudaCode code) {
  const Problem problem = make_problem({.users = 3, .items = 9, .rank = 4, .count = 2});
  const Answers expected = best_of_all(problem);
  testing::expect_failed_calls_are_told(
      [&]() -> std::optional<std::string> {
        const AlsatianCudaStatus status =
            status_of([&] { EXPECT_EQ(all_answers(problem, 1), expected); });
        if (status.code == ALSATIAN_CUDA_OK) return std::nullopt;
        EXPECT_EQ(status.code, code);
        return status.message;
      },
      failure, 100);
}

TEST_F(TopItemsTable, TellsEveryFailedCallWithItsPlace) {
  expect_every_failure_told(cudaErrorLaunchFailure, ALSATIAN_CUDA_DEVICE_ERROR);
}

TEST_F(TopItemsTable, TellsEveryFailedAllocationWithItsPlace) {
  expect_every_failure_told(cudaErrorMemoryAllocation, ALSATIAN_CUDA_OUT_OF_MEMORY);
}

}  // namespace
}  // namespace alsatian::cuda
