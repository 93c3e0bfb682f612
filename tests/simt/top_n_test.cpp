// The best items as the device finds them, against sorting every pair's score in double.
// To the last bit: a list that is almost the CPU's would differ between two machines.
#include "kernels/cuda/top_n.hpp"

#include "kernels/cuda/top_n_rank.hpp"
#include "kernels/cuda/top_n_tiles.hpp"
#include "tests/simt/failed_calls.hpp"
#include "tests/simt/schedules.hpp"
#include "tests/simt/top_n_problems.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

namespace alsatian::cuda {
namespace {

using ::testing::HasSubstr;

template <typename T>
DeviceBuffer<T> to_device(const Context& context, const std::vector<T>& values) {
  const auto size = static_cast<std::int64_t>(values.size());
  PinnedBuffer<T> staging(size);
  std::copy(values.begin(), values.end(), staging.span().begin());
  DeviceBuffer<T> buffer(size);
  if (size > 0) {
    upload(context.compute(), std::span<const T>(staging.span()), buffer.span());
  }
  context.compute().synchronize();
  return buffer;
}

template <typename T>
std::vector<T> from_device(const Context& context, DeviceSpan<const T> span) {
  PinnedBuffer<T> staging(span.size());
  if (span.size() > 0) {
    download(context.compute(), span, staging.span());
  }
  context.compute().synchronize();
  return {staging.span().begin(), staging.span().end()};
}

/// A table on the device; what pads its rows is NaN, which nobody may use.
class OnDevice {
 public:
  OnDevice(const Context& context, const Table& table)
      : rank_(table.rank), stride_(padded_rank(table.rank)) {
    std::vector<float> padded(static_cast<std::size_t>(table.rows() * stride_), NAN);
    for (std::int64_t row = 0; row < table.rows(); ++row) {
      std::copy_n(table.row(row), table.rank, padded.begin() + row * stride_);
    }
    factors_ = to_device(context, padded);
    biases_ = to_device(context, table.biases);
  }

  DeviceTable<const float> table() const {
    return {factors_.span(), biases_.span(), rank_, stride_};
  }

 private:
  std::int32_t rank_;
  std::int32_t stride_;
  DeviceBuffer<float> factors_;
  DeviceBuffer<float> biases_;
};

struct SeenOnDevice {
  DeviceBuffer<std::int64_t> offsets;
  DeviceBuffer<std::int32_t> columns;

