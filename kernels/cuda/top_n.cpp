// Launches of the top-N kernels, and what is made of the candidates once: their order and packing.
// Candidates are proven or handed back in doubt: deciding those is the host's.
#include "kernels/cuda/top_n.hpp"

#include "kernels/cuda/top_n_rank.hpp"
#include "kernels/cuda/top_n_tiles.hpp"
#include "kernels/cuda/vendor/half_product.hpp"

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace alsatian::cuda {
namespace {

std::int64_t blocks_of(std::int64_t rows, std::int64_t rows_of_a_block) {
  return (rows + rows_of_a_block - 1) / rows_of_a_block;
}

std::int64_t whole_blocks(std::int64_t users) {
  return blocks_of(users, block_users) * block_users;
}
std::int64_t whole_tiles(std::int64_t items) { return blocks_of(items, tile_items) * tile_items; }

/// What the host knows of the candidates before they are packed.
struct CandidateOrder {
  std::vector<std::int32_t> order;  // those that are finite
  std::vector<TileBounds> bounds;   // of its tiles
  float largest = 0;
  double largest_norm = 0;
  double largest_bias = 0;
};

/// Candidates that many users are likely to like come first, so that limits rise early: by bias
/// and norm. Any order gives the same answers.
CandidateOrder order_candidates(std::span<const RowSize> sizes, std::span<const float> biases) {
  CandidateOrder result;
  std::vector<float> keys(sizes.size());
  for (std::size_t row = 0; row < sizes.size(); ++row) {
    if (!(sizes[row].norm >= 0 && std::abs(biases[row]) <= FLT_MAX)) {
      continue;
    }
    keys[row] = std::min(sizes[row].norm + biases[row], FLT_MAX);
    result.order.push_back(static_cast<std::int32_t>(row));
    result.largest = std::max(result.largest, sizes[row].largest);
    result.largest_norm = std::max<double>(result.largest_norm, sizes[row].norm);
    result.largest_bias = std::max<double>(result.largest_bias, std::abs(biases[row]));
  }
  std::stable_sort(
      result.order.begin(), result.order.end(), [&](std::int32_t left, std::int32_t right) {
        return keys[static_cast<std::size_t>(left)] > keys[static_cast<std::size_t>(right)];
      });
  for (std::size_t item = 0; item < result.order.size(); ++item) {
    const auto row = static_cast<std::size_t>(result.order[item]);
    if (item % tile_items == 0) {
      result.bounds.push_back({sizes[row].norm, biases[row]});
    }
    TileBounds& tile = result.bounds.back();
    tile.norm = std::max(tile.norm, sizes[row].norm);
    tile.bias = std::max(tile.bias, biases[row]);
  }
  return result;
}

CandidateOrder measure_and_order(const Context& context, DeviceTable<const float> candidates) {
  const std::int64_t rows = candidates.rows();
  DeviceBuffer<RowSize> sizes(rows);
  PinnedBuffer<RowSize> host_sizes(rows);
  PinnedBuffer<float> host_biases(rows);
  const Stream& stream = context.compute();
  launch(stream, &measure_candidates<packing_threads>,
         {blocks_of(rows, packing_threads / 32), packing_threads, 0}, candidates, sizes.span());
  download(stream, std::as_const(sizes).span(), host_sizes.span());
  download(stream, candidates.biases, host_biases.span());
  stream.synchronize();
  return order_candidates(host_sizes.span(), host_biases.span());
}

void check_limits(DeviceTable<const float> candidates, std::int32_t count,
                  std::int64_t most_users) {
  constexpr std::int64_t most_items = (std::int64_t{1} << 31) - 2 * tile_items;
  if (count < 0 || count > TopItems::most_count || most_users < 0 || most_users > most_blocks ||
      candidates.rank < 0 || candidates.stride < candidates.rank || candidates.stride % 16 != 0 ||
      candidates.rows() > most_items) {
    throw std::invalid_argument(
        "no top-N of " + std::to_string(count) + " among " + std::to_string(candidates.rows()) +
        " candidates of rank " + std::to_string(candidates.rank) + ", stride " +
        std::to_string(candidates.stride) + ", for " + std::to_string(most_users) + " users");
  }
}

void (*select_kernel(PackedWidth width))(SelectTask) {
  if (width.chunks > 1) {
    return &select_items<streamed_chunk, false>;
  }
  switch (width.chunk) {
    case 32:
      return &select_items<32, true>;
    case 64:
      return &select_items<64, true>;
    case 96:
      return &select_items<96, true>;
    case 128:
      return &select_items<128, true>;
    default:
      return &select_items<256, true>;
  }
}

LaunchShape select_shape(PackedWidth width, std::int64_t users) {
  const auto bytes = [&] {
    switch (width.chunk) {
      case 32:
        return SelectShape<32>::shared_bytes;
      case 64:
        return SelectShape<64>::shared_bytes;
      case 96:
        return SelectShape<96>::shared_bytes;
      case 128:
        return SelectShape<128>::shared_bytes;
      default:
        return SelectShape<256>::shared_bytes;
    }
  };
  return {blocks_of(users, block_users), SelectShape<32>::threads, bytes()};
}

/// Where a block of the device cannot hold stages of whole rows, they pass in chunks.
PackedWidth width_on(const Context& context, std::int32_t rank) {
  const PackedWidth width = packed_width(rank);
  const bool fits = select_shape(width, 1).shared_bytes <= context.most_shared_bytes();
  return fits ? width : PackedWidth{streamed_chunk, width.columns() / streamed_chunk};
}

/// Users whose scores are in memory at once: whole blocks.
std::int64_t users_at_once(std::int64_t items, std::int64_t most_users,
                           const TopItemsOptions& options) {
  const std::int64_t fitting = options.block_scores / std::max<std::int64_t>(whole_tiles(items), 1);
  return std::min(whole_blocks(most_users),
                  std::max<std::int64_t>(fitting / block_users, 1) * block_users);
}

/// What scores by cuBLAS take beside the rest: both tables once more, and a block of scores.
class ScoreTiles {
 public:
  ScoreTiles(const Context& context, PackedWidth width, std::int64_t items, std::int64_t most_users,
             const TopItemsOptions& options)
      : context_(context),
        width_(width),
        most_at_once_(users_at_once(items, most_users, options)),
        items_(packed_item_words(width, items)),
        users_(packed_user_words(width, most_users)),
        products_(most_at_once_ * whole_tiles(items)),
        product_(context) {}

  void flatten_items(DeviceSpan<const std::uint32_t> packed) {
    flatten(packed, false, items_.span());
  }

  /// Enqueues the selection for the users of `task`.
  void select(const SelectTask& task) {
    const std::int64_t words = width_.columns() / 2;
    flatten(task.users.subspan(0, task.bounds.size() * words), true, users_.span());
    for (std::int64_t first = 0; first < task.counts.size(); first += most_at_once_) {
      const std::int64_t padded = std::min(most_at_once_, task.bounds.size() - first);
      const std::int64_t users = std::min(most_at_once_, task.counts.size() - first);
      if (items_.size() > 0) {
        product_.multiply(std::as_const(users_).span().subspan(first * words, padded * words),
                          std::as_const(items_).span(), width_.columns(), products_.span());
      }
      SelectTask part = task;
      part.bounds = task.bounds.subspan(first, padded);
      part.kept.data += KeptItems::place(first, task.kept.capacity);
      part.counts = task.counts.subspan(first, users);
      if (task.seen_offsets.size() > 0) {
        part.seen_offsets = task.seen_offsets.subspan(first, users + 1);
      }
      launch(context_.compute(), &select_scores<SelectScoresShape>,
             {blocks_of(users, block_users), SelectScoresShape::threads,
              SelectScoresShape::shared_bytes},
             part, std::as_const(products_).span());
    }
  }

  static std::int64_t bytes(PackedWidth width, std::int64_t items, std::int64_t most_users,
                            const TopItemsOptions& options) {
    return DeviceBuffer<std::uint32_t>::bytes(packed_item_words(width, items)) +
           DeviceBuffer<std::uint32_t>::bytes(packed_user_words(width, most_users)) +
           DeviceBuffer<float>::bytes(users_at_once(items, most_users, options) *
                                      whole_tiles(items));
  }

 private:
  void flatten(DeviceSpan<const std::uint32_t> packed, bool users, DeviceSpan<std::uint32_t> flat) {
    const std::int64_t rows = packed.size() / (width_.columns() / 2);
    launch(context_.compute(), &flatten_halves<packing_threads>,
           {blocks_of(rows, packing_threads / 32), packing_threads, 0}, packed, width_, users,
           flat.subspan(0, packed.size()));
  }

  const Context& context_;
  PackedWidth width_;
  std::int64_t most_at_once_;
  DeviceBuffer<std::uint32_t> items_;
  DeviceBuffer<std::uint32_t> users_;
  DeviceBuffer<float> products_;
  vendor::HalfProduct product_;
};

}  // namespace

struct TopItems::State {
  const Context& context;
  DeviceTable<const float> candidates;
  std::int32_t row_size;  // asked for
  std::int32_t count;     // that can be had
  std::int64_t most_users;
  CandidateOrder measured;
  PackedWidth width;
  double scale;
  std::int64_t items;  // that are finite
  DeviceBuffer<std::int32_t> order;
  DeviceBuffer<std::uint32_t> item_words;
  DeviceBuffer<float> biases;
  DeviceBuffer<TileBounds> tile_bounds;
  DeviceBuffer<unsigned> rounding;
  DeviceBuffer<std::uint32_t> user_words;
  DeviceBuffer<UserBounds> bounds;
  DeviceBuffer<KeptItem> kept;
  DeviceBuffer<std::int32_t> counts;
  DeviceBuffer<std::int32_t> positions;
  DeviceBuffer<double> scores;
  DeviceBuffer<std::int32_t> found;
  std::unique_ptr<ScoreTiles> tiles;  // null: fused

  State(const Context& device, DeviceTable<const float> table, std::int32_t asked,
        std::int64_t users, const TopItemsOptions& options)
      : context(device),
        candidates(table),
        row_size(asked),
        count(static_cast<std::int32_t>(std::min<std::int64_t>(asked, table.rows()))),
        most_users(users),
        measured(measure_and_order(device, table)),
        width(width_on(device, table.rank)),
        scale(packing_scale(measured.largest)),
        items(static_cast<std::int64_t>(measured.order.size())),
        order(items),
        item_words(packed_item_words(width, items)),
        biases(whole_tiles(items)),
        tile_bounds(static_cast<std::int64_t>(measured.bounds.size())),
        rounding(1),
        user_words(packed_user_words(width, users)),
        bounds(whole_blocks(users)),
        kept(whole_blocks(users) * capacity()),
        counts(users),
        positions(users * asked),
        scores(users * asked),
        found(users) {
    if (options.products == ScoreProducts::library) {
      tiles = std::make_unique<ScoreTiles>(device, width, items, users, options);
    }
    pack();
  }

  std::int32_t capacity() const { return KeptItems::capacity_for(count); }

  void pack() {
    const Stream& stream = context.compute();
    PinnedBuffer<std::int32_t> staged_order(items);
    PinnedBuffer<TileBounds> staged_bounds(tile_bounds.size());
    std::copy(measured.order.begin(), measured.order.end(), staged_order.span().begin());
    std::copy(measured.bounds.begin(), measured.bounds.end(), staged_bounds.span().begin());
    measured.order = {};
    measured.bounds = {};
    clear(stream, rounding.span());
    if (items > 0) {
      upload(stream, std::span<const std::int32_t>(staged_order.span()), order.span());
      upload(stream, std::span<const TileBounds>(staged_bounds.span()), tile_bounds.span());
    }
    launch(stream, &pack_candidates<packing_threads>,
           {blocks_of(biases.size(), packing_threads / 32), packing_threads, 0}, candidates,
           std::as_const(order).span(), width, scale, item_words.span(), biases.span(),
           rounding.span());
    if (tiles) {
      tiles->flatten_items(std::as_const(item_words).span());
    }
    stream.synchronize();  // the staging memory goes now
  }

  PackedItems packed() const {
    // Floats that are not negative, written as their bits.
    const DeviceSpan<const float> largest(reinterpret_cast<const float*>(rounding.span().data()),
                                          1);
    return {.words = item_words.span(),
            .biases = biases.span(),
            .bounds = tile_bounds.span(),
            .order = order.span(),
            .rounding = largest,
            .width = width,
            .scale = scale,
            .largest_norm = measured.largest_norm,
            .largest_bias = measured.largest_bias};
  }
};

TopItems::TopItems(const Context& context, DeviceTable<const float> candidates, std::int32_t count,
                   std::int64_t most_users, const TopItemsOptions& options) {
  check_limits(candidates, count, most_users);
  state_ = std::make_unique<State>(context, candidates, count, most_users, options);
}

TopItems::~TopItems() = default;

TopItemsAnswer TopItems::answer(const TopItemsQuestion& question, const Event* last_read) {
  State& state = *state_;
  const std::int64_t users = question.users.rows();
  const bool seen_fits =
      question.seen_offsets.size() == 0 || question.seen_offsets.size() == users + 1;
  if (users > state.most_users || question.users.rank != state.candidates.rank || !seen_fits) {
    throw std::invalid_argument("top-N for " + std::to_string(users) + " users of rank " +
                                std::to_string(question.users.rank) + " where " +
                                std::to_string(state.most_users) + " of rank " +
                                std::to_string(state.candidates.rank) + " were announced, with " +
                                std::to_string(question.seen_offsets.size()) + " seen offsets");
  }
  const Stream& stream = state.context.compute();
  const TopItemsAnswer result = {
      std::as_const(state.positions).span().subspan(0, users * state.row_size),
      std::as_const(state.scores).span().subspan(0, users * state.row_size),
      std::as_const(state.found).span().subspan(0, users)};
  const auto wait_for_last_read = [&] {
    if (last_read != nullptr) {
      last_read->hold_back(stream);
    }
  };
  if (state.count == 0) {
    wait_for_last_read();
    clear(stream, state.found.span());
    return result;
  }
  const PackedItems items = state.packed();
  const std::int64_t padded = whole_blocks(users);
  const KeptItems kept{state.kept.span().data(), state.capacity()};
  const auto bounds = state.bounds.span().subspan(0, padded);
  const auto counts = state.counts.span().subspan(0, users);
  launch(stream, &pack_users<packing_threads>,
         {blocks_of(padded, packing_threads / 32), packing_threads, 0}, question.users,
         question.mean, items, state.user_words.span(), bounds);
  const SelectTask task{items,         std::as_const(state.user_words).span(),
                        bounds,        question.seen_offsets,
                        question.seen, kept,
                        counts,        state.count};
  if (state.tiles) {
    state.tiles->select(task);
  } else {
    launch(stream, select_kernel(state.width), select_shape(state.width, users), task);
  }
  wait_for_last_read();
  launch(
      stream, &rank_items<RankShape>,
      {users, RankShape::threads, RankShape::shared_bytes(state.capacity(), question.users.stride)},
      RankTask{state.candidates, question.users, items.order, kept, counts, question.mean,
               state.count, state.row_size, state.positions.span(), state.scores.span(),
               state.found.span()});
  return result;
}

std::int64_t TopItems::bytes(std::int64_t candidates, std::int32_t rank, std::int32_t count,
                             std::int64_t most_users, const TopItemsOptions& options) {
  const PackedWidth width = packed_width(rank);
  const auto had = static_cast<std::int32_t>(std::min<std::int64_t>(count, candidates));
  using Indices = DeviceBuffer<std::int32_t>;
  const std::int64_t of_items =
      Indices::bytes(candidates) +
      DeviceBuffer<std::uint32_t>::bytes(packed_item_words(width, candidates)) +
      DeviceBuffer<float>::bytes(whole_tiles(candidates)) +
      DeviceBuffer<TileBounds>::bytes(blocks_of(candidates, tile_items)) +
      DeviceBuffer<unsigned>::bytes(1);
  const std::int64_t padded = whole_blocks(most_users);
  const std::int64_t of_users =
      DeviceBuffer<std::uint32_t>::bytes(packed_user_words(width, most_users)) +
      DeviceBuffer<UserBounds>::bytes(padded) +
      DeviceBuffer<KeptItem>::bytes(padded * KeptItems::capacity_for(had));
  const std::int64_t of_answers = 2 * Indices::bytes(most_users) +
                                  Indices::bytes(most_users * count) +
                                  DeviceBuffer<double>::bytes(most_users * count);
  // Sizes of the candidates are there only while they are ordered, before the rest.
  const std::int64_t lasting = of_items + of_users + of_answers +
                               (options.products == ScoreProducts::library
                                    ? ScoreTiles::bytes(width, candidates, most_users, options)
                                    : 0);
  return std::max(lasting, DeviceBuffer<RowSize>::bytes(candidates));
}

}  // namespace alsatian::cuda
