// The same launches as training's, on random factors: the work does not depend on their values.
#include "bench/gpu/als.hpp"

#include "kernels/cuda/als.hpp"
#include "kernels/cuda/als_batched.hpp"
#include "kernels/cuda/als_iterative.hpp"

#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace alsatian::bench {
namespace {

using cuda::DeviceBuffer;

constexpr double regularization = 1.2;
constexpr double bias_regularization = 0.9;

/// One side on the device, and what its rows are solved with.
struct Side {
  const HostRatings& host;
  DeviceBuffer<std::int64_t> offsets;
  DeviceBuffer<std::int32_t> columns;
  DeviceBuffer<float> values;
  DeviceBuffer<cuda::RowRidge> ridges;
  DeviceBuffer<float> factors;
  DeviceBuffer<float> biases;

  Side(const cuda::Context& context, const HostRatings& ratings, std::int32_t rank,
       std::uint64_t seed)
      : host(ratings),
        offsets(to_device(context, ratings.offsets)),
        columns(to_device(context, ratings.columns)),
        values(to_device(context, ratings.values)),
        factors(to_device(context,
                          random_factors(ratings.rows(), rank, cuda::padded_rank(rank), seed))),
        biases(to_device(context, random_factors(ratings.rows(), 1, 1, seed + 1))) {
    std::vector<cuda::RowRidge> all;
    for (std::int64_t row = 0; row < ratings.rows(); ++row) {
      const double scale =
          std::sqrt(static_cast<double>(ratings.offsets[static_cast<std::size_t>(row) + 1] -
                                        ratings.offsets[static_cast<std::size_t>(row)]));
      all.push_back({static_cast<float>(scale * regularization),
                     static_cast<float>(scale * bias_regularization)});
    }
    ridges = to_device(context, all);
  }
};

/// A problem on the device, with random factors.
struct BothSides {
  Side users;
  Side items;
  DeviceBuffer<unsigned long long> repaired;
  std::int32_t rank;

  BothSides(const cuda::Context& context, const Problem& problem, std::int32_t factors)
      : users(context, problem.by_user, factors, 1),
        items(context, problem.by_item, factors, 3),
        repaired(to_device(context, std::vector<unsigned long long>{0})),
        rank(factors) {}

  cuda::AlsTask task(bool is_user) {
    Side& own = is_user ? users : items;
    const Side& opposite = is_user ? items : users;
    return {.offsets = std::as_const(own.offsets).span(),
            .columns = std::as_const(own.columns).span(),
            .ratings = std::as_const(own.values).span(),
            .opposite = opposite.factors.span(),
            .opposite_biases = opposite.biases.span(),
            .ridges = std::as_const(own.ridges).span(),
            .solved = own.factors.span(),
            .solved_biases = own.biases.span(),
            .repaired = repaired.span(),
            .rank = rank,
            .biases = true};
  }
};

/// The largest ‖residual‖ ÷ (‖A‖ ‖x‖ + ‖b‖) of some rows, in double.
double largest_error(const HostRatings& ratings, const std::vector<float>& opposite,
                     const std::vector<float>& opposite_biases, const std::vector<float>& solved,
                     const std::vector<float>& solved_biases, std::int32_t rank) {
  const auto stride = static_cast<std::size_t>(cuda::padded_rank(rank));
  const auto order = static_cast<std::size_t>(rank) + 1;
  double largest = 0;
  for (std::int64_t row = 0; row < ratings.rows(); row += ratings.rows() / 97 + 1) {
    const auto r = static_cast<std::size_t>(row);
    const auto count = static_cast<double>(ratings.offsets[r + 1] - ratings.offsets[r]);
    if (count == 0) {
      continue;
    }
    std::vector<double> x(order);
    for (std::size_t j = 0; j + 1 < order; ++j) {
      x[j] = solved[r * stride + j];
    }
    x[order - 1] = solved_biases[r];
    std::vector<double> residual(order, 0.0);
    double trace = 0;
    double right = 0;
    double size = 0;
    const double scale = std::sqrt(count);
    for (std::size_t j = 0; j < order; ++j) {
      const double ridge = scale * (j + 1 < order ? regularization : bias_regularization);
      residual[j] = ridge * x[j];
      trace += ridge;
      size += x[j] * x[j];
    }
    for (auto o = static_cast<std::size_t>(ratings.offsets[r]);
         o < static_cast<std::size_t>(ratings.offsets[r + 1]); ++o) {
      const auto column = static_cast<std::size_t>(ratings.columns[o]);
      double score = x[order - 1] + opposite_biases[column];
      double square = 1;
      for (std::size_t j = 0; j + 1 < order; ++j) {
        const double q = opposite[column * stride + j];
        score += q * x[j];
        square += q * q;
      }
      trace += square;
      const double weight = score - ratings.values[o];
      right += std::abs(static_cast<double>(ratings.values[o]) - opposite_biases[column]) *
               std::sqrt(square);
      for (std::size_t j = 0; j + 1 < order; ++j) {
        residual[j] += weight * opposite[column * stride + j];
      }
      residual[order - 1] += weight;
    }
    double norm = 0;
    for (const double value : residual) {
      norm += value * value;
    }
    const double error = std::sqrt(norm) / (trace * std::sqrt(size) + right);
    largest = error > largest || std::isnan(error) ? error : largest;
  }
  return largest;
}

/// Times what sweep(is_user) enqueues for either side; the largest error that solve(is_user)
/// leaves.
template <typename Sweep, typename Solve>
double time_half_sweeps(const cuda::Context& context, const std::string& name,
                        const BothSides& sides, int repeats, const Sweep& sweep, const Solve& solve,
                        Figures& figures) {
  double seconds = 0;
  double error = 0;
  for (const bool is_user : {true, false}) {
    const Side& own = is_user ? sides.users : sides.items;
    const Side& opposite = is_user ? sides.items : sides.users;
    const double of_side = median_seconds(context, repeats, [&] { sweep(is_user); });
    solve(is_user);
    context.compute().synchronize();
    error = std::max(error, largest_error(own.host, from_device(context, opposite.factors),
                                          from_device(context, opposite.biases),
                                          from_device(context, own.factors),
                                          from_device(context, own.biases), sides.rank));
    figures.add(name + (is_user ? "users" : "items"), of_side * 1e3, "ms");
    seconds += of_side;
  }
  figures.add(name + "epoch", seconds * 1e3, "ms");
  figures.add(name + "largest backward error", error * 1e6, "1e-6");
  return error;
}

}  // namespace

