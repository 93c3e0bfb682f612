// Adapts the CUDA module's table to Backend. The file is the same in every build; the program
// itself never links CUDA.
#include "host/train/cuda_backend.hpp"

#include "host/ratings/row_offsets.hpp"
#include "host/train/cuda_gibbs.hpp"
#include "kernels/cpu/als.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <variant>

namespace alsatian {
namespace {

AlsatianCudaRatings to_ratings(const CompressedMatrix& ratings) {
  return {span_of<AlsatianInt64s>(ratings.offsets), span_of<AlsatianInt32s>(ratings.columns),
          span_of<AlsatianFloats>(ratings.values)};
}

template <typename Ratings>
AlsatianCudaList to_list(const Ratings& ratings) {
  return {span_of<AlsatianInt32s>(ratings.users), span_of<AlsatianInt32s>(ratings.items),
          span_of<AlsatianFloats>(ratings.ratings)};
}

AlsatianCudaRows to_rows(const SideFactors& side) {
  return {side.factors.data(), side.biases.data(), side.rows};
}
AlsatianCudaRowsOut to_rows_out(SideFactors& side) {
  return {side.factors.data(), side.biases.data(), side.rows};
}

AlsatianCudaRegularization to_regularization(const Regularization& regularization) {
  return {regularization.factors, regularization.biases, regularization.scaling};
}

std::int32_t to_side(Side side) {
  return side == Side::users ? ALSATIAN_CUDA_USERS : ALSATIAN_CUDA_ITEMS;
}

std::int32_t to_algorithm(const Algorithm& algorithm) {
  if (std::holds_alternative<Als>(algorithm)) return ALSATIAN_CUDA_ALS;
  if (std::holds_alternative<Mle>(algorithm)) return ALSATIAN_CUDA_MLE;
  if (std::holds_alternative<Bayes>(algorithm)) return ALSATIAN_CUDA_BAYES;
  return ALSATIAN_CUDA_LS;
}

AlsatianCudaSpec to_spec(const ModelSpec& spec, double mean) {
  AlsatianCudaSpec result{.algorithm = to_algorithm(spec.algorithm),
                          .likelihood = static_cast<std::int32_t>(spec.likelihood.index()),
                          .rank = spec.rank,
                          .biases = spec.biases ? 1 : 0,
                          .regularization = to_regularization(spec.regularization),
                          .mean = mean,
                          .fast = 0,
                          .solver_steps = 0,
                          .adagrad = 0,
                          .hogwild = is_hogwild(spec.algorithm) ? 1 : 0,
                          .halves = keeps_halves(spec.algorithm) ? 1 : 0,
                          .seed = spec.seed,
                          .inner_steps = 0,
                          .implicit_features = 0};
  if (const auto* mle = std::get_if<Mle>(&spec.algorithm)) {
    result.adagrad = mle->optimizer == Optimizer::adagrad ? 1 : 0;
  }
  if (const auto* als = std::get_if<Als>(&spec.algorithm)) {
    result.fast = als->precision == Precision::fast ? 1 : 0;
    if (als->solver == Solver::conjugate_gradient) result.solver_steps = als->solver_steps;
  }
  if (const auto* choice = std::get_if<LeastSquares>(&spec.algorithm)) {
    result.inner_steps = choice->inner_steps;
  }
  if (const auto* bayes = std::get_if<Bayes>(&spec.algorithm)) {
    result.implicit_features = bayes->features == Features::implicit ? 1 : 0;
  }
  return result;
}

ErrorSums to_error_sums(const AlsatianCudaErrorSums& sums) {
  return {.count = sums.count,
          .squared_error = sums.squared_error,
          .absolute_error = sums.absolute_error,
          .loss = sums.loss};
}

AlsatianCudaPlan plan_of(const AlsatianCudaTable& table, const AlsatianCudaShape& shape) {
  AlsatianCudaPlan plan{};
  call_cuda(table, table.plan, &shape, &plan);
  return plan;
}

/// The remedy that is always left, but for what no CPU can do.
std::string on_the_cpu(const AlsatianCudaSpec& spec) {
  const bool only_gpu = spec.hogwild != 0 || spec.halves != 0 || spec.fast != 0;
  const char* const choices = spec.fast != 0 ? "--precision" : "--updates and --storage";
  return only_gpu ? fmt::format("--device cpu without {}", choices) : "--device cpu";
}

/// The plan of a problem that fits. Throws Error 71 with both sizes and the largest k that does.
AlsatianCudaPlan fitting_plan(const AlsatianCudaTable& table, AlsatianCudaShape shape) {
  const AlsatianCudaPlan plan = plan_of(table, shape);
  if (plan.total_bytes <= plan.free_bytes) return plan;
  const std::int32_t rank = shape.spec.rank;
  std::int32_t fits = -1;
  std::int32_t too_large = rank;
  while (too_large - fits > 1) {
    shape.spec.rank = fits + (too_large - fits) / 2;
    const bool inside = plan_of(table, shape).total_bytes <= plan.free_bytes;
    (inside ? fits : too_large) = shape.spec.rank;
  }
  throw Error(ExitCode::out_of_memory, fmt::format("--k {}", rank),
              fmt::format("training needs {}; {}", needed_text(plan),
                          fits >= 0 ? fmt::format("the largest k that fits is {}", fits)
                                    : "no k fits, not even beside ratings in host memory"),
              fits > 0 ? fmt::format("try --k {}, or {}", fits, on_the_cpu(shape.spec))
                       : "use " + on_the_cpu(shape.spec));
}

std::string host_ratings_text(const AlsatianCudaPlan& plan) {
  return plan.host_bytes == 0 ? std::string()
                              : fmt::format(
                                    "; its memory is too small for the ratings: {} are "
                                    "read from the host's",
                                    human_bytes(plan.host_bytes));
}

AlsatianCudaShape shape_of(const TrainingProblem& problem) {
  AlsatianCudaShape shape{.spec = to_spec(problem.spec, problem.scale.score_mean),
                          .user_offsets = span_of<AlsatianInt64s>(problem.by_user.offsets),
                          .item_offsets = span_of<AlsatianInt64s>(problem.by_item.offsets),
                          .held_out = 0,
                          .grid = problem.schedule.grid};
  for (const HeldOut& set : problem.held_out) {
    shape.held_out += static_cast<std::int64_t>(set.ratings.size());
  }
  return shape;
}

struct DestroyEngine {
  const AlsatianCudaTable* table;
  void operator()(AlsatianCudaEngine* engine) const { table->destroy(engine); }
};
using EnginePointer = std::unique_ptr<AlsatianCudaEngine, DestroyEngine>;

EnginePointer create_engine(const AlsatianCudaTable& table, const TrainingProblem& problem) {
  std::vector<AlsatianCudaList> held_out;
  for (const HeldOut& set : problem.held_out) held_out.push_back(to_list(set));
  const AlsatianCudaProblem given{
      .spec = to_spec(problem.spec, problem.scale.score_mean),
      .by_user = to_ratings(problem.by_user),
      .item_offsets = span_of<AlsatianInt64s>(problem.by_item.offsets),
      .grid = problem.schedule.grid,
      .block_offsets = span_of<AlsatianInt64s>(problem.schedule.block_offsets),
      .schedule = to_list(problem.schedule),
      .held_out = held_out.data(),
      .held_out_sets = static_cast<std::int64_t>(held_out.size()),
      .users = to_rows(problem.start.users),
      .items = to_rows(problem.start.items)};
  AlsatianCudaEngine* engine = nullptr;
  call_cuda(table, table.create, &given, &engine);
  return EnginePointer(engine, {&table});
}

std::string needs_libraries(const AlsatianCudaTable& table, const std::string& missing) {
  return fmt::format("exact row solves beyond k {} need cuBLAS and cuSOLVER on a GPU: {}",
                     table.largest_rank[ALSATIAN_CUDA_ALS], missing);
}

class CudaBackend final : public Backend {
 public:
  CudaBackend(const TrainingProblem& problem, const CudaModule& module,
              const AlsatianCudaPlan& plan)
      : table_(*module.table),
        device_(device_text(module.device) + host_ratings_text(plan)),
        spec_(problem.spec),
        users_(problem.by_user.rows()),
        items_(problem.by_item.rows()),
        grid_(problem.schedule.grid),
        engine_(create_engine(table_, problem)) {
    if (!is_bayes(spec_)) return;
    gibbs_.emplace(table_, engine_.get(), spec_, users_, items_,
                   static_cast<std::int64_t>(problem.by_user.columns.size()));
  }

