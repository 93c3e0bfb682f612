// Problems in memory, clocks of the device, and loops in double to compare with.
#include "bench/gpu/least_squares.hpp"

#include "kernels/cuda/errors.hpp"
#include "kernels/cuda/least_squares.hpp"
#include "kernels/math/random.hpp"
#include "kernels/math/regularization.hpp"
#include "kernels/math/score.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <utility>
#include <vector>

namespace alsatian::bench {
namespace {

using cuda::Context;
using cuda::DeviceBuffer;
using cuda::DeviceRatings;
using cuda::DeviceTable;
using cuda::PinnedBuffer;

constexpr std::uint64_t seed = 11;

struct Compressed {
  std::vector<std::int64_t> offsets{0};
  std::vector<std::int32_t> columns;
  std::vector<float> values;

  std::int64_t rows() const { return static_cast<std::int64_t>(offsets.size()) - 1; }
};

double normal_draw(RandomStream stream, std::int64_t row, std::uint32_t index) {
  const Random4 words = philox(seed, stream, static_cast<std::uint64_t>(row), index);
  return normal(words.word[0], words.word[1]).value[0];
}

Compressed make_by_user(const LeastSquaresShape& shape) {
  constexpr double spread = 1.15;  // mean over median exp(spread²/2), about 2 as in ml-25m
  const double mean = static_cast<double>(shape.observations) / static_cast<double>(shape.users);
  // Popularity ~ (place + shift)^−1.5 has this inverse distribution function.
  const double shift = std::min(200.0, static_cast<double>(shape.items) / 10 + 1);
  const double low = 1 / std::sqrt(shift);
  const double high = 1 / std::sqrt(static_cast<double>(shape.items) + shift);
  std::vector<std::int32_t> item_at(static_cast<std::size_t>(shape.items));
  std::iota(item_at.begin(), item_at.end(), 0);
  RandomWords words(seed, RandomStream::item_order, 0);
  shuffle(View<std::int32_t>(item_at), words);
  Compressed made;
  std::vector<std::int32_t> row;
  for (std::int64_t user = 0; user < shape.users; ++user) {
    const double wanted =
        mean *
        std::exp(spread * normal_draw(RandomStream::generate_user, user, 0) - spread * spread / 2);
    const auto count = static_cast<std::int64_t>(
        std::clamp(wanted * 1.04 + 0.5, 1.0, static_cast<double>(shape.items) / 3 + 1));
    RandomWords draws(seed, RandomStream::generate, static_cast<std::uint64_t>(user));
    row.clear();
    for (std::int64_t j = 0; j < count; ++j) {
      const double t = low - uniform(draws()) * (low - high);
      const auto place = static_cast<std::int64_t>(1 / (t * t) - shift);
      row.push_back(
          item_at[static_cast<std::size_t>(std::clamp<std::int64_t>(place, 0, shape.items - 1))]);
    }
    std::sort(row.begin(), row.end());
    row.erase(std::unique(row.begin(), row.end()), row.end());
    for (const std::int32_t item : row) {
      made.columns.push_back(item);
      made.values.push_back(static_cast<float>(uniform(draws()) * 3.4 - 1.7));
    }
    made.offsets.push_back(static_cast<std::int64_t>(made.columns.size()));
  }
  return made;
}

Compressed transposed(const Compressed& from, std::int64_t columns) {
  Compressed to;
  to.offsets.assign(static_cast<std::size_t>(columns) + 1, 0);
  for (const std::int32_t column : from.columns) {
    ++to.offsets[static_cast<std::size_t>(column) + 1];
  }
  std::partial_sum(to.offsets.begin(), to.offsets.end(), to.offsets.begin());
  to.columns.resize(from.columns.size());
  to.values.resize(from.values.size());
  std::vector<std::int64_t> next = to.offsets;
  for (std::int64_t row = 0; row < from.rows(); ++row) {
    for (auto o = static_cast<std::size_t>(from.offsets[static_cast<std::size_t>(row)]);
         o < static_cast<std::size_t>(from.offsets[static_cast<std::size_t>(row) + 1]); ++o) {
      const auto place =
          static_cast<std::size_t>(next[static_cast<std::size_t>(from.columns[o])]++);
      to.columns[place] = static_cast<std::int32_t>(row);
      to.values[place] = from.values[o];
    }
  }
  return to;
}

template <typename T>
DeviceBuffer<T> to_device(const Context& context, const std::vector<T>& values) {
  PinnedBuffer<T> staging(static_cast<std::int64_t>(values.size()));
  std::copy(values.begin(), values.end(), staging.span().begin());
  DeviceBuffer<T> buffer(staging.size());
  cuda::upload(context.compute(), std::span<const T>(staging.span()), buffer.span());
  context.compute().synchronize();
  return buffer;
}

template <typename T>
std::vector<T> to_host(const Context& context, const DeviceBuffer<T>& buffer) {
  PinnedBuffer<T> staging(buffer.size());
  cuda::download(context.compute(), buffer.span(), staging.span());
  context.compute().synchronize();
  return {staging.span().begin(), staging.span().end()};
}

struct RatingsOnDevice {
  DeviceBuffer<std::int64_t> offsets;
  DeviceBuffer<std::int32_t> columns;
  DeviceBuffer<float> values;

