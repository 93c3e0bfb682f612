// Kernels whose rows, ratings or tables lie beyond 2³² elements, in memory of which only the pages
// that are touched are there: an offset of 32 bits, signed or not, finds zeros or nothing.
#include "kernels/cuda/als_batched_rows.hpp"
#include "kernels/cuda/als_rows.hpp"
#include "kernels/cuda/als_short_rows.hpp"
#include "kernels/cuda/bias_rows.hpp"
#include "kernels/cuda/sgd_copies.hpp"
#include "kernels/cuda/top_n_pack.hpp"
#include "kernels/cuda/transpose.hpp"
#include "tests/simt/device_data.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <utility>
#include <vector>

namespace alsatian::cuda {
namespace {

using testing::beyond_32_bits;
using testing::from_device;
using testing::SparseMemory;
using testing::to_device;

class FarElements : public ::testing::Test {
 protected:
  FarElements() { simt::reset_device(); }
  ~FarElements() override {
    EXPECT_EQ(simt::leaks(), "");
    simt::set_schedule({});
  }
};

/// The last of so many rows has one rating, of the last of so many opposite rows, [q], with bias
/// 0.5: no element of either table, of the ratings or of the halves is within 32 bits.
///   (q² + 1) p + q b = 3.5 q,  q p + 2 b = 3.5
/// q takes two halves: one is 2, which moves p by 2·10⁻⁴.
template <int K>
struct FarRow {
  static constexpr float q = 2 + 0x1p-10F;
  static constexpr std::int64_t rows = beyond_32_bits / K + 3;
  static constexpr std::int64_t row = rows - 1;
  static constexpr std::int64_t position = beyond_32_bits + 3;

  Context context{0};
  SparseMemory<std::int64_t> offsets{rows + 1};
  SparseMemory<std::int32_t> columns{position + 1};
  SparseMemory<float> ratings{position + 1};
  SparseMemory<float> opposite{rows * K};
  SparseMemory<std::uint32_t> words{rows * K};
  SparseMemory<float> opposite_biases{rows};
  SparseMemory<RowRidge> ridges{rows};
  SparseMemory<float> solved{rows * K};
  SparseMemory<float> solved_biases{rows};
  DeviceBuffer<std::uint32_t> largest =
      to_device(context, std::vector<std::uint32_t>{__float_as_uint(q)});
  DeviceBuffer<unsigned long long> repaired =
      to_device(context, std::vector<unsigned long long>{0});
  DeviceBuffer<std::int64_t> listed = to_device(context, std::vector<std::int64_t>{row});
  DeviceBuffer<unsigned char> failed{1};

  FarRow() {
    offsets[row] = position;
    offsets[row + 1] = position + 1;
    columns[position] = static_cast<std::int32_t>(row);
    ratings[position] = 4;
    opposite[row * K] = q;
    const SplitPair split = SplitPair::of(SplitScale::of(__float_as_uint(q)).scale * q, 0);
    words[row * K] = split.high;
    words[row * K + K / 2] = split.low;
    opposite_biases[row] = 0.5F;
    ridges[row] = {1, 1};
  }

  AlsTask task() {
    return {.offsets = offsets.span(),
            .columns = columns.span(),
            .ratings = ratings.span(),
            .opposite = opposite.span(),
            .split = {words.span(), std::as_const(largest).span()},
            .opposite_biases = opposite_biases.span(),
            .ridges = ridges.span(),
            .solved = solved.span(),
            .solved_biases = solved_biases.span(),
            .repaired = repaired.span(),
            .rank = 1,
            .biases = true};
  }
  DeviceSpan<const std::int64_t> row_list() const { return listed.span(); }
  static LaunchShape one_block(Halves halves = Halves::two) {
    return {1, RowShape<K>::threads, RowShape<K>::shared_bytes(halves)};
  }

