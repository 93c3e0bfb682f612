// Implements train_options.hpp.
// The order of declaration is the order of --help.
#include "cli/train_options.hpp"

#include "cli/spared_files.hpp"
#include "host/atomic_file.hpp"
#include "host/error.hpp"
#include "host/ratings/titles_beside.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>

namespace alsatian {
namespace {

void add_output_options(CommandLine& line, TrainOptions& options) {
  line.group("Output");
  line.text("--out", "FILE", options.out,
            "Where the model is saved, as safetensors [default none]");
  line.text("--log", "FILE", options.log,
            "JSON Lines, one object an epoch; of one run at a time [default none]");
  line.whole("--evaluate-every", options.evaluate_every,
             {.lowest = 1, .highest = 1'000'000, .example = "5"},
             "Epochs between evaluations, each of which costs a pass over the ratings; the last "
             "epoch always is one [1 to 1000000, default 1]");
  line.flag(
      "--clip", options.clip,
      "Limit predictions to the range of the training ratings before every figure of the summary; "
      "what epochs print, --log and the model record stays unclipped");
  line.flag("--plot", options.plot,
            "Draw the errors of the epochs on standard error: on a terminal in place while "
            "training goes on, elsewhere once at its end; in braille where the locale is UTF-8, "
            "else in ASCII");
  add_format_option(line, options.format);
  line.flag("--quiet", options.quiet, "Nothing on standard error but warnings and errors");
  line.flag("--dry-run", options.dry_run,
            "Print the detected layout and the memory plan in bytes; train nothing");
}

void add_run_options(CommandLine& line, TrainOptions& options) {
  line.group("Run");
  line.text("--init", "MODEL", options.init,
            "Start from a trained model, rows matched by id; new rows start at random [default "
            "none]");
  add_machine_options(line, options);
}

/// The data file, or the files of a data folder but for what earlier runs wrote there.
void add_data_files(const std::string& data, std::vector<std::string>& inputs) {
  std::error_code failed;
  if (data == "-" || !std::filesystem::is_directory(data, failed)) {
    inputs.push_back(data);
    return;
  }
  for (std::filesystem::directory_iterator entry(data, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    const std::string extension = entry->path().extension().string();
    if (extension != ".safetensors" && extension != ".jsonl" && extension != ".html") {
      inputs.push_back(entry->path().string());
    }
  }
}

/// A plot that nobody would see.
void refuse_hidden_plot(const TrainOptions& options) {
  if (!options.plot) return;
  if (options.quiet) {
    throw Error(ExitCode::usage, "--plot", "is drawn on standard error, where --quiet says nothing",
                "leave one of them out, or use --report FILE");
  }
  if (options.dry_run) {
    throw Error(ExitCode::usage, "--plot", "there is nothing to draw with --dry-run",
                "leave one of them out");
  }
}

/// A report has the curves of one training.
void refuse_report_of_many(const TrainOptions& options) {
  if (!options.report.wanted()) return;
  const char* option = options.report.report.empty() ? "--figures" : "--report";
  if (options.dry_run) {
    throw Error(ExitCode::usage, option, "there is nothing to report with --dry-run",
                "leave one of them out");
  }
  if (options.split.folds) {
    throw Error(ExitCode::usage, option, "shows one training, and --folds are many",
                "use --log FILE with --folds, or --holdout 0.1 in their place");
  }
}

void add_feature_options(CommandLine& line, TrainOptions& options) {
  line.group("Features, of bayes alone");
  line.text("--user-features", "FILE", options.user_features,
            "A table of users: an id in each line, and numbers, categories or several of them "
            "between |, such as users.dat or u.user; users without ratings get predictions too "
            "[default none]");
  line.text("--item-features", "FILE", options.item_features,
            "The same of items, such as movies.csv, movies.dat or u.item [default none]");
}

/// Features are for bayes, and read beside the ratings.
void check_features(const TrainOptions& options) {
  for (const auto& [option, file] : {std::pair{"--user-features", &options.user_features},
                                     std::pair{"--item-features", &options.item_features}}) {
    if (file->empty()) continue;
    if (options.model.model != "bayes") {
      throw Error(ExitCode::usage, option, "applies to --model bayes alone",
                  fmt::format("leave out {} or use --model bayes", option));
    }
    if (*file == "-") {
      throw Error(ExitCode::usage, fmt::format("{} -", option), "is not read from standard input",
                  "pass a file");
    }
  }
}

}  // namespace

void add_data_option(CommandLine& line, TrainOptions& options) {
  line.group("Data");
  line.text("--data", "PATH", options.data,
            "Ratings: a file of any MovieLens layout, any delimited text, Matrix Market, a .gz of "
            "these, a MovieLens folder or .zip, or - for standard input [required]");
}

void add_machine_options(CommandLine& line, TrainOptions& options) {
  add_device_options(line, options.device);
  add_threads_option(line);
  line.value(
      "--max-memory", "BYTES",
      [&options](std::string_view option, const std::string& value) {
        options.max_memory = parse_bytes(option, value);
      },
      "Refuse to train where the plan needs more, and packed or piped ratings that take more than "
      "half of it; K, M, G, T count [1 to 9223372036854775807, default what is free]");
  line.config_file(options.config);
}

void check_data_options(std::string_view command, TrainOptions& options) {
  require_option(command, "--data", options.data, "ratings.csv");
  refuse_second_stdin("--data", {options.data}, "--test", options.split.test_files);
  refuse_repeated_tests(options.split.test_files);
  options.reading.read.positive = options.model.positive;
  if (options.max_memory) options.reading.read.free_bytes = *options.max_memory;
}

bool parse_train_options(Arguments arguments, TrainOptions& options) {
  CommandLine line("train", "Trains a model on ratings, tests it and saves it.");
  add_data_option(line, options);
  add_model_options(line, options.model, AutomaticReg::offered);
  add_feature_options(line, options);
  add_split_options(line, options.split);
  add_output_options(line, options);
  add_report_options(line, options.report);
  add_run_options(line, options);
  add_reading_options(line, options.reading);
  add_cleaning_options(line, options.cleaning);
  line.examples(
      "Examples:\n"
      "  alsatian train --data ml-latest-small --holdout 0.1 --out model.safetensors\n"
      "  alsatian train --data u1.base --test u1.test --model mle --k 32 --validation 0.05\n");
  if (!line.parse(arguments)) return false;
  check_data_options("train", options);
  check_features(options);
  refuse_report_of_many(options);
  refuse_hidden_plot(options);
  return true;
}

std::vector<std::string> probe_outputs(const TrainOptions& options) {
  std::vector<std::string> inputs = options.split.test_files;
  add_data_files(options.data, inputs);
  if (const std::string titles = titles_file_beside(options.data); !titles.empty()) {
    inputs.push_back(titles);
  }
  for (const std::string& input : {options.config, options.user_features, options.item_features}) {
    if (!input.empty()) inputs.push_back(input);
  }
  const std::string& rejects = options.reading.rejects;
  for (const std::string& output : {options.out, options.log, rejects}) {
    if (output.empty()) continue;
    for (const std::string& input : inputs) probe_output(output, input);
    if (inputs.empty()) probe_output(output, "");
    // Only the model itself may go on where --init came from.
    if (!options.init.empty() && output != options.out) probe_output(output, options.init);
  }
  spare_model("--log", options.log);
  spare_model("--rejects", rejects);
  if (!options.init.empty()) inputs.push_back(options.init);
  probe_report(options.report, inputs);
  keep_apart("--report", options.report.report, "--out", options.out);
  keep_apart("--report", options.report.report, "--log", options.log);
  keep_apart("--rejects", rejects, "--report", options.report.report);
  keep_apart("--log", options.log, "--out", options.out);
  keep_apart("--rejects", rejects, "--out", options.out);
  keep_apart("--rejects", rejects, "--log", options.log);
  check_rejects(options.reading);
  return inputs;
}

}  // namespace alsatian
