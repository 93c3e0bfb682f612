// `alsatian evaluate`: how good a saved model is, on a test file or on its recorded split.
// Every figure is printed with its definition.
#include "cli/commands.hpp"
#include "cli/device_options.hpp"
#include "cli/figure_options.hpp"
#include "cli/memory_plan.hpp"
#include "cli/model_input.hpp"
#include "cli/other_data.hpp"
#include "cli/report_options.hpp"
#include "cli/split_options.hpp"
#include "cli/table.hpp"
#include "cli/titles.hpp"
#include "cli/train_data.hpp"
#include "cli/train_summary.hpp"
#include "host/error.hpp"
#include "host/evaluate/definitions.hpp"
#include "host/evaluate/metrics.hpp"
#include "host/evaluate/predictive.hpp"
#include "host/model/model_file.hpp"
#include "host/ratings/input_source.hpp"
#include "host/ratings/titles_beside.hpp"
#include "host/report/evaluation.hpp"

#include <fmt/format.h>

#include <cmath>
#include <optional>
#include <utility>

namespace alsatian {
namespace {

struct EvaluateOptions : FigureOptions {
  std::string model;
  std::vector<std::string> tests;
  std::string data;
  ReadingOptions reading;
  ReportOptions report;
  std::string movies;
  bool quiet = false;
  Format format = Format::automatic;
};

bool parse_options(Arguments arguments, EvaluateOptions& options) {
  CommandLine line("evaluate", "Measures a model on test ratings.");
  line.positional("MODEL", options.model, "A model saved by alsatian train");
  line.group("Test ratings");
  line.repeatable(
      "--test", "FILE",
      [&options](std::string_view, const std::string& value) { options.tests.push_back(value); },
      "Test ratings from a file; may be given several times [default none]");
  line.text("--data", "PATH", options.data,
            "The ratings that the model was trained on: without --test its recorded test part is "
            "rebuilt from them, with --test they tell what --top leaves out "
            "[default none]");
  add_figure_options(line, options);
  add_report_options(line, options.report);
  line.text("--movies", "FILE", options.movies,
            "With --report or --figures: titles and genres, as movies.csv has them [default those "
            "beside --data, then the model's titles]");
  line.group("Output");
  add_format_option(line, options.format);
  line.flag("--quiet", options.quiet, "Nothing on standard error but warnings and errors");
  add_threads_option(line);
  add_reading_options(line, options.reading);
  line.examples(
      "Prints two tables for each test set, errors by group and figures with their definition,\n"
      "each with a header and a blank line between two; with jsonl an object of the first has\n"
      "\"group\", one of the second \"figure\".\n\n"
      "Examples:\n"
      "  alsatian evaluate model.safetensors --data ml-latest-small --top 10\n"
      "  alsatian evaluate model.safetensors --test u1.test --data u1.base --top 10\n");
  return line.parse(arguments);
}

void check_options(const EvaluateOptions& options) {
  check_figure_options(options, !options.tests.empty(), options.data, "model was");
  refuse_second_stdin("--data", {options.data}, "--test", options.tests);
  refuse_repeated_tests(options.tests);
  if (!options.movies.empty() && !options.report.wanted()) {
    throw Error(ExitCode::usage, "--movies", "applies to --report and --figures alone",
                "give --report eval.html too");
  }
}

void print_errors(Output& output, Format format, const std::string& part,
                  const RatingEvaluation& evaluation, bool has_features) {
  Table table(output, format, {"part", "group", "ratings", "rmse", "mae", "nll", "r_squared"});
  std::vector<RatingErrors> groups{evaluation.all, evaluation.all_clipped, evaluation.known};
  if (has_features) {
    groups.push_back(evaluation.cold_with_features);
    groups.push_back(evaluation.cold_unknown);
  }
  groups.insert(groups.end(), evaluation.by_user_activity.begin(),
                evaluation.by_user_activity.end());
  groups.insert(groups.end(), evaluation.by_item_popularity.begin(),
                evaluation.by_item_popularity.end());
  for (const RatingErrors& group : groups) {
    if (group.count == 0) {
      table.row({part, group.name, group.count, {}, {}, {}, {}});
      continue;
    }
    table.row({part, group.name, group.count, group.rmse, group.mae, measured(group.mean_nll),
               measured(group.r_squared)});
  }
  table.finish();
}

/// Nothing where it is not a number.
Value measured_value(double value) { return std::isnan(value) ? Value{} : Value{value}; }

DefinedFigure defined(const char* name, Value value, std::int32_t top = 0) {
  return {name, std::move(value), figure_definition(name, top)};
}

std::vector<DefinedFigure> rating_figures(const RatingEvaluation& evaluation) {
  return {
      defined("rmse", evaluation.all.rmse),
      defined("mae", evaluation.all.mae),
      defined("nll", measured_value(evaluation.all.mean_nll)),
      defined("r_squared", measured_value(evaluation.all.r_squared)),
      defined("coverage", evaluation.coverage),
      defined("unknown_users", evaluation.unknown_users),
      defined("unknown_items", evaluation.unknown_items),
  };
}

/// Of models of bayes alone, whose draws make a distribution of each rating.
std::vector<DefinedFigure> predictive_figures(const Model& model, const Triples& test) {
  if (!is_bayes(model.spec)) return {};
  const PredictiveEvaluation evaluation = evaluate_predictive(model, test);
  return {
      defined("covered_90", evaluation.covered_90),
      defined("width_90", evaluation.width_90),
      defined("predictive_nll", evaluation.nll),
  };
}

std::vector<DefinedFigure> ranking_figures(const RankingMetrics& metrics) {
  std::vector<DefinedFigure> figures{
      {"users", metrics.users, ranked_users_definition(metrics.relevant_from)}};
  const auto add = [&](const char* name, double value) {
    figures.push_back(defined(name, measured_value(value), metrics.top));
  };
  add("precision", metrics.precision);
  add("recall", metrics.recall);
  add("capped_recall", metrics.capped_recall);
  add("ndcg", metrics.ndcg);
  add("map", metrics.map);
  add("hit_rate", metrics.hit_rate);
  add("catalogue_coverage", metrics.catalogue_coverage);
  return figures;
}

/// train: what ranking leaves out, by user.
TestEvaluation evaluate_test(const Scorer& scorer, const Model& model,
                             const CompressedMatrix& train, const TestSet& test,
                             const EvaluateOptions& options) {
  TestEvaluation evaluation{.name = test.name,
                            .ratings = evaluate_ratings(scorer, model, test.ratings)};
  evaluation.figures = rating_figures(evaluation.ratings);
  const auto predictive = predictive_figures(model, test.ratings);
  evaluation.figures.insert(evaluation.figures.end(), predictive.begin(), predictive.end());
  if (!options.top) return evaluation;
  evaluation.ranking =
      ranking_figures(evaluate_ranking(scorer, model, train, test.ratings, *options.top,
                                       options.relevant.value_or(default_relevant_from(model))));
  return evaluation;
}

void print_figures(Output& output, Format format, const TestEvaluation& evaluation) {
  std::vector<DefinedFigure> figures = evaluation.figures;
  figures.insert(figures.end(), evaluation.ranking.begin(), evaluation.ranking.end());
  Table table(output, format, {"part", "figure", "value", "definition"});
  for (const DefinedFigure& figure : figures) {
    const Cell value = std::visit([](const auto& shown) { return Cell(shown); }, figure.value);
    table.row({evaluation.name, figure.name, value, figure.definition});
  }
  table.finish();
}

std::vector<TestSet> test_sets(const Model& model, const EvaluateOptions& options,
                               std::optional<Dataset>& dataset, const Log& log) {
  if (options.tests.empty()) return dataset->tests;
  std::vector<TestSet> tests;
  for (const std::string& path : options.tests) {
    tests.push_back({name_test(path, tests), read_for_model(model, path, options.reading, log)});
    if (!dataset) continue;
    const std::int64_t both = overlap(dataset->train, tests.back().ratings);
    if (both > 0) {
      log.warning(fmt::format("{} of {} ratings of {} were trained on: the error is too good", both,
                              tests.back().ratings.size(), printable(input_name(path))));
    }
  }
  return tests;
}

Page report_page(const Scorer& scorer, const Model& model, const EvaluateOptions& options,
                 const std::optional<Dataset>& dataset, const std::vector<TestEvaluation>& tests,
                 std::vector<Section> errors, const Log& log) {
  const ItemFacts facts =
      item_facts(titles_for_report(options.movies, options.data, {model.items}, log), model.items);
  Page page{.title = "Evaluation of " + source_name(options.model),
            .lead = "What the model gets right and wrong, and what it has learned."};
  page.facts = {{"model", std::string(algorithm_name(model.spec.algorithm))},
                {"k", fmt::format("{}", model.spec.rank)},
                {"users", fmt::format("{}", model.users.size())},
                {"items", fmt::format("{}", model.items.size())}};
  for (auto& fact : test_facts(tests)) page.facts.push_back(std::move(fact));
  page.sections = std::move(errors);
  page.sections.push_back(factor_section(scorer, model, facts));
  if (dataset) page.sections.push_back(user_section(scorer, model, facts, dataset->train));
  return page;
}

}  // namespace

void evaluate_command(Arguments arguments) {
  EvaluateOptions options;
  if (!parse_options(arguments, options)) return;
  check_options(options);
  const Log log(options.quiet);
  Output output;
  std::vector<std::string> inputs = options.tests;
  inputs.insert(inputs.end(), {options.model, options.data});
  protect_from_rejects(options.reading, inputs);
  inputs.insert(inputs.end(), {options.movies, titles_file_beside(options.data)});
  probe_report(options.report, inputs);
  keep_apart("--rejects", options.reading.rejects, "--report", options.report.report);
  const Model model = load_model(options.model);
  if (options.tests.empty()) require_recorded_test(model);
  std::optional<Dataset> dataset;
  if (!options.data.empty()) dataset = rebuild_for_model(model, options.data, options.reading, log);
  const std::vector<TestSet> tests = test_sets(model, options, dataset, log);
  if (model.statistics.dispersion == 0) log.field("note", no_nll);
  const Scorer scorer(model, {.clip = options.clip});
  // What ranking leaves out, the same for every test set.
  const CompressedMatrix train =
      options.top ? compress_by_user(dataset->train, model.users.size()) : CompressedMatrix();
  const char* between_tables = options.format != Format::jsonl ? "\n" : "";
  std::vector<Section> sections;
  std::vector<TestEvaluation> evaluations;
  for (const TestSet& test : tests) {
    if (&test != &tests.front()) output.write(between_tables);
    evaluations.push_back(evaluate_test(scorer, model, train, test, options));
    const TestEvaluation& evaluation = evaluations.back();
    // What is rebuilt of --data is known to be what the model is of.
    if (!options.tests.empty()) {
      warn_of_other_data({{model, test, evaluation.ratings.all.r_squared}}, log);
    }
    if (options.report.wanted()) {
      sections.push_back(
          error_section(scorer, model, test.ratings, evaluation, sections.size() + 1));
    }
    print_errors(output, options.format, test.name, evaluation.ratings, model.has_features());
    output.write(between_tables);
    print_figures(output, options.format, evaluation);
  }
  if (options.report.wanted()) {
    write_report(
        options.report, inputs,
        report_page(scorer, model, options, dataset, evaluations, std::move(sections), log), log);
  }
  output.flush();
}

}  // namespace alsatian
