// Implements log_observer.hpp: the line of an epoch.
// Keys are in the order in which they are documented.
#include "host/train/log_observer.hpp"

#include "host/error.hpp"
#include "host/model/spec_json.hpp"
#include "host/train/trial_log.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <utility>

namespace alsatian {
namespace {

using Json = nlohmann::ordered_json;

void put(Json& line, const char* key, const std::optional<double>& value) {
  if (value) line[key] = *value;
}

Json to_json(const ChainStats& chain) {
  Json object = {{"sigma", chain.sigma}};
  put(object, "user_weight_precision", chain.user_weight_precision);
  put(object, "item_weight_precision", chain.item_weight_precision);
  put(object, "test_rmse", chain.test_rmse);
  return object;
}

template <typename Entry>
void put_list(Json& line, const char* key, const std::vector<Entry>& entries) {
  if (entries.empty()) return;
  Json list = Json::array();
  for (const Entry& entry : entries) list.push_back(to_json(entry));
  line[key] = std::move(list);
}

/// The first set under `key`; all of them by name under `key`_by_set where there are several.
void put_tests(Json& line, const std::string& key, const std::vector<double>& values,
               const std::vector<std::string>& names) {
  if (values.empty()) return;
  line[key] = values.front();
  if (values.size() < 2) return;
  Json by_set = Json::object();
  for (std::size_t set = 0; set < values.size() && set < names.size(); ++set) {
    by_set[names[set]] = values[set];
  }
  line[key + "_by_set"] = by_set;
}

Json to_json(const EpochStats& stats, const std::vector<std::string>& test_names,
             const std::optional<int>& fold) {
  Json line = Json::object();
  if (fold) line["fold"] = *fold;
  line["epoch"] = stats.epoch;
  line["epochs"] = stats.epochs;
  if (stats.learning_rate > 0) line["learning_rate"] = stats.learning_rate;
  put(line, "sigma", stats.sigma);
  put(line, "user_weight_precision", stats.user_weight_precision);
  put(line, "item_weight_precision", stats.item_weight_precision);
  if (stats.user_weight_steps > 0) line["user_weight_steps"] = stats.user_weight_steps;
  if (stats.item_weight_steps > 0) line["item_weight_steps"] = stats.item_weight_steps;
  if (stats.sigma) line["draws"] = stats.draws;
  put_list(line, "chains", stats.chains);
  put(line, "objective", stats.objective);
  put(line, "train_rmse", stats.train_rmse);
  put(line, "train_nll", stats.train_nll);
  put(line, "validation_rmse", stats.validation_rmse);
  put(line, "validation_nll", stats.validation_nll);
  put_tests(line, "test_rmse", stats.test_rmse, test_names);
  put_tests(line, "test_nll", stats.test_nll, test_names);
  put_tests(line, "test_covered_90", stats.test_covered_90, test_names);
  line["training_seconds"] = stats.training_seconds;
  line["evaluation_seconds"] = stats.evaluation_seconds;
  line["total_seconds"] = stats.total_seconds;
  line["ratings_per_second"] = stats.ratings_per_second;
  line["repaired_pivots"] = stats.repaired_pivots;
  put_list(line, "traces", stats.traces);
  return line;
}

Json search_line(const std::optional<int>& fold) {
  Json line = Json::object();
  if (fold) line["fold"] = *fold;
  line["search"] = "reg";
  return line;
}

}  // namespace

LogObserver::LogObserver(std::string path, std::vector<std::string> test_names)
    : file_(std::move(path), "--log"), test_names_(std::move(test_names)) {
  if (is_trial_log(file_.read())) {
    throw Error(ExitCode::usage, printable(file_.path()),
                "is the log of a search by alsatian tune, which training would overwrite",
                "choose another --log, or remove the file");
  }
  // Only once it is ours: the lines of a run that goes on must stay.
  file_.cut(0);
}

void LogObserver::on_start(const std::string&, const ModelSpec& spec, std::int64_t) {
  reproducible_ = is_reproducible(spec);
}

void LogObserver::on_epoch(const EpochStats& stats) {
  Json line = to_json(stats, test_names_, fold_);
  if (!reproducible_) line["reproducible"] = false;
  file_.write(line.dump(-1, ' ', false, Json::error_handler_t::replace));
}

void LogObserver::on_penalty_trial(int trial, const PenaltyTrial& tried) {
  Json line = search_line(fold_);
  line["trial"] = trial;
  line["kind"] = penalty_trial_name(tried.kind);
  line["reg"] = tried.regularization.factors;
  line["reg_bias"] = tried.regularization.biases;
  if (tried.figures.diverged) {
    line["diverged"] = true;
  } else {
    line["validation_rmse"] = tried.figures.rmse;
    line["validation_loss"] = tried.figures.loss;
  }
  line["epochs"] = tried.figures.epochs;
  line["seconds"] = tried.figures.seconds;
  file_.write(line.dump());
}

void LogObserver::on_penalty_choice(const PenaltyChoice& choice) {
  Json line = search_line(fold_);
  line["reg"] = choice.chosen().factors;
  line["reg_bias"] = choice.chosen().biases;
  line.update(to_json(choice));
  file_.write(line.dump());
}

void LogObserver::finish(const std::string& model) { file_.finish(model); }

}  // namespace alsatian