  void expect_solved() {
    context.compute().synchronize();
    // A few roundings of float; what an element in a wrong place gives is far from it.
    const double p = 3.5 * q / (double{q} * q + 2);
    EXPECT_NEAR(solved[row * K], p, 1e-5);
    EXPECT_NEAR(solved_biases[row], (3.5 - q * p) / 2, 1e-5);
  }
};

template <int K, Halves halves>
void solve_whole() {
  FarRow<K> far;
  launch(far.context.compute(), &solve_rows<K, halves>, far.one_block(halves), far.task(),
         far.row_list(), DeviceSpan<const unsigned char>());
  far.expect_solved();
}

TEST_F(FarElements, OfARowAreFoundWhereItIsSolvedWhole) {
  solve_whole<16, Halves::two>();
  solve_whole<128, Halves::two>();
}

TEST_F(FarElements, OfARowAreFoundWhereItIsRefined) {
  solve_whole<16, Halves::one>();
  solve_whole<128, Halves::one>();
}

/// The workspace of parts is never as long: BinLimits::workspace_floats.
template <int K>
void solve_in_parts() {
  FarRow<K> far;
  const Stream& stream = far.context.compute();
  const auto parts = to_device(far.context, std::vector<RowPart>{{far.position, 1}});
  const auto split = to_device(far.context, std::vector<SplitRow>{{far.row, 0, 1}});
  DeviceBuffer<float> workspace(RowShape<K>::part_floats);
  launch(stream, &sum_parts<K, Halves::two>, far.one_block(), far.task(), parts.span(),
         workspace.span());
  launch(stream, &solve_split_rows<K>, far.one_block(), far.task(), split.span(),
         std::as_const(workspace).span());
  far.expect_solved();
}

TEST_F(FarElements, OfARowAreFoundWhereItIsSummedInParts) {
  solve_in_parts<16>();
  solve_in_parts<128>();
}

TEST_F(FarElements, OfARowAreFoundWhereItsDualIsSolved) {
  FarRow<16> shortest;
  launch(shortest.context.compute(), &solve_shortest_rows<16, 1>,
         {1, 32, ShortRowShape<16>::shared_bytes(1)}, shortest.task(), shortest.row_list(),
         shortest.failed.span());
  shortest.expect_solved();
  constexpr int groups = most_held_groups + 1;
  constexpr int warps = short_row_warps(groups);
  FarRow<128> shorter;
  launch(shorter.context.compute(), &solve_short_rows<128, warps>,
         {1, 32 * warps, ShortRowShape<128>::shared_bytes(groups)}, shorter.task(),
         shorter.row_list(), groups, shorter.failed.span());
  shorter.expect_solved();
}

TEST_F(FarElements, OfABiasAreFound) {
  FarRow<16> far;
  AlsTask task = far.task();
  task.offsets = far.offsets.span().subspan(far.row, 2);
  task.solved_biases = far.solved_biases.span().subspan(far.row, 1);
  task.ridges = far.ridges.span().subspan(far.row, 1);
  solve_biases(far.context, task);
  far.context.compute().synchronize();
  EXPECT_EQ(far.solved_biases[far.row], 1.75F);  // 3.5 / (1 + 1)
}

__global__ void split_one(SplitTask task, std::int64_t four) { task.split(four, 1); }

// The kernel itself takes all of a table, as find_largest does.
TEST_F(FarElements, OfATableAreSplit) {
  constexpr std::int64_t rows = 2 * beyond_32_bits / 16 + 3;
  SparseMemory<float> table(rows * 16);
  SparseMemory<std::uint32_t> words(rows * 16);
  constexpr std::int64_t row = rows - 1;
  table[row * 16 + 4] = 3;
  const Context context(0);
  launch(context.compute(), &split_one, {1, 1}, SplitTask{table.span(), 16, words.span()},
         row * 4 + 1);
  context.compute().synchronize();
  EXPECT_EQ(words[row * 16 + 2], SplitPair::of(3, 0).high);
}

/// Matrices so wide that the second of a batch is beyond 32 bits, of a row that is, too.
struct FarSystem {
  static constexpr std::int64_t columns = (std::int64_t{1} << 16) + 4;
  static constexpr std::int64_t matrix = columns * columns;
  FarRow<16> far;
  SparseMemory<float> grams{2 * matrix};
  SparseMemory<float> right_sides{2 * columns};
  DeviceBuffer<std::int64_t> rows = to_device(far.context, std::vector<std::int64_t>{0, far.row});
  SparseMemory<float*> matrix_of{2};
  SparseMemory<float*> right_side_of{2};
  SparseMemory<float> traces{2};
  SparseMemory<int> failures{2};

