// Two slots that take turns: what a block needs on its way to the device and back. Three streams:
// uploads, kernels, downloads, each held back by events alone.
#include "kernels/cuda/top_n_engine.hpp"

#include "kernels/cuda/require.hpp"
#include "kernels/cuda/staging.hpp"

#include <algorithm>
#include <utility>

namespace alsatian::cuda {
namespace {

constexpr std::int64_t staging_bytes = std::int64_t{8} << 20;  // of either half

void check_shape(const TopItemsShape& shape) {
  require(shape.rank >= 0 && shape.rank <= TopItemsEngine::largest_rank,
          "there are no kernels for top-N at this rank");
  require(shape.count >= 0 && shape.count <= TopItems::most_count,
          "there are no kernels for top-N of so many items");
  require(shape.candidates >= 0 && shape.block_users >= 0 && shape.block_seen >= 0,
          "a size is negative");
}

void check_block(const UsersBlock& block, const TopItemsShape& shape) {
  const std::int64_t users = block.asked.size();
  const View<const std::int64_t> offsets = block.seen_offsets;
  require(block.users.rank == shape.rank, "the users have another rank than the candidates");
  require(users <= shape.block_users && block.seen.size() <= shape.block_seen,
          "more users ask, or have seen more, than was announced");
  require(std::all_of(block.asked.begin(), block.asked.end(),
                      [&](std::int32_t row) { return row >= -1 && row < block.users.rows; }),
          "a user is out of range");
  require(offsets.size() == 0 ? block.seen.size() == 0
                              : offsets.size() == users + 1 && offsets[0] == 0 &&
                                    std::is_sorted(offsets.begin(), offsets.end()) &&
                                    offsets[users] == block.seen.size(),
          "the offsets of what was seen do not rise from 0 to its end");
  require(std::all_of(block.seen.begin(), block.seen.end(),
                      [&](std::int32_t item) { return item >= 0 && item < shape.candidates; }),
          "a position seen is out of range");
}

/// Rank 0 and nothing seen need no memory, which not every allocator gives.
template <typename T>
PinnedBuffer<T> pinned(std::int64_t size) {
  return size > 0 ? PinnedBuffer<T>(size) : PinnedBuffer<T>();
}

/// Enqueues a copy of the first `count` elements.
template <typename T>
void upload_first(const Stream& stream, PinnedBuffer<T>& from, DeviceSpan<T> to,
                  std::int64_t count) {
  if (count > 0) {
    upload(stream, std::span<const T>(from.span()).first(static_cast<std::size_t>(count)),
           to.subspan(0, count));
  }
}

template <typename T>
void download_all(const Stream& stream, DeviceSpan<const T> from, PinnedBuffer<T>& to) {
  if (from.size() > 0) {
    download(stream, from, to.span().first(static_cast<std::size_t>(from.size())));
  }
}

template <typename T>
std::span<const T> first_of(const PinnedBuffer<T>& buffer, std::int64_t count) {
  return buffer.span().first(static_cast<std::size_t>(count));
}

}  // namespace

/// A block under way: its question, on both sides, and its answer on the host.
struct TopItemsEngine::Slot {
  DeviceTableBuffer users;
  DeviceBuffer<std::int64_t> seen_offsets;
  DeviceBuffer<std::int32_t> seen;
  PinnedBuffer<float> host_factors;
  PinnedBuffer<float> host_biases;
  PinnedBuffer<std::int64_t> host_seen_offsets;
  PinnedBuffer<std::int32_t> host_seen;
  PinnedBuffer<std::int32_t> found;
  PinnedBuffer<std::int32_t> positions;
  PinnedBuffer<double> scores;
  Event sent;
  Event fetched;
  std::int64_t asked = 0;

  explicit Slot(const TopItemsShape& shape)
      : users(shape.block_users, shape.rank),
        seen_offsets(shape.block_users + 1),
        seen(shape.block_seen),
        host_factors(pinned<float>(shape.block_users * padded_rank(shape.rank))),
        host_biases(pinned<float>(shape.block_users)),
        host_seen_offsets(pinned<std::int64_t>(shape.block_users + 1)),
        host_seen(pinned<std::int32_t>(shape.block_seen)),
        found(pinned<std::int32_t>(shape.block_users)),
        positions(pinned<std::int32_t>(shape.block_users * shape.count)),
        scores(pinned<double>(shape.block_users * shape.count)) {}

  static std::int64_t bytes(const TopItemsShape& shape) {
    return DeviceTableBuffer::bytes(shape.block_users, shape.rank) +
           DeviceBuffer<std::int64_t>::bytes(shape.block_users + 1) +
           DeviceBuffer<std::int32_t>::bytes(shape.block_seen);
  }

