// `alsatian compare`: several saved models on the same test ratings, side by side.
// Two figures say little without how sure their difference is: each has its interval.
#include "cli/commands.hpp"
#include "cli/compare_data.hpp"
#include "cli/device_options.hpp"
#include "cli/figure_options.hpp"
#include "cli/model_input.hpp"
#include "cli/other_data.hpp"
#include "cli/report_options.hpp"
#include "cli/table.hpp"
#include "cli/train_summary.hpp"
#include "host/error.hpp"
#include "host/report/comparison.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <optional>
#include <utility>

namespace alsatian {
namespace {

/// Below so many users their resamples are too much alike.
constexpr std::int64_t enough_users = 30;

struct CompareOptions : FigureOptions {
  std::vector<std::string> models;
  std::string test;
  std::string data;
  ReadingOptions reading;
  ComparisonOptions comparison;
  ReportOptions report;
  bool quiet = false;
  Format format = Format::automatic;
};

void add_comparison_options(CommandLine& line, CompareOptions& options) {
  add_figure_options(line, options);
  line.choice(
      "--against", options.comparison.baseline,
      {{"first", ComparisonOptions::Baseline::first}, {"best", ComparisonOptions::Baseline::best}},
      "What differences are taken from: the first model, or the one with the smallest RMSE "
      "on these ratings, which flatters it a little [default first]");
  line.whole("--resamples", options.comparison.bootstrap.resamples,
             {.lowest = 100, .highest = 1'000'000, .example = "2000"},
             "Resamples of the users that intervals come from [100 to 1000000, default 2000]");
  line.whole("--seed", options.comparison.bootstrap.seed, {.lowest = 0, .example = "42"},
             "The resamples follow from it [0 to 9223372036854775807, default 42]");
}

bool parse_options(Arguments arguments, CompareOptions& options) {
  CommandLine line("compare", "Measures several models on the same test ratings.");
  line.positionals("MODEL", options.models, "Two or more models saved by alsatian train");
  line.group("Test ratings");
  line.text("--test", "FILE", options.test, "Test ratings from a file [default none]");
  line.text("--data", "PATH", options.data,
            "The ratings that the models were trained on: without --test the recorded test part of "
            "the first is rebuilt from them; they tell which test ratings a model was trained on, "
            "and what --top leaves out [default none]");
  add_comparison_options(line, options);
  add_report_options(line, options.report);
  line.group("Output");
  add_format_option(line, options.format);
  line.flag("--quiet", options.quiet, "Nothing on standard error but warnings and errors");
  add_threads_option(line);
  add_reading_options(line, options.reading);
  line.examples(
      "Prints three tables with a header each and a blank line between two: the models, their\n"
      "figures with 95 % intervals and the differences to the baseline, and what each figure is;\n"
      "with jsonl an object of the first has \"algorithm\", of the second \"value\", of the third\n"
      "\"definition\". Users are resampled with all their test ratings, the same ones for every\n"
      "model; \"better\" and \"worse\" are differences whose interval excludes 0.\n\n"
      "Examples:\n"
      "  alsatian compare als.safetensors mle.safetensors --data ml-latest-small --top 10\n"
      "  alsatian compare old.safetensors new.safetensors --test test.csv --report compare.html\n");
  return line.parse(arguments);
}

void check_options(const CompareOptions& options) {
  if (options.models.size() < 2) {
    throw Error(ExitCode::usage, "MODEL", "is one model: there is nothing to compare it with",
                "give two or more, or use alsatian evaluate");
  }
  check_figure_options(options, !options.test.empty(), options.data, "models were");
  refuse_second_stdin("--data", {options.data}, "--test", {options.test});
}

/// Returns the inputs.
std::vector<std::string> probe_files(const CompareOptions& options) {
  std::vector<std::string> inputs = options.models;
  inputs.insert(inputs.end(), {options.test, options.data});
  protect_from_rejects(options.reading, inputs);
  probe_report(options.report, inputs);
  keep_apart("--rejects", options.reading.rejects, "--report", options.report.report);
  return inputs;
}

struct CellOf {
  Cell operator()(std::monostate) const { return {}; }
  Cell operator()(const std::string& text) const { return text; }
  Cell operator()(std::int64_t number) const { return number; }
  Cell operator()(double number) const { return number; }
};

void print_grid(Output& output, Format format, const Grid& grid) {
  Table table(output, format, grid.columns);
  for (const std::vector<Value>& row : grid.rows) {
    std::vector<Cell> cells;
    for (const Value& value : row) cells.push_back(std::visit(CellOf{}, value));
    table.row(cells);
  }
  table.finish();
}

void print_tables(Output& output, Format format, const Comparison& comparison) {
  const char* between_tables = format != Format::jsonl ? "\n" : "";
  print_grid(output, format, models_grid(comparison));
  output.write(between_tables);
  print_grid(output, format, figures_grid(comparison));
  output.write(between_tables);
  print_grid(output, format, definitions_grid(comparison));
}

/// What people should know before they believe an interval.
void say_what_is_compared(const std::vector<NamedModel>& models, const Comparison& comparison,
                          const Log& log) {
  const ErrorComparison& errors = comparison.errors;
  const std::int64_t ratings = comparison.test.ratings.size();
  log.field("test", fmt::format("{}: {} of {}, {} of users and items that every model knows",
                                printable(comparison.test.name), counted(ratings, "rating"),
                                counted(errors.users, "user"), errors.known_ratings));
  for (std::size_t at = 0; at < models.size(); ++at) {
    log.field("model",
              fmt::format("{}: {}{}; {} of unknown users and {} of unknown items, predicted from "
                          "what is known",
                          printable(models[at].name), printable(models[at].path),
                          at == errors.baseline ? ", the baseline" : "",
                          counted(errors.unknown_users[at], "rating"), errors.unknown_items[at]));
  }
  for (const NamedModel& model : models) {
    if (model.model.statistics.dispersion != 0) continue;
    log.field("note", fmt::format("{}: {}", printable(model.name), no_nll));
  }
  const bool density = is_standardised(models.front().model.spec.likelihood);
  if (std::ranges::any_of(models, [&](const NamedModel& model) {
        return is_standardised(model.model.spec.likelihood) != density;
      })) {
    log.field("note",
              "the NLL of a density (gaussian, laplace) and that of a probability (poisson, "
              "bernoulli) are in different units: their difference is left out");
  }
  if (errors.users >= enough_users) return;
  log.warning(errors.users < 2
                  ? std::string("all test ratings are of one user: there are no intervals")
                  : fmt::format("the test ratings are of {} users: intervals from resampling so "
                                "few are too narrow",
                                errors.users));
}

/// Of a test file, as evaluate does: R² from the RMSE that was measured.
void warn_of_test_file(const std::vector<ComparedModel>& models, const SharedTest& test,
                       const ErrorComparison& errors, const Log& log) {
  double mean = 0;
  for (const float rating : test.ratings.ratings) mean += rating;
  mean /= static_cast<double>(test.ratings.size());
  double variance = 0;
  for (const float rating : test.ratings.ratings) variance += (rating - mean) * (rating - mean);
  variance /= static_cast<double>(test.ratings.size());
  std::vector<TestSet> own;
  for (const ComparedModel& model : models) {
    own.push_back({test.name, model.by_own_indices(test.ratings)});
  }
  std::vector<TestedModel> tested;
  for (std::size_t at = 0; at < models.size(); ++at) {
    const double rmse = errors.figures.front().models[at].figure.value;
    const double r_squared =
        variance > 0 ? 1 - rmse * rmse / variance : std::numeric_limits<double>::quiet_NaN();
    tested.push_back({models[at].model(), own[at], r_squared, models[at].name()});
  }
  warn_of_other_data(tested, log);
}

std::int64_t size_of(const std::string& path) {
  std::error_code failed;
  const auto bytes = std::filesystem::file_size(path, failed);
  return failed ? 0 : static_cast<std::int64_t>(bytes);
}

std::vector<ComparedFile> files_of(const std::vector<NamedModel>& models,
                                   const ComparedData& data) {
  std::vector<ComparedFile> files;
  for (std::size_t at = 0; at < models.size(); ++at) {
    ComparedFile file{.bytes = size_of(models[at].path)};
    if (!data.trained_on.empty()) file.trained_on = data.trained_on[at];
    files.push_back(file);
  }
  return files;
}

std::optional<RankingComparison> rank_all(const std::vector<ComparedModel>& models,
                                          ComparedData& data, const CompareOptions& options,
                                          std::size_t baseline) {
  if (!options.top) return std::nullopt;
  double relevant_from = options.relevant.value_or(4);
  if (!options.relevant) {
    for (const ComparedModel& model : models) {
      relevant_from = std::min(relevant_from, default_relevant_from(model.model()));
    }
  }
  return compare_rankings(
      models, data.test,
      {.top = *options.top, .relevant_from = relevant_from, .train = std::move(data.train)},
      baseline, options.comparison.bootstrap);
}

}  // namespace

void compare_command(Arguments arguments) {
  CompareOptions options;
  if (!parse_options(arguments, options)) return;
  check_options(options);
  const Log log(options.quiet);
  Output output;
  const std::vector<std::string> inputs = probe_files(options);
  const std::vector<NamedModel> models = load_models(options.models);
  ComparedData data = read_compared_data(models, options.test, options.data, options.reading, log);
  std::vector<ComparedModel> compared;
  for (const NamedModel& model : models) {
    compared.emplace_back(model.name, model.model, data.test, ScorerOptions{.clip = options.clip});
  }
  ErrorComparison errors = compare_errors(compared, data.test, options.comparison);
  std::optional<RankingComparison> ranking = rank_all(compared, data, options, errors.baseline);
  const Comparison comparison{.models = compared,
                              .files = files_of(models, data),
                              .test = data.test,
                              .errors = std::move(errors),
                              .ranking = std::move(ranking),
                              .bootstrap = options.comparison.bootstrap};
  say_what_is_compared(models, comparison, log);
  if (!options.test.empty()) warn_of_test_file(compared, data.test, comparison.errors, log);
  print_tables(output, options.format, comparison);
  if (options.report.wanted()) {
    write_report(options.report, inputs, comparison_page(comparison), log);
  }
  output.flush();
}

}  // namespace alsatian
