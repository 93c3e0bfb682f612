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
  std::string_view example;  // VALUES
  void (*set)(ModelOptions& options, double value);
  bool (*given)(const ModelOptions& options);
};

const std::vector<Setting>& settings() {
  static const std::vector<Setting> all{
      {{"k", "factors", "rank"},
       {.lowest = 0, .highest = largest_rank, .example = rank_rule.example},
       true,
       false,
       "16,32,64",
       [](ModelOptions& options, double value) { options.rank = static_cast<std::int32_t>(value); },
       [](const ModelOptions& options) { return options.rank.has_value(); }},
      {{"reg", "lambda"},
       reg_rule,
       false,
       false,
       "0.3:3:log8",
       [](ModelOptions& options, double value) { options.reg = value; },
       [](const ModelOptions& options) { return options.reg.has_value(); }},
      {{"reg-bias"},
       reg_bias_rule,
       false,
       false,
       "0.3:3:log8",
       [](ModelOptions& options, double value) { options.reg_bias = value; },
       [](const ModelOptions& options) { return options.reg_bias.has_value(); }},
      {{"reg-scaling"},
       reg_scaling_rule,
       false,
       false,
       "0,0.5,1",
       [](ModelOptions& options, double value) { options.reg_scaling = value; },
       [](const ModelOptions& options) { return options.reg_scaling.has_value(); }},
      {{"lr", "learning-rate"},
       learning_rate_rule,
       false,
       true,
       "0.05,0.1,0.2",
       [](ModelOptions& options, double value) { options.learning_rate = value; },
       [](const ModelOptions& options) { return options.learning_rate.has_value(); }},
      {{"decay"},
       decay_rule,
       false,
       true,
       "0.9,0.95,1",
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

std::string value_rule(const Setting& setting) {
  const WholeRule whole{.lowest = 0, .highest = largest_rank, .example = {}};
  return setting.whole ? describe(whole) : describe(setting.rule);
}

/// An axis as somebody wrote it, for what is said of it.
struct WrittenAxis {
  const Setting& setting;
  std::string_view text;  // NAME=VALUES
  bool drawn = false;     // --trials: ranges need no count
};

/// values: some that can be given instead.
[[noreturn]] void refuse(const WrittenAxis& axis, const std::string& rule,
                         std::string_view values) {
  refuse_value("--grid", axis.text, rule,
               fmt::format("try --grid {}={}", axis.setting.names.front(), values));
}

[[noreturn]] void refuse_form(const WrittenAxis& axis) {
  refuse(axis,
         fmt::format("{0}=A,B,..., {0}=LOW:HIGH:logN or :linN (N from 2 to 1000, or none with "
                     "--trials), every value {1}",
                     axis.setting.names.front(), value_rule(axis.setting)),
         axis.setting.example);
}

/// part: a value, whose place in the text is called `name`.
double axis_value(const WrittenAxis& axis, std::string_view part, std::string_view name) {
  const Setting& setting = axis.setting;
  if (part.empty()) {
    refuse(axis,
           fmt::format("{}=LOW:HIGH:logN or :linN with a {} that is not empty",
                       setting.names.front(), name),
           setting.example);
  }
  if (is_rounded_to_zero(part)) {
    refuse(
        axis,
        fmt::format("of values each of which is {}, and {} would be", no_underflow, quoted(part)),
        setting.example);
  }
  const auto value = real_number(part, setting.rule);
  if (!value || (setting.whole && !whole_number(part))) {
    refuse(axis,
           fmt::format("{}=VALUES, every value {}, and {} is not", setting.names.front(),
                       value_rule(setting), quoted(part)),
           setting.example);
  }
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

void read_list(const WrittenAxis& written, std::string_view values, SearchAxis& axis) {
  std::vector<std::string> parts = parts_of(values);
  const bool has_empty = std::erase(parts, "") > 0;
  if (parts.empty()) refuse_form(written);
  std::string twice;
  std::vector<std::string> once;
  for (const std::string& part : parts) {
    const double value = axis_value(written, part, "value");
    if (std::ranges::find(axis.values, value) != axis.values.end()) {
      twice = fmt::format("{}", value);
      continue;
    }
    axis.values.push_back(value);
    once.push_back(part);
  }
  const std::string others = fmt::format("{}", fmt::join(once, ","));
  if (has_empty) refuse(written, "of values without an empty one between commas", others);
  if (!twice.empty()) {
    refuse(written, fmt::format("of different values, {} is there twice", twice), others);
  }
  std::ranges::sort(axis.values);
}

/// Between two ends where that is a range, else other values. count: eight where nothing is drawn
/// and none is given.
std::string range_example(const WrittenAxis& written, double lowest, double highest,
                          Spacing wanted = Spacing::logarithmic, std::string_view count = {}) {
  if (lowest >= highest) return std::string(written.setting.example);
  const bool logarithmic = wanted == Spacing::logarithmic && lowest > 0;
  if (count.empty() && !written.drawn) count = "8";
  return fmt::format("{}:{}:{}{}", lowest, highest, logarithmic ? "log" : "lin", count);
}

/// Behind the second colon: how the values of a range are spaced, and how many there are; 0 where
/// it does not say.
std::int64_t read_spacing(const WrittenAxis& written, std::string_view text, ValueRange& range) {
  const bool known = text.starts_with("log") || text.starts_with("lin");
  range.spacing = text.starts_with("lin") ? Spacing::linear : Spacing::logarithmic;
  const std::string example = range_example(written, range.lowest, range.highest, range.spacing);
  if (!known) {
    refuse(
        written,
        fmt::format("LOW:HIGH:logN or LOW:HIGH:linN, and {} is neither log nor lin", quoted(text)),
        example);
  }
  const std::string_view digits = text.substr(3);
  if (digits.empty()) return 0;
  const auto count = whole_number(digits);
  if (!count || *count < count_rule.lowest || *count > count_rule.highest) {
    refuse(written,
           fmt::format("of N values behind {}, N from {} to {}, and N is {}", text.substr(0, 3),
                       count_rule.lowest, count_rule.highest, quoted(digits)),
           example);
  }
  return *count;
}

/// count: as it is written.
void check_ends(const WrittenAxis& written, const ValueRange& range, std::string_view count) {
  if (range.lowest > range.highest) {
    refuse(written,
           fmt::format("a range whose LOW is below its HIGH, and LOW is {}, HIGH {}", range.lowest,
                       range.highest),
           range_example(written, range.highest, range.lowest, range.spacing, count));
  }
  if (range.lowest == range.highest) {
    refuse(written,
           fmt::format("a range whose LOW is below its HIGH, and both are {}", range.lowest),
           fmt::format("{}", range.lowest));
  }
  if (range.spacing == Spacing::logarithmic && range.lowest <= 0) {
    refuse(written,
           fmt::format("a range above 0 where it is logarithmic, and LOW is {}", range.lowest),
           range_example(written, range.lowest, range.highest, Spacing::linear, count));
  }
}

/// LOW:HIGH:logN.
void read_range(const WrittenAxis& written, std::string_view values, SearchAxis& axis) {
  const std::size_t first = values.find(':');
  const std::size_t second = values.find(':', first + 1);
  const std::string_view low = values.substr(0, first);
  const std::string_view high =
      values.substr(first + 1, second == std::string_view::npos ? second : second - first - 1);
  ValueRange range{.lowest = axis_value(written, low, "LOW"),
                   .highest = axis_value(written, high, "HIGH")};
  if (second == std::string_view::npos) {
    refuse(
        written,
        written.drawn
            ? "LOW:HIGH:log or LOW:HIGH:lin with --trials, and how values are spaced is not there"
            : "LOW:HIGH:logN or LOW:HIGH:linN, and how N values are spaced is not there",
        range_example(written, range.lowest, range.highest));
  }
  const std::string_view spacing = values.substr(second + 1);
  const std::int64_t count = read_spacing(written, spacing, range);
  check_ends(written, range, spacing.substr(3));
  if (count == 0) {
    axis.range = range;
    return;
  }
  axis.values = spaced_values(range, static_cast<int>(count), written.setting.whole);
  axis.asked_for = count;
}

SearchAxis parse_axis(std::string_view text, bool drawn) {
  const std::size_t equals = std::min(text.find('='), text.size());
  const Setting& setting = setting_named(text.substr(0, equals), text);
  const WrittenAxis written{setting, text, drawn};
  if (equals == text.size()) refuse_form(written);
  const std::string_view values = text.substr(equals + 1);
  SearchAxis axis{.name = std::string(setting.names.front()), .whole = setting.whole};
  const bool is_range = values.find(':') != std::string_view::npos;
  (is_range ? read_range : read_list)(written, values, axis);
  return axis;
}

/// The axes from their texts; λ where there are none.
void read_axes(GridOptions& options) {
  if (options.texts.empty()) options.texts.emplace_back(default_axis);
  for (const std::string& text : options.texts) {
    SearchAxis axis = parse_axis(text, options.trials.has_value());
    const bool again = std::ranges::any_of(
        options.axes, [&](const SearchAxis& other) { return other.name == axis.name; });
    if (again) {
      throw Error(ExitCode::usage, "--grid " + axis.name, "is given twice",
                  fmt::format("give all values of it at once: --grid {}={}", axis.name,
                              setting_named(axis.name, axis.name).example));
    }
    options.axes.push_back(std::move(axis));
  }
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
                fmt::format("pass --trials 20, or say how many values: --grid {}={}:{}:{}8",
                            axis.name, axis.range->lowest, axis.range->highest,
                            axis.range->spacing == Spacing::logarithmic ? "log" : "lin"));
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
      [&options](std::string_view, const std::string& text) { options.texts.push_back(text); },
      "Varies k, reg, reg-bias, reg-scaling, or of mle lr or decay: values between commas, N "
      "values "
      "from LOW to HIGH as LOW:HIGH:logN (equal ratios) or :linN (equal steps), or with --trials "
      "LOW:HIGH:log or :lin to draw from; may be given several times [each value as its option "
      "allows, default reg=0.3:3:log8]");
  line.whole("--trials", options.trials, {.lowest = 1, .highest = most_trials, .example = "20"},
             "Tries N points at random in place of every combination [1 to 10000, default all]");
}

std::vector<Point> chosen_points(GridOptions& options, const ModelOptions& model) {
  read_axes(options);
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