  BatchedRows batch() {
    return {.strides = {columns, 16},
            .rows = std::as_const(rows).span(),
            .jitters = {},
            .grams = grams.span(),
            .right_sides = right_sides.span(),
            .matrix_of = matrix_of.span(),
            .right_side_of = right_side_of.span(),
            .traces = traces.span(),
            .failures = failures.span()};
  }
  void take_turn(void (*kernel)(AlsTask, BatchedRows)) {
    launch(far.context.compute(), kernel, {1, batched_threads}, far.task(), batch());
    far.context.compute().synchronize();
  }
};

TEST_F(FarElements, OfABatchOfMatricesAreFound) {
  FarSystem system;
  float* const matrix = &system.grams[system.matrix];
  matrix[0] = 4;
  matrix[2] = 7;  // the target's column
  matrix[system.columns + 1] = 1;
  matrix[system.columns + 2] = 3.5F;
  system.take_turn(&make_systems<batched_threads>);
  EXPECT_EQ(matrix[0], 5);
  EXPECT_EQ(matrix[system.columns + 1], 2);
  EXPECT_EQ(system.right_sides[system.columns], 7);
  EXPECT_EQ(system.right_sides[system.columns + 1], 3.5F);
  EXPECT_EQ(system.matrix_of[1], matrix);
  EXPECT_EQ(system.traces[1], 7);
  system.right_sides[system.columns] = 11;
  system.take_turn(&take_solutions<batched_threads>);
  EXPECT_EQ(system.failures[1], 0);
  EXPECT_EQ(system.far.solved[system.far.row * 16], 11);
  EXPECT_EQ(system.far.solved_biases[system.far.row], 3.5F);
  system.failures[1] = 1;
  launch(system.far.context.compute(), &give_up<batched_threads>, {1, batched_threads},
         system.far.task(), system.batch(), true);
  system.far.context.compute().synchronize();
  EXPECT_TRUE(std::isnan(system.far.solved[system.far.row * 16]));
}

TEST_F(FarElements, OfFactorsAreTakenAsHalvesAndGivenBack) {
  constexpr std::int64_t first = beyond_32_bits + 4;
  constexpr std::int64_t size = first + 4;
  SparseMemory<float> factors(size);
  SparseMemory<Half> halves(size);
  factors[first + 1] = 0.5F;
  const Context context(0);
  constexpr std::int64_t last_block = size / 4 / copy_threads;
  const LaunchShape shape{last_block + 1, copy_threads};
  simt::set_schedule({.first_block = last_block});
  launch(context.compute(), &take_factors<copy_threads>, shape, factors.span(), halves.span());
  context.compute().synchronize();
  EXPECT_EQ(device::from_half(halves[first + 1].bits), 0.5F);
  factors[first + 1] = 0;
  launch(context.compute(), &give_factors<copy_threads>, shape, halves.span(), factors.span());
  context.compute().synchronize();
  EXPECT_EQ(factors[first + 1], 0.5F);
}

/// The last row of a table of rank 1024 has 3 in its first column, and bias 5.
struct FarTable {
  static constexpr std::int32_t stride = 1024;
  static constexpr std::int64_t rows = 2 * beyond_32_bits / stride + 8;  // words are half as many
  static constexpr std::int64_t row = rows - 1;
  static constexpr std::int64_t warps = packing_threads / 32;
  SparseMemory<float> factors{rows * stride};
  SparseMemory<float> biases{rows};
  SparseMemory<std::uint32_t> words{rows * stride / 2 + 128 * stride};
  LaunchShape shape{(rows + warps - 1) / warps, packing_threads};
  Context context{0};