  RatingsOnDevice(const Context& context, const Compressed& ratings)
      : offsets(to_device(context, ratings.offsets)),
        columns(to_device(context, ratings.columns)),
        values(to_device(context, ratings.values)) {}
  DeviceRatings ratings() const { return {offsets.span(), columns.span(), values.span()}; }
};

/// Start factors N(0, 0.1), biases 0.
struct TableOnDevice {
  DeviceBuffer<float> factors;
  DeviceBuffer<float> biases;
  std::int32_t rank;

  TableOnDevice(const Context& context, std::int64_t rows, std::int32_t factors_per_row,
                RandomStream stream)
      : rank(factors_per_row) {
    const std::int64_t stride = cuda::padded_rank(rank);
    std::vector<float> padded(static_cast<std::size_t>(rows * stride));
    for (std::int64_t row = 0; row < rows; ++row) {
      RandomWords words(seed, stream, static_cast<std::uint64_t>(row));
      NormalDraws draws(words);
      for (std::int32_t j = 0; j < rank; ++j) {
        padded[static_cast<std::size_t>(row * stride + j)] = static_cast<float>(0.1 * draws());
      }
    }
    factors = to_device(context, padded);
    biases = to_device(context, std::vector<float>(static_cast<std::size_t>(rows)));
  }
  DeviceTable<float> table() {
    return {factors.span(), biases.span(), rank, cuda::padded_rank(rank)};
  }
};

struct Problem {
  Compressed by_user;
  Compressed by_item;
  RatingsOnDevice device_by_user;
  RatingsOnDevice device_by_item;
  TableOnDevice users;
  TableOnDevice items;
  cuda::LeastSquares solver;
  cuda::Errors errors;

  Problem(const Context& context, const LeastSquaresShape& shape,
          const cuda::LeastSquaresOptions& options)
      : by_user(make_by_user(shape)),
        by_item(transposed(by_user, shape.items)),
        device_by_user(context, by_user),
        device_by_item(context, by_item),
        users(context, shape.users, shape.rank, RandomStream::user_start),
        items(context, shape.items, shape.rank, RandomStream::item_start),
        solver(
            context,
            {device_by_user.ratings(), device_by_item.ratings(), by_user.offsets, by_item.offsets},
            shape.rank, options),
        errors(context) {}

