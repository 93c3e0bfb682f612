// Row solves of alternating least squares, as the device runs them, against the normal equations
// in double.
#include "kernels/cuda/als.hpp"
#include "kernels/reference/als.hpp"
#include "tests/simt/schedules.hpp"
#include "tests/support/reference_problems.hpp"
#include "tests/support/tolerance.hpp"

#include <Eigen/SVD>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <tuple>
#include <vector>

namespace alsatian::cuda {
namespace {

using simt::Schedule;

/// Rows per class: from one rating to several tiles of 32, odd numbers, and an empty row.
constexpr std::int32_t lengths[] = {1, 2, 7, 31, 32, 33, 64, 77, 100, 0, 129};
constexpr std::int32_t opposite_rows = 131;

struct Problem {
  testing::Compressed<float> ratings;
  std::int32_t rank;
  bool biases;
  Regularization regularization;
  reference::SideParameters opposite;
};

Problem make_problem(std::int32_t rank, bool biases, const Regularization& regularization) {
  Problem problem{{},
                  rank,
                  biases,
                  regularization,
                  testing::to_parameters(testing::random_table(
                      opposite_rows, rank, 0.4, biases ? 0.3 : 0.0, 17, RandomStream::item_start))};
  // The device holds floats: the oracle works on the same numbers.
  problem.opposite.factors = problem.opposite.factors.cast<float>().cast<double>();
  problem.opposite.biases = problem.opposite.biases.cast<float>().cast<double>();
  for (const std::int32_t length : lengths) {
    const auto row = static_cast<std::int32_t>(problem.ratings.rows());
    for (std::int32_t j = 0; j < length; ++j) {
      // 37 has no factor in common with 131: distinct columns.
      problem.ratings.columns.push_back((row * 11 + j * 37) % opposite_rows);
    }
    std::sort(problem.ratings.columns.end() - length, problem.ratings.columns.end());
    for (std::int32_t j = 0; j < length; ++j) {
      problem.ratings.values.push_back(
          static_cast<float>(testing::detail::normal_draw(5, RandomStream::generate, row, j)));
    }
    problem.ratings.offsets.push_back(static_cast<std::int64_t>(problem.ratings.columns.size()));
  }
  return problem;
}

template <typename T>
DeviceBuffer<T> to_device(const Context& context, const std::vector<T>& values) {
  const auto size = static_cast<std::int64_t>(values.size());
  PinnedBuffer<T> staging(size);
  std::copy(values.begin(), values.end(), staging.span().begin());
  DeviceBuffer<T> buffer(size);
  upload(context.compute(), std::span<const T>(staging.span()), buffer.span());
  context.compute().synchronize();
  return buffer;
}

template <typename T>
std::vector<T> from_device(const Context& context, const DeviceBuffer<T>& buffer) {
  PinnedBuffer<T> staging(buffer.size());
  download(context.compute(), buffer.span(), staging.span());
  context.compute().synchronize();
  return {staging.span().begin(), staging.span().end()};
}

struct Solution {
  std::vector<float> factors;  // [rows, padded rank]
  std::vector<float> biases;
  unsigned long long repaired = 0;
};

/// How the rows that are not empty are solved: whole, in parts of 41 ratings, by their dual where
/// they have fewer ratings than the padded rank (whole otherwise), or each in its bin.
enum class Way { whole, parts, dual, bins };
constexpr std::int32_t part_length = 41;

/// Bins so small that every kind of row is there, and the workspace is filled twice.
BinLimits small_bins(std::int32_t rank) {
  return {
      .part_ratings = 80, .most_short_ratings = 1000, .workspace_floats = 3 * part_floats(rank)};
}

template <int K, Halves halves>
Solution solve(const Problem& problem, Way way) {
  using Shape = RowShape<K>;
  const Context context(0);
  std::vector<float> opposite(static_cast<std::size_t>(opposite_rows) * K);
  std::vector<float> opposite_biases(opposite_rows);
  for (std::int32_t row = 0; row < opposite_rows; ++row) {
    for (std::int32_t j = 0; j < problem.rank; ++j) {
      opposite[static_cast<std::size_t>(row * K + j)] =
          static_cast<float>(problem.opposite.factors(row, j));
    }
    opposite_biases[static_cast<std::size_t>(row)] =
        static_cast<float>(problem.opposite.biases(row));
  }
  const std::int64_t rows = problem.ratings.rows();
  std::vector<RowRidge> ridges;
  std::vector<std::int64_t> whole;
  std::vector<std::int64_t> short_rows;
  std::vector<RowPart> parts;
  std::vector<SplitRow> split;
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t count = problem.ratings.view().row_size(row);
    const double scale = row_scale(static_cast<double>(count), problem.regularization.scaling);
    ridges.push_back({static_cast<float>(scale * problem.regularization.factors),
                      static_cast<float>(scale * problem.regularization.biases)});
    if (count == 0) {
      continue;
    }
    if (way == Way::bins) {
      continue;
    }
    if (way == Way::whole || (way == Way::dual && count > K)) {
      whole.push_back(row);
      continue;
    }
    if (way == Way::dual) {
      short_rows.push_back(row);
      continue;
    }
    split.push_back({row, static_cast<std::int32_t>(parts.size()), 0});
    for (std::int64_t first = 0; first < count; first += part_length, ++split.back().parts) {
      parts.push_back(
          {problem.ratings.offsets[static_cast<std::size_t>(row)] + first,
           static_cast<std::int32_t>(std::min<std::int64_t>(part_length, count - first))});
    }
  }
  const auto offsets = to_device(context, problem.ratings.offsets);
  const auto columns = to_device(context, problem.ratings.columns);
  const auto ratings = to_device(context, problem.ratings.values);
  const auto opposite_factors = to_device(context, opposite);
  const auto opposite_bias = to_device(context, opposite_biases);
  const auto ridge = to_device(context, ridges);
  auto solved = to_device(context, std::vector<float>(static_cast<std::size_t>(rows) * K));
  auto solved_biases = to_device(context, std::vector<float>(static_cast<std::size_t>(rows)));
  auto repaired = to_device(context, std::vector<unsigned long long>{0});
  DeviceBuffer<std::uint32_t> split_words(opposite_factors.size());
  DeviceBuffer<std::uint32_t> largest(1);
  split_factors(context, opposite_factors.span(), K, largest.span(), split_words.span());
  const AlsTask task{.offsets = offsets.span(),
                     .columns = columns.span(),
                     .ratings = ratings.span(),
                     .opposite = opposite_factors.span(),
                     .split = {std::as_const(split_words).span(), std::as_const(largest).span()},
                     .opposite_biases = opposite_bias.span(),
                     .ridges = ridge.span(),
                     .solved = solved.span(),
                     .solved_biases = solved_biases.span(),
                     .repaired = repaired.span(),
                     .rank = problem.rank,
                     .biases = problem.biases};
  const auto shape = [](std::size_t blocks) {
    return LaunchShape{static_cast<std::int64_t>(blocks), Shape::threads,
                       Shape::shared_bytes(halves)};
  };
  const auto whole_list = to_device(context, whole);
  const auto short_list = to_device(context, short_rows);
  const auto part_list = to_device(context, parts);
  const auto split_list = to_device(context, split);
  DeviceBuffer<float> workspace(static_cast<std::int64_t>(parts.size()) * Shape::part_floats);
  DeviceBuffer<unsigned char> failed(short_list.size());
  const Stream& stream = context.compute();
  launch(stream, &solve_rows<K, halves>, shape(whole.size()), task, whole_list.span(),
         DeviceSpan<const unsigned char>());
  launch(stream, &sum_parts<K, halves>, shape(parts.size()), task, part_list.span(),
         workspace.span());
  launch(stream, &solve_split_rows<K>, shape(split.size()), task, split_list.span(),
         std::as_const(workspace).span());
  using Short = ShortRowShape<K>;
  constexpr int groups = K / 16;
  constexpr auto warps = static_cast<unsigned>(short_row_warps(groups));
  const LaunchShape short_shape{short_list.size(), 32 * warps, Short::shared_bytes(groups)};
  if constexpr (groups <= most_held_groups) {
    launch(stream, &solve_shortest_rows<K, groups>, short_shape, task, short_list.span(),
           failed.span());
  } else {
    launch(stream, &solve_short_rows<K, warps>, short_shape, task, short_list.span(), groups,
           failed.span());
  }
  launch(stream, &solve_rows<K, halves>, shape(short_rows.size()), task, short_list.span(),
         std::as_const(failed).span());
  if (way == Way::bins) {
    AlsSide side(context, problem.ratings.offsets, opposite_rows, problem.rank, halves,
                 small_bins(problem.rank));
    const std::int64_t allocations = simt::allocations_made();
    side.half_sweep(task);
    EXPECT_EQ(simt::allocations_made(), allocations);
    stream.synchronize();  // before the side's lists go
  }
  stream.synchronize();
  return {from_device(context, solved), from_device(context, solved_biases),
          from_device(context, repaired)[0]};
}

template <Halves halves = Halves::two>
Solution solve(const Problem& problem, Way way = Way::whole) {
  switch (padded_rank(problem.rank)) {
    case 16:
      return solve<16, halves>(problem, way);
    case 32:
      return solve<32, halves>(problem, way);
    case 48:
      return solve<48, halves>(problem, way);
    case 64:
      return solve<64, halves>(problem, way);
    case 96:
      return solve<96, halves>(problem, way);
    case 128:
      return solve<128, halves>(problem, way);
    case 192:
      return solve<192, halves>(problem, way);
    case 256:
      return solve<256, halves>(problem, way);
    default:
      ADD_FAILURE() << "rank " << problem.rank;
      return {};
  }
}

/// The problem whose factors are those of `problem` rounded to the 11 bits of a half; none of them
/// is so small beside the largest that a half has fewer.
Problem rounded_to_halves(Problem problem) {
  for (double& factor : problem.opposite.factors.reshaped()) {
    int exponent = 0;
    const double fraction = std::frexp(factor, &exponent);
    factor = std::ldexp(std::nearbyint(std::ldexp(fraction, 11)), exponent - 11);
  }
  return problem;
}

/// Every row's residual in the normal equations in double is one that float roundings explain.
/// `rounding`: of factors and weights, relative to them.
void expect_solves(const Problem& problem, const Solution& solution, double rounding = 0) {
  const auto ratings = testing::convert<double>(problem.ratings);
  const auto padded = static_cast<std::int32_t>(solution.factors.size() / solution.biases.size());
  for (std::int64_t row = 0; row < ratings.rows(); ++row) {
    const reference::RowEquations equations = reference::row_equations(
        ratings.view(), row, problem.opposite, {problem.regularization, 0, problem.biases});
    reference::Vector found(equations.right_side.size());
    for (std::int32_t j = 0; j < padded; ++j) {
      const float value = solution.factors[static_cast<std::size_t>(row * padded + j)];
      if (j < problem.rank) {
        found(j) = value;
      } else {
        EXPECT_EQ(value, 0) << "padding of row " << row;
      }
    }
    const float bias = solution.biases[static_cast<std::size_t>(row)];
    if (problem.biases) {
      found(problem.rank) = bias;
    } else {
      EXPECT_EQ(bias, 0);
    }
    const std::int64_t count = ratings.view().row_size(row);
    if (count == 0) {
      EXPECT_EQ(found.norm(), 0);
      continue;
    }
    const double residual = (equations.matrix * found - equations.right_side).norm();
    const double bound = testing::tolerance::residual<float>(
        found.size(), count, equations.matrix.norm(), found.norm(), equations.right_side.norm());
    // Each side of a product of the equations is off by the rounding, and so are the solution's own
    // factors where the dual makes them of factors that are not rounded.
    const double of_rounding =
        4 * rounding * (equations.matrix.norm() * found.norm() + equations.right_side.norm());
    EXPECT_LE(residual, bound + of_rounding) << "row " << row << " of " << count << " ratings";
  }
}

/// A row's solution in double: of factors rounded to halves, and refined once.
struct Refined {
  reference::RowEquations equations;
  reference::Vector rounded;
  reference::Vector correction;

