// The CPU's blocks of users, and the choice between the CPU and a GPU.
// The GPU itself is in cuda_top_items.cpp, so that nothing here knows the module.
#include "host/evaluate/top_items_backend.hpp"

#include "host/error.hpp"
#include "kernels/cpu/parallel.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace alsatian {
namespace {

constexpr std::size_t users_per_block = 4096;

std::string cpu_description() {
  return fmt::format("cpu ({} thread{})", thread_count(), thread_count() == 1 ? "" : "s");
}

/// Few users, for whom packing the items is not worth while.
class FewTopItems final : public TopItemsBackend {
 public:
  explicit FewTopItems(const TopItemsRequest& request) : request_(request) {}

  std::string description() const override { return cpu_description(); }

  void answer(const TakeTopItems& take) override {
    if (request_.users.empty()) return;
    take(0, top_items(request_.model, request_.candidates, request_.users, request_.count,
                      request_.seen));
  }

 private:
  TopItemsRequest request_;
};

class CpuTopItems final : public TopItemsBackend {
 public:
  explicit CpuTopItems(const TopItemsRequest& request)
      : request_(request), finder_(request.model, request.candidates) {}

  std::string description() const override { return cpu_description(); }

  void answer(const TakeTopItems& take) override {
    const std::size_t users = request_.users.size();
    for (std::size_t first = 0; first < users; first += users_per_block) {
      const std::size_t count = std::min(users_per_block, users - first);
      CompressedMatrix seen;
      if (request_.seen != nullptr) seen = select_rows(*request_.seen, first, count);
      take(first, finder_.find(request_.users.subspan(first, count), request_.count,
                               request_.seen != nullptr ? &seen : nullptr));
    }
  }

 private:
  TopItemsRequest request_;
  TopItemsFinder finder_;
};

double work_of(const TopItemsRequest& request) {
  return static_cast<double>(request.users.size()) *
         static_cast<double>(request.candidates.size()) *
         std::max(request.model.factors.items.rank, 1);
}

}  // namespace

std::unique_ptr<TopItemsBackend> make_cpu_top_items(const TopItemsRequest& request) {
  if (request.users.size() <= few_users) return std::make_unique<FewTopItems>(request);
  return std::make_unique<CpuTopItems>(request);
}

ChosenTopItems make_top_items(const TopItemsRequest& request, const DeviceOptions& device,
                              std::optional<double> least_work) {
  if (device.kind == DeviceOptions::Kind::cuda) {
    return {make_cuda_top_items(request, *load_cuda_module().table), "asked for"};
  }
  if (device.kind != DeviceOptions::Kind::automatic) {
    return {make_cpu_top_items(request), "asked for"};
  }
  if (work_of(request) < least_work.value_or(least_gpu_work(thread_count()))) {
    return {make_cpu_top_items(request), "too little to do for a GPU"};
  }
  if (const auto reason = cuda_unavailable()) {
    return {make_cpu_top_items(request), fmt::format("no GPU: {}", *reason)};
  }
  try {
    return {make_cuda_top_items(request, *load_cuda_module().table), "a GPU was found"};
  } catch (const Error& error) {
    // What the GPU cannot do, the CPU can; a GPU that fails is no reason to go on without it.
    if (error.code() != ExitCode::usage && error.code() != ExitCode::out_of_memory) throw;
    return {make_cpu_top_items(request),
            fmt::format("not on the GPU: {}: {}", error.place(), error.what())};
  }
}

}  // namespace alsatian