  /// Rows of the table on the device that this block fills.
  DeviceTable<const float> asking() const {
    const DeviceTable<const float> all = users.table();
    return {all.factors.subspan(0, asked * all.stride), all.biases.subspan(0, asked), all.rank,
            all.stride};
  }
};

TopItemsEngine::TopItemsEngine(const SideView<const float>& candidates, const TopItemsShape& shape)
    : shape_(shape), context_(0) {
  const std::int64_t needed = total_of(plan(context_, shape));
  require(candidates.rows == shape.candidates && candidates.rank == shape.rank,
          "there are other candidates than was announced");
  const auto free = static_cast<std::int64_t>(context_.memory().free);
  require_free(needed, free);
  with_sizes(needed, free, [&] {
    for (std::unique_ptr<Slot>& slot : slots_) {
      slot = std::make_unique<Slot>(shape);
    }
    candidates_ = DeviceTableBuffer(shape.candidates, shape.rank);
    const DeviceTable<float> table = candidates_.table();
    Staging staging(context_, staging_bytes);
    send_rows(staging, table.factors, table.stride, table.rank,
              [&](std::int64_t row) { return candidates.row(row); });
    staging.send(View<const float>(candidates.biases, candidates.rows), table.biases);
    staging.finish();
    top_items_ = std::make_unique<TopItems>(context_, table, shape.count, shape.block_users);
  });
}

TopItemsEngine::~TopItemsEngine() {
  context_.transfer().wait();
  context_.compute().wait();
  results_.wait();
}

std::vector<PlanPart> TopItemsEngine::plan(const Context& context, const TopItemsShape& shape) {
  check_shape(shape);
  return {
      {"candidates", DeviceTableBuffer::bytes(shape.candidates, shape.rank)},
      {"users", most_unanswered * Slot::bytes(shape)},
      {"top_items", TopItems::bytes(shape.candidates, shape.rank, shape.count, shape.block_users)},
      margin(context)};
}

void TopItemsEngine::ask(const UsersBlock& block) {
  require(asked_ - answered_ < most_unanswered, "too many blocks are under way");
  check_block(block, shape_);
  Slot& slot = *slots_[asked_ % most_unanswered];
  send(block, slot);
  const DeviceSpan<const std::int64_t> offsets =
      block.seen_offsets.size() > 0
          ? std::as_const(slot.seen_offsets).span().subspan(0, slot.asked + 1)
          : DeviceSpan<const std::int64_t>();
  const Event& last_read = slots_[(asked_ + 1) % most_unanswered]->fetched;
  const TopItemsAnswer found = top_items_->answer(
      {slot.asking(), offsets, std::as_const(slot.seen).span(), block.mean}, &last_read);
  fetch(found, slot);
  ++asked_;
}

/// Kernels wait for it; the slot's last answer has come, so nobody reads its memory any more.
void TopItemsEngine::send(const UsersBlock& block, Slot& slot) {
  const DeviceTable<float> table = slot.users.table();
  slot.asked = block.asked.size();
  float* factors = slot.host_factors.span().data();
  float* biases = slot.host_biases.span().data();
  for (const std::int32_t row : block.asked) {
    std::fill_n(factors, table.stride, 0.0F);
    if (row >= 0) {
      std::copy_n(block.users.row(row), table.rank, factors);
    }
    *biases++ = row >= 0 ? block.users.biases[row] : 0.0F;
    factors += table.stride;
  }
  std::copy(block.seen_offsets.begin(), block.seen_offsets.end(),
            slot.host_seen_offsets.span().begin());
  std::copy(block.seen.begin(), block.seen.end(), slot.host_seen.span().begin());
  const Stream& stream = context_.transfer();
  upload_first(stream, slot.host_factors, table.factors, slot.asked * table.stride);
  upload_first(stream, slot.host_biases, table.biases, slot.asked);
  upload_first(stream, slot.host_seen_offsets, slot.seen_offsets.span(), block.seen_offsets.size());
  upload_first(stream, slot.host_seen, slot.seen.span(), block.seen.size());
  slot.sent.record(stream);
  slot.sent.hold_back(context_.compute());
}

void TopItemsEngine::fetch(const TopItemsAnswer& found, Slot& slot) {
  ranked_.record(context_.compute());
  ranked_.hold_back(results_);
  download_all(results_, found.found, slot.found);
  download_all(results_, found.positions, slot.positions);
  download_all(results_, found.scores, slot.scores);
  slot.fetched.record(results_);
}

UsersAnswer TopItemsEngine::answer() {
  require(answered_ < asked_, "nobody asked");
  const Slot& slot = *slots_[answered_ % most_unanswered];
  slot.fetched.synchronize();
  ++answered_;
  return {first_of(slot.found, slot.asked), first_of(slot.positions, slot.asked * shape_.count),
          first_of(slot.scores, slot.asked * shape_.count)};
}

}  // namespace alsatian::cuda