  std::string description() const override { return fmt::format("cuda ({})", device_); }

  HalfSweepReport als_half_sweep(Side side) override {
    HalfSweepReport report;
    call(table_.als_half_sweep, to_side(side), &report.repaired_pivots);
    return report;
  }

  void sgd_epoch(double learning_rate, int epoch) override {
    const std::vector<std::int32_t> stages = stage_order(grid_, epoch, spec_.seed);
    call(table_.sgd_epoch, learning_rate, span_of<AlsatianInt32s>(stages),
         static_cast<std::int32_t>(epoch));
  }

  void start_gibbs() override { gibbs_.value().start(); }

  GibbsReport gibbs_sweep(int sweep, int chain) override {
    return gibbs_.value().sweep(gibbs_key(spec_.seed, sweep, chain));
  }

  GibbsUserPrior gibbs_user_prior() const override {
    const std::span<const double> precision = gibbs_.value().users().precision.entries();
    return {
        gibbs_.value().users().mean, {precision.begin(), precision.end()}, download_user_weights()};
  }

  LeastSquaresReport least_squares_step() override {
    AlsatianCudaStep step{};
    call(table_.least_squares_step, &step);
    return {.accepted = step.accepted != 0,
            .objective = step.objective,
            .inner_steps = step.inner_steps,
            .damping = step.damping};
  }