bool benchmark_als(const cuda::Context& context, const std::string& shape, const Problem& problem,
                   std::int32_t rank, cuda::Halves halves, int repeats, Figures& figures) {
  BothSides sides(context, problem, rank);
  const cuda::BinLimits limits{.most_short_ratings = 1 << 20};
  cuda::AlsSide user_rows(context, problem.by_user.offsets, problem.by_item.rows(), rank, halves,
                          limits);
  cuda::AlsSide item_rows(context, problem.by_item.offsets, problem.by_user.rows(), rank, halves,
                          limits);
  const bool fast = halves == cuda::Halves::one;
  const auto sweep = [&](bool is_user) {
    (is_user ? user_rows : item_rows).half_sweep(sides.task(is_user));
  };
  const double error = time_half_sweeps(
      context, "als " + shape + " k=" + std::to_string(rank) + (fast ? " fast " : " "), sides,
      repeats, sweep, [](bool) {}, figures);
  // 22 bits of fraction in each operand, and sums of float: a few 2⁻²⁴ of what is summed. With one
  // half 11 bits, of two operands and the right-hand side's: 2⁻¹⁰, less where signs differ.
  return error < (fast ? 1e-3 : 2e-6);
}

bool benchmark_iterative_als(const cuda::Context& context, const std::string& shape,
                             const Problem& problem, std::int32_t rank, int repeats,
                             Figures& figures) {
  BothSides sides(context, problem, rank);
  const cuda::IterativeOptions as_trained{.steps = 6};
  const cuda::IterativeOptions to_the_end{.steps = 300};
  cuda::AlsIterativeSide user_rows(context, problem.by_user.offsets, rank, as_trained);
  cuda::AlsIterativeSide item_rows(context, problem.by_item.offsets, rank, as_trained);
  const auto sweep = [&](bool is_user) {
    (is_user ? user_rows : item_rows).half_sweep(sides.task(is_user));
  };
  const auto solve = [&](bool is_user) {
    const HostRatings& ratings = is_user ? problem.by_user : problem.by_item;
    cuda::AlsIterativeSide rows(context, ratings.offsets, rank, to_the_end);
    rows.half_sweep(sides.task(is_user));
    context.compute().synchronize();
  };
  const double error =
      time_half_sweeps(context, "als " + shape + " k=" + std::to_string(rank) + " 6 steps of cg ",
                       sides, repeats, sweep, solve, figures);
  // Rounding of the residual that is carried along; the steps are enough for rows of any condition.
  return error < 1e-5;
}

bool benchmark_vendor_als(const cuda::Context& context, const std::string& shape,
                          const Problem& problem, std::int32_t rank, int repeats,
                          Figures& figures) {
  BothSides sides(context, problem, rank);
  cuda::AlsBatchedSide user_rows(context, problem.by_user.offsets, rank, {});
  cuda::AlsBatchedSide item_rows(context, problem.by_item.offsets, rank, {});
  const auto sweep = [&](bool is_user) {
    (is_user ? user_rows : item_rows).half_sweep(sides.task(is_user));
  };
  const double error = time_half_sweeps(
      context, "als " + shape + " k=" + std::to_string(rank) + " by cuBLAS and cuSOLVER ", sides,
      repeats, sweep, [](bool) {}, figures);
  return error < 2e-6;
}

}  // namespace alsatian::bench
