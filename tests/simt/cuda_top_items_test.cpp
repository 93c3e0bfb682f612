// Top-N as the program asks for it, over the module's real table on the stand-in device: the
// answers of the CPU to the last bit, whatever is asked.
#include "host/error.hpp"
#include "host/evaluate/top_items_backend.hpp"
#include "tests/simt/failed_calls.hpp"
#include "tests/simt/runtime.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/models.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

namespace alsatian {
namespace {

using ::alsatian::testing::error_of;
using ::alsatian::testing::sample_model;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

const AlsatianCudaTable& table() { return *alsatian_cuda_table(ALSATIAN_CUDA_TABLE_VERSION); }

struct Answered {
  std::int32_t index;
  double score;
  bool operator==(const Answered&) const = default;
};
using Answers = std::vector<std::vector<Answered>>;

void append(const std::vector<std::vector<RankedItem>>& answers, Answers& all) {
  for (const auto& items : answers) {
    std::vector<Answered>& own = all.emplace_back();
    for (const RankedItem& item : items) own.push_back({item.index, item.score});
  }
}

/// Everything that a backend answers; its blocks must follow each other.
Answers all_answers(TopItemsBackend& backend) {
  Answers all;
  backend.answer([&](std::size_t first, const std::vector<std::vector<RankedItem>>& answers) {
    EXPECT_EQ(first, all.size());
    append(answers, all);
  });
  return all;
}

std::vector<std::int32_t> every_user(const Model& model) {
  std::vector<std::int32_t> users(static_cast<std::size_t>(model.users.size()));
  std::iota(users.begin(), users.end(), 0);
  return users;
}

/// Every third item or so by each user.
CompressedMatrix some_seen(std::size_t users, std::int32_t items) {
  CompressedMatrix seen;
  seen.offsets.push_back(0);
  for (std::size_t user = 0; user < users; ++user) {
    for (std::int32_t item = 0; item < items; ++item) {
      const Random4 draw =
          philox(3, RandomStream::generate, user, static_cast<std::uint32_t>(item));
      if (draw.word[0] % 3 == 0) seen.columns.push_back(item);
    }
    seen.offsets.push_back(static_cast<std::int64_t>(seen.columns.size()));
  }
  return seen;
}

void expect_answers_of_the_cpu(const TopItemsRequest& request) {
  const auto cuda = make_cuda_top_items(request, table());
  EXPECT_EQ(all_answers(*cuda), all_answers(*make_cpu_top_items(request)));
}

class CudaTopItems : public ::testing::Test {
 protected:
  CudaTopItems() { simt::reset_device(); }
  ~CudaTopItems() override {
    EXPECT_EQ(simt::leaks(), "");
    simt::reset_device();
  }
};

class CudaTopItemsOfRank : public CudaTopItems,
                           public ::testing::WithParamInterface<std::int32_t> {};

TEST_P(CudaTopItemsOfRank, AreThoseOfTheCpuToTheLastBit) {
  Model model = sample_model({.users = 21, .items = 101, .rank = GetParam()});
  model.item_counts[3] = model.item_counts[77] = 0;  // no candidates
  const std::vector<std::int32_t> users{4, 0, -1, 20, 4, 13};
  const CompressedMatrix seen = some_seen(users.size(), model.items.size());
  std::vector<std::int32_t> allowed;
  for (std::int32_t item = 1; item < 101; item += 2) allowed.push_back(item);
  const CandidateItems all(model, nullptr);
  const CandidateItems some(model, &allowed);
  for (const std::int32_t count : {1, 7, 1000}) {
    for (const CandidateItems* candidates : {&all, &some}) {
      expect_answers_of_the_cpu({model, *candidates, users, count, &seen});
      expect_answers_of_the_cpu({model, *candidates, users, count, nullptr});
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Ranks, CudaTopItemsOfRank, ::testing::Values(0, 1, 33, 64),
                         [](const auto& rank) { return std::to_string(rank.param); });

TEST_F(CudaTopItems, AreThoseOfTheCpuWhereItemsTie) {
  Model model = sample_model({.users = 9, .items = 90, .rank = 6});
  SideFactors& items = model.factors.items;
  for (std::int64_t item = 0; item < 90; ++item) {
    std::copy_n(items.row(item % 4), 6, items.row(item));
    items.biases[static_cast<std::size_t>(item)] = items.biases[static_cast<std::size_t>(item % 4)];
  }
  const std::vector<std::int32_t> users = every_user(model);
  const CandidateItems candidates(model, nullptr);
  const CompressedMatrix seen = some_seen(users.size(), model.items.size());
  expect_answers_of_the_cpu({model, candidates, users, 33, &seen});
}

TEST_F(CudaTopItems, AreOfTheCpuWhereTheDeviceGivesUp) {
  // More items tie than the device has room for.
  Model model = sample_model({.users = 5, .items = 700, .rank = 3});
  std::ranges::fill(model.factors.items.biases, 0.5F);
  std::fill_n(model.factors.users.row(1), 3, 0.0F);
  std::fill_n(model.factors.users.row(3), 3, 0.0F);
  const std::vector<std::int32_t> users{4, 3, 2, -1, 1};
  const CandidateItems candidates(model, nullptr);
  const CompressedMatrix seen = some_seen(users.size(), model.items.size());
  expect_answers_of_the_cpu({model, candidates, users, 2, &seen});
  expect_answers_of_the_cpu({model, candidates, users, 2, nullptr});
}

TEST_F(CudaTopItems, AreNoneAmongNoCandidatesAndForNobody) {
  const Model model = sample_model({.users = 5, .items = 7, .rank = 3});
  const std::vector<std::int32_t> users = every_user(model);
  const std::vector<std::int32_t> nothing;
  const CandidateItems none(model, &nothing);
  const CandidateItems all(model, nullptr);
  EXPECT_EQ(all_answers(*make_cuda_top_items({model, none, users, 3, nullptr}, table())),
            Answers(5));
  EXPECT_EQ(all_answers(*make_cuda_top_items({model, all, {}, 3, nullptr}, table())), Answers());
}

TEST_F(CudaTopItems, TakeSmallerBlocksWhereMemoryIsScarceAndNoneWhereThereIsTooLittle) {
  const Model model = sample_model({.users = 5, .items = 30, .rank = 2});
  std::vector<std::int32_t> users(2400);
  for (std::size_t i = 0; i < users.size(); ++i) users[i] = static_cast<std::int32_t>(i % 5);
  const CandidateItems candidates(model, nullptr);
  const CompressedMatrix seen = some_seen(users.size(), model.items.size());
  const TopItemsRequest request{model, candidates, users, 3, &seen};
  const Answers expected = all_answers(*make_cpu_top_items(request));
  const auto blocks_with = [&](std::size_t bytes) {
    simt::reset_device({.memory_bytes = bytes});
    std::vector<std::size_t> firsts;
    Answers found;
    const auto backend = make_cuda_top_items(request, table());
    backend->answer([&](std::size_t first, const std::vector<std::vector<RankedItem>>& answers) {
      firsts.push_back(first);
      append(answers, found);
    });
    EXPECT_EQ(found, expected);
    return firsts;
  };
  EXPECT_EQ(blocks_with(std::size_t{1} << 30), (std::vector<std::size_t>{0}));
  // 1.8 kB a user for what may be among the best, of blocks of 2560, 1280 and 768 users 6, 4 and
  // 2 MiB; 42 MiB for 21 smaller arrays, and the margin.
  constexpr std::size_t rest = std::size_t{42 + 72} << 20;
  EXPECT_EQ(blocks_with(rest + (6U << 20)), (std::vector<std::size_t>{0}));
  EXPECT_EQ(blocks_with(rest + (4U << 20)), (std::vector<std::size_t>{0, 1280}));
  EXPECT_EQ(blocks_with(rest + (2U << 20)), (std::vector<std::size_t>{0, 768, 1536, 2304}));

  simt::reset_device({.memory_bytes = std::size_t{100} << 20});
  const auto error = error_of([&] { make_cuda_top_items(request, table()); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ExitCode::out_of_memory);
  EXPECT_EQ(error->place(), "--device cuda");
  EXPECT_THAT(
      error->what(),
      MatchesRegex("the best 3 of 30 items for 256 users at a time need .* MiB of the "
                   "GPU's memory \\(72\\.0 MiB of it a margin for the driver\\), 100\\.0 MiB "
                   "are free there"));
  EXPECT_THAT(error->help(), HasSubstr("--device cpu"));
  EXPECT_EQ(simt::most_device_bytes_used(), 0) << "refused before the first allocation";
}

TEST_F(CudaTopItems, RefuseWhatThereAreNoKernelsFor) {
  const auto refusal_of = [](const Model& model, std::int32_t count) {
    const std::vector<std::int32_t> users{0};
    const CandidateItems candidates(model, nullptr);
    const auto error = error_of([&] {
      make_cuda_top_items({model, candidates, users, count, nullptr}, table());
    });
    if (!error) return std::string("no error");
    EXPECT_EQ(error->code(), ExitCode::usage);
    return error->place() + ": " + error->what() + " / " + error->help();
  };
  EXPECT_EQ(refusal_of(sample_model({.rank = 1025}), 3),
            "--device cuda: recommends from models of a k from 0 to 1024, this one has 1025 / use "
            "--device cpu");
  const Model many = sample_model({.items = 1025, .rank = 1});
  EXPECT_EQ(refusal_of(many, 2000),
            "--top 2000: must be between 1 and 1024 on a GPU where there are as many items / try "
            "--top 1024, or --device cpu");
  EXPECT_EQ(refusal_of(many, 1024), "no error");
  EXPECT_EQ(refusal_of(sample_model({.items = 7}), 2000), "no error") << "there are but seven";
}

void expect_every_failure_told(cudaError_t failure, ExitCode code) {
  const Model model = sample_model({.users = 3, .items = 9, .rank = 2});
  const std::vector<std::int32_t> users = every_user(model);
  const CandidateItems candidates(model, nullptr);
  const CompressedMatrix seen = some_seen(users.size(), model.items.size());
  const TopItemsRequest request{model, candidates, users, 2, &seen};
  const Answers expected = all_answers(*make_cpu_top_items(request));
  testing::expect_failed_calls_are_told(
      [&]() -> std::optional<std::string> {
        const auto error = error_of(
            [&] { EXPECT_EQ(all_answers(*make_cuda_top_items(request, table())), expected); });
        if (!error) return std::nullopt;
        EXPECT_TRUE(error->code() == code || error->code() == ExitCode::device_unavailable)
            << error->what();
        return error->what();
      },
      failure, 100);
}

TEST_F(CudaTopItems, TellEveryFailedCallWithItsPlace) {
  expect_every_failure_told(cudaErrorIllegalAddress, ExitCode::internal);
}

TEST_F(CudaTopItems, TellEveryFailedAllocationWithItsPlace) {
  expect_every_failure_told(cudaErrorMemoryAllocation, ExitCode::out_of_memory);
}

}  // namespace
}  // namespace alsatian