  Objective objective() override {
    AlsatianCudaObjective objective{};
    call(table_.objective, &objective);
    return {objective.value, to_error_sums(objective.train)};
  }

  ErrorSums held_out_errors(std::size_t index) override {
    AlsatianCudaErrorSums sums{};
    call(table_.held_out_errors, static_cast<std::int64_t>(index), &sums);
    return to_error_sums(sums);
  }

  std::optional<BadRow> first_non_finite_row() override {
    for (const Side side : {Side::users, Side::items}) {
      std::int64_t row = -1;
      call(table_.first_non_finite_row, to_side(side), &row);
      if (row >= 0) return BadRow{side, row};
    }
    return std::nullopt;
  }

  /// On the device, but for what why_on_the_cpu names: those rows are solved by the kernels of the
  /// CPU, from the device's factors.
  SideFactors solve_rows(Side side, const CompressedMatrix& ratings,
                         const RowPrior& prior) override {
    check_row_solve(spec_, rows_of(side == Side::users ? Side::items : Side::users), ratings,
                    prior);
    if (why_on_the_cpu(prior)) return solve_on_the_cpu(side, ratings, prior);
    SideFactors solved(ratings.rows(), spec_.rank);
    const AlsatianCudaRatings given = to_ratings(ratings);
    const AlsatianCudaRowsOut target = to_rows_out(solved);
    call(table_.solve_rows, to_side(side), &given, &target);
    return solved;
  }

  std::string row_solver(const RowPrior& prior) const override {
    const auto reason = why_on_the_cpu(prior);
    return reason ? fmt::format("cpu ({}): {}", isa_name(best_isa()), *reason) : description();
  }

  void set_regularization(const Regularization& regularization) override {
    const AlsatianCudaRegularization given = to_regularization(regularization);
    call(table_.set_regularization, &given);
    spec_.regularization = regularization;
  }

  Factors factors() const override { return {download(Side::users), download(Side::items)}; }

