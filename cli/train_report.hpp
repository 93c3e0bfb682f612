// The report of a training: its curves against epochs and seconds, and where the time went.
// Collects what the trainer tells its observers; nothing is measured twice.
#pragma once

#include "host/report/page.hpp"
#include "host/train/penalty_search.hpp"
#include "host/train/trainer.hpp"

#include <string>
#include <utility>
#include <vector>

namespace alsatian {

/// Keeps the figures of every epoch.
class ReportObserver : public Observer {
 public:
  explicit ReportObserver(std::vector<std::string> test_names)
      : test_names_(std::move(test_names)) {}
  void on_start(const std::string& backend, const ModelSpec& spec, std::int64_t ratings) override;
  void on_epoch(const EpochStats& stats) override { epochs_.push_back(stats); }

  const std::string& backend() const { return backend_; }
  const std::vector<EpochStats>& epochs() const { return epochs_; }
  const std::vector<std::string>& test_names() const { return test_names_; }

 private:
  std::string backend_;
  std::vector<std::string> test_names_;
  std::vector<EpochStats> epochs_;
};

/// Seconds by what they went into, in order: "reading", ... They lie within each other nowhere.
using Stages = std::vector<std::pair<std::string, double>>;

/// Of a training: getting ready, epochs, their figures.
void append_training(Stages& stages, const TrainingResult& result);

/// stages: all but what is shown as "else", the rest of `seconds`, which the command has taken so
/// far. searched: the trials of --reg auto.
Page training_page(const ReportObserver& observed, const TrainingResult& result,
                   const std::string& source, const Stages& stages, double seconds,
                   const std::vector<PenaltyTrial>& searched);

}  // namespace alsatian
