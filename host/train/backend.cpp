// Chooses the backend: what was asked for, or the fastest that is there, and says why.
// Only `auto` may choose otherwise than asked: a named device fails rather than falls back.
#include "host/train/backend.hpp"

#include "host/error.hpp"
#include "host/train/cuda_backend.hpp"
#include "host/train/sgd_schedule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <variant>

namespace alsatian {

namespace {

/// For what only a caller inside the program can get wrong.
[[noreturn]] void fail_row_solve(const std::string& what) {
  throw Error(ExitCode::internal, "solve_rows", what, "report this as a bug, with the command");
}

}  // namespace

void check_row_solve(const ModelSpec& spec, std::int64_t opposite_rows,
                     const CompressedMatrix& ratings, const RowPrior& prior) {
  if (!std::holds_alternative<Gaussian>(spec.likelihood)) {
    throw Error(ExitCode::usage, fmt::format("--likelihood {}", likelihood_name(spec.likelihood)),
                "rows for new ratings are solved for the gaussian likelihood only",
                "train with --likelihood gaussian");
  }
  const std::vector<std::int64_t>& offsets = ratings.offsets;
  const auto observations = static_cast<std::int64_t>(ratings.columns.size());
  if (offsets.empty() || offsets.front() != 0 || !std::ranges::is_sorted(offsets) ||
      offsets.back() != observations || ratings.values.size() != ratings.columns.size()) {
    fail_row_solve(fmt::format("the offsets do not rise from 0 to the {} columns and {} values",
                               observations, ratings.values.size()));
  }
  for (const std::int32_t column : ratings.columns) {
    if (column >= 0 && column < opposite_rows) continue;
    fail_row_solve(fmt::format("column {} is not from 0 to {}", column, opposite_rows - 1));
  }
  const auto order = static_cast<std::size_t>(spec.rank) + (spec.biases ? 1 : 0);
  if (!prior.precision.empty() && prior.precision.size() != order * order) {
    fail_row_solve(fmt::format("the prior's precision has {} numbers, not {} x {}",
                               prior.precision.size(), order, order));
  }
  if (prior.means == nullptr) return;
  if (prior.means->rows != ratings.rows() || prior.means->rank != spec.rank) {
    fail_row_solve(fmt::format("the prior's means are {} x {}, not {} x {}", prior.means->rows,
                               prior.means->rank, ratings.rows(), spec.rank));
  }
}

std::optional<Error> cpu_refusal(const ModelSpec& spec) {
  const auto refuse = [](const std::string& choice, const std::string& option) {
    return Error(ExitCode::usage, choice, "there are kernels for it on a GPU alone",
                 fmt::format("leave out {}, or train on a GPU (--device cuda)", option));
  };
  if (is_hogwild(spec.algorithm)) return refuse("--updates hogwild", "--updates");
  if (keeps_halves(spec.algorithm)) return refuse("--storage half", "--storage");
  if (is_fast(spec.algorithm)) return refuse("--precision fast", "--precision");
  return std::nullopt;
}

std::optional<Error> gpu_refusal(const ModelSpec& spec) {
  const auto* bayes = std::get_if<Bayes>(&spec.algorithm);
  if (bayes == nullptr || !bayes->feature_files) return std::nullopt;
  return Error(ExitCode::usage, "--device cuda",
               "there are no kernels for --user-features and --item-features",
               "use --device cpu, or leave them out");
}

ChosenBackend make_backend(TrainingProblem problem, const DeviceOptions& device) {
  if (cpu_refusal(problem.spec) && device.kind == DeviceOptions::Kind::automatic) {
    chooses_cuda(problem.spec, device);
    return {make_cuda_backend(std::move(problem), device), "a GPU was found"};
  }
  switch (device.kind) {
    case DeviceOptions::Kind::reference:
      return {make_reference_backend(std::move(problem)), "asked for"};
    case DeviceOptions::Kind::cpu:
      return {make_cpu_backend(std::move(problem), device), "asked for"};
    case DeviceOptions::Kind::cuda:
      return {make_cuda_backend(std::move(problem), device), "asked for"};
    case DeviceOptions::Kind::automatic:
      break;
  }
  if (const auto reason = cuda_unavailable()) {
    return {make_cpu_backend(std::move(problem), device), fmt::format("no GPU: {}", *reason)};
  }
  const AlsatianCudaTable& table = *load_cuda_module().table;
  try {
    return {make_cuda_backend(problem, table), "a GPU was found"};
  } catch (const Error& error) {
    // What the GPU cannot do, or not without a library, the CPU can; a GPU that fails is no reason
    // to go on without it.
    if (error.code() == ExitCode::internal) throw;
    // The problem was made for a GPU; like this it is that of --device cpu, to the byte.
    const auto items = static_cast<std::int32_t>(problem.by_item.rows());
    problem.by_item = transpose(problem.by_user, items);
    if (std::holds_alternative<Mle>(problem.spec.algorithm)) {
      problem.schedule = make_sgd_schedule(problem.by_user, items, problem.spec.seed);
    }
    return {make_cpu_backend(std::move(problem), device),
            fmt::format("not on the GPU: {}: {}", error.place(), error.what())};
  }
}

}  // namespace alsatian