  void set_factors(const Factors& factors) override {
    const AlsatianCudaRows users = checked_rows(factors.users, users_);
    const AlsatianCudaRows items = checked_rows(factors.items, items_);
    call(table_.set_factors, to_side(Side::users), &users);
    call(table_.set_factors, to_side(Side::items), &items);
  }

  BackendState state() override {
    BackendState device = empty_state();
    for (std::size_t index = 0; index < device.arrays.size(); ++index) {
      download_array(index, device.arrays[index]);
    }
    return copy_state(state_places(device));
  }

  void restore(const BackendState& state) override {
    // Into memory of the host first, which checks all arrays before the first of them is sent.
    BackendState device = empty_state();
    restore_state(state, state_places(device));
    for (std::size_t index = 0; index < device.arrays.size(); ++index) {
      std::visit(
          [&](const auto& values) {
            call(table_.set_state, static_cast<std::int32_t>(index),
                 static_cast<const void*>(values.data()));
          },
          device.arrays[index].values);
    }
  }

 private:
  template <typename Function, typename... Arguments>
  void call(Function* function, Arguments... arguments) const {
    call_cuda(table_, function, engine_.get(), arguments...);
  }

  std::int64_t rows_of(Side side) const { return side == Side::users ? users_ : items_; }

  SideFactors download(Side side) const {
    SideFactors result(rows_of(side), spec_.rank);
    const AlsatianCudaRowsOut target = to_rows_out(result);
    call(table_.factors, to_side(side), &target);
    return result;
  }

  /// Where all arrays lie on the host, in the order of the CPU's backend: those of the device in
  /// `device`, each side's weights behind their precision.
  std::vector<StatePlace> state_places(BackendState& device) {
    std::vector<StatePlace> places;
    const auto add = [&](BackendState::Array& array) {
      StatePlace place{.name = array.name};
      std::visit(
          [&](auto& values) {
            place.first = values.data();
            place.rows = static_cast<std::int64_t>(values.size());
          },
          array.values);
      places.push_back(place);
    };
    const auto is_of_weights = [](const BackendState::Array& array) {
      return array.name.find("_weight") != std::string::npos;
    };
    for (BackendState::Array& array : device.arrays) {
      if (!is_of_weights(array)) add(array);
    }
    if (!gibbs_) return places;
    for (const StatePlace& place : gibbs_->places()) {
      places.push_back(place);
      if (!place.name.ends_with("_weight_precision")) continue;
      for (BackendState::Array& array : device.arrays) {
        if (is_of_weights(array) && array.name.substr(0, 4) == place.name.substr(0, 4)) add(array);
      }
    }
    return places;
  }

  void download_array(std::size_t index, BackendState::Array& array) const {
    std::visit(
        [&](auto& values) {
          call(table_.state, static_cast<std::int32_t>(index), static_cast<void*>(values.data()));
        },
        array.values);
  }

  /// B of users [items, order], the bias as the last column; nothing without features.
  std::vector<float> download_user_weights() const {
    std::vector<float> factors;
    std::vector<float> biases;
    BackendState state = empty_state();
    for (std::size_t index = 0; index < state.arrays.size(); ++index) {
      BackendState::Array& array = state.arrays[index];
      if (array.name != "user_weights" && array.name != "user_weight_biases") continue;
      download_array(index, array);
      auto& values = std::get<std::vector<float>>(array.values);
      (array.name == "user_weights" ? factors : biases) = std::move(values);
    }
    if (biases.empty()) return factors;
    std::vector<float> weights;
    for (std::size_t row = 0; row < biases.size(); ++row) {
      const auto first = factors.begin() + static_cast<std::ptrdiff_t>(row) * spec_.rank;
      weights.insert(weights.end(), first, first + spec_.rank);
      weights.push_back(biases[row]);
    }
    return weights;
  }

  AlsatianCudaRows checked_rows(const SideFactors& side, std::int64_t rows) const {
    if (side.rows != rows || side.rank != spec_.rank) {
      throw Error(ExitCode::internal, "set_factors",
                  "the factors have another shape than those of the backend",
                  "report this as a bug, with the command");
    }
    return to_rows(side);
  }

