// Implements memory_plan.hpp from the sizes of the arrays that training keeps.
// Limits are read from /proc and /sys/fs/cgroup; a limit that cannot be read does not limit.
#include "cli/memory_plan.hpp"

#include "host/error.hpp"
#include "kernels/cpu/feature_preconditioner.hpp"
#include "kernels/cpu/gibbs_prior.hpp"
#include "kernels/cpu/given_weights.hpp"
#include "kernels/cpu/kernel_table.hpp"
#include "kernels/cpu/parallel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <limits>
#include <string_view>
#include <sys/resource.h>

namespace alsatian {
namespace {

constexpr std::int64_t unlimited = std::numeric_limits<std::int64_t>::max();

std::int64_t times(std::int64_t left, std::int64_t right) {
  std::int64_t product = 0;
  return __builtin_mul_overflow(left, right, &product) ? unlimited : product;
}

std::int64_t plus(std::int64_t left, std::int64_t right) {
  std::int64_t sum = 0;
  return __builtin_add_overflow(left, right, &sum) ? unlimited : sum;
}

/// The first whole number in `text` at or after `first`.
std::optional<std::int64_t> number_in(std::string_view text, std::size_t first) {
  first = text.find_first_of("0123456789", first);
  if (first == std::string_view::npos) return std::nullopt;
  std::int64_t number = 0;
  const auto result = std::from_chars(text.data() + first, text.data() + text.size(), number);
  if (result.ec != std::errc{}) return std::nullopt;
  return number;
}

/// The number behind `key` in a file of `key number` lines, or the first of the file for "".
std::optional<std::int64_t> read_number(const std::string& path, std::string_view key) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    if (line.starts_with(key)) return number_in(line, key.size());
  }
  return std::nullopt;
}

std::int64_t machine_memory() {
  const auto kibibytes = read_number("/proc/meminfo", "MemAvailable:");
  return kibibytes ? times(*kibibytes, 1024) : unlimited;
}

std::int64_t address_space() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return unlimited;
  const auto used_kibibytes = read_number("/proc/self/status", "VmSize:");
  const std::int64_t used = used_kibibytes ? times(*used_kibibytes, 1024) : 0;
  return std::max<std::int64_t>(0, static_cast<std::int64_t>(limit.rlim_cur) - used);
}

std::int64_t control_group(const std::string& limit_path, const std::string& used_path) {
  const auto limit = read_number(limit_path, "");
  const auto used = read_number(used_path, "");
  if (!limit || !used) return unlimited;
  return std::max<std::int64_t>(0, *limit - *used);
}

std::int64_t control_group_memory() {
  const std::string root = "/sys/fs/cgroup";
  std::int64_t available = std::min(control_group(root + "/memory.max", root + "/memory.current"),
                                    control_group(root + "/memory/memory.limit_in_bytes",
                                                  root + "/memory/memory.usage_in_bytes"));
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    if (!line.starts_with("0::")) continue;
    const std::string group = root + line.substr(3);
    available =
        std::min(available, control_group(group + "/memory.max", group + "/memory.current"));
  }
  return available;
}

std::int64_t csr_bytes(std::int64_t rows, std::int64_t observations) {
  return plus(times(observations, 8), times(rows + 1, 8));
}

/// What the threads of `als` solve their rows in.
std::int64_t row_scratch_bytes(std::int64_t longest_row, const ModelSpec& spec,
                               WorkingPrecision precision) {
  if (precision == WorkingPrecision::in_float) {
    cpu::AlsTask task;
    task.opposite.rank = spec.rank;
    return times(thread_count(), cpu::kernels(best_isa()).als_scratch(task) * 4);
  }
  // One thread: the equations, their factor, and the factors of all that a row has rated.
  const std::int64_t order = std::int64_t{spec.rank} + 1;
  return times(plus(longest_row, 2 * order), order * 8);
}

