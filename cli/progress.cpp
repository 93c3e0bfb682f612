// Implements progress.hpp.
// The bar is the last line of the terminal and is rubbed out before anything else is printed.
#include "cli/progress.hpp"

#include "host/error.hpp"
#include "host/report/number_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace alsatian {
namespace {

constexpr int most_columns = 120;  // of a plot: wider ones show no more

std::string rate_text(double ratings_per_second) {
  if (ratings_per_second >= 1e6) return fmt::format("{:.1f} M ratings/s", ratings_per_second / 1e6);
  if (ratings_per_second >= 1e3) return fmt::format("{:.1f} k ratings/s", ratings_per_second / 1e3);
  return fmt::format("{:.0f} ratings/s", ratings_per_second);
}

std::string time_text(double seconds) {
  if (seconds < 10) return fmt::format("{:.1f} s", seconds);
  if (seconds < 120) return fmt::format("{:.0f} s", seconds);
  const auto minutes = static_cast<long long>(seconds / 60);
  if (minutes < 120) return fmt::format("{} min", minutes);
  return fmt::format("{} h {} min", minutes / 60, minutes % 60);
}

}  // namespace

std::string epoch_text(const EpochStats& stats, const std::vector<std::string>& test_names) {
  const std::size_t digits = fmt::formatted_size("{}", stats.epochs);
  std::string text = fmt::format("{:>{}}/{}", stats.epoch, digits, stats.epochs);
  if (stats.objective) text += fmt::format("  objective {:.8g}", *stats.objective);
  // Test errors are those of the mean over draws.
  const char* of_draw = stats.sigma ? " of the draw" : "";
  if (stats.train_rmse)
    text += fmt::format("  train RMSE{} {}", of_draw, four_decimals(*stats.train_rmse));
  if (stats.validation_rmse)
    text += fmt::format("  validation RMSE {}", four_decimals(*stats.validation_rmse));
  for (std::size_t test = 0; test < stats.test_rmse.size(); ++test) {
    const bool named = stats.test_rmse.size() > 1 && test < test_names.size();
    text += fmt::format("  {} RMSE {}", named ? test_names[test] : "test",
                        four_decimals(stats.test_rmse[test]));
  }
  if (stats.train_nll)
    text += fmt::format("  train NLL{} {}", of_draw, four_decimals(*stats.train_nll));
  if (stats.sigma) text += fmt::format("  sigma {}", four_decimals(*stats.sigma));
  if (stats.user_weight_precision && stats.item_weight_precision) {
    text += fmt::format("  weight precision {:.3g} {:.3g}", *stats.user_weight_precision,
                        *stats.item_weight_precision);
  }
  if (stats.learning_rate > 0) text += fmt::format("  lr {:.4g}", stats.learning_rate);
  text += fmt::format("  {:.3g} s", stats.training_seconds);
  if (stats.evaluation_seconds > 0) text += fmt::format(" + {:.3g} s", stats.evaluation_seconds);
  return text + fmt::format("  {}", rate_text(stats.ratings_per_second));
}

std::string bar_text(const EpochStats& stats, int width) {
  const int epochs = std::max(stats.epochs, 1);
  const int done = std::clamp(stats.epoch, 0, epochs);
  const double left = done > 0 ? stats.total_seconds * (epochs - done) / done : 0;
  std::string tail = fmt::format("  {}/{}", done, epochs);
  if (done > 0) {
    tail += fmt::format("  {}  {} left", rate_text(stats.ratings_per_second), time_text(left));
  }
  const int cells = std::clamp(width - static_cast<int>(tail.size()) - 3, 0, 40);
  const int full = cells * done / epochs;
  if (cells < 5) return tail.substr(2, static_cast<std::size_t>(std::max(width - 1, 0)));
  return fmt::format("[{}{}]{}", std::string(static_cast<std::size_t>(full), '#'),
                     std::string(static_cast<std::size_t>(cells - full), ' '), tail);
}

Progress::Progress(const Log& log, std::vector<std::string> test_names, CurvePlot plot)
    : log_(log), test_names_(std::move(test_names)), plot_(plot) {}

Progress::~Progress() { clear(); }

void Progress::on_start(const std::string& backend, const ModelSpec& spec, std::int64_t) {
  log_.field("device", backend);
  epochs_ = spec.epochs;
  EpochStats nothing_yet;
  nothing_yet.epochs = spec.epochs;
  draw(nothing_yet);
}

void Progress::on_epoch(const EpochStats& stats) {
  if (log_.quiet()) return;
  clear();
  log_.field("epoch", epoch_text(stats, test_names_));
  if (plot_ == CurvePlot::errors) keep(stats);
  draw(stats);
}

void Progress::on_end(const std::string& why) {
  if (log_.quiet()) return;
  clear();
  for (const std::string& line : plot_lines()) log_.line(line);
  if (!why.empty()) log_.field("end", why);
}

void Progress::keep(const EpochStats& stats) {
  const auto add = [&](std::size_t curve, const std::string& name,
                       const std::optional<double>& value) {
    if (curves_.size() <= curve) curves_.resize(curve + 1);
    curves_[curve].name = name;
    if (value) curves_[curve].points.push_back({static_cast<double>(stats.epoch), *value});
  };
  add(0, stats.sigma ? "train, of a draw" : "train", stats.train_rmse);
  add(1, "validation", stats.validation_rmse);
  for (std::size_t test = 0; test < stats.test_rmse.size(); ++test) {
    const bool named = stats.test_rmse.size() > 1 && test < test_names_.size();
    add(2 + test, named ? printable(test_names_[test]) : "test", stats.test_rmse[test]);
  }
}

std::vector<std::string> Progress::plot_lines() const {
  if (plot_ == CurvePlot::none) return {};
  std::vector<TextCurve> measured;
  std::ranges::copy_if(curves_, std::back_inserter(measured),
                       [](const TextCurve& curve) { return !curve.points.empty(); });
  // A line as wide as the terminal would wrap on some.
  return draw_text_plot(measured,
                        {.title = "RMSE",
                         .x_title = "epoch",
                         .first_x = 1,
                         .last_x = static_cast<double>(epochs_),
                         .columns = std::min(log_.width() - 1, most_columns),
                         .rows = std::clamp(log_.height() - 8, 3, 12),
                         .marks = locale_is_utf8() ? TextMarks::braille : TextMarks::ascii,
                         .colors = log_.colours() ? TextColors::ansi : TextColors::none});
}

void Progress::draw(const EpochStats& stats) {
  if (log_.quiet() || !log_.is_terminal() || stats.epoch >= stats.epochs) return;
  for (const std::string& line : plot_lines()) {
    log_.line(line);
    ++lines_drawn_;
  }
  log_.raw(bar_text(stats, log_.width()));
  bar_drawn_ = true;
}

void Progress::clear() {
  if (lines_drawn_ > 0) log_.raw(fmt::format("\x1b[{}A", lines_drawn_));
  // To the end of the screen: the plot was there.
  if (bar_drawn_) log_.raw(lines_drawn_ > 0 ? "\r\x1b[J" : "\r\x1b[K");
  lines_drawn_ = 0;
  bar_drawn_ = false;
}

}  // namespace alsatian
