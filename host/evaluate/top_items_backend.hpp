// What finds the best items of many users: the CPU, or a GPU with the same answers to the last bit.
// Users are answered in blocks, so that memory stays small, however many there are.
#pragma once

#include "host/device/cuda_module.hpp"
#include "host/device/device_options.hpp"
#include "host/evaluate/top_n.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace alsatian {

/// The best `count` candidates of each user, as top_items gives them. All that it refers to
/// outlives the backend made for it.
struct TopItemsRequest {
  const Model& model;
  const CandidateItems& candidates;
  std::span<const std::int32_t> users;  // -1 for an unknown user
  std::int32_t count = 10;
  const CompressedMatrix* seen = nullptr;  // items by user of `users`; nullptr: nothing is left out
};

/// Takes the answers to the users from `first` on, block after block.
using TakeTopItems =
    std::function<void(std::size_t first, const std::vector<std::vector<RankedItem>>& answers)>;

class TopItemsBackend {
 public:
  virtual ~TopItemsBackend() = default;

  /// What runs, for people: "cpu (2 threads)".
  virtual std::string description() const = 0;
  /// Answers all users of the request, once.
  virtual void answer(const TakeTopItems& take) = 0;
};

std::unique_ptr<TopItemsBackend> make_cpu_top_items(const TopItemsRequest& request);

/// By the GPU of a module's table, whichever program the table comes from. What the GPU cannot
/// prove is answered by the CPU. Throws Error 64 as below, 69 where the table finds no device, 71
/// with both sizes where its memory does not hold the candidates and one block.
std::unique_ptr<TopItemsBackend> make_cuda_top_items(const TopItemsRequest& request,
                                                     const AlsatianCudaTable& table);

/// Why the GPU cannot answer such a request: Error 64 with the remedy. Does not look at who has
/// seen what.
std::optional<Error> cuda_refusal(const AlsatianCudaTable& table, const TopItemsRequest& request);

/// Multiply-adds of scoring every pair, users × items × rank, from which on a GPU answers sooner
/// than so many threads: it takes 0.35 s to start, measured with an H200, and next to nothing from
/// there on, a thread with AVX2 does about 4e10 a second (with AVX-512 1e11), those included that
/// bounds make needless.
constexpr double least_gpu_work(int threads) { return 0.35 * 4e10 * threads; }

/// A backend and why it was chosen, in one line. automatic: a GPU where there is one that can, and
/// `least_work` multiply-adds for it; nullopt: least_gpu_work of the threads that the process uses.
/// Throws as make_cuda_top_items where a GPU is asked for.
struct ChosenTopItems {
  std::unique_ptr<TopItemsBackend> backend;
  std::string reason;
};
ChosenTopItems make_top_items(const TopItemsRequest& request, const DeviceOptions& device,
                              std::optional<double> least_work = std::nullopt);

}  // namespace alsatian