/// What sampling holds beside rows. The reference writes features and their equations out.
void add_bayes_parts(const TrainingSizes& sizes, const ModelSpec& spec, WorkingPrecision precision,
                     MemoryPlan& plan) {
  const auto& bayes = std::get<Bayes>(spec.algorithm);
  const std::int64_t rows = sizes.users + sizes.items;
  const std::int32_t order = spec.rank + 1;
  const bool has_features = bayes.features != Features::none;
  const bool doubled = precision == WorkingPrecision::in_double;
  const std::int64_t row_bytes =
      doubled ? std::int64_t{order} * 8 : (std::int64_t{cpu::padded(spec.rank)} + 1) * 4;
  // Means and noise, and the draw on its way to the sums.
  plan.parts.push_back(
      {"draw_of_rows", plus(times(rows, 2 * row_bytes), times(rows, std::int64_t{order} * 8))});
  const std::int64_t moments = times(cpu::most_moment_parts, times(order, times(order, 8)));
  plan.parts.push_back({"moments_of_rows", moments});
  if (has_features) {
    const std::int64_t longer = std::max(sizes.users, sizes.items);
    const std::int64_t dense =
        plus(times(times(sizes.users, sizes.items), 8), times(times(longer, longer), 2 * 8));
    // Six tables of a side's rows and features together, and two of half the bytes; shares, roots
    // and diagonal.
    const std::int64_t sparse =
        times(rows, 7 * (std::int64_t{cpu::padded(spec.rank)} + 1) * 4 + 16);
    plan.parts.push_back({"feature_weights", doubled ? dense : sparse});
    if (!doubled) {
      plan.parts.push_back(
          {"feature_directions",
           plus(cpu::preconditioner_bytes(sizes.items, sizes.users, sizes.train, spec.rank),
                cpu::preconditioner_bytes(sizes.users, sizes.items, sizes.train, spec.rank))});
    }
  }
  if (sizes.user_features + sizes.item_features > 0) {
    // In the data set and in the problem. The reference writes them out.
    const auto side_bytes = [&](std::int64_t count, std::int64_t features, std::int64_t values) {
      const std::int64_t held = times(2, csr_bytes(count, values));
      if (!doubled) return plus(held, cpu::given_bytes(count, features, values, order));
      return plus(held, plus(times(times(count, features), 3 * 8),
                             times(times(features, features), 4 * 8)));
    };
    plan.parts.push_back(
        {"given_features",
         plus(side_bytes(sizes.users, sizes.user_features, sizes.user_feature_values),
              side_bytes(sizes.items, sizes.item_features, sizes.item_feature_values))});
  }
  if (bayes.chains > 1) {
    // Factors, and B with as many rows of features as there are rows.
    const std::int64_t copies = has_features ? 2 : 1;
    plan.parts.push_back(
        {"states_of_chains", times(bayes.chains, times(rows, copies * order * (doubled ? 8 : 4)))});
  }
  // As summed, as the model's, and in rating units.
  plan.parts.push_back({"kept_draws", times(rows, times(std::int64_t{order} * bayes.keep, 3 * 4))});
  if (has_features) {
    // B of users, a row for each item: as kept, and as the model's.
    plan.parts.push_back(
        {"kept_priors", times(sizes.items, times(std::int64_t{order} * bayes.keep, 2 * 4))});
  }
  plan.parts.push_back({"sums_of_predictions", times(sizes.held_out, 16)});
}

/// The largest rank whose plan fits; -1 where not even rank 0 does.
std::int32_t largest_fitting_rank(const TrainingSizes& sizes, ModelSpec spec,
                                  WorkingPrecision precision, std::int64_t available_bytes) {
  std::int32_t fits = -1;
  std::int32_t too_large = spec.rank;
  while (too_large - fits > 1) {
    spec.rank = fits + (too_large - fits) / 2;
    const bool inside = plan_memory(sizes, spec, precision).total_bytes <= available_bytes;
    (inside ? fits : too_large) = spec.rank;
  }
  return fits;
}

}  // namespace

TrainingSizes training_sizes(const Dataset& dataset) {
  TrainingSizes sizes{.users = dataset.users.size(),
                      .items = dataset.items.size(),
                      .train = dataset.train.size(),
                      .held_out = dataset.validation.size()};
  sizes.user_features = dataset.user_features.count();
  sizes.user_feature_values = std::ssize(dataset.user_features.rows.values);
  sizes.item_features = dataset.item_features.count();
  sizes.item_feature_values = std::ssize(dataset.item_features.rows.values);
  for (const TestSet& test : dataset.tests) sizes.held_out += test.ratings.size();
  return sizes;
}