  /// Why rows with such a prior are not solved on the device; nothing where they are.
  std::optional<std::string> why_on_the_cpu(const RowPrior& prior) const {
    if (!prior.precision.empty() || prior.means != nullptr) {
      return "a GPU has no kernels for rows with a prior";
    }
    if (spec_.rank <= table_.largest_rank[ALSATIAN_CUDA_ALS]) return std::nullopt;
    const auto missing = vendor_libraries_missing(table_);
    return missing ? std::optional(needs_libraries(table_, *missing)) : std::nullopt;
  }

  SideFactors solve_on_the_cpu(Side side, const CompressedMatrix& ratings,
                               const RowPrior& prior) const {
    const SideFactors opposite = download(side == Side::users ? Side::items : Side::users);
    cpu::FactorTable fixed(opposite.rows, spec_.rank);
    fixed.assign(opposite.factors, opposite.biases);
    SideView<const float> means;
    if (prior.means != nullptr) {
      const SideFactors& given = *prior.means;
      means = {given.factors.data(), given.biases.data(), given.rows, given.rank, given.rank};
    }
    const cpu::PaddedPrior padded(spec_.rank, spec_.biases, prior.precision, means);
    const cpu::AlsPrior shown = padded.view();
    const CsrView<float> rows{ratings.offsets, ratings.columns, ratings.values};
    cpu::FactorTable solved(ratings.rows(), spec_.rank);
    const cpu::AlsTask task{.ratings = rows,
                            .opposite = std::as_const(fixed).view(),
                            .solved = solved.view(),
                            .regularization = spec_.regularization,
                            .biases = spec_.biases,
                            .solver_steps = 0,
                            .prior = &shown};
    cpu::als_half_sweep(cpu::kernels(best_isa()), task, cpu::longest_first(rows));
    SideFactors result(ratings.rows(), spec_.rank);
    solved.copy_to(result.factors, result.biases);
    return result;
  }

  /// Arrays of the right names, types and sizes.
  BackendState empty_state() const {
    AlsatianCudaArrays arrays{};
    call(table_.state_arrays, &arrays);
    BackendState state;
    for (std::int32_t index = 0; index < arrays.count; ++index) {
      const AlsatianCudaArray& array = arrays.arrays[index];
      const auto size = static_cast<std::size_t>(array.size);
      if (array.is_double != 0) {
        state.arrays.push_back({array.name, std::vector<double>(size)});
      } else {
        state.arrays.push_back({array.name, std::vector<float>(size)});
      }
    }
    return state;
  }