  cuda::ScoreTask score_task() { return {users.table(), items.table(), 0.0, Gaussian{}}; }
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// Median seconds of what `enqueue` puts on the compute stream, after one run to warm up.
template <typename Enqueue>
double device_seconds(const Context& context, int repeats, const Enqueue& enqueue) {
  cuda::Event start(cuda::EventUse::timing);
  cuda::Event end(cuda::EventUse::timing);
  std::vector<double> seconds;
  for (int run = 0; run <= repeats; ++run) {
    start.record(context.compute());
    enqueue();
    end.record(context.compute());
    const double taken = cuda::Event::seconds_between(start, end);
    if (run > 0) {
      seconds.push_back(taken);
    }
  }
  return median(std::move(seconds));
}

/// F and the norm of its gradient in double, from what is on the device.
struct DoubleFigures {
  double loss = 0;
  double objective = 0;
  double gradient_norm = 0;
};

DoubleFigures figures_in_double(const Context& context, const Problem& problem,
                                const Regularization& regularization) {
  const std::int64_t stride = cuda::padded_rank(problem.users.rank);
  const std::int32_t rank = problem.users.rank;
  const std::vector<float> p = to_host(context, problem.users.factors);
  const std::vector<float> q = to_host(context, problem.items.factors);
  const std::vector<float> b = to_host(context, problem.users.biases);
  const std::vector<float> c = to_host(context, problem.items.biases);
  std::vector<double> slopes[4] = {std::vector<double>(p.size()), std::vector<double>(q.size()),
                                   std::vector<double>(b.size()), std::vector<double>(c.size())};
  DoubleFigures figures;
  for (std::size_t user = 0; user < b.size(); ++user) {
    const auto first = static_cast<std::size_t>(problem.by_user.offsets[user]);
    const auto last = static_cast<std::size_t>(problem.by_user.offsets[user + 1]);
    for (std::size_t o = first; o < last; ++o) {
      const auto item = static_cast<std::size_t>(problem.by_user.columns[o]);
      const float* const left = p.data() + user * static_cast<std::size_t>(stride);
      const float* const right = q.data() + item * static_cast<std::size_t>(stride);
      const double eta = score<double>(0, b[user], c[item], dot<double>(left, right, rank));
      const auto [loss, slope] =
          Gaussian::loss_and_slope(eta, static_cast<double>(problem.by_user.values[o]));
      figures.loss += loss;
      slopes[2][user] += slope;
      slopes[3][item] += slope;
      for (std::size_t j = 0; j < static_cast<std::size_t>(rank); ++j) {
        slopes[0][user * static_cast<std::size_t>(stride) + j] += slope * right[j];
        slopes[1][item * static_cast<std::size_t>(stride) + j] += slope * left[j];
      }
    }
  }
  double penalty = 0;
  double squares = 0;
  const auto add_side = [&](const Compressed& ratings, const std::vector<float>& factors,
                            const std::vector<float>& biases, std::vector<double>& slope,
                            std::vector<double>& bias_slope) {
    for (std::size_t row = 0; row < biases.size(); ++row) {
      const auto count = static_cast<double>(ratings.offsets[row + 1] - ratings.offsets[row]);
      const alsatian::RowRidge<double> ridge = row_ridge<double>(count, regularization);
      double norm = 0;
      for (std::size_t j = 0; j < static_cast<std::size_t>(stride); ++j) {
        const std::size_t place = row * static_cast<std::size_t>(stride) + j;
        const double value = factors[place];
        norm += value * value;
        slope[place] += ridge.factors * value;
        squares += slope[place] * slope[place];
      }
      bias_slope[row] += ridge.biases * biases[row];
      squares += bias_slope[row] * bias_slope[row];
      penalty +=
          row_penalty(row_scale(count, regularization.scaling), regularization, norm, biases[row]);
    }
  };
  add_side(problem.by_user, p, b, slopes[0], slopes[2]);
  add_side(problem.by_item, q, c, slopes[1], slopes[3]);
  figures.objective = figures.loss + penalty;
  figures.gradient_norm = std::sqrt(squares);
  return figures;
}

bool expect(bool holds, std::int32_t rank, const char* what, double found, double expected) {
  if (!holds) {
    std::printf("least squares, rank %d: %s: %.9g, expected %.9g\n", rank, what, found, expected);
  }
  return holds;
}

}  // namespace

LeastSquaresTimes benchmark_least_squares(const Context& context, const LeastSquaresShape& shape,
                                          cuda::GaussNewtonProducts products, int repeats) {
  Problem problem(context, shape, {.products = products});
  LeastSquaresTimes times;
  times.observations = problem.device_by_user.ratings().observations();
  const DeviceTable<const float> users = problem.users.table();
  const DeviceTable<const float> items = problem.items.table();
  if (shape.rank > 0) {
    times.gradient_seconds =
        device_seconds(context, repeats, [&] { problem.solver.enqueue_gradient(users, items); });
    times.product_seconds =
        device_seconds(context, repeats, [&] { problem.solver.enqueue_product(users, items); });
  }
  times.errors_seconds = device_seconds(context, repeats, [&] {
    problem.errors.training_errors(problem.score_task(), problem.device_by_user.ratings());
  });
  const auto start = std::chrono::steady_clock::now();
  times.step_inner_steps =
      problem.solver.step(problem.users.table(), problem.items.table()).inner_steps;
  times.step_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (times.product_seconds > 0) {
    times.gathered_bytes_per_second = 4.0 * static_cast<double>(times.observations) *
                                      cuda::padded_rank(shape.rank) * sizeof(float) /
                                      times.product_seconds;
  }
  std::printf("least squares, rank %d, %lld ratings\n", shape.rank,
              static_cast<long long>(times.observations));
  std::printf("  gradient         %8.3f ms\n", 1e3 * times.gradient_seconds);
  std::printf("  product          %8.3f ms   gathers %.2f TB/s\n", 1e3 * times.product_seconds,
              1e-12 * times.gathered_bytes_per_second);
  std::printf("  step             %8.3f ms   %d products\n", 1e3 * times.step_seconds,
              times.step_inner_steps);
  std::printf("  training errors  %8.3f ms\n", 1e3 * times.errors_seconds);
  return times;
}

bool check_least_squares(const Context& context, std::int32_t rank,
                         cuda::GaussNewtonProducts products) {
  const LeastSquaresShape shape{.users = 151, .items = 97, .observations = 3001, .rank = rank};
  cuda::LeastSquaresOptions options;
  options.part_ratings = 37;  // so that rows are cut
  options.products = products;
  Problem problem(context, shape, options);
  const DoubleFigures before = figures_in_double(context, problem, options.regularization);
  // Scores have a few dozen roundings each, their sum thousands of terms of either sign.
  const double allowed = 1e-5;
  const double loss =
      problem.errors.training_errors(problem.score_task(), problem.device_by_user.ratings()).loss;
  bool good = expect(std::abs(loss - before.loss) <= allowed * before.loss, rank,
                     "loss over the training ratings", loss, before.loss);
  double last = before.objective;
  const int steps = rank == 0 ? 1 : 40;
  for (int step = 0; step < steps; ++step) {
    const cuda::LeastSquaresStep report =
        problem.solver.step(problem.users.table(), problem.items.table());
    if (!report.accepted) {
      good &= expect(step > 0, rank, "F of a first step that lowers nothing", report.objective, 0);
      break;
    }
    const double exact = figures_in_double(context, problem, options.regularization).objective;
    good &= expect(std::abs(report.objective - exact) <= allowed * exact, rank, "F after a step",
                   report.objective, exact);
    good &= expect(report.objective < last, rank, "F does not fall", report.objective, last);
    last = report.objective;
  }
  if (rank > 0) {
    const double norm = problem.solver.state().first_gradient;
    good &= expect(std::abs(norm - before.gradient_norm) <= allowed * before.gradient_norm, rank,
                   "norm of the gradient at the start", norm, before.gradient_norm);
  }
  // The ratings are noise, which is the slowest to fit.
  const double wanted = (rank == 0 ? 1e-5 : 0.1) * before.gradient_norm;
  const DoubleFigures after = figures_in_double(context, problem, options.regularization);
  good &= expect(after.gradient_norm <= wanted, rank, "norm of the gradient at the end",
                 after.gradient_norm, wanted);
  if (products == cuda::GaussNewtonProducts::library) {
    return good;  // its sums may come in another order
  }
  Problem again(context, shape, options);
  for (int step = 0; step < steps; ++step) {
    if (!again.solver.step(again.users.table(), again.items.table()).accepted) {
      break;
    }
  }
  const bool same =
      to_host(context, again.users.factors) == to_host(context, problem.users.factors) &&
      to_host(context, again.items.biases) == to_host(context, problem.items.biases);
  good &= expect(same, rank, "bytes of a second run that are the same", 0, 1);
  return good;
}

}  // namespace alsatian::bench