  static Refined of(const Problem& problem, const Problem& rounded_problem, std::int64_t row) {
    const auto ratings = testing::convert<double>(problem.ratings);
    const auto equations_of = [&](const Problem& of) {
      return reference::row_equations(ratings.view(), row, of.opposite,
                                      {of.regularization, 0, of.biases});
    };
    const reference::RowEquations rounded = equations_of(rounded_problem);
    const Eigen::LLT<reference::Matrix> factor(rounded.matrix);
    Refined made{equations_of(problem), factor.solve(rounded.right_side), {}};
    made.correction = factor.solve(made.left_of(made.rounded));
    return made;
  }
  reference::Vector left_of(const reference::Vector& solution) const {
    return equations.right_side - equations.matrix * solution;
  }

  /// What float's roundings, each of 2⁻²⁴, may add to the residual of the refined row: those of
  /// the step's own residual (a score is a sum of at most 12 products in each lane and over 5
  /// exchanges, and a rating is left with three more roundings; a lane adds half of a row's ratings
  /// or 32 of them, and 16 exchanges and parts of warps), of the sum of row and correction, and
  /// those of the correction's solve, which are a share of it.
  double float_bound(const Problem& problem, std::int64_t row) const {
    const reference::Vector row_size = rounded.cwiseAbs();
    const std::int64_t count = problem.ratings.view().row_size(row);
    double of_scores = 0;
    double of_sums = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      const auto place =
          static_cast<std::size_t>(problem.ratings.offsets[static_cast<std::size_t>(row)] + i);
      const std::int32_t column = problem.ratings.columns[place];
      const double target = double{problem.ratings.values[place]} - problem.opposite.biases(column);
      reference::Vector z(rounded.size());
      z << problem.opposite.factors.row(column).transpose(), 1.0;
      of_scores += z.norm() * (std::abs(target) + z.cwiseAbs().dot(row_size));
      of_sums += z.norm() * std::abs(target - z.dot(rounded));
    }
    const double matrix = equations.matrix.norm();
    return std::ldexp(24 * of_scores +
                          (std::max(static_cast<double>(count) / 2, 32.0) + 16) * of_sums +
                          2 * matrix * rounded.norm(),
                      -24) +
           testing::tolerance::residual<float>(rounded.size(), count, matrix, correction.norm(),
                                               left_of(rounded).norm());
  }
};

