// Implements grid_options.hpp.
// One table has what may be varied: its names, its rule and the option that it sets.
#include "cli/grid_options.hpp"

#include "host/error.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace alsatian {
namespace {

constexpr std::string_view default_axis = "reg=0.3:3:log8";
constexpr WholeRule count_rule{.lowest = 2, .highest = 1000, .example = {}};

/// A setting that may be varied.
struct Setting {
  std::vector<std::string_view> names;  // the first is the axis's
  RealRule rule;
  bool whole = false;
  bool of_mle = false;
  void (*set)(ModelOptions& options, double value);
  bool (*given)(const ModelOptions& options);
};

const std::vector<Setting>& settings() {
  static const std::vector<Setting> all{
      {{"k", "factors", "rank"},
       {.lowest = 0, .highest = largest_rank, .example = rank_rule.example},
       true,
       false,
       [](ModelOptions& options, double value) { options.rank = static_cast<std::int32_t>(value); },
       [](const ModelOptions& options) { return options.rank.has_value(); }},
      {{"reg", "lambda"},
       reg_rule,
       false,
       false,
       [](ModelOptions& options, double value) { options.reg = value; },
       [](const ModelOptions& options) { return options.reg.has_value(); }},
      {{"reg-bias"},
       reg_bias_rule,
       false,
       false,
       [](ModelOptions& options, double value) { options.reg_bias = value; },
       [](const ModelOptions& options) { return options.reg_bias.has_value(); }},
      {{"reg-scaling"},
       reg_scaling_rule,
       false,
       false,
       [](ModelOptions& options, double value) { options.reg_scaling = value; },
       [](const ModelOptions& options) { return options.reg_scaling.has_value(); }},
      {{"lr", "learning-rate"},
       learning_rate_rule,
       false,
       true,
       [](ModelOptions& options, double value) { options.learning_rate = value; },
       [](const ModelOptions& options) { return options.learning_rate.has_value(); }},
      {{"decay"},
       decay_rule,
       false,
       true,
       [](ModelOptions& options, double value) { options.decay = value; },
       [](const ModelOptions& options) { return options.decay.has_value(); }},
  };
  return all;
}

const Setting& setting_named(std::string_view name, std::string_view text) {
  std::string names;
  for (const Setting& setting : settings()) {
    if (std::ranges::find(setting.names, name) != setting.names.end()) return setting;
    names += (names.empty() ? "" : ", ") + std::string(setting.names.front());
  }
  refuse_value("--grid", text, "NAME=VALUES with a NAME of " + names, "try --grid reg=0.3:3:log8");
}

/// What VALUES of a setting are.
std::string rule_of(const Setting& setting) {
  const WholeRule whole{.lowest = 0, .highest = largest_rank, .example = {}};
  return fmt::format(
      "{0}=A,B,..., {0}=LOW:HIGH:logN or :linN (N from 2 to 1000, or none with "
      "--trials), every value {1}",
      setting.names.front(), setting.whole ? describe(whole) : describe(setting.rule));
}

[[noreturn]] void refuse_axis(const Setting& setting, std::string_view text) {
  refuse_value("--grid", text, rule_of(setting),
               setting.whole ? "try --grid k=16,32,64"
                             : fmt::format("try --grid {}=LOW:HIGH:log8", setting.names.front()));
}

/// The same with other VALUES.
std::string try_values(const Setting& setting, const std::string& values) {
  return fmt::format("try --grid {}={}", setting.names.front(), values);
}

double axis_value(const Setting& setting, std::string_view part, std::string_view text) {
  if (is_rounded_to_zero(part)) {
    refuse_value("--grid", text, fmt::format("of values each of which is {}", no_underflow),
                 fmt::format("write 0 or a larger number in place of {}", quoted(part)));
  }
  const auto value = real_number(part, setting.rule);
  if (!value || (setting.whole && !whole_number(part))) refuse_axis(setting, text);
  return *value;
}

/// What stands between commas, without blanks around it.
std::vector<std::string> parts_of(std::string_view values) {
  std::vector<std::string> parts;
  for (std::size_t first = 0; first <= values.size();) {
    const std::size_t comma = std::min(values.find(',', first), values.size());
    std::string part(values.substr(first, comma - first));
    part.erase(0, part.find_first_not_of(' '));
    part.erase(part.find_last_not_of(' ') + 1);
    parts.push_back(std::move(part));
    first = comma + 1;
  }
  return parts;
}

void read_list(const Setting& setting, std::string_view values, std::string_view text,
               SearchAxis& axis) {
  std::vector<std::string> parts = parts_of(values);
  if (std::erase(parts, "") > 0) {
    if (parts.empty()) refuse_axis(setting, text);
    refuse_value("--grid", text, "of values without an empty one between commas",
                 try_values(setting, fmt::format("{}", fmt::join(parts, ","))));
  }
  for (const std::string& part : parts) {
    const double value = axis_value(setting, part, text);
    if (std::ranges::find(axis.values, value) != axis.values.end()) {
      refuse_value("--grid", text, fmt::format("of different values, {} is there twice", value),
                   "leave out one of the two: a value is tried once");
    }
    axis.values.push_back(value);
  }
  std::ranges::sort(axis.values);
}

/// LOW:HIGH:logN.
void read_range(const Setting& setting, std::string_view values, std::string_view text,
                SearchAxis& axis) {
  const std::size_t first = values.find(':');
  const std::size_t second = values.find(':', first + 1);
  if (second == std::string_view::npos) refuse_axis(setting, text);
  ValueRange range{
      .lowest = axis_value(setting, values.substr(0, first), text),
      .highest = axis_value(setting, values.substr(first + 1, second - first - 1), text)};
  const std::string_view spacing = values.substr(second + 1);
  if (spacing.starts_with("log")) range.spacing = Spacing::logarithmic;
  const bool known = spacing.starts_with("log") || spacing.starts_with("lin");
  if (!known) refuse_axis(setting, text);
  if (range.lowest >= range.highest) {
    refuse_value(
        "--grid", text, "a range whose LOW is below its HIGH",
        try_values(setting, range.lowest == range.highest
                                ? fmt::format("{}", range.lowest)
                                : fmt::format("{}:{}:{}", range.highest, range.lowest, spacing)));
  }
  if (range.spacing == Spacing::logarithmic && range.lowest <= 0) {
    refuse_value("--grid", text, "a range above 0 where it is logarithmic",
                 fmt::format("begin above 0, or write lin for log"));
  }
  const std::string_view count = spacing.substr(3);
  if (count.empty()) {
    axis.range = range;
    return;
  }
  const auto number = whole_number(count);
  if (!number || *number < count_rule.lowest || *number > count_rule.highest) {
    refuse_axis(setting, text);
  }
  axis.values = spaced_values(range, static_cast<int>(*number), setting.whole);
  axis.asked_for = *number;
}

SearchAxis parse_axis(std::string_view text) {
  const std::size_t equals = std::min(text.find('='), text.size());
  const Setting& setting = setting_named(text.substr(0, equals), text);
  if (equals == text.size()) refuse_axis(setting, text);
  const std::string_view values = text.substr(equals + 1);
  SearchAxis axis{.name = std::string(setting.names.front()), .whole = setting.whole};
  const bool is_range = values.find(':') != std::string_view::npos;
  (is_range ? read_range : read_list)(setting, values, text, axis);
  return axis;
}

void check_axis(const SearchAxis& axis, const GridOptions& options, const ModelOptions& model) {
  const Setting& setting = setting_named(axis.name, axis.name);
  const std::string place = "--grid " + axis.name;
  if (setting.of_mle && model.model != "mle") {
    throw Error(ExitCode::usage, place, "applies to --model mle alone",
                "leave it out or use --model mle");
  }
  if (setting.given(model)) {
    throw Error(ExitCode::usage, place, fmt::format("contradicts --{}, which fixes it", axis.name),
                fmt::format("leave out --{0} or --grid {0}", axis.name));
  }
  if (axis.range && !options.trials) {
    throw Error(ExitCode::usage, place, "is a range to draw from, and nothing is drawn",
                "pass --trials 20, or say how many values as in log8");
  }
}

/// Whole numbers of a range may be fewer than what was asked for.
void note_merged_values(const SearchAxis& axis, GridOptions& options) {
  const auto values = std::ssize(axis.values);
  if (values >= axis.asked_for) return;
  options.notes.push_back(fmt::format(
      "{} of the {} values of --grid {} are the same whole number as another: {} are tried",
      axis.asked_for - values, axis.asked_for, axis.name, values));
}

}  // namespace

