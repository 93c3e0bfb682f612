// Options that decide what is trained: `--model`, `--k`, `--reg` and their kin, with aliases.
// What does not apply to the chosen model is refused, never ignored.
#pragma once

#include "cli/command_line.hpp"
#include "host/model/spec.hpp"

#include <optional>
#include <string>
#include <vector>

namespace alsatian {

/// As given; what is empty takes the model's default.
struct ModelOptions {
  std::string model = "als";
  std::optional<std::int32_t> rank;
  std::optional<int> epochs;
  std::optional<double> reg;
  bool reg_auto = false;  // --reg auto: reg is empty
  std::optional<double> reg_bias;
  std::optional<double> reg_scaling;
  bool no_biases = false;
  std::optional<Likelihood> likelihood;
  std::optional<double> positive;
  std::optional<Solver> solver;
  std::optional<int> solver_steps;
  std::optional<Precision> precision;
  std::optional<double> learning_rate;
  std::optional<Optimizer> optimizer;
  std::optional<Schedule> schedule;
  std::optional<double> decay;
  std::optional<int> patience;
  std::optional<Updates> updates;
  std::optional<FactorStorage> storage;
  std::optional<int> inner_steps;
  std::optional<int> burn_in;
  std::optional<int> keep;
  std::optional<int> chains;
  std::optional<Features> features;
  std::optional<double> likelihood_power;
  std::uint64_t seed = 42;
};

/// What the options that tune varies may be.
inline const WholeRule rank_rule{.lowest = 0, .highest = largest_rank, .example = "64"};
inline const RealRule reg_rule{.lowest = 0, .highest = 1e12, .example = "1.2"};
inline const RealRule reg_bias_rule{.lowest = 0, .highest = 1e12, .example = "0.9"};
inline const RealRule reg_scaling_rule{.lowest = 0, .highest = 1, .example = "0.5"};
inline const RealRule learning_rate_rule{
    .lowest = 0, .highest = 1e6, .lowest_excluded = true, .example = "0.1"};
inline const RealRule decay_rule{.lowest = 0, .highest = 1e6, .example = "0.95"};

/// Whether --reg may be `auto`.
enum class AutomaticReg { offered, refused };

void add_model_options(CommandLine& line, ModelOptions& options, AutomaticReg automatic);

struct ChosenSpec {
  ModelSpec spec;
  std::vector<std::string> notes;  // values that followed from others, for the log
};

/// Whether ratings are kept from training to stop by.
enum class Validation { none, some };

/// The spec with defaults filled in. Throws Error 64 naming what does not apply or contradicts.
ChosenSpec make_spec(const ModelOptions& options, Validation validation);

/// λ for a given α alone: 14·140^(−α), which keeps λ·s(n) at the default's for n = 140.
double regularization_for_scaling(double scaling);

}  // namespace alsatian