/// Every row's residual is that of one step of refinement in double, but for float's roundings, and
/// where
/// those are small far below the one without the step.
void expect_refined(const Problem& problem, const Solution& solution) {
  const Problem rounded_problem = rounded_to_halves(problem);
  const auto padded = static_cast<std::int32_t>(solution.factors.size() / solution.biases.size());
  int clearly_refined = 0;
  for (std::int64_t row = 0; row < problem.ratings.rows(); ++row) {
    if (problem.ratings.view().row_size(row) == 0) continue;
    const Refined refined = Refined::of(problem, rounded_problem, row);
    reference::Vector found(problem.rank + 1);
    for (std::int32_t j = 0; j < problem.rank; ++j) {
      found(j) = solution.factors[static_cast<std::size_t>(row * padded + j)];
    }
    found(problem.rank) = solution.biases[static_cast<std::size_t>(row)];
    const double before = refined.left_of(refined.rounded).norm();
    const double bound = refined.left_of(refined.rounded + refined.correction).norm() +
                         refined.float_bound(problem, row);
    EXPECT_LE(refined.left_of(found).norm(), bound) << "row " << row;
    clearly_refined += bound < before / 4 ? 1 : 0;
  }
  EXPECT_GE(clearly_refined, 2) << "without the step all would be the same";
}