  FarTable() {
    factors[row * stride] = 3;
    biases[row] = 5;
    simt::set_schedule({.first_block = row / warps});
  }
  DeviceTable<const float> table() { return {factors.span(), biases.span(), stride, stride}; }
};

TEST_F(FarElements, OfCandidatesAreMeasuredAndPacked) {
  FarTable far;
  SparseMemory<RowSize> sizes(far.rows);
  SparseMemory<std::int32_t> order(far.rows);
  SparseMemory<float> biases(far.rows);
  order[far.row] = static_cast<std::int32_t>(far.row);
  constexpr PackedWidth width = packed_width(FarTable::stride);
  auto rounding = to_device(far.context, std::vector<unsigned>{0});
  launch(far.context.compute(), &measure_candidates<packing_threads>, far.shape, far.table(),
         sizes.span());
  launch(far.context.compute(), &pack_candidates<packing_threads>, far.shape, far.table(),
         order.span(), width, 1.0, far.words.span(), biases.span(), rounding.span());
  far.context.compute().synchronize();
  EXPECT_EQ(sizes[far.row].largest, 3);
  EXPECT_EQ(far.words[item_word(width, far.row, 0)], device::to_halves(3, 0));
  EXPECT_EQ(biases[far.row], 5);
}

TEST_F(FarElements, OfUsersArePacked) {
  FarTable far;
  SparseMemory<UserBounds> bounds(far.rows);
  const auto rounding = to_device(far.context, std::vector<float>{0});
  PackedItems items{};
  items.rounding = rounding.span();
  items.width = packed_width(FarTable::stride);
  items.scale = 1;
  items.largest_norm = 1;
  launch(far.context.compute(), &pack_users<packing_threads>, far.shape, far.table(), 0.0, items,
         far.words.span(), bounds.span());
  far.context.compute().synchronize();
  const double scale = packing_scale(3);
  EXPECT_EQ(far.words[user_word(items.width, far.row, 0)],
            device::to_halves(static_cast<float>(3 * scale), 0));
  EXPECT_NEAR(bounds[far.row].norm, 3, 1e-5);
}

TEST_F(FarElements, OfRatingsAreCountedByDigit) {
  constexpr std::int64_t piece = 3;
  constexpr std::int64_t pieces = beyond_32_bits / piece + 2;
  constexpr std::int64_t last = pieces - 1;
  SparseMemory<std::int32_t> keys(pieces * piece);
  SparseMemory<std::int64_t> counts(32 * pieces);
  keys[last * piece] = 7;
  keys[last * piece + 1] = 31;
  keys[last * piece + 2] = 7;
  SortPass<5> pass{};
  pass.keys = keys.span();
  pass.counts = counts.span();
  pass.piece = piece;
  pass.pieces = pieces;
  const Context context(0);
  simt::set_schedule({.first_block = last});
  launch(context.compute(), &count_digits<5>,
         {pieces, device::warp_lanes, SortPass<5>::count_shared_bytes}, pass);
  context.compute().synchronize();
  EXPECT_EQ(counts[7 * pieces + last], 2);
  EXPECT_EQ(counts[31 * pieces + last], 1);
  EXPECT_EQ(counts[last], 0);
}

TEST_F(FarElements, OfCountsAreAdded) {
  constexpr int bits = 20;  // more digits than a launch has, so that a piece of each is far
  constexpr std::int64_t digits = SortPass<bits>::digits;
  constexpr std::int64_t pieces = beyond_32_bits / digits + 2;
  SparseMemory<std::int64_t> counts(digits * pieces);
  SparseMemory<std::int64_t> totals(digits);
  const std::int64_t first = (digits - 1) * pieces;
  counts[first] = 4;
  counts[first + pieces - 1] = 9;
  SortPass<bits> pass{};
  pass.counts = counts.span();
  pass.totals = totals.span();
  pass.pieces = pieces;
  const Context context(0);
  simt::set_schedule({.first_block = digits - 1});
  launch(context.compute(), &add_counts<bits>, {digits, device::warp_lanes}, pass);
  context.compute().synchronize();
  EXPECT_EQ(counts[first], 0);
  EXPECT_EQ(counts[first + pieces - 1], 4);
  EXPECT_EQ(totals[digits - 1], 13);
}

}  // namespace
}  // namespace alsatian::cuda
