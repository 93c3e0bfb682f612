// Top-N for as many users as ask, block by block: candidates uploaded once; while the device
// answers one block, the host reads the answer to the one before and packs the next.
#pragma once

#include "kernels/cuda/planned_memory.hpp"
#include "kernels/cuda/top_n.hpp"
#include "kernels/math/views.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace alsatian::cuda {

/// What decides how much memory top-N takes.
struct TopItemsShape {
  std::int64_t candidates = 0;
  std::int32_t rank = 0;
  std::int32_t count = 0;        // best candidates of each user
  std::int64_t block_users = 0;  // most users of a block
  std::int64_t block_seen = 0;   // most positions seen by the users of a block
};

/// Users who ask, on the host; needed no longer than the call that takes it.
struct UsersBlock {
  SideView<const float> users;
  View<const std::int32_t> asked;         // rows of `users`; −1 is an unknown one: zeros
  View<const std::int64_t> seen_offsets;  // [asked + 1], from 0 on; empty: nothing is left out
  View<const std::int32_t> seen;          // positions of candidates, rising within a row
  double mean = 0;
};

/// As TopItemsAnswer, in pinned memory of the host.
struct UsersAnswer {
  std::span<const std::int32_t> found;      // [asked]; TopItems::unproven for the host to answer
  std::span<const std::int32_t> positions;  // [asked, count]
  std::span<const double> scores;           // [asked, count]
};

/// Answers on the first device. Only the constructor allocates. Throws DeviceError, and
/// std::invalid_argument for what the caller got wrong.
class TopItemsEngine {
 public:
  static constexpr std::int32_t largest_rank = 1024;
  static constexpr int most_unanswered = 2;

  /// Uploads and packs the candidates. Throws NotEnoughMemory before the first allocation where
  /// the plan does not fit.
  TopItemsEngine(const SideView<const float>& candidates, const TopItemsShape& shape);
  ~TopItemsEngine();
  TopItemsEngine(const TopItemsEngine&) = delete;
  TopItemsEngine& operator=(const TopItemsEngine&) = delete;

  /// Bytes of device memory that the constructor allocates, array by array in whole pieces, by what
  /// for; and the margin.
  static std::vector<PlanPart> plan(const Context& context, const TopItemsShape& shape);

  std::int32_t rank() const { return shape_.rank; }

  /// Starts to answer a block; does not wait. At most most_unanswered may be under way.
  void ask(const UsersBlock& block);
  /// Waits for the answer to the earliest block that has none yet. It stays until the next ask.
  UsersAnswer answer();

 private:
  struct Slot;

  void send(const UsersBlock& block, Slot& slot);
  void fetch(const TopItemsAnswer& found, Slot& slot);

  TopItemsShape shape_;
  Context context_;
  Stream results_;  // downloads, beside uploads and kernels
  Event ranked_;
  DeviceTableBuffer candidates_;
  std::unique_ptr<TopItems> top_items_;
  std::unique_ptr<Slot> slots_[most_unanswered];
  std::int64_t asked_ = 0;
  std::int64_t answered_ = 0;
};

}  // namespace alsatian::cuda