class Runtime : public ::testing::Test {
 protected:
  Runtime() { simt::reset_device(); }
  ~Runtime() override {
    EXPECT_EQ(simt::leaks(), "");
    simt::set_schedule({});
  }
};

class AlsRows : public Runtime, public ::testing::WithParamInterface<std::int32_t> {};

TEST_P(AlsRows, SolveTheirNormalEquationsToFloat) {
  const Problem problem = make_problem(GetParam(), true, {.factors = 0.3, .biases = 0.2});
  const Solution solution = solve(problem);
  expect_solves(problem, solution);
  EXPECT_EQ(solution.repaired, 0U);
}

TEST_P(AlsRows, SolveTheirNormalEquationsInParts) {
  const Problem problem = make_problem(GetParam(), true, {.factors = 0.3, .biases = 0.2});
  const Solution solution = solve(problem, Way::parts);
  expect_solves(problem, solution);
}

TEST_P(AlsRows, SolveTheirNormalEquationsByTheDual) {
  const Problem problem = make_problem(GetParam(), true, {.factors = 0.3, .biases = 0.2});
  const Solution solution = solve(problem, Way::dual);
  expect_solves(problem, solution);
  EXPECT_EQ(solution.repaired, 0U);
}

TEST_P(AlsRows, SolveTheirNormalEquationsEachInItsBin) {
  const Problem problem = make_problem(GetParam(), true, {.factors = 0.3, .biases = 0.2});
  expect_solves(problem, solve(problem, Way::bins));
}

