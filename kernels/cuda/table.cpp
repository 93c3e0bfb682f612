// The module's table: the engine's verbs behind C functions that let no exception out.
// C on purpose: the program and the module may come from different compilers.
#include "kernels/cuda/table.h"

#include "kernels/cuda/engine.hpp"
#include "kernels/cuda/require.hpp"
#include "kernels/cuda/top_n_engine.hpp"
#include "kernels/cuda/vendor/libraries.hpp"

#include <algorithm>
#include <cstring>
#include <exception>
#include <iterator>
#include <memory>
#include <string_view>
#include <type_traits>

/// What the program holds pointers to.
struct AlsatianCudaEngine {
  explicit AlsatianCudaEngine(const alsatian::cuda::EngineProblem& problem) : engine(problem) {}
  alsatian::cuda::Engine engine;
};
struct AlsatianCudaTopItems {
  AlsatianCudaTopItems(const alsatian::SideView<const float>& candidates,
                       const alsatian::cuda::TopItemsShape& shape)
      : engine(candidates, shape) {}
  alsatian::cuda::TopItemsEngine engine;
};

namespace alsatian::cuda {
namespace {

using Status = AlsatianCudaStatus;

std::int32_t fail(Status* status, AlsatianCudaCode code, std::string_view what,
                  std::int64_t needed = 0, std::int64_t free = 0) {
  if (status != nullptr) {
    status->code = code;
    status->needed_bytes = needed;
    status->free_bytes = free;
    const std::size_t length = std::min(what.size(), sizeof(status->message) - 1);
    std::memcpy(status->message, what.data(), length);
    status->message[length] = '\0';
  }
  return code;
}

AlsatianCudaCode code_of(cudaError_t error) {
  switch (error) {
    case cudaErrorNoDevice:
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorInvalidDeviceFunction:
    case cudaErrorUnsupportedPtxVersion:
      return ALSATIAN_CUDA_NO_DEVICE;
    case cudaErrorInsufficientDriver:
      return ALSATIAN_CUDA_INSUFFICIENT_DRIVER;
    default:
      return ALSATIAN_CUDA_DEVICE_ERROR;
  }
}

/// Calls body() and turns whatever it throws into a code.
template <typename Body>
std::int32_t guarded(Status* status, Body&& body) noexcept {
  try {
    body();
    return ALSATIAN_CUDA_OK;
  } catch (const NotEnoughMemory& error) {
    return fail(status, ALSATIAN_CUDA_OUT_OF_MEMORY, error.what(), error.needed_bytes,
                error.free_bytes);
  } catch (const OutOfDeviceMemory& error) {
    return fail(status, ALSATIAN_CUDA_OUT_OF_MEMORY, error.what());
  } catch (const OutOfPinnedMemory& error) {
    return fail(status, ALSATIAN_CUDA_OUT_OF_MEMORY, error.what());
  } catch (const DeviceError& error) {
    return fail(status, code_of(error.code()), error.what());
  } catch (const UnsupportedByDevice& error) {
    return fail(status, ALSATIAN_CUDA_UNSUPPORTED, error.what());
  } catch (const std::bad_alloc&) {
    return fail(status, ALSATIAN_CUDA_OUT_OF_MEMORY, "the host has no memory left");
  } catch (const std::exception& error) {
    return fail(status, ALSATIAN_CUDA_INVALID_ARGUMENT, error.what());
  } catch (...) {
    return fail(status, ALSATIAN_CUDA_DEVICE_ERROR, "an unknown exception");
  }
}

View<const std::int64_t> view_of(const AlsatianInt64s& span) { return {span.data, span.size}; }
View<const std::int32_t> view_of(const AlsatianInt32s& span) { return {span.data, span.size}; }
View<const float> view_of(const AlsatianFloats& span) { return {span.data, span.size}; }
CsrView<float> view_of(const AlsatianCudaRatings& ratings) {
  return {view_of(ratings.offsets), view_of(ratings.columns), view_of(ratings.values)};
}
RatingList view_of(const AlsatianCudaList& list) {
  return {view_of(list.users), view_of(list.items), view_of(list.ratings)};
}
SideView<const float> view_of(const AlsatianCudaRows& rows, std::int32_t rank) {
  return {rows.factors, rows.biases, rows.rows, rank, rank};
}
SideView<float> view_of(const AlsatianCudaRowsOut& rows, std::int32_t rank) {
  return {rows.factors, rows.biases, rows.rows, rank, rank};
}
Regularization to_regularization(const AlsatianCudaRegularization& given) {
  return {.factors = given.factors, .biases = given.biases, .scaling = given.scaling};
}

template <std::size_t Index = 0>
Likelihood likelihood_at(std::int32_t index) {
  if constexpr (Index < std::variant_size_v<Likelihood>) {
    if (index == static_cast<std::int32_t>(Index)) {
      return std::variant_alternative_t<Index, Likelihood>();
    }
    return likelihood_at<Index + 1>(index);
  } else {
    throw std::invalid_argument("there is no such likelihood");
  }
}

Algorithm to_algorithm(std::int32_t algorithm) {
  switch (algorithm) {
    case ALSATIAN_CUDA_ALS:
      return Algorithm::als;
    case ALSATIAN_CUDA_MLE:
      return Algorithm::mle;
    case ALSATIAN_CUDA_LS:
      return Algorithm::ls;
    case ALSATIAN_CUDA_BAYES:
      return Algorithm::bayes;
    default:
      throw std::invalid_argument("there is no such algorithm");
  }
}

Side to_side(std::int32_t side) {
  if (side != ALSATIAN_CUDA_USERS && side != ALSATIAN_CUDA_ITEMS) {
    throw std::invalid_argument("there is no such side");
  }
  return side == ALSATIAN_CUDA_USERS ? Side::users : Side::items;
}

EngineSpec to_spec(const AlsatianCudaSpec& spec) {
  return {.algorithm = to_algorithm(spec.algorithm),
          .likelihood = likelihood_at(spec.likelihood),
          .rank = spec.rank,
          .biases = spec.biases != 0,
          .regularization = to_regularization(spec.regularization),
          .mean = spec.mean,
          .halves = spec.fast != 0 ? Halves::one : Halves::two,
          .solver_steps = spec.solver_steps,
          .adagrad = spec.adagrad != 0,
          .hogwild = spec.hogwild != 0,
          .storage = spec.halves != 0 ? SgdStorage::halves : SgdStorage::floats,
          .seed = spec.seed,
          .inner_steps = spec.inner_steps,
          .implicit_features = spec.implicit_features != 0};
}

GibbsKey to_key(const AlsatianCudaDrawKey& key) { return {key.seed, key.sweep, key.chain}; }

GibbsPriorView to_prior(const AlsatianCudaPrior& prior) {
  return {.mean = {prior.mean.data, prior.mean.size},
          .matrix = {prior.matrix.data, prior.matrix.size},
          .precision = prior.precision};
}

AlsatianCudaErrorSums to_sums(const ErrorSums& sums) {
  return {sums.count, sums.squared_error, sums.absolute_error, sums.loss};
}

AlsatianCudaPlan to_plan(const std::vector<PlanPart>& parts, const Context& context) {
  AlsatianCudaPlan plan = {};
  for (const PlanPart& part : parts) {
    plan.parts[plan.count++] = {part.name, part.bytes};
  }
  plan.total_bytes = total_of(parts);
  plan.free_bytes = static_cast<std::int64_t>(context.memory().free);
  return plan;
}

TopItemsShape to_shape(const AlsatianCudaTopItemsShape& shape) {
  return {.candidates = shape.candidates,
          .rank = shape.rank,
          .count = shape.count,
          .block_users = shape.block_users,
          .block_seen = shape.block_seen};
}

template <typename Span, typename T>
Span to_span(std::span<const T> span) {
  return {span.data(), static_cast<std::int64_t>(span.size())};
}

/// Does nothing: whether a device has code for it, it has for all kernels.
__global__ void no_operation() {}

void check_code() {
  check(cudaSetDevice(0));
  cudaFuncAttributes attributes = {};
  check(cudaFuncGetAttributes(&attributes, reinterpret_cast<const void*>(&no_operation)));
}

/// What the table points to; a namespace, as kernels have some of the names.
namespace entries {

std::int32_t devices(AlsatianCudaDevices* found, Status* status) {
  return guarded(status, [&] {
    *found = {};
    check(cudaDriverGetVersion(&found->driver_version));
    int count = 0;
    check(cudaGetDeviceCount(&count));
    if (count == 0) {
      check(cudaErrorNoDevice);
    }
    for (int index = 0; index < std::min(count, ALSATIAN_CUDA_MOST_DEVICES); ++index) {
      cudaDeviceProp properties = {};
      check(cudaGetDeviceProperties(&properties, index));
      AlsatianCudaDevice& device = found->devices[index];
      std::copy(std::begin(properties.name), std::end(properties.name), device.name);
      device.name[sizeof(device.name) - 1] = '\0';
      device.memory_bytes = static_cast<std::int64_t>(properties.totalGlobalMem);
      device.capability_major = properties.major;
      device.capability_minor = properties.minor;
    }
    found->count = count;
    check_code();
  });
}

std::int32_t vendor_libraries(Status* status) {
  return guarded(status, [] {
    if (const auto what = vendor::missing()) {
      throw UnsupportedByDevice(*what);
    }
  });
}

std::int32_t plan(const AlsatianCudaShape* shape, AlsatianCudaPlan* plan, Status* status) {
  return guarded(status, [&] {
    const Context context(0);
    const EnginePlan planned = Engine::plan(context, {.spec = to_spec(shape->spec),
                                                      .user_offsets = view_of(shape->user_offsets),
                                                      .item_offsets = view_of(shape->item_offsets),
                                                      .held_out = shape->held_out,
                                                      .grid = shape->grid});
    *plan = to_plan(planned.parts, context);
    plan->host_bytes = planned.host_bytes;
  });
}

std::int32_t create(const AlsatianCudaProblem* given, AlsatianCudaEngine** engine, Status* status) {
  return guarded(status, [&] {
    *engine = nullptr;
    const std::int32_t rank = given->spec.rank;
    EngineProblem problem{
        .spec = to_spec(given->spec),
        .by_user = view_of(given->by_user),
        .item_offsets = view_of(given->item_offsets),
        .schedule = {given->grid, view_of(given->block_offsets), view_of(given->schedule.users),
                     view_of(given->schedule.items), view_of(given->schedule.ratings)},
        .held_out = {},
        .users = view_of(given->users, rank),
        .items = view_of(given->items, rank)};
    for (std::int64_t index = 0; index < given->held_out_sets; ++index) {
      problem.held_out.push_back(view_of(given->held_out[index]));
    }
    *engine = std::make_unique<AlsatianCudaEngine>(problem).release();
  });
}

void destroy(AlsatianCudaEngine* engine) { const std::unique_ptr<AlsatianCudaEngine> gone(engine); }

std::int32_t als_half_sweep(AlsatianCudaEngine* engine, std::int32_t side,
                            std::int64_t* repaired_pivots, Status* status) {
  return guarded(status, [&] { *repaired_pivots = engine->engine.als_half_sweep(to_side(side)); });
}

std::int32_t sgd_epoch(AlsatianCudaEngine* engine, double learning_rate, AlsatianInt32s stages,
                       std::int32_t epoch, Status* status) {
  return guarded(status, [&] { engine->engine.sgd_epoch(learning_rate, view_of(stages), epoch); });
}

std::int32_t least_squares_step(AlsatianCudaEngine* engine, AlsatianCudaStep* step,
                                Status* status) {
  return guarded(status, [&] {
    const LeastSquaresStep taken = engine->engine.least_squares_step();
    *step = {taken.accepted ? 1 : 0, taken.inner_steps, taken.objective, taken.damping};
  });
}

std::int32_t gibbs_start(AlsatianCudaEngine* engine, Status* status) {
  return guarded(status, [&] { engine->engine.start_gibbs(); });
}

std::int32_t gibbs_moments(AlsatianCudaEngine* engine, std::int32_t side, std::int32_t of_weights,
                           double* moments, Status* status) {
  return guarded(status, [&] {
    const std::size_t order = static_cast<std::size_t>(engine->engine.order()) + 1;
    engine->engine.gibbs_moments(to_side(side), of_weights != 0, {moments, order * order});
  });
}

std::int32_t gibbs_scale(AlsatianCudaEngine* engine, std::int32_t side, double rows_by,
                         double weights_by, Status* status) {
  return guarded(status, [&] { engine->engine.scale_gibbs(to_side(side), rows_by, weights_by); });
}

std::int32_t gibbs_draw_weights(AlsatianCudaEngine* engine, std::int32_t side,
                                const AlsatianCudaDrawKey* key, const AlsatianCudaPrior* prior,
                                std::int32_t* steps, Status* status) {
  return guarded(status, [&] {
    *steps = engine->engine.draw_gibbs_weights(to_side(side), to_key(*key), to_prior(*prior));
  });
}

std::int32_t gibbs_draw_rows(AlsatianCudaEngine* engine, std::int32_t side,
                             const AlsatianCudaDrawKey* key, const AlsatianCudaPrior* prior,
                             Status* status) {
  return guarded(status, [&] {
    engine->engine.draw_gibbs_rows(to_side(side), to_key(*key), to_prior(*prior));
  });
}

std::int32_t objective(AlsatianCudaEngine* engine, AlsatianCudaObjective* objective,
                       Status* status) {
  return guarded(status, [&] {
    const Objective found = engine->engine.objective();
    *objective = {found.value(), to_sums(found.errors)};
  });
}

std::int32_t held_out_errors(AlsatianCudaEngine* engine, std::int64_t index,
                             AlsatianCudaErrorSums* sums, Status* status) {
  return guarded(status, [&] { *sums = to_sums(engine->engine.held_out_errors(index)); });
}

std::int32_t first_non_finite_row(AlsatianCudaEngine* engine, std::int32_t side, std::int64_t* row,
                                  Status* status) {
  return guarded(status,
                 [&] { *row = engine->engine.first_non_finite_row(to_side(side)).value_or(-1); });
}

std::int32_t solve_rows(AlsatianCudaEngine* engine, std::int32_t side,
                        const AlsatianCudaRatings* ratings, const AlsatianCudaRowsOut* solved,
                        Status* status) {
  return guarded(status, [&] {
    engine->engine.solve_rows(to_side(side), view_of(*ratings),
                              view_of(*solved, engine->engine.rank()));
  });
}

std::int32_t set_regularization(AlsatianCudaEngine* engine,
                                const AlsatianCudaRegularization* regularization, Status* status) {
  return guarded(status,
                 [&] { engine->engine.set_regularization(to_regularization(*regularization)); });
}

std::int32_t factors(AlsatianCudaEngine* engine, std::int32_t side, const AlsatianCudaRowsOut* rows,
                     Status* status) {
  return guarded(status, [&] {
    engine->engine.factors(to_side(side), view_of(*rows, engine->engine.rank()));
  });
}

std::int32_t set_factors(AlsatianCudaEngine* engine, std::int32_t side,
                         const AlsatianCudaRows* rows, Status* status) {
  return guarded(status, [&] {
    engine->engine.set_factors(to_side(side), view_of(*rows, engine->engine.rank()));
  });
}

std::int32_t state_arrays(AlsatianCudaEngine* engine, AlsatianCudaArrays* arrays, Status* status) {
  return guarded(status, [&] {
    *arrays = {};
    for (const StateArray& array : engine->engine.state_arrays()) {
      arrays->arrays[arrays->count++] = {array.name, array.is_double() ? 1 : 0, array.size()};
    }
  });
}

std::int32_t state(AlsatianCudaEngine* engine, std::int32_t index, void* values, Status* status) {
  return guarded(status, [&] { engine->engine.state(static_cast<std::size_t>(index), values); });
}

std::int32_t set_state(AlsatianCudaEngine* engine, std::int32_t index, const void* values,
                       Status* status) {
  return guarded(status,
                 [&] { engine->engine.set_state(static_cast<std::size_t>(index), values); });
}

std::int32_t top_items_plan(const AlsatianCudaTopItemsShape* shape, AlsatianCudaPlan* plan,
                            Status* status) {
  return guarded(status, [&] {
    const Context context(0);
    *plan = to_plan(TopItemsEngine::plan(context, to_shape(*shape)), context);
  });
}

std::int32_t top_items_create(const AlsatianCudaRows* candidates,
                              const AlsatianCudaTopItemsShape* shape,
                              AlsatianCudaTopItems** top_items, Status* status) {
  return guarded(status, [&] {
    *top_items = nullptr;
    *top_items =
        std::make_unique<AlsatianCudaTopItems>(view_of(*candidates, shape->rank), to_shape(*shape))
            .release();
  });
}

void top_items_destroy(AlsatianCudaTopItems* top_items) {
  const std::unique_ptr<AlsatianCudaTopItems> gone(top_items);
}

std::int32_t top_items_ask(AlsatianCudaTopItems* top_items,
                           const AlsatianCudaTopItemsQuestion* question, Status* status) {
  return guarded(status, [&] {
    top_items->engine.ask({.users = view_of(question->users, top_items->engine.rank()),
                           .asked = view_of(question->asked),
                           .seen_offsets = view_of(question->seen_offsets),
                           .seen = view_of(question->seen),
                           .mean = question->mean});
  });
}

std::int32_t top_items_answer(AlsatianCudaTopItems* top_items, AlsatianCudaTopItemsAnswer* answer,
                              Status* status) {
  return guarded(status, [&] {
    const UsersAnswer found = top_items->engine.answer();
    *answer = {to_span<AlsatianInt32s>(found.found), to_span<AlsatianInt32s>(found.positions),
               to_span<AlsatianDoubles>(found.scores)};
  });
}

}  // namespace entries

}  // namespace
}  // namespace alsatian::cuda

