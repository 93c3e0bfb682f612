// Implements model_options.hpp: flags of section "Models", their defaults, who may use them.
// Defaults were chosen once for all data sets, in units of standardised ratings.
#include "cli/model_options.hpp"

#include "host/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace alsatian {
namespace {

constexpr double bias_share = 0.75;  // λ_b / λ where λ_b is not given
constexpr double inverse_time_decay = 0.1;
constexpr double plain_learning_rate = 0.05;  // without AdaGrad

/// A number, or where it is offered `auto`.
void add_reg_option(CommandLine& line, ModelOptions& options, AutomaticReg automatic) {
  const std::string names = "--reg,--lambda";
  const std::string meaning =
      "λ: multiplies half the squared length of every user's and item's factors, times "
      "s(n) = n^α of its n ratings, in units of ratings divided by their deviation; of bayes it "
      "decides the start alone";
  const std::string range = "0 to 1e12, default 1.2; 14·140^(-α) where only --reg-scaling is given";
  if (automatic == AutomaticReg::refused) {
    line.real(names, options.reg, reg_rule, fmt::format("{} [{}]", meaning, range));
    return;
  }
  line.value(
      names, "X|auto",
      [&options](std::string_view option, const std::string& text) {
        options.reg_auto = text == "auto";
        options.reg.reset();
        if (options.reg_auto) return;
        options.reg = real_number(text, reg_rule);
        if (options.reg) return;
        refuse_value(option, text, "auto, or " + describe(reg_rule),
                     fmt::format("try {} {} or {} auto", option, reg_rule.example, option));
      },
      fmt::format("{}; auto: λ and λ_b are chosen by the error on the validation part, or else on "
                  "a tenth of the training part, before training on all of it [auto, or {}]",
                  meaning, range));
}

void add_objective_options(CommandLine& line, ModelOptions& options, AutomaticReg automatic) {
  line.group("Model");
  line.choice(
      "--model", options.model, {{"als", "als"}, {"mle", "mle"}, {"ls", "ls"}, {"bayes", "bayes"}},
      "als: alternating least squares; mle: maximum likelihood by stochastic gradient "
      "descent; ls: least squares over all parameters at once; bayes: the mean over draws of the "
      "posterior, sampled by Gibbs: the most accurate, and by far the slowest [default als]");
  line.whole("--k,--factors,--rank", options.rank, rank_rule,
             "Factors per user and item; 0 leaves biases alone [0 to 1024, default 64, bayes 32]");
  line.whole("--epochs,--iterations,--iters", options.epochs,
             {.lowest = 1, .highest = 1'000'000, .example = "15"},
             "Epochs: passes of als and mle, accepted steps of ls, sweeps of bayes [1 to 1000000, "
             "default als 15, mle 20, ls 30, bayes 300]");
  add_reg_option(line, options, automatic);
  line.real("--reg-bias", options.reg_bias, reg_bias_rule,
            "The same for biases [0 to 1e12, default 0.9, 0.75 λ where λ is not the default]");
  line.real("--reg-scaling", options.reg_scaling, reg_scaling_rule,
            "α of s(n) = n^α: 0 is plain ridge, 1 is ALS-WR [0 to 1, default 0.5]");
  line.flag("--no-biases", options.no_biases, "Factors alone, without biases");
  line.whole("--seed", options.seed, {.lowest = 0, .example = "42"},
             "Start values, hash splits and orders all follow from it [0 to 9223372036854775807, "
             "default 42]");
}

void add_algorithm_options(CommandLine& line, ModelOptions& options) {
  line.group("als alone");
  line.choice("--solver", options.solver,
              {{"cholesky", Solver::cholesky}, {"cg", Solver::conjugate_gradient}},
              "Exact row solves, or conjugate gradients from the last value [default cholesky]");
  line.whole("--solver-steps", options.solver_steps,
             {.lowest = 1, .highest = 10'000, .example = "6"},
             "Steps of --solver cg per row [1 to 10000, default 6]");
  line.choice(
      "--precision", options.precision, {{"fp32", Precision::fp32}, {"fast", Precision::fast}},
      "With --device cuda: sums over ratings as exact as in float, or of factors rounded to "
      "halves, a quarter sooner [default fp32]");
  line.group("mle alone");
  line.choice("--likelihood", options.likelihood,
              {{"gaussian", Gaussian{}},
               {"laplace", Laplace{}},
               {"poisson", Poisson{}},
               {"bernoulli", Bernoulli{}}},
              "Distribution of a rating around its prediction [default gaussian; als, ls "
              "and bayes have no other]");
  line.real("--positive", options.positive,
            {.lowest = -std::numeric_limits<double>::infinity(), .example = "4"},
            "With --likelihood bernoulli: a rating at or above X counts as 1, any other as 0, in "
            "the rating's unit [any finite number, default none]");
  line.real("--lr,--learning-rate", options.learning_rate, learning_rate_rule,
            "Learning rate of the first epoch [above 0, at most 1e6, default 0.1, 0.05 with "
            "--optimizer sgd]");
  line.choice("--optimizer", options.optimizer,
              {{"adagrad", Optimizer::adagrad}, {"sgd", Optimizer::sgd}},
              "Steps scaled by each row's past slopes, or plain steps [default adagrad]");
  line.choice("--schedule", options.schedule,
              {{"exponential", Schedule::exponential}, {"inverse-time", Schedule::inverse_time}},
              "Learning rate of epoch e from 0: rate·decay^e or rate/(1 + decay·e) [default "
              "exponential]");
  line.real("--decay", options.decay, decay_rule,
            "decay of --schedule [exponential: above 0, at most 1, default 0.95; inverse-time: "
            "0 to 1e6, default 0.1]");
  line.whole("--patience", options.patience, {.lowest = 1, .highest = 1'000'000, .example = "3"},
             "With --validation: stop after N epochs without a better loss and keep the best "
             "epoch [1 to 1000000, default 3]");
  line.choice("--updates", options.updates,
              {{"blocks", Updates::blocks}, {"hogwild", Updates::hogwild}},
              "Steps beside each other in blocks that share no user or item, the same bytes every "
              "time; or, on a GPU alone, batch Hogwild: faster, as it does not mind shared rows, "
              "and another result every time [default blocks]");
  line.choice(
      "--storage", options.storage,
      {{"float", FactorStorage::floats}, {"half", FactorStorage::halves}},
      "What factors are kept in while an epoch runs: floats, or, on a GPU alone, halves "
      "rounded at random, half the bytes to move, which gains only where they are the limit; "
      "the model has floats either way [default float]");
  line.group("ls alone");
  line.whole("--inner-steps", options.inner_steps,
             {.lowest = 1, .highest = 1'000'000, .example = "50"},
             "Most conjugate gradient steps inside one step [1 to 1000000, default 50]");
  line.group("bayes alone");
  line.whole(
      "--burn-in", options.burn_in, {.lowest = 0, .highest = 1'000'000, .example = "50"},
      "Sweeps whose draws do not count, because they are on the way from the start; fewer than "
      "--epochs [0 to 1000000, default a sixth of --epochs]");
  line.whole("--keep", options.keep, {.lowest = 1, .highest = largest_keep, .example = "64"},
             "Draws that the model keeps, in halves: it predicts their mean [1 to 256, default 64, "
             "at most one a sweep and chain after --burn-in]");
  line.whole("--chains", options.chains, {.lowest = 1, .highest = largest_chains, .example = "4"},
             "Chains that know nothing of each other, each of --epochs sweeps: predictions average "
             "over all, --keep is shared among them, and whether they meet is measured [1 to 64, "
             "default 1]");
  line.choice("--features", options.features,
              {{"implicit", Features::implicit}, {"none", Features::none}},
              "What rows are expected to be from: which items a user rated and which users rated "
              "an item, or nothing [default implicit]");
  line.real(
      "--likelihood-power", options.likelihood_power,
      {.lowest = 0, .highest = 1, .lowest_excluded = true, .example = "0.9"},
      "How much of a rating counts: 1 is Bayes' rule, which believes ratings too much that are "
      "not as the model has them [above 0, at most 1, default 0.9]");
}

void refuse_unless(bool applies, bool given, const std::string& option, const std::string& owner,
                   const std::string& help) {
  if (applies || !given) return;
  throw Error(ExitCode::usage, option, fmt::format("applies to {} alone", owner), help);
}

/// Where --reg auto has nothing to choose.
void refuse_auto_without_choice(const ModelOptions& options) {
  if (!options.reg_auto) return;
  if (options.model == "bayes") {
    throw Error(ExitCode::usage, "--reg auto",
                "bayes draws its penalties: --reg decides the start of its chains alone",
                "leave out --reg, or use --model als, mle or ls");
  }
  if (options.rank == 0 && options.reg_bias) {
    throw Error(ExitCode::usage, "--reg auto",
                "there is nothing to choose: --k 0 has no factors, and --reg-bias is given",
                "leave out --reg-bias or --reg auto");
  }
}

void refuse_foreign_options(const ModelOptions& options, Validation validation) {
  const bool als = options.model == "als";
  const bool mle = options.model == "mle";
  const auto leave = [](const std::string& option, const std::string& instead) {
    return fmt::format("leave out {} or use {}", option, instead);
  };
  const auto for_als = [&](bool given, const std::string& option) {
    refuse_unless(als, given, option, "--model als", leave(option, "--model als"));
  };
  const auto for_mle = [&](bool given, const std::string& option) {
    refuse_unless(mle, given, option, "--model mle", leave(option, "--model mle"));
  };
  for_als(options.solver.has_value(), "--solver");
  for_als(options.solver_steps.has_value(), "--solver-steps");
  for_als(options.precision.has_value(), "--precision");
  refuse_unless(options.solver == Solver::conjugate_gradient, options.solver_steps.has_value(),
                "--solver-steps", "--solver cg", leave("--solver-steps", "--solver cg"));
  for_mle(options.learning_rate.has_value(), "--lr");
  for_mle(options.optimizer.has_value(), "--optimizer");
  for_mle(options.schedule.has_value(), "--schedule");
  for_mle(options.decay.has_value(), "--decay");
  for_mle(options.patience.has_value(), "--patience");
  for_mle(options.updates.has_value(), "--updates");
  for_mle(options.storage.has_value(), "--storage");
  refuse_unless(validation == Validation::some, options.patience.has_value(), "--patience",
                "training with --validation", leave("--patience", "--validation 0.05"));
  refuse_unless(options.model == "ls", options.inner_steps.has_value(), "--inner-steps",
                "--model ls", leave("--inner-steps", "--model ls"));
  const bool bayes = options.model == "bayes";
  const auto for_bayes = [&](bool given, const std::string& option) {
    refuse_unless(bayes, given, option, "--model bayes", leave(option, "--model bayes"));
  };
  for_bayes(options.burn_in.has_value(), "--burn-in");
  for_bayes(options.keep.has_value(), "--keep");
  for_bayes(options.chains.has_value(), "--chains");
  for_bayes(options.features.has_value(), "--features");
  for_bayes(options.likelihood_power.has_value(), "--likelihood-power");
  const bool bernoulli =
      options.likelihood && std::holds_alternative<Bernoulli>(*options.likelihood);
  refuse_unless(bernoulli, options.positive.has_value(), "--positive", "--likelihood bernoulli",
                leave("--positive", "--likelihood bernoulli"));
  if (options.likelihood && !mle && !std::holds_alternative<Gaussian>(*options.likelihood)) {
    throw Error(ExitCode::usage,
                fmt::format("--likelihood {}", likelihood_name(*options.likelihood)),
                fmt::format("--model {} has the gaussian likelihood alone", options.model),
                "use --model mle");
  }
  refuse_auto_without_choice(options);
  if (options.no_biases && options.reg_bias) {
    throw Error(ExitCode::usage, "--reg-bias", "contradicts --no-biases",
                "leave out --reg-bias or --no-biases");
  }
  if (options.storage == FactorStorage::halves && options.rank == 0) {
    throw Error(ExitCode::usage, "--storage half", "there are no factors to store with --k 0",
                "use --k 64 or leave out --storage");
  }
  if (options.no_biases && options.rank == 0) {
    throw Error(ExitCode::usage, "--no-biases", "leaves nothing to train with --k 0",
                "use --k 64 or leave out --no-biases");
  }
}

Mle make_mle(const ModelOptions& options) {
  Mle mle;
  if (options.optimizer) mle.optimizer = *options.optimizer;
  if (mle.optimizer == Optimizer::sgd) mle.learning_rate = plain_learning_rate;
  if (options.learning_rate) mle.learning_rate = *options.learning_rate;
  if (options.schedule) mle.schedule = *options.schedule;
  if (mle.schedule == Schedule::inverse_time) mle.decay = inverse_time_decay;
  if (options.decay) mle.decay = *options.decay;
  if (options.patience) mle.patience = *options.patience;
  if (options.updates) mle.updates = *options.updates;
  if (options.storage) mle.storage = *options.storage;
  if (mle.schedule == Schedule::exponential && (mle.decay <= 0 || mle.decay > 1)) {
    refuse_value("--decay", fmt::format("{}", mle.decay),
                 "a number above 0 and at most 1 with --schedule exponential", "try --decay 0.95");
  }
  return mle;
}

Bayes make_bayes(const ModelOptions& options) {
  Bayes bayes;
  const int sweeps = options.epochs.value_or(Bayes::default_epochs);
  bayes.burn_in = options.burn_in.value_or(sweeps / 6);
  if (bayes.burn_in >= sweeps) {
    refuse_value("--burn-in", fmt::format("{}", bayes.burn_in),
                 fmt::format("less than the {} sweeps of --epochs", sweeps),
                 fmt::format("try --burn-in {}", sweeps / 6));
  }
  if (options.chains) bayes.chains = *options.chains;
  if (options.keep && *options.keep < bayes.chains) {
    refuse_value("--keep", fmt::format("{}", *options.keep),
                 fmt::format("at least the {} of --chains: each keeps a draw", bayes.chains),
                 fmt::format("try --keep {}", bayes.chains));
  }
  const std::int64_t draws = std::int64_t{sweeps - bayes.burn_in} * bayes.chains;
  bayes.keep = static_cast<int>(
      std::min<std::int64_t>(options.keep.value_or(std::max(bayes.keep, bayes.chains)), draws));
  if (options.features) bayes.features = *options.features;
  if (options.likelihood_power) bayes.likelihood_power = *options.likelihood_power;
  return bayes;
}

Algorithm make_algorithm(const ModelOptions& options) {
  if (options.model == "mle") return make_mle(options);
  if (options.model == "ls") {
    LeastSquares least_squares;
    if (options.inner_steps) least_squares.inner_steps = *options.inner_steps;
    return least_squares;
  }
  if (options.model == "bayes") return make_bayes(options);
  Als als;
  if (options.solver) als.solver = *options.solver;
  if (options.solver_steps) als.solver_steps = *options.solver_steps;
  if (options.precision) als.precision = *options.precision;
  return als;
}

Regularization make_regularization(const ModelOptions& options, std::vector<std::string>& notes) {
  Regularization regularization;
  if (options.reg_scaling) regularization.scaling = *options.reg_scaling;
  if (options.reg) {
    regularization.factors = *options.reg;
  } else if (options.reg_scaling) {
    regularization.factors = regularization_for_scaling(*options.reg_scaling);
    notes.push_back(fmt::format("reg {:.6g} follows from reg-scaling {} as 14·140^(-α)",
                                regularization.factors, *options.reg_scaling));
  }
  if (options.reg_bias) {
    regularization.biases = *options.reg_bias;
  } else if (options.reg || options.reg_scaling) {
    regularization.biases = bias_share * regularization.factors;
    notes.push_back(
        fmt::format("reg-bias {:.6g} follows from reg as 0.75 reg", regularization.biases));
  }
  return regularization;
}

}  // namespace

void add_model_options(CommandLine& line, ModelOptions& options, AutomaticReg automatic) {
  add_objective_options(line, options, automatic);
  add_algorithm_options(line, options);
}

double regularization_for_scaling(double scaling) { return 14.0 * std::pow(140.0, -scaling); }

ChosenSpec make_spec(const ModelOptions& options, Validation validation) {
  refuse_foreign_options(options, validation);
  ChosenSpec chosen;
  ModelSpec& spec = chosen.spec;
  spec.algorithm = make_algorithm(options);
  if (options.likelihood) spec.likelihood = *options.likelihood;
  if (is_bayes(spec)) spec.rank = Bayes::default_rank;
  if (options.rank) spec.rank = *options.rank;
  spec.biases = !options.no_biases;
  spec.regularization = make_regularization(options, chosen.notes);
  spec.epochs =
      options.epochs
          ? *options.epochs
          : std::visit([](const auto& choice) { return choice.default_epochs; }, spec.algorithm);
  spec.seed = options.seed;
  if (!is_reproducible(spec)) {
    chosen.notes.emplace_back("--updates hogwild gives another model every time");
  }
  return chosen;
}

}  // namespace alsatian