INSTANTIATE_TEST_SUITE_P(Ranks, AlsRows,
                         ::testing::Values(1, 7, 16, 31, 32, 33, 64, 80, 100, 128, 150, 250),
                         [](const auto& rank) { return std::to_string(rank.param); });

/// λ so large that rounding does not show: no row is refined.
constexpr Regularization firm = {.factors = 30, .biases = 20};

TEST_P(AlsRows, SolveTheEquationsOfFactorsRoundedToHalves) {
  const Problem problem = make_problem(GetParam(), true, firm);
  expect_solves(rounded_to_halves(problem), solve<Halves::one>(problem));
}

/// λ so small that rounding shows in every row.
constexpr Regularization loose = {.factors = 1e-3, .biases = 1e-2};

TEST_P(AlsRows, AreRefinedOnceWhereRoundingShows) {
  const Problem problem = make_problem(GetParam(), true, loose);
  expect_refined(problem, solve<Halves::one>(problem));
}

TEST_P(AlsRows, OfFewRatingsAreSolvedToFloatInFastToo) {
  const Problem problem = make_problem(GetParam(), true, loose);
  const Solution fast = solve<Halves::one>(problem, Way::dual);
  const Solution exact = solve(problem, Way::dual);
  const std::int32_t padded = padded_rank(problem.rank);
  for (std::int64_t row = 0; row < problem.ratings.rows(); ++row) {
    if (problem.ratings.view().row_size(row) > padded) continue;
    const auto r = static_cast<std::size_t>(row);
    EXPECT_EQ(fast.biases[r], exact.biases[r]);
    for (std::size_t j = r * padded; j < (r + 1) * padded; ++j) {
      EXPECT_EQ(fast.factors[j], exact.factors[j]);
    }
  }
}

TEST_P(AlsRows, SolveTheirEquationsToHalvesEachInItsBin) {
  const Problem problem = make_problem(GetParam(), true, {.factors = 0.3, .biases = 0.2});
  const double rounding = std::ldexp(1, -11);
  expect_solves(problem, solve<Halves::one>(problem, Way::bins), rounding);
}

/// Ranks that one warp solves, and three; of factors as two halves, and as one, which is refined
/// in every row that is not summed in parts.
class AlsRowsUnderEverySchedule
    : public Runtime,
      public ::testing::WithParamInterface<std::tuple<std::int32_t, Way, Halves>> {};

TEST_P(AlsRowsUnderEverySchedule, GiveTheSameBytes) {
  const auto& [rank, way, halves] = GetParam();
  const Problem problem =
      make_problem(rank, true, halves == Halves::one ? loose : Regularization());
  const auto solved = [&, way = way, halves = halves] {
    return halves == Halves::one ? solve<Halves::one>(problem, way) : solve(problem, way);
  };
  const Solution first = solved();
  for (const Schedule& schedule : simt::schedules()) {
    simt::set_schedule(schedule);
    const Solution other = solved();
    EXPECT_EQ(other.factors, first.factors);
    EXPECT_EQ(other.biases, first.biases);
  }
}

