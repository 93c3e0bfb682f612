// `alsatian predict`: predicted ratings for pairs of users and items, in the order of the file.
// Pairs with an unknown user or item are predicted from what is known, and counted.
#include "cli/commands.hpp"
#include "cli/device_options.hpp"
#include "cli/model_input.hpp"
#include "cli/table.hpp"
#include "host/error.hpp"
#include "host/evaluate/predictive.hpp"
#include "host/evaluate/scorer.hpp"
#include "host/model/model_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace alsatian {
namespace {

enum class Unknown { error, mean, skip, nan };

struct PredictOptions {
  std::string model;
  std::string pairs;
  ReadingOptions reading;
  Unknown unknown = Unknown::mean;
  bool clip = false;
  std::optional<double> interval;
  bool quiet = false;
  Format format = Format::automatic;
};

bool parse_options(Arguments arguments, PredictOptions& options) {
  CommandLine line("predict", "Predicts ratings for pairs of users and items.");
  line.positional("MODEL", options.model, "A model saved by alsatian train");
  line.text("--pairs", "FILE", options.pairs,
            "Users and items, one pair a line, in any layout that train reads; what other columns "
            "hold is ignored; - is standard input [required]");
  line.choice("--unknown", options.unknown,
              {{"error", Unknown::error},
               {"mean", Unknown::mean},
               {"skip", Unknown::skip},
               {"nan", Unknown::nan}},
              "What a pair with a user or item that the model does not know does: end with exit "
              "65, get the mean with what is known of the other, be left out, be nan [default "
              "mean]");
  line.flag("--clip", options.clip, "Limit predictions to the range of the training ratings");
  line.real(
      "--interval", options.interval, {.lowest = 0.01, .highest = 0.999, .example = "0.9"},
      "With a model of bayes: the central interval that a rating is in with that probability, "
      "as columns lower and upper [0.01 to 0.999, default none]");
  add_format_option(line, options.format);
  line.flag("--quiet", options.quiet, "Nothing on standard error but warnings and errors");
  add_threads_option(line);
  add_reading_options(line, options.reading);
  line.examples("Example:\n  alsatian predict model.safetensors --pairs pairs.tsv\n");
  if (!line.parse(arguments)) return false;
  require_option("predict model.safetensors", "--pairs", options.pairs, "pairs.tsv");
  return true;
}

/// The pairs of a file with what the model knows of them.
struct Pairs {
  RawRatings raw;
  std::vector<std::int32_t> users;
  std::vector<std::int32_t> items;

