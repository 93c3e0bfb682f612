// Implements trial_log.hpp.
// Numbers are written with the fewest digits that give them back: choices that were made from them
// are made again.
#include "host/train/trial_log.hpp"

#include "host/error.hpp"
#include "host/model/spec_json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <map>
#include <utility>
#include <variant>
#include <vector>

namespace alsatian {
namespace {

using Json = nlohmann::ordered_json;

constexpr int version = 1;

std::string text_of(const Json& line) {
  return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

[[noreturn]] void refuse_damaged(const std::string& place, const std::string& what) {
  throw Error(ExitCode::bad_data, place, what,
              "it is damaged or of another command: choose another --log, or remove the file");
}

/// What a first line has that this search has otherwise.
[[noreturn]] void refuse_other_search(const std::string& path, std::string_view line,
                                      const Json& wanted) {
  const Json found = Json::parse(line, nullptr, false);
  if (!found.is_object() || !found.contains("search")) {
    refuse_damaged(path + ":1", "is not the first line of a log of tune");
  }
  std::string names;
  for (const auto& [name, value] : wanted.at("search").items()) {
    const Json& other = found.at("search");
    if (other.is_object() && other.contains(name) && other.at(name) == value) continue;
    names += (names.empty() ? "" : ", ") + name;
  }
  throw Error(ExitCode::usage, path,
              fmt::format("is the log of another search: it differs in {}",
                          names.empty() ? "what it is of" : names),
              "to go on with that one give its options again; for this one choose another --log");
}

}  // namespace

nlohmann::ordered_json search_line(const std::vector<ModelSpec>& specs, const TunerOptions& options,
                                   const std::string& fingerprint, const SplitRule& split,
                                   const std::string& device) {
  Json rungs = Json::array();
  for (const Rung& rung : options.rungs) {
    rungs.push_back({{"trials", rung.trials}, {"epochs", rung.epochs}});
  }
  Json early_stop;
  if (const auto& rule = options.rules.early_stop) {
    early_stop = {{"patience", rule->patience}, {"change", rule->change}};
  }
  Json trials = Json::array();
  for (const ModelSpec& spec : specs) trials.push_back(to_json(spec));
  return {{"search",
           {{"version", version},
            {"data", fingerprint},
            {"split", to_json(split)},
            {"device", device},
            {"start", options.start == TrialStart::warm ? "warm" : "cold"},
            {"rungs", rungs},
            {"counted_epoch", options.rules.counted == CountedEpoch::best ? "best" : "last"},
            {"early_stop", early_stop},
            {"trials", trials}}}};
}

bool is_trial_log(std::string_view text) { return text.starts_with(R"({"search":{)"); }

TrialLog::TrialLog(std::string path, const nlohmann::ordered_json& first_line,
                   const std::vector<ModelSpec>& specs, const TunerOptions& options)
    : file_(std::move(path), "--log"),
      specs_(specs),
      rungs_(options.rungs),
      rules_(options.rules),
      folds_(options.folds) {
  const std::string text = file_.read();
  const std::string first = text_of(first_line) + "\n";
  const std::string place = printable(file_.path());
  const std::size_t end = text.find('\n');
  const std::string_view found = std::string_view(text).substr(0, end);
  if (end == std::string::npos) {
    // Nothing, or the beginning of the first line.
    if (!first.starts_with(text))
      refuse_damaged(place + ":1", "is not the first line of a log of tune");
    file_.cut(0);
    file_.write(text_of(first_line));
    return;
  }
  if (found != text_of(first_line) && found != text_of(first_line) + "\r") {
    refuse_other_search(place, found, first_line);
  }
  const std::size_t whole = text.rfind('\n') + 1;
  read_lines(std::string_view(text).substr(end + 1, whole - end - 1));
  for (int fold = 0; fold < folds_; ++fold) {
    check_ratings(fold);
    check_figures(fold);
  }
  file_.cut(static_cast<std::int64_t>(whole));
}

void TrialLog::read_lines(std::string_view lines) {
  for (std::int64_t number = 2; !lines.empty(); ++number) {
    const std::size_t end = lines.find('\n');
    read_run(lines.substr(0, end), fmt::format("{}:{}", printable(file_.path()), number));
    lines.remove_prefix(end + 1);
  }
}

void TrialLog::read_run(std::string_view line, const std::string& place) {
  TrialRun run;
  TrialFigures figures;
  try {
    const nlohmann::json parsed = parse_strict_json(line, place, "the line");
    const JsonFields fields(parsed, place, "the line");
    run.trial = static_cast<std::size_t>(fields.integer("trial", 1, std::ssize(specs_)) - 1);
    if (rungs_.size() > 1) {
      run.rung = static_cast<int>(fields.integer("rung", 1, std::ssize(rungs_)) - 1);
    }
    if (folds_ > 1) run.fold = static_cast<int>(fields.integer("fold", 1, folds_) - 1);
    check_settings(parsed, run, place);
    const int most_epochs = rungs_[static_cast<std::size_t>(run.rung)].epochs;
    figures.epochs = static_cast<int>(fields.integer("epochs", 1, most_epochs));
    figures.seconds = fields.number("seconds", 0);
    figures.diverged = fields.has("diverged");
    if (!figures.diverged) {
      figures.ratings = fields.count("validation_ratings");
      figures.rmse = fields.number("validation_rmse", 0);
      figures.loss = fields.number("validation_loss");
      figures.best_epoch = static_cast<int>(fields.integer("best_epoch", 1, figures.epochs));
      check_epochs(run, figures, place);
    }
  } catch (const Error& error) {
    refuse_damaged(error.place(), error.what());
  }
  const auto [entry, is_new] = known_.emplace(run, figures);
  if (!is_new) refuse_damaged(place, fmt::format("trial {} is there twice", run.trial + 1));
  in_order_.push_back(entry);
}

void TrialLog::check_epochs(const TrialRun& run, const TrialFigures& figures,
                            const std::string& place) const {
  const int all = rungs_[static_cast<std::size_t>(run.rung)].epochs;
  const int behind_best = figures.epochs - figures.best_epoch;
  // A step that lowers nothing ends ls at any epoch.
  const bool may_end = std::holds_alternative<LeastSquares>(specs_[run.trial].algorithm);
  const bool ends_early = figures.epochs < all;
  if (rules_.counted == CountedEpoch::last && behind_best != 0) {
    refuse_damaged(place, fmt::format("best_epoch is {} of {} epochs, and the last counts here",
                                      figures.best_epoch, figures.epochs));
  }
  if (!rules_.early_stop && ends_early && !may_end) {
    refuse_damaged(place, fmt::format("epochs is {}, and every trial of this search runs for {}",
                                      figures.epochs, all));
  }
  if (!rules_.early_stop || rules_.counted == CountedEpoch::last) return;
  const int patience = rules_.early_stop->patience;
  if (behind_best > patience || (behind_best < patience && ends_early && !may_end)) {
    refuse_damaged(place, fmt::format("best_epoch {} and epochs {} contradict: trials of this "
                                      "search end {} epochs behind their best one, or after {}",
                                      figures.best_epoch, figures.epochs, patience, all));
  }
}

void TrialLog::check_ratings(int fold) const {
  std::vector<TrialRuns::const_iterator> runs;
  std::ranges::copy_if(in_order_, std::back_inserter(runs), [&](const auto& entry) {
    return entry->first.fold == fold && !entry->second.diverged;
  });
  if (runs.empty()) return;
  std::map<std::int64_t, int> lines;
  for (const auto& entry : runs) ++lines[entry->second.ratings];
  const TrialRuns::const_iterator most = *std::ranges::max_element(
      runs, {}, [&](const auto& entry) { return lines.at(entry->second.ratings); });
  for (const auto& entry : runs) {
    if (entry->second.ratings == most->second.ratings) continue;
    refuse_damaged(place_of(entry->first),
                   fmt::format("validation_ratings is {}, and {} in {}", entry->second.ratings,
                               most->second.ratings, place_of(most->first)));
  }
}

void TrialLog::check_figures(int fold) const {
  // Of float: both are sums of the same errors.
  constexpr double tolerance = 1e-5;
  std::vector<TrialRuns::const_iterator> runs;
  std::ranges::copy_if(in_order_, std::back_inserter(runs), [&](const auto& entry) {
    return entry->first.fold == fold && !entry->second.diverged &&
           std::holds_alternative<Gaussian>(specs_[entry->first.trial].likelihood);
  });
  const auto ratio = [](const auto& entry) {
    return entry->second.rmse * entry->second.rmse / entry->second.loss;
  };
  // Most lines are right, and of two that differ either may be.
  std::vector<TrialRuns::const_iterator> by_ratio = runs;
  std::erase_if(by_ratio, [&](const auto& entry) { return !std::isfinite(ratio(entry)); });
  if (by_ratio.empty()) return;
  const auto middle = by_ratio.begin() + (std::ssize(by_ratio) - 1) / 2;
  std::ranges::nth_element(by_ratio, middle, {}, ratio);
  const TrialRuns::const_iterator most = *middle;
  for (const auto& entry : runs) {
    const double squared = entry->second.rmse * entry->second.rmse;
    const double wanted = ratio(most) * entry->second.loss;
    if (std::abs(squared - wanted) <= tolerance * std::max(squared, std::abs(wanted))) continue;
    refuse_damaged(place_of(entry->first),
                   fmt::format("validation_rmse {} and validation_loss {} contradict: the one "
                               "squared is {:.6g} times the other, {:.6g} times in {}",
                               entry->second.rmse, entry->second.loss, ratio(entry), ratio(most),
                               place_of(most->first)));
  }
}

void TrialLog::check_settings(const nlohmann::json& line, const TrialRun& run,
                              const std::string& place) const {
  const Json settings = settings_of(run);
  for (const auto& [name, value] : settings.items()) {
    const bool is_there = line.contains(name);
    if (is_there && line.at(name) == nlohmann::json(value)) continue;
    refuse_damaged(place, fmt::format("{} is {}, trial {} of this search has {}", name,
                                      is_there ? quoted(line.at(name).dump()) : "not there",
                                      run.trial + 1, value.dump()));
  }
}

std::string TrialLog::place_of(const TrialRun& run) const {
  const auto entry =
      std::ranges::find_if(in_order_, [&](const auto& known) { return known->first == run; });
  return fmt::format("{}:{}", printable(file_.path()), entry - in_order_.begin() + 2);
}

/// What a line has before its figures.
Json TrialLog::settings_of(const TrialRun& run) const {
  const ModelSpec& spec = specs_[run.trial];
  Json line = {{"trial", run.trial + 1}};
  if (rungs_.size() > 1) line["rung"] = run.rung + 1;
  if (folds_ > 1) line["fold"] = run.fold + 1;
  line["k"] = spec.rank;
  line["reg"] = spec.regularization.factors;
  line["reg_bias"] = spec.regularization.biases;
  line["reg_scaling"] = spec.regularization.scaling;
  if (const auto* mle = std::get_if<Mle>(&spec.algorithm)) {
    line["learning_rate"] = mle->learning_rate;
    line["decay"] = mle->decay;
  }
  return line;
}

void TrialLog::add(const TrialRun& run, const TrialFigures& figures) {
  Json line = settings_of(run);
  if (figures.diverged) {
    line["diverged"] = true;
  } else {
    line["validation_ratings"] = figures.ratings;
    line["validation_rmse"] = figures.rmse;
    line["validation_loss"] = figures.loss;
    line["best_epoch"] = figures.best_epoch;
  }
  line["epochs"] = figures.epochs;
  line["seconds"] = figures.seconds;
  file_.write(text_of(line));
}

}  // namespace alsatian