std::string name_of(const std::tuple<std::int32_t, Way, Halves>& made) {
  const auto& [rank, way, halves] = made;
  const std::string names[] = {"whole", "parts", "dual", "bins"};
  return std::to_string(rank) + "_" + names[static_cast<int>(way)] +
         (halves == Halves::one ? "_fast" : "");
}

INSTANTIATE_TEST_SUITE_P(Ranks, AlsRowsUnderEverySchedule,
                         ::testing::Combine(::testing::Values(33, 90),
                                            ::testing::Values(Way::whole, Way::parts, Way::dual,
                                                              Way::bins),
                                            ::testing::Values(Halves::two, Halves::one)),
                         [](const auto& made) { return name_of(made.param); });

class AlsRowsAnyhow : public Runtime {};

TEST_F(AlsRowsAnyhow, HaveNoBiasWhereTheModelHasNone) {
  const Problem problem = make_problem(31, false, {.factors = 0.3, .biases = 0.2});
  expect_solves(problem, solve(problem));
}

TEST_F(AlsRowsAnyhow, AreRepairedAndCountedWhereTheyAreSingular) {
  const Problem problem = make_problem(40, true, {.factors = 0, .biases = 0});
  const Solution solution = solve(problem);
  // Rows of 1, 2, 7, 31, 32 and 33 ratings have at least eight null directions each among the 41
  // unknowns, too many for roundoff to hide them all.
  EXPECT_EQ(solution.repaired, 6U);
  for (const float value : solution.factors) {
    EXPECT_TRUE(std::isfinite(value));
  }
}

TEST_F(AlsRowsAnyhow, AreSolvedHoweverLargeTheTraceIsBesideTheirPadding) {
  // Traces beyond 2²⁴: a pivot of 1 is nothing beside them, and no rank here fills its padding.
  for (const std::int32_t rank : {1, 20, 33, 100}) {
    SCOPED_TRACE(rank);
    const Problem problem = make_problem(rank, true, {.factors = 3e7, .biases = 1e7});
    for (const Way way : {Way::whole, Way::parts, Way::dual, Way::bins}) {
      const Solution solution = solve(problem, way);
      EXPECT_EQ(solution.repaired, 0U);
      expect_solves(problem, solution);
    }
  }
}

TEST_F(AlsRowsAnyhow, TakeTheNormalEquationsWhereTheDualIsSingular) {
  // More ratings than factors, and λ s(n) far below float's roundoff of the trace.
  const Problem problem = make_problem(17, true, {.factors = 1e-12, .biases = 1e-3});
  const Solution dual = solve(problem, Way::dual);
  const Solution whole = solve(problem, Way::whole);
  for (const std::size_t row : {3U, 4U}) {  // of 31 and 32 ratings: below the padded rank
    EXPECT_EQ(dual.biases[row], whole.biases[row]);
    for (std::size_t j = 0; j < 32; ++j) {
      EXPECT_EQ(dual.factors[row * 32 + j], whole.factors[row * 32 + j]);
    }
  }
}

TEST_F(AlsRowsAnyhow, AreNumbersWhereTheDualsBiasIsNone) {
  // λ s(n) times a sum and λ_b s(n) are both below the smallest float.
  for (const double lambda : {1e-44, 1e-45, 1e-46}) {
    const Problem problem = make_problem(100, true, {.factors = lambda, .biases = lambda / 10});
    const Solution solution = solve(problem, Way::dual);
    for (const float value : solution.factors) EXPECT_TRUE(std::isfinite(value));
    for (const float value : solution.biases) EXPECT_TRUE(std::isfinite(value));
  }
}

TEST_F(AlsRowsAnyhow, KeepValuesThatAreNoNumbersForTheTrainerToReport) {
  Problem problem = make_problem(7, true, {});
  problem.ratings.values[0] = NAN;
  const Solution solution = solve(problem);
  EXPECT_TRUE(std::isnan(solution.biases[0]));
  EXPECT_TRUE(std::isfinite(solution.biases[1]));
  EXPECT_EQ(solution.repaired, 0U);
}

}  // namespace
}  // namespace alsatian::cuda