void add_grid_options(CommandLine& line, GridOptions& options) {
  line.group("Search");
  line.repeatable(
      "--grid", "NAME=VALUES",
      [&options](std::string_view option, const std::string& text) {
        SearchAxis axis = parse_axis(text);
        const bool again = std::ranges::any_of(
            options.axes, [&](const SearchAxis& other) { return other.name == axis.name; });
        if (again) {
          throw Error(ExitCode::usage, fmt::format("{} {}", option, axis.name), "is given twice",
                      "give all values of it at once: k=16,32,64");
        }
        options.axes.push_back(std::move(axis));
      },
      "Varies k, reg, reg-bias, reg-scaling, or of mle lr or decay: values between commas, N "
      "values "
      "from LOW to HIGH as LOW:HIGH:logN (equal ratios) or :linN (equal steps), or with --trials "
      "LOW:HIGH:log or :lin to draw from; may be given several times [each value as its option "
      "allows, default reg=0.3:3:log8]");
  line.whole("--trials", options.trials, {.lowest = 1, .highest = most_trials, .example = "20"},
             "Tries N points at random in place of every combination [1 to 10000, default all]");
}

std::vector<Point> chosen_points(GridOptions& options, const ModelOptions& model) {
  if (options.axes.empty()) options.axes.push_back(parse_axis(default_axis));
  for (const SearchAxis& axis : options.axes) check_axis(axis, options, model);
  for (const SearchAxis& axis : options.axes) note_merged_values(axis, options);
  if (options.trials) {
    std::vector<Point> points = drawn_points(options.axes, *options.trials, model.seed);
    if (std::ssize(points) < *options.trials) {
      options.notes.push_back(fmt::format("--trials asks for {}, there are {} different ones",
                                          *options.trials, points.size()));
    }
    return points;
  }
  const std::int64_t size = grid_size(options.axes);
  if (size > most_trials) {
    throw Error(ExitCode::usage, "--grid",
                fmt::format("asks for {} trials, more than {}", size, most_trials),
                "give fewer values, or draw some of them: --trials 100");
  }
  return grid_points(options.axes);
}

ModelOptions with_point(ModelOptions model, const std::vector<SearchAxis>& axes,
                        const Point& point) {
  for (std::size_t axis = 0; axis < axes.size(); ++axis) {
    setting_named(axes[axis].name, axes[axis].name).set(model, point[axis]);
  }
  return model;
}

}  // namespace alsatian