const AlsatianCudaTable* alsatian_cuda_table(std::int32_t version) {
  namespace cuda = alsatian::cuda;
  static const AlsatianCudaTable table{
      .version = ALSATIAN_CUDA_TABLE_VERSION,
      .runtime_version = CUDART_VERSION,
      .largest_rank = {cuda::Engine::largest_rank(cuda::Algorithm::als),
                       cuda::Engine::largest_rank(cuda::Algorithm::mle),
                       cuda::Engine::largest_rank(cuda::Algorithm::ls),
                       cuda::Engine::largest_rank(cuda::Algorithm::bayes)},
      .largest_iterative_rank = cuda::Engine::largest_iterative_rank,
      .largest_vendor_rank = cuda::Engine::largest_vendor_rank,
      .top_items_largest_rank = cuda::TopItemsEngine::largest_rank,
      .top_items_most_count = cuda::TopItems::most_count,
      .devices = cuda::entries::devices,
      .vendor_libraries = cuda::entries::vendor_libraries,
      .plan = cuda::entries::plan,
      .create = cuda::entries::create,
      .destroy = cuda::entries::destroy,
      .als_half_sweep = cuda::entries::als_half_sweep,
      .sgd_epoch = cuda::entries::sgd_epoch,
      .least_squares_step = cuda::entries::least_squares_step,
      .gibbs_start = cuda::entries::gibbs_start,
      .gibbs_moments = cuda::entries::gibbs_moments,
      .gibbs_scale = cuda::entries::gibbs_scale,
      .gibbs_draw_weights = cuda::entries::gibbs_draw_weights,
      .gibbs_draw_rows = cuda::entries::gibbs_draw_rows,
      .objective = cuda::entries::objective,
      .held_out_errors = cuda::entries::held_out_errors,
      .first_non_finite_row = cuda::entries::first_non_finite_row,
      .solve_rows = cuda::entries::solve_rows,
      .set_regularization = cuda::entries::set_regularization,
      .factors = cuda::entries::factors,
      .set_factors = cuda::entries::set_factors,
      .state_arrays = cuda::entries::state_arrays,
      .state = cuda::entries::state,
      .set_state = cuda::entries::set_state,
      .top_items_plan = cuda::entries::top_items_plan,
      .top_items_create = cuda::entries::top_items_create,
      .top_items_destroy = cuda::entries::top_items_destroy,
      .top_items_ask = cuda::entries::top_items_ask,
      .top_items_answer = cuda::entries::top_items_answer,
  };
  return version == ALSATIAN_CUDA_TABLE_VERSION ? &table : nullptr;
}