  bool known(std::size_t pair) const { return users[pair] >= 0 && items[pair] >= 0; }
};

Pairs read_pairs(const Model& model, PredictOptions& options, const Log& log) {
  options.reading.read.rating_optional = true;
  options.reading.read.keep_ratings = false;
  options.reading.read.keep_times = false;
  expect_ids_of(model, options.reading.read);
  Pairs pairs;
  pairs.raw = read_logged(options.pairs, options.reading, log);
  log.field("lines", account_text(pairs.raw.account, "pairs"));
  pairs.users = model_indices(pairs.raw.users, model.users);
  pairs.items = model_indices(pairs.raw.items, model.items);
  const auto known = [](std::int32_t index) { return index >= 0; };
  if (std::none_of(pairs.users.begin(), pairs.users.end(), known) &&
      std::none_of(pairs.items.begin(), pairs.items.end(), known)) {
    throw Error(ExitCode::bad_data, printable(pairs.raw.path),
                fmt::format("no id of {} is in the model (0 of {} pairs)", quoted(pairs.raw.path),
                            pairs.raw.size()),
                "check that both are of the same data, and --columns");
  }
  return pairs;
}

void refuse_unknown(const Pairs& pairs) {
  for (std::size_t pair = 0; pair < pairs.users.size(); ++pair) {
    if (pairs.known(pair)) continue;
    const bool user = pairs.users[pair] < 0;
    const auto row = static_cast<std::int64_t>(pair);
    const Cell id = raw_id_cell(user ? pairs.raw.users : pairs.raw.items, row);
    const std::string text = std::holds_alternative<std::string>(id)
                                 ? std::get<std::string>(id)
                                 : fmt::format("{}", std::get<std::int64_t>(id));
    throw Error(ExitCode::bad_data,
                fmt::format("{}:{}", printable(pairs.raw.path), pairs.raw.lines.line_of(row)),
                fmt::format("{} {} is not in the model", user ? "user" : "item", quoted(text)),
                "--unknown mean predicts it from what is known");
  }
}

void report_unknown(const Pairs& pairs, Unknown unknown, const Log& log) {
  std::int64_t users = 0;
  std::int64_t items = 0;
  for (std::size_t pair = 0; pair < pairs.users.size(); ++pair) {
    users += pairs.users[pair] < 0 ? 1 : 0;
    items += pairs.items[pair] < 0 ? 1 : 0;
  }
  if (users + items == 0) return;
  const char* what = unknown == Unknown::mean   ? "predicted from the mean and what is known"
                     : unknown == Unknown::skip ? "left out"
                                                : "nan";
  log.field("note", fmt::format("{} with an unknown user, {} with an unknown item: {}",
                                counted(users, "pair"), items, what));
}

void refuse_interval(const Model& model, const PredictOptions& options) {
  if (!options.interval || is_bayes(model.spec)) return;
  throw Error(ExitCode::usage, fmt::format("--interval {}", *options.interval),
              fmt::format("the model is of --model {}, which has no distribution of a rating",
                          algorithm_name(model.spec.algorithm)),
              "train with --model bayes, or leave out --interval");
}

/// Both ends within what predictions are limited to, where they are.
Interval interval_of(const Model& model, const Pairs& pairs, std::size_t pair,
                     const PredictOptions& options) {
  Interval interval = central_interval(
      PredictiveDistribution(model, pairs.users[pair], pairs.items[pair]), *options.interval);
  // Beyond the largest float there is no rating.
  constexpr double largest = std::numeric_limits<float>::max();
  for (double* end : {&interval.lower, &interval.upper}) {
    *end = std::clamp(*end, options.clip ? model.scale.lowest : -largest,
                      options.clip ? model.scale.highest : largest);
  }
  return interval;
}

}  // namespace

void predict_command(Arguments arguments) {
  PredictOptions options;
  if (!parse_options(arguments, options)) return;
  const Log log(options.quiet);
  Output output;
  protect_from_rejects(options.reading, {options.model, options.pairs});
  const Model model = load_model(options.model);
  refuse_interval(model, options);
  const Pairs pairs = read_pairs(model, options, log);
  if (options.unknown == Unknown::error) refuse_unknown(pairs);
  report_unknown(pairs, options.unknown, log);
  const Scorer scorer(model, {.clip = options.clip});
  const std::vector<float> predictions = scorer.predict(pairs.users, pairs.items);
  std::vector<std::string> columns{"user", "item", "prediction"};
  if (options.interval) columns.insert(columns.end(), {"lower", "upper"});
  Table table(output, options.format, columns);
  for (std::size_t pair = 0; pair < predictions.size(); ++pair) {
    float prediction = predictions[pair];
    if (!pairs.known(pair)) {
      if (options.unknown == Unknown::skip) continue;
      if (options.unknown == Unknown::nan) prediction = std::numeric_limits<float>::quiet_NaN();
    }
    const auto row = static_cast<std::int64_t>(pair);
    std::vector<Cell> cells{raw_id_cell(pairs.raw.users, row), raw_id_cell(pairs.raw.items, row),
                            prediction};
    if (options.interval) {
      const Interval interval = interval_of(model, pairs, pair, options);
      const bool shown = !std::isnan(prediction);
      constexpr double none = std::numeric_limits<double>::quiet_NaN();
      cells.emplace_back(static_cast<float>(shown ? interval.lower : none));
      cells.emplace_back(static_cast<float>(shown ? interval.upper : none));
    }
    table.row(cells);
  }
  table.finish();
  output.flush();
}

}  // namespace alsatian
