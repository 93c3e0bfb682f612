// Training as people watch it: a line an epoch and, on a terminal, a bar with the time left.
// An observer of the trainer; prints on standard error and nothing with --quiet.
#pragma once

#include "cli/log.hpp"
#include "host/report/text_plot.hpp"
#include "host/train/trainer.hpp"

#include <string>
#include <vector>

namespace alsatian {

/// One epoch in one line: objective, errors, seconds, ratings per second.
std::string epoch_text(const EpochStats& stats, const std::vector<std::string>& test_names);

/// `[#####     ]  5/15  12.3 M ratings/s  3 s left`, at most `width` columns.
std::string bar_text(const EpochStats& stats, int width);

/// Whether --plot draws the errors under the epochs: on a terminal again after every epoch, in
/// place, elsewhere once at the end.
enum class CurvePlot { none, errors };

class Progress : public Observer {
 public:
  Progress(const Log& log, std::vector<std::string> test_names, CurvePlot plot = CurvePlot::none);
  /// Where training threw, the bar is not left in the way of what is said about it.
  ~Progress() override;
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void on_start(const std::string& backend, const ModelSpec& spec, std::int64_t ratings) override;
  void on_epoch(const EpochStats& stats) override;
  void on_end(const std::string& why) override;

 private:
  void draw(const EpochStats& stats);
  void clear();
  void keep(const EpochStats& stats);
  std::vector<std::string> plot_lines() const;

  const Log& log_;
  std::vector<std::string> test_names_;
  CurvePlot plot_;
  int epochs_ = 1;
  std::vector<TextCurve> curves_;  // RMSE of train, validation and the test sets
  int lines_drawn_ = 0;            // above the bar, to be rubbed out with it
  bool bar_drawn_ = false;
};

}  // namespace alsatian