  /// Offsets begin at `first`, as those of a part of a longer list do.
  SeenOnDevice(const Context& context, const std::vector<std::vector<std::int32_t>>& rows,
               std::int64_t first) {
    if (rows.empty()) {
      return;
    }
    std::vector<std::int64_t> ends = {first};
    std::vector<std::int32_t> all;
    for (const auto& row : rows) {
      all.insert(all.end(), row.begin(), row.end());
      ends.push_back(first + static_cast<std::int64_t>(all.size()));
    }
    offsets = to_device(context, ends);
    columns = to_device(context, all);
  }
};

constexpr Ranked unproven_user = {-1, 0};

Answers to_answers(const Context& context, const TopItemsAnswer& answer, std::int32_t count) {
  const auto found = from_device(context, answer.found);
  const auto positions = from_device(context, answer.positions);
  const auto scores = from_device(context, answer.scores);
  Answers answers;
  for (std::size_t user = 0; user < found.size(); ++user) {
    std::vector<Ranked>& row = answers.emplace_back();
    if (found[user] == TopItems::unproven) {
      row.push_back(unproven_user);
    }
    for (std::int32_t i = 0; i < found[user]; ++i) {
      const std::size_t place =
          user * static_cast<std::size_t>(count) + static_cast<std::size_t>(i);
      row.push_back({positions[place], scores[place]});
    }
  }
  return answers;
}

/// As the device answers, however its scores come about; where `first_seen` is large, the list of
/// what was seen begins so far in front of its memory.
Answers device_answers(const Problem& problem, std::int64_t first_seen = 0) {
  const Context context(0);
  const OnDevice items(context, problem.items);
  const OnDevice users(context, problem.users);
  const SeenOnDevice seen(context, problem.seen, first_seen);
  const DeviceSpan<const std::int32_t> columns(seen.columns.span().data() - first_seen,
                                               first_seen + seen.columns.size());
  const TopItemsQuestion question{users.table(), seen.offsets.span(), columns, problem.mean};
  const auto answers_by = [&](const TopItemsOptions& options) {
    TopItems top(context, items.table(), problem.count, problem.users.rows(), options);
    return to_answers(context, top.answer(question), problem.count);
  };
  Answers answers = answers_by({});
  // Of one block of users at a time.
  EXPECT_EQ(answers_by({.products = ScoreProducts::library, .block_scores = 1}), answers);
  return answers;
}

class Runtime : public ::testing::Test {
 protected:
  Runtime() { simt::reset_device(); }
  ~Runtime() override {
    EXPECT_EQ(simt::leaks(), "");
    simt::set_schedule({});
  }
};

class TopItemsOfRank : public Runtime, public ::testing::WithParamInterface<std::int32_t> {};

TEST_P(TopItemsOfRank, AreThoseOfSortingEveryPairInDoubleToTheLastBit) {
  const Problem problem = make_problem({.rank = GetParam()});
  EXPECT_EQ(device_answers(problem), best_of_all(problem));
}

INSTANTIATE_TEST_SUITE_P(Ranks, TopItemsOfRank,
                         ::testing::Values(0, 1, 7, 31, 32, 33, 64, 65, 100, 128),
                         [](const auto& rank) { return std::to_string(rank.param); });

class LargeTopItems : public TopItemsOfRank {};

TEST_P(LargeTopItems, AreThoseOfSortingEveryPairInDoubleToTheLastBit) {
  const Problem problem = make_problem({.users = 5, .items = 201, .rank = GetParam(), .count = 3});
  EXPECT_EQ(device_answers(problem), best_of_all(problem));
}

INSTANTIATE_TEST_SUITE_P(Ranks, LargeTopItems, ::testing::Values(200, 256, 257, 1024),
                         [](const auto& rank) { return std::to_string(rank.param); });

class TopItemsOfACount : public Runtime, public ::testing::WithParamInterface<std::int32_t> {};

TEST_P(TopItemsOfACount, AreExactHoweverOftenTheKeptOnesArePruned) {
  const std::int64_t items = GetParam() < 1000 ? 641 : 1101;
  Problem problem = make_problem({.users = 2, .items = items, .rank = 7, .count = GetParam()});
  problem.seen.clear();
  EXPECT_EQ(device_answers(problem), best_of_all(problem));
  // By biases alone, as models without factors have them.
  problem.items.rank = 0;
  problem.users.rank = 0;
  problem.items.factors.clear();
  problem.users.factors.clear();
  EXPECT_EQ(device_answers(problem), best_of_all(problem));
}

INSTANTIATE_TEST_SUITE_P(Counts, TopItemsOfACount, ::testing::Values(0, 1, 100, 1024),
                         [](const auto& count) { return std::to_string(count.param); });

class TopItemsAnyhow : public Runtime {};

TEST_F(TopItemsAnyhow, GiveTheSameBytesUnderEverySchedule) {
  const Problem problem = make_problem({.users = 35, .items = 261, .rank = 31, .count = 3});
  const Answers expected = best_of_all(problem);
  for (const simt::Schedule& schedule : simt::schedules()) {
    simt::set_schedule(schedule);
    EXPECT_EQ(device_answers(problem), expected);
  }
}

TEST_F(TopItemsAnyhow, ServeMoreUsersThanABlockHas) {
  const Problem problem = make_problem({.users = 291, .items = 67, .rank = 3, .count = 2});
  EXPECT_EQ(device_answers(problem), best_of_all(problem));
}

TEST_F(TopItemsAnyhow, AreFewerWhereFewerAreLeft) {
  Problem problem = make_problem({.users = 5, .items = 131, .rank = 7, .count = 100});
  problem.seen.assign(5, {});
  for (std::int32_t item = 0; item < 131; ++item) {
    problem.seen[1].push_back(item);  // all
    if (item != 77) {
      problem.seen[2].push_back(item);  // all but one
    }
  }
  const Answers found = device_answers(problem);
  EXPECT_EQ(found, best_of_all(problem));
  EXPECT_TRUE(found[1].empty());
  ASSERT_EQ(found[2].size(), 1U);
  EXPECT_EQ(found[2][0].position, 77);
}

TEST_F(TopItemsAnyhow, IncludeEverythingWhereNothingIsSaidToBeSeen) {
  Problem problem = make_problem({.users = 3, .items = 65, .rank = 5, .count = 200});
  problem.seen.clear();
  const Answers found = device_answers(problem);
  EXPECT_EQ(found, best_of_all(problem));
  EXPECT_EQ(found[0].size(), 65U);
}

TEST_F(TopItemsAnyhow, OrderTiesByTheSmallerPosition) {
  Problem problem = make_problem({.users = 4, .items = 301, .rank = 6, .count = 20});
  for (std::int64_t item = 0; item < 301; ++item) {  // seven kinds of items
    std::copy_n(problem.items.row(item % 7), 6, problem.items.row(item));
    problem.items.biases[static_cast<std::size_t>(item)] =
        problem.items.biases[static_cast<std::size_t>(item % 7)];
  }
  problem.items.biases[13] = -0.0F;
  problem.items.biases[14] = 0.0F;
  EXPECT_EQ(device_answers(problem), best_of_all(problem));
}

TEST_F(TopItemsAnyhow, OrderWhatHalfPrecisionConfuses) {
  // Of 41 items at a time that differ by about as much as halves round, a third is wanted.
  Problem problem = make_problem({.users = 33, .items = 246, .rank = 9, .count = 13});
  problem.seen.clear();
  const Table noise = random_table(246, 9, 2e-4, 13);
  for (std::int64_t item = 0; item < 246; ++item) {
    for (std::int64_t j = 0; j < 9; ++j) {
      problem.items.row(item)[j] =
          problem.items.row(item / 41 * 41)[j] * (1 + (item % 41 == 0 ? 0 : noise.row(item)[j]));
    }
    problem.items.biases[static_cast<std::size_t>(item)] = 1.0F;
  }
  EXPECT_EQ(device_answers(problem), best_of_all(problem));
}

TEST_F(TopItemsAnyhow, GiveUpUsersForWhomTooManyAreTooClose) {
  Problem problem = make_problem({.users = 3, .items = 900, .rank = 4, .count = 2});
  problem.seen.clear();
  problem.items.biases.assign(900, 1.0F);
  std::fill_n(problem.users.row(1), 4, 0.0F);  // an unknown user: everything is the same to him
  const Answers found = device_answers(problem);
  const Answers expected = best_of_all(problem);
  EXPECT_EQ(found[0], expected[0]);
  EXPECT_EQ(found[1], std::vector<Ranked>{unproven_user});
  EXPECT_EQ(found[2], expected[2]);
  // All that there is may be too close, as long as there is room for it.
  problem = make_problem({.users = 2, .items = 190, .rank = 0, .count = 2});
  problem.seen.clear();
  problem.items.biases.assign(190, 1.0F);
  EXPECT_EQ(device_answers(problem), best_of_all(problem));
}

TEST_F(TopItemsAnyhow, NeverHaveScoresThatAreNotFinite) {
  Problem problem = make_problem({.users = 6, .items = 150, .rank = 5, .count = 200});
  constexpr float infinity = std::numeric_limits<float>::infinity();
  problem.items.row(3)[0] = NAN;
  problem.items.row(64)[4] = -infinity;
  problem.items.biases[65] = infinity;
  problem.items.biases[149] = NAN;
  problem.users.row(1)[2] = infinity;
  problem.users.biases[2] = NAN;
  problem.users.row(4)[1] = -0.0F;
  const Answers found = device_answers(problem);
  EXPECT_EQ(found, best_of_all(problem));
  EXPECT_TRUE(found[1].empty());
  EXPECT_TRUE(found[2].empty());
  problem.mean = NAN;
  EXPECT_EQ(device_answers(problem), best_of_all(problem));
}

TEST_F(TopItemsAnyhow, AreExactForFactorsOfAnyMagnitude) {
  for (const float scale : {1e-30F, 1e-9F, 1e9F, 1e17F}) {
    Problem problem = make_problem({.users = 9, .items = 150, .rank = 6, .count = 12});
    for (float& factor : problem.users.factors) {
      factor *= scale;
    }
    for (float& factor : problem.items.factors) {
      factor *= scale;
    }
    for (std::int64_t item = 0; item < 150; ++item) {  // most of them far below the largest
      for (std::int32_t j = 0; j < 6; ++j) {
        problem.items.row(item)[j] *= item % 9 == 0 ? 1.0F : 1e-3F;
      }
    }
    problem.items.biases.assign(150, 0.0F);
    problem.users.biases.assign(9, 0.0F);
    problem.mean = 0;
    EXPECT_EQ(device_answers(problem), best_of_all(problem)) << scale;
  }
}

TEST_F(TopItemsAnyhow, AreExactWhereMostItemsAreOutOfReach) {
  Problem problem = make_problem({.users = 40, .items = 650, .rank = 12, .count = 4});
  for (std::int64_t item = 0; item < 650; ++item) {
    const float size = item % 20 == 0 ? 1.0F : 0.05F;  // a tile of large ones, then small ones
    std::for_each_n(problem.items.row(item), 12, [&](float& factor) { factor *= size; });
    problem.items.biases[static_cast<std::size_t>(item)] *= size / 4;
  }
  for (std::int64_t user = 0; user < 40; ++user) {  // among them users whom norms tell nothing
    std::for_each_n(problem.users.row(user), 12,
                    [&](float& factor) { factor *= user % 8 == 7 ? 0.01F : 2.0F; });
  }
  EXPECT_EQ(device_answers(problem), best_of_all(problem));
}

TEST_F(TopItemsAnyhow, AreExactWhereNormsMislead) {
  // Items of large norms and no biases come first, but biases alone decide.
  Problem problem = make_problem({.users = 2, .items = 650, .rank = 12, .count = 4});
  problem.users.factors.assign(problem.users.factors.size(), 0.0F);
  for (std::int64_t item = 0; item < 650; ++item) {
    const bool large = item % 3 == 0;
    std::for_each_n(problem.items.row(item), 12,
                    [&](float& factor) { factor *= large ? 2.0F : 0.01F; });
    problem.items.biases[static_cast<std::size_t>(item)] *= large ? 0.01F : 1.0F;
  }
  EXPECT_EQ(device_answers(problem), best_of_all(problem));
}

TEST_F(TopItemsAnyhow, GiveUpUsersWhoseScoresFloatCannotHold) {
  Problem problem = make_problem({.users = 3, .items = 70, .rank = 2, .count = 4});
  problem.users.row(1)[0] = 3e38F;
  problem.users.row(1)[1] = 3e38F;
  const Answers found = device_answers(problem);
  const Answers expected = best_of_all(problem);
  EXPECT_EQ(found[0], expected[0]);
  EXPECT_EQ(found[1], std::vector<Ranked>{unproven_user});
  EXPECT_EQ(found[2], expected[2]);
  problem = make_problem({.users = 2, .items = 70, .rank = 2, .count = 4});
  problem.items.row(69)[0] = 3e38F;
  problem.items.row(69)[1] = 3e38F;
  EXPECT_EQ(device_answers(problem), Answers(2, {unproven_user}));
}

TEST_F(TopItemsAnyhow, GiveUpUsersWhoseScoresFloatCannotHoldHoweverManyItemsThereAre) {
  // Enough tiles that what is kept is pruned again and again.
  Problem problem = make_problem({.users = 3, .items = 900, .rank = 2, .count = 2});
  for (std::int32_t item = 0; item < 900; ++item) {
    problem.items.row(item)[0] = 1e20F;
    problem.items.row(item)[1] = 1e20F;
  }
  for (std::int32_t user = 0; user < 3; ++user) {
    problem.users.row(user)[0] = 1e25F;
    problem.users.row(user)[1] = 1e25F;
  }
  EXPECT_EQ(device_answers(problem), Answers(3, {unproven_user}));
}

TEST_F(TopItemsAnyhow, AreNoneAmongNoCandidatesAndForNobody) {
  Problem problem = make_problem({.users = 3, .items = 0, .rank = 5, .count = 4});
  EXPECT_EQ(device_answers(problem), Answers(3));
  problem = make_problem({.users = 0, .items = 70, .rank = 5, .count = 4});
  EXPECT_EQ(device_answers(problem), Answers());
  problem = make_problem({.users = 2, .items = 3, .rank = 5, .count = 4});
  problem.items.biases.assign(3, NAN);
  EXPECT_EQ(device_answers(problem), Answers(2));
}

TEST_F(TopItemsAnyhow, ReadWhatWasSeenFarInALongList) {
  // 32 bits hold neither these offsets nor the halves of their sums.
  const Problem problem = make_problem({.users = 5, .items = 99, .rank = 3, .count = 9});
  EXPECT_EQ(device_answers(problem, (std::int64_t{1} << 33) + 1), best_of_all(problem));
}

TEST_F(TopItemsAnyhow, CountWordsAndPlacesIn64Bits) {
  constexpr PackedWidth wide = packed_width(1024);
  constexpr std::int64_t users = std::int64_t{1} << 24;
  EXPECT_EQ(user_word(wide, users, 0), users * 512);
  EXPECT_EQ(item_word(wide, users, 0), users * 512);
  EXPECT_EQ(KeptItems::place(users, 2240), users * 2240);
  EXPECT_EQ(packed_user_words(wide, users), users * 512);
}

TEST_F(TopItemsAnyhow, SelectFromScoresBeyond32BitOffsets) {
  // One tile; the users, and what they have, begin so far before the memory of the last block.
  constexpr std::int64_t block = (std::int64_t{1} << 32) / (tile_items * block_users) + 1;
  constexpr std::int64_t far = block * block_users;
  constexpr std::int32_t capacity = KeptItems::capacity_for(1);
  const Context context(0);
  std::vector<float> scores(block_users * tile_items);
  scores[tile_items + 7] = 3;  // of user 1
  scores[tile_items + 9] = 5;
  const auto products = to_device(context, scores);
  const auto biases = to_device(context, std::vector<float>(tile_items));
  const auto tile = to_device(context, std::vector<TileBounds>{{1, 1}});
  std::vector<UserBounds> all(block_users, {1, 0, 0, out_of_reach(), answered});
  all[1] = {2, 0, 100, -INFINITY, answered};
  const auto bounds = to_device(context, all);
  auto kept = to_device(context, std::vector<KeptItem>(block_users * capacity));
  auto counts = to_device(context, std::vector<std::int32_t>(block_users, -2));
  PackedItems items{};
  items.biases = biases.span();
  items.bounds = tile.span();
  simt::set_schedule({.first_block = block});
  launch(context.compute(), &select_scores<SelectScoresShape>,
         {block + 1, SelectScoresShape::threads, SelectScoresShape::shared_bytes},
         SelectTask{items,
                    {},
                    {bounds.span().data() - far, far + block_users},
                    {},
                    {},
                    {kept.span().data() - KeptItems::place(far, capacity), capacity},
                    {counts.span().data() - far, far + block_users},
                    1},
         DeviceSpan<const float>{products.span().data() - far * tile_items,
                                 (far + block_users) * tile_items});
  context.compute().synchronize();
  EXPECT_EQ(from_device(context, std::as_const(counts).span())[1], 1);
  const KeptItem best = from_device(context, std::as_const(kept).span())[capacity];
  EXPECT_EQ(best.item, 9);
  EXPECT_EQ(best.score, 10);
}

TEST_F(TopItemsAnyhow, RankCandidatesFarInALargeTable) {
  // Position × stride, and user × count, beyond 32 bits: the tables begin so far before their data.
  constexpr std::int64_t far = 300'000'000;
  const Context context(0);
  const Table items = random_table(3, 7, 1.0, 5);
  const Table users = random_table(1, 7, 1.0, 6);
  const OnDevice item_table(context, items);
  const OnDevice user_table(context, users);
  const auto order = to_device(context, std::vector<std::int32_t>{far + 2, far, far + 1});
  auto kept = to_device(context, std::vector<KeptItem>{{0, 0}, {0, 1}, {0, 2}});
  const auto counts = to_device(context, std::vector<std::int32_t>{3});
  DeviceBuffer<std::int32_t> positions(3);
  DeviceBuffer<double> scores(3);
  DeviceBuffer<std::int32_t> found(1);
  const DeviceTable<const float> moved = {
      {item_table.table().factors.data() - far * 16, (far + 3) * 16},
      {item_table.table().biases.data() - far, far + 3},
      7,
      16};
  launch(context.compute(), &rank_items<RankShape>,
         {1, RankShape::threads, RankShape::shared_bytes(32, 16)},
         RankTask{moved,
                  user_table.table(),
                  order.span(),
                  {kept.span().data(), 32},
                  counts.span(),
                  3.5,
                  3,
                  3,
                  positions.span(),
                  scores.span(),
                  found.span()});
  Answers answers = to_answers(
      context,
      {std::as_const(positions).span(), std::as_const(scores).span(), std::as_const(found).span()},
      3);
  for (Ranked& ranked : answers[0]) {
    ranked.position -= far;
  }
  EXPECT_EQ(answers, best_of_all({users, items, 3, 3.5, {}}));
}

TEST_F(TopItemsAnyhow, AllocateOnceForAllBatches) {
  const Problem problem = make_problem({.users = 20, .items = 130, .rank = 9, .count = 5});
  const Context context(0);
  const OnDevice items(context, problem.items);
  const OnDevice users(context, problem.users);
  const SeenOnDevice seen(context, problem.seen, 0);
  for (const ScoreProducts products : {ScoreProducts::fused, ScoreProducts::library}) {
    const TopItemsOptions options{.products = products, .block_scores = 1};
    const std::size_t before = simt::device_bytes_in_use();
    TopItems top(context, items.table(), problem.count, 13, options);
    EXPECT_EQ(static_cast<std::int64_t>(simt::device_bytes_in_use() - before),
              TopItems::bytes(130, 9, 5, 13, options));
    std::int64_t allocations = simt::allocations_made();
    Answers found;
    for (const std::int64_t first : {0, 13}) {
      const std::int64_t rows = first == 0 ? 13 : 7;
      const DeviceTable<const float> all = users.table();
      const TopItemsAnswer answer =
          top.answer({{all.factors.subspan(first * all.stride, rows * all.stride),
                       all.biases.subspan(first, rows), all.rank, all.stride},
                      seen.offsets.span().subspan(first, rows + 1),
                      seen.columns.span(),
                      problem.mean});
      EXPECT_EQ(simt::allocations_made(), allocations);
      const Answers part = to_answers(context, answer, problem.count);
      found.insert(found.end(), part.begin(), part.end());
      allocations = simt::allocations_made();  // those of the download
    }
    EXPECT_EQ(found, best_of_all(problem));
  }
}

TEST_F(TopItemsAnyhow, KeepAnAnswerUntilAnotherStreamHasReadIt) {
  const Problem problem = make_problem({.users = 20, .items = 130, .rank = 9, .count = 5});
  const Context context(0);
  const OnDevice items(context, problem.items);
  const OnDevice users(context, problem.users);
  const DeviceTable<const float> all = users.table();
  const auto ten_users = [&](std::int64_t first) {
    return TopItemsQuestion{{all.factors.subspan(first * all.stride, 10 * all.stride),
                             all.biases.subspan(first, 10), all.rank, all.stride},
                            {},
                            {},
                            problem.mean};
  };
  TopItems top(context, items.table(), problem.count, 10);
  const Stream reader;
  Event ranked;
  Event read;
  PinnedBuffer<std::int32_t> positions(10 * problem.count);
  const TopItemsAnswer first = top.answer(ten_users(0));
  ranked.record(context.compute());
  ranked.hold_back(reader);
  download(reader, first.positions, positions.span());
  read.record(reader);
  top.answer(ten_users(10), &read);
  context.compute().synchronize();
  Problem unseen = problem;
  unseen.seen.clear();
  for (std::int64_t user = 0; user < 10; ++user) {
    const std::vector<Ranked> expected = best_of_user(unseen, user);
    for (std::int64_t i = 0; i < problem.count; ++i) {
      EXPECT_EQ(positions.span()[static_cast<std::size_t>(user * problem.count + i)],
                expected[static_cast<std::size_t>(i)].position);
    }
  }
}

TEST_F(TopItemsAnyhow, RefuseWhatTheyWereNotMadeFor) {
  const Problem problem = make_problem({.users = 3, .items = 9, .rank = 4, .count = 2});
  const Context context(0);
  const OnDevice items(context, problem.items);
  const OnDevice users(context, problem.users);
  EXPECT_THROW(TopItems(context, items.table(), TopItems::most_count + 1, 3),
               std::invalid_argument);
  EXPECT_THROW(TopItems(context, items.table(), -1, 3), std::invalid_argument);
  TopItems top(context, items.table(), 2, 2);
  EXPECT_THROW(top.answer({users.table(), {}, {}, 0}), std::invalid_argument);
}

TEST_F(TopItemsAnyhow, ReportEveryFailedCallAndLeakNothing) {
  const Problem problem = make_problem({.users = 3, .items = 9, .rank = 4, .count = 2});
  device_answers(problem);
  const std::int64_t calls = simt::calls_made();
  int thrown = 0;
  for (std::int64_t number = 1; number <= calls; ++number) {
    simt::reset_device();
    simt::fail_call(number, cudaErrorLaunchFailure);
    try {
      device_answers(problem);
      // Calls of destructors cannot be reported: they come after the result is there.
      EXPECT_THAT(simt::failed_call(), testing::is_release());
    } catch (const DeviceError& error) {
      ++thrown;
      EXPECT_EQ(error.code(), cudaErrorLaunchFailure);
    }
    EXPECT_EQ(simt::leaks(), "") << simt::failed_call();
  }
  EXPECT_GT(thrown, 40);
}

}  // namespace
}  // namespace alsatian::cuda