MemoryPlan plan_memory(const TrainingSizes& sizes, const ModelSpec& spec,
                       WorkingPrecision precision) {
  const std::int64_t users = sizes.users;
  const std::int64_t items = sizes.items;
  const std::int64_t train = sizes.train;
  const std::int64_t held_out = sizes.held_out;
  const std::int64_t kept_trials = sizes.kept_trials;
  const std::int64_t kept_ratings = sizes.kept_ratings;
  const bool doubled = precision == WorkingPrecision::in_double;
  const std::int64_t parameters = times(users + items, std::int64_t{spec.rank} + 1);
  const std::int64_t working_bytes = doubled ? 8 : 4;
  // The backend in float pads its rows, which is most of them where the rank is small.
  const std::int64_t working_parameters =
      times(users + items, std::int64_t{doubled ? spec.rank : cpu::padded(spec.rank)} + 1);

  MemoryPlan plan;
  plan.parts = {
      {"training_ratings", times(train, 12)},
      {"ratings_by_user", csr_bytes(users, train)},
      {"ratings_by_item", csr_bytes(items, train)},
      // As read, and standardised for the backend.
      {"held_out_ratings", times(held_out, 24)},
      // Start values, result and result in rating units.
      {"factors", times(parameters, 3 * 4)},
      {"factors_of_backend", times(working_parameters, working_bytes)},
  };
  if (std::holds_alternative<Als>(spec.algorithm) || is_bayes(spec)) {
    const std::int64_t longest_row = std::min(train, std::max(users, items));
    plan.parts.push_back({"scratch_of_threads", row_scratch_bytes(longest_row, spec, precision)});
  }
  if (is_bayes(spec)) add_bayes_parts(sizes, spec, precision, plan);
  if (std::holds_alternative<Mle>(spec.algorithm)) {
    plan.parts.push_back({"visiting_order", times(train, 12)});
    plan.parts.push_back({"slope_accumulators", times(users + items, 2 * working_bytes)});
    plan.parts.push_back({"factors_of_best_epoch", times(parameters, 4)});
  }
  if (std::holds_alternative<LeastSquares>(spec.algorithm)) {
    plan.parts.push_back(
        {"conjugate_gradient_vectors", times(working_parameters, 7 * working_bytes)});
  }
  if (kept_trials > 0) {
    const bool has_sums = std::holds_alternative<Mle>(spec.algorithm);
    const std::int64_t numbers = plus(parameters, has_sums ? times(users + items, 2) : 0);
    plan.parts.push_back({"kept_trials", times(kept_trials, times(numbers, working_bytes))});
  }
  if (kept_ratings > 0) {
    const bool is_ordered = std::holds_alternative<Mle>(spec.algorithm);
    plan.parts.push_back({"kept_ratings", times(kept_ratings, is_ordered ? 28 : 16)});
  }
  for (const MemoryPart& part : plan.parts) plan.total_bytes = plus(plan.total_bytes, part.bytes);
  return plan;
}

std::int64_t available_memory() {
  return std::min({machine_memory(), address_space(), control_group_memory()});
}

MemoryLimit memory_limit(const std::optional<std::int64_t>& max_memory) {
  const std::int64_t available = available_memory();
  if (max_memory.value_or(available) >= available) return {available};
  return {*max_memory, MemoryLimit::Source::option};
}

void check_memory(const TrainingSizes& sizes, const ModelSpec& spec, WorkingPrecision precision,
                  const MemoryLimit& limit) {
  const std::int64_t needed = plan_memory(sizes, spec, precision).total_bytes;
  if (needed <= limit.bytes) return;
  const bool by_option = limit.source == MemoryLimit::Source::option;
  const std::int32_t fits = largest_fitting_rank(sizes, spec, precision, limit.bytes);
  const std::string largest = fits >= 0 ? fmt::format("the largest k that fits is {}", fits)
                                        : "no k fits, the ratings alone are too many";
  const std::string remedy = by_option ? "raise --max-memory"
                                       : "use a machine with more memory, or raise the limit "
                                         "(ulimit -v)";
  throw Error(
      ExitCode::out_of_memory, fmt::format("--k {}", spec.rank),
      fmt::format("training needs {}, {}; {}", human_bytes(needed),
                  by_option ? fmt::format("--max-memory allows {}", human_bytes(limit.bytes))
                            : fmt::format("{} are free here", human_bytes(limit.bytes)),
                  largest),
      fits > 0 ? fmt::format("try --k {}, or {}", fits, remedy) : remedy);
}

}  // namespace alsatian
