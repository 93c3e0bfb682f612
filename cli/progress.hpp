// Training as people watch it: a line an epoch and, on a terminal, a bar with the time left.
// An observer of the trainer; prints on standard error and nothing with --quiet.
#pragma once

#include "cli/log.hpp"
#include "host/train/trainer.hpp"

#include <string>
#include <vector>

namespace alsatian {

/// One epoch in one line: objective, errors, seconds, ratings per second.
std::string epoch_text(const EpochStats& stats, const std::vector<std::string>& test_names);

/// `[#####     ]  5/15  12.3 M ratings/s  3 s left`, at most `width` columns.
std::string bar_text(const EpochStats& stats, int width);

class Progress : public Observer {
 public:
  Progress(const Log& log, std::vector<std::string> test_names);

  void on_start(const std::string& backend, const ModelSpec& spec, std::int64_t ratings) override;
  void on_epoch(const EpochStats& stats) override;
  void on_end(const std::string& why) override;

 private:
  void draw_bar(const EpochStats& stats) const;
  void clear_bar() const;

  const Log& log_;
  std::vector<std::string> test_names_;
};

}  // namespace alsatian
