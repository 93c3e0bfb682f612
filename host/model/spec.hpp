// What a model is and how it is trained: the options that decide the result, and no others.
// Threads, devices, paths and verbosity are not here; the spec is stored in the model file.
#pragma once

#include "kernels/math/likelihood.hpp"
#include "kernels/math/rating_scale.hpp"
#include "kernels/math/regularization.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace alsatian {

enum class Solver { cholesky, conjugate_gradient };
/// Of a factor in the sums over a row's ratings. On a GPU alone; elsewhere all is fp32.
enum class Precision { fp32, fast };

/// Alternating least squares. An epoch is a half-sweep over users, then one over items.
struct Als {
  static constexpr std::string_view name = "als";
  static constexpr int default_epochs = 15;
  Solver solver = Solver::cholesky;
  /// Steps of conjugate gradients per row and half-sweep, from the row's last value.
  int solver_steps = 6;
  /// fast: one half a factor, which leaves errors of 2⁻¹¹ in each row's equations.
  Precision precision = Precision::fp32;
};

enum class Optimizer { adagrad, sgd };
enum class Schedule { exponential, inverse_time };
/// How the steps of an epoch run beside each other: in blocks that share no row, so that the result
/// is the same every time, or batch Hogwild: without regard to rows that they share, on a GPU
/// alone.
enum class Updates { blocks, hogwild };
/// What holds factors while an epoch runs; halves, rounded at random, on a GPU alone. Arithmetic,
/// biases and whatever leaves the epoch are floats either way.
enum class FactorStorage { floats, halves };

/// Maximum likelihood by stochastic gradient descent. An epoch visits every rating once.
struct Mle {
  static constexpr std::string_view name = "mle";
  static constexpr int default_epochs = 20;
  Optimizer optimizer = Optimizer::adagrad;
  double learning_rate = 0.1;
  Schedule schedule = Schedule::exponential;
  /// exponential: rate·decay^epoch; inverse_time: rate / (1 + decay·epoch); epochs from 0.
  double decay = 0.95;
  /// With a validation share: stop after this many epochs without a better validation loss.
  int patience = 3;
  Updates updates = Updates::blocks;
  FactorStorage storage = FactorStorage::floats;
};

/// Full-batch least squares by Levenberg-Marquardt. An epoch is one accepted step.
struct LeastSquares {
  static constexpr std::string_view name = "ls";
  static constexpr int default_epochs = 30;
  /// Most steps of preconditioned conjugate gradients inside one Levenberg-Marquardt step.
  int inner_steps = 50;
};

/// What rows are expected to be from, before their ratings are looked at.
enum class Features { implicit, none };

/// The posterior sampled by Gibbs instead of one best set of factors: predictions are means over
/// draws. An epoch is a sweep: one draw of everything (kernels/math/gibbs.hpp has the model).
struct Bayes {
  static constexpr std::string_view name = "bayes";
  static constexpr int default_epochs = 300;
  static constexpr std::int32_t default_rank = 32;
  /// Sweeps at the beginning whose draws do not count: they are on the way from the start.
  int burn_in = 50;
  /// How many of the draws after those the model keeps, evenly apart. Their mean is wrong by the
  /// spread of the draws over √keep: 16 cost 0.007 of RMSE on ml-100k, 64 0.001.
  int keep = 64;
  /// implicit: the items that a user rated, and the users who rated an item.
  Features features = Features::implicit;
  /// Whether there are features from files beside: on a CPU alone.
  bool feature_files = false;
  /// κ: the likelihood's power. With 1 the ratings of MovieLens are believed too much.
  double likelihood_power = 0.9;
  /// Epochs of als before the first sweep: from a random start the chain stays where the data are
  /// explained badly for hundreds of sweeps.
  int start_epochs = 8;
  /// Chains that know nothing of each other, each from a start of its own; predictions average over
  /// all of them, and the draws that the model keeps are shared among them.
  int chains = 1;
};

using Algorithm = std::variant<Als, Mle, LeastSquares, Bayes>;

inline std::string_view algorithm_name(const Algorithm& algorithm) {
  return std::visit([](const auto& choice) { return choice.name; }, algorithm);
}
inline std::string_view likelihood_name(const Likelihood& likelihood) {
  return std::visit([](const auto& choice) { return choice.name; }, likelihood);
}
inline bool is_standardised(const Likelihood& likelihood) {
  return std::visit([](const auto& choice) { return choice.standardised; }, likelihood);
}

struct ModelSpec {
  Algorithm algorithm = Als{};
  Likelihood likelihood = Gaussian{};
  std::int32_t rank = 64;  // 0 to 1024; 0 leaves biases alone
  bool biases = true;
  Regularization regularization;
  int epochs = Als::default_epochs;
  double start_deviation = 0.1;  // factors start at N(0, 0.1), biases at 0
  std::uint64_t seed = 42;
};

inline constexpr std::int32_t largest_rank = 1024;
inline constexpr int largest_keep = 256;  // draws in a model of bayes
inline constexpr int largest_chains = 64;

inline bool is_hogwild(const Algorithm& algorithm) {
  const auto* mle = std::get_if<Mle>(&algorithm);
  return mle != nullptr && mle->updates == Updates::hogwild;
}
inline bool keeps_halves(const Algorithm& algorithm) {
  const auto* mle = std::get_if<Mle>(&algorithm);
  return mle != nullptr && mle->storage == FactorStorage::halves;
}
inline bool is_fast(const Algorithm& algorithm) {
  const auto* als = std::get_if<Als>(&algorithm);
  return als != nullptr && als->precision == Precision::fast;
}
inline bool is_bayes(const ModelSpec& spec) {
  return std::holds_alternative<Bayes>(spec.algorithm);
}
/// Whether another run on the same device gives the same bytes.
inline bool is_reproducible(const ModelSpec& spec) { return !is_hogwild(spec.algorithm); }

}  // namespace alsatian
