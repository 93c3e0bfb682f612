// The report of a search: how the validation error depends on what was varied, and what it cost.
// Every figure is made from the results that the table on standard output has.
#pragma once

#include "cli/table.hpp"
#include "cli/tune_options.hpp"
#include "host/report/page.hpp"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace alsatian {

/// Trials by their index, the best first, those that diverged last.
std::vector<std::size_t> best_first(const TuningResult& result);

/// Trials as good as the best one, which is among them: nine digits of the loss are the same, and
/// of losses near 0, where no rating has an error that could be seen, all; and of equal ratings
/// every trial, however far it was let go. Needs a best one.
std::vector<std::size_t> tied_with_best(const TunePlan& plan, const TuningResult& result);
/// "all 3 trials are equally good", "2 of 3 trials are equally good".
std::string ties_text(const TunePlan& plan, const TuningResult& result);

/// Value of an axis in a trial.
double setting_of(const SearchAxis& axis, const ModelSpec& spec);

/// A line a trial, the best first: its number, settings and figures.
void print_trials(Output& output, Format format, const TunePlan& plan, const TuningResult& result);

/// A line a trial, in their order: its number and settings.
void print_settings(Output& output, Format format, const TunePlan& plan);

/// runs: in the order in which they ran.
Page tuning_page(const TunePlan& plan, const TuningResult& result,
                 const std::vector<std::pair<TrialRun, TrialFigures>>& runs,
                 const std::string& source);

}  // namespace alsatian