  const AlsatianCudaTable& table_;
  std::string device_;
  ModelSpec spec_;
  std::int64_t users_;
  std::int64_t items_;
  std::int32_t grid_;
  EnginePointer engine_;
  std::optional<CudaGibbs> gibbs_;  // bayes
};

/// Exact solves beyond our own kernels need libraries that the driver does not bring.
std::optional<Error> vendor_refusal(const AlsatianCudaTable& table, std::int32_t rank) {
  const auto missing = vendor_libraries_missing(table);
  if (!missing) return std::nullopt;
  return Error(ExitCode::device_unavailable, fmt::format("--k {}", rank),
               needs_libraries(table, *missing),
               "install the libraries of CUDA's toolkit, or use --solver cg or --device cpu");
}

}  // namespace

std::optional<Error> cuda_refusal(const AlsatianCudaTable& table, const ModelSpec& spec) {
  if (auto refusal = gpu_refusal(spec)) return refusal;
  const auto* als = std::get_if<Als>(&spec.algorithm);
  const bool iterative = als != nullptr && als->solver == Solver::conjugate_gradient;
  const std::int32_t most =
      iterative ? table.largest_iterative_rank : table.largest_rank[to_algorithm(spec.algorithm)];
  if (most < 0) {
    return Error(
        ExitCode::usage, "--device cuda",
        fmt::format("there are no kernels for --model {} yet", algorithm_name(spec.algorithm)),
        "use --device cpu");
  }
  if (iterative && is_fast(spec.algorithm)) {
    return Error(ExitCode::usage, "--precision fast",
                 "is of sums that --solver cg does not make: it forms no row's matrix",
                 "leave out --precision, or --solver");
  }
  if (spec.rank > most && is_fast(spec.algorithm)) {
    return Error(
        ExitCode::usage, "--precision fast",
        fmt::format("ends at k = {}: exact row solves beyond it are by libraries, in float", most),
        fmt::format("leave out --precision, or try --k {}", most));
  }
  const bool by_libraries =
      als != nullptr && spec.rank > most && spec.rank <= table.largest_vendor_rank;
  if (by_libraries) return vendor_refusal(table, spec.rank);
  if (spec.rank > most) {
    const std::int32_t largest = als == nullptr ? most : table.largest_vendor_rank;
    return Error(ExitCode::usage, fmt::format("--k {}", spec.rank),
                 fmt::format("--model {} takes a k from 0 to {} on a GPU",
                             algorithm_name(spec.algorithm), largest),
                 fmt::format("try --k {}, or --device cpu", largest));
  }
  return std::nullopt;
}

std::unique_ptr<Backend> make_cuda_backend(const TrainingProblem& problem,
                                           const AlsatianCudaTable& table) {
  if (auto refusal = cuda_refusal(table, problem.spec)) throw *refusal;
  const CudaModule module = open_cuda_table(table);
  const AlsatianCudaPlan plan = fitting_plan(table, shape_of(problem));
  return std::make_unique<CudaBackend>(problem, module, plan);
}

std::unique_ptr<Backend> make_cuda_backend(TrainingProblem problem, const DeviceOptions&) {
  return make_cuda_backend(problem, *load_cuda_module().table);
}

bool chooses_cuda(const ModelSpec& spec, const DeviceOptions& device) {
  using Kind = DeviceOptions::Kind;
  if (device.kind == Kind::cuda) {
    if (auto refusal = cuda_refusal(*load_cuda_module().table, spec)) throw *refusal;
    return true;
  }
  const auto only_gpu = cpu_refusal(spec);
  if (device.kind != Kind::automatic) {
    if (only_gpu) throw *only_gpu;
    return false;
  }
  if (const auto reason = cuda_unavailable()) {
    if (!only_gpu) return false;
    throw Error(only_gpu->code(), only_gpu->place(),
                fmt::format("{}, and there is none: {}", only_gpu->what(), *reason),
                only_gpu->help());
  }
  const auto refusal = cuda_refusal(*load_cuda_module().table, spec);
  if (refusal && only_gpu) throw *refusal;
  return !refusal;
}

DevicePlan plan_cuda(const Dataset& dataset, const ModelSpec& spec) {
  return plan_cuda(dataset, spec, *load_cuda_module().table);
}

DevicePlan plan_cuda(const Dataset& dataset, const ModelSpec& spec,
                     const AlsatianCudaTable& table) {
  const auto user_offsets = offsets_of_sorted(dataset.train.users, dataset.users.size());
  const auto item_offsets = count_offsets(dataset.train.items, dataset.items.size());
  AlsatianCudaShape shape{
      .spec = to_spec(spec, 0),
      .user_offsets = span_of<AlsatianInt64s>(user_offsets),
      .item_offsets = span_of<AlsatianInt64s>(item_offsets),
      .held_out = dataset.validation.size(),
      .grid = grid_size(is_hogwild(spec.algorithm) ? single_block : grid_for_warps,
                        dataset.train.size(), dataset.users.size(), dataset.items.size())};
  for (const TestSet& test : dataset.tests) shape.held_out += test.ratings.size();
  const AlsatianCudaPlan plan = plan_of(table, shape);
  DevicePlan result{.parts = {},
                    .total_bytes = plan.total_bytes,
                    .free_bytes = plan.free_bytes,
                    .host_bytes = plan.host_bytes};
  for (std::int32_t index = 0; index < plan.count; ++index) {
    result.parts.push_back({plan.parts[index].name, plan.parts[index].bytes});
  }
  return result;
}

}  // namespace alsatian
