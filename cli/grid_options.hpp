// `--grid NAME=VALUES`: which settings tune varies, and over what.
// Every value obeys the rule of the option that it stands for.
#pragma once

#include "cli/command_line.hpp"
#include "cli/model_options.hpp"
#include "host/train/setting_space.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace alsatian {

struct GridOptions {
  std::vector<std::string> texts;  // as given; read once --trials is known, which may come later
  std::vector<SearchAxis> axes;    // of chosen_points
  std::optional<std::int64_t> trials;  // so many at random
  std::vector<std::string> notes;      // of chosen_points: where fewer are tried than asked for
};

/// More are hardly meant.
inline constexpr std::int64_t most_trials = 10'000;

/// --grid, --trials.
void add_grid_options(CommandLine& line, GridOptions& options);

/// Reads the axes from their texts. The points to try, in a fixed order; λ alone is varied where no
/// axis is given. Throws Error 64 where an axis is none or is given twice, contradicts an option of
/// the model or is a range without --trials, or where the points are too many.
std::vector<Point> chosen_points(GridOptions& options, const ModelOptions& model);

/// The options with the settings of a point.
ModelOptions with_point(ModelOptions model, const std::vector<SearchAxis>& axes,
                        const Point& point);

}  // namespace alsatian
