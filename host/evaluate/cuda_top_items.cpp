// Adapts the CUDA module's top-N to TopItemsBackend: ids to positions and back, blocks in turn.
// The file is the same in every build.
#include "host/error.hpp"
#include "host/evaluate/top_items_backend.hpp"
#include "kernels/cpu/parallel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace alsatian {
namespace {

/// Users whom a thread block of the module takes at once.
constexpr std::int64_t fewest_users = 256;
/// Enough to fill a large GPU; more would only take more memory.
constexpr std::int64_t most_users = 32768;
/// Of a block's factors and answers on the host, which are pinned.
constexpr std::int64_t most_block_bytes = std::int64_t{64} << 20;
constexpr std::int64_t users_per_task = 256;

std::int32_t wanted(const TopItemsRequest& request) {
  return static_cast<std::int32_t>(
      std::min<std::int64_t>(request.count, request.candidates.size()));
}

std::int64_t whole_blocks(std::int64_t users) {
  return (users + fewest_users - 1) / fewest_users * fewest_users;
}

/// Most entries that the rows of any block have together.
std::int64_t most_seen(const CompressedMatrix* seen, std::int64_t block_users) {
  std::int64_t most = 0;
  for (std::int64_t first = 0; seen != nullptr && first < seen->rows(); first += block_users) {
    const std::int64_t end = std::min(first + block_users, seen->rows());
    most = std::max(most, seen->offsets[static_cast<std::size_t>(end)] -
                              seen->offsets[static_cast<std::size_t>(first)]);
  }
  return most;
}

/// The largest blocks that fit the GPU's memory. Throws Error 71 where not even the smallest do.
AlsatianCudaTopItemsShape choose_shape(const TopItemsRequest& request,
                                       const AlsatianCudaTable& table) {
  AlsatianCudaTopItemsShape shape{.candidates = request.candidates.size(),
                                  .rank = request.model.factors.items.rank,
                                  .count = wanted(request),
                                  .block_users = 0,
                                  .block_seen = 0};
  constexpr std::int64_t answer_bytes = sizeof(double) + sizeof(std::int32_t);
  const std::int64_t user_bytes =
      shape.count * answer_bytes + (shape.rank + 1) * std::int64_t{sizeof(float)};
  const auto asked = static_cast<std::int64_t>(request.users.size());
  std::int64_t users = std::min({most_users, whole_blocks(asked),
                                 most_block_bytes / user_bytes / fewest_users * fewest_users});
  while (true) {
    shape.block_users = std::max(users, fewest_users);
    shape.block_seen = most_seen(request.seen, shape.block_users);
    AlsatianCudaPlan plan{};
    call_cuda(table, table.top_items_plan, &shape, &plan);
    if (plan.total_bytes <= plan.free_bytes) return shape;
    if (users <= fewest_users) {
      throw Error(ExitCode::out_of_memory, "--device cuda",
                  fmt::format("the best {} of {} items for {} users at a time need {}", shape.count,
                              shape.candidates, shape.block_users, needed_text(plan)),
                  "end what else uses the GPU (nvidia-smi), name fewer items with --items, or use "
                  "--device cpu");
    }
    users = whole_blocks(users / 2);
  }
}

struct DestroyTopItems {
  const AlsatianCudaTable* table;
  void operator()(AlsatianCudaTopItems* engine) const { table->top_items_destroy(engine); }
};
using EnginePointer = std::unique_ptr<AlsatianCudaTopItems, DestroyTopItems>;

/// None where there is nothing to find.
EnginePointer create_engine(const TopItemsRequest& request, const AlsatianCudaTable& table,
                            const AlsatianCudaTopItemsShape& shape) {
  if (shape.count == 0) return EnginePointer(nullptr, {&table});
  const CandidateFactors factors(request.model, request.candidates);
  const AlsatianCudaRows rows{factors.factors(), factors.biases(), request.candidates.size()};
  AlsatianCudaTopItems* engine = nullptr;
  call_cuda(table, table.top_items_create, &rows, &shape, &engine);
  return EnginePointer(engine, {&table});
}

class CudaTopItems final : public TopItemsBackend {
 public:
  CudaTopItems(const TopItemsRequest& request, const CudaModule& module)
      : request_(request),
        table_(*module.table),
        device_(device_text(module.device)),
        positions_(request.candidates.positions(request.model.factors.items.rows)),
        shape_(choose_shape(request, table_)),
        engine_(create_engine(request, table_, shape_)) {}

  std::string description() const override { return fmt::format("cuda ({})", device_); }

  /// While a block is taken, the device is at the next one.
  void answer(const TakeTopItems& take) override {
    const std::size_t all = request_.users.size();
    const auto step = static_cast<std::size_t>(shape_.block_users);
    if (all == 0) return;
    if (engine_ == nullptr) {
      take(0, std::vector<std::vector<RankedItem>>(all));
      return;
    }
    ask(0);
    for (std::size_t first = 0; first < all; first += step) {
      if (first + step < all) ask(first + step);
      take(first, receive(first));
    }
  }

 private:
  template <typename Function, typename... Arguments>
  void call(Function* function, Arguments... arguments) {
    call_cuda(table_, function, engine_.get(), arguments...);
  }

  std::span<const std::int32_t> block_at(std::size_t first) const {
    return request_.users.subspan(first, std::min(static_cast<std::size_t>(shape_.block_users),
                                                  request_.users.size() - first));
  }

  void ask(std::size_t first) {
    const std::span<const std::int32_t> users = block_at(first);
    const SideFactors& factors = request_.model.factors.users;
    AlsatianCudaTopItemsQuestion question{
        .users = {factors.factors.data(), factors.biases.data(), factors.rows},
        .asked = {users.data(), static_cast<std::int64_t>(users.size())},
        .seen_offsets = {},
        .seen = {},
        .mean = request_.model.mean_score()};
    if (request_.seen != nullptr) {
      find_seen_positions(first, users.size());
      question.seen_offsets = span_of<AlsatianInt64s>(seen_offsets_);
      question.seen = span_of<AlsatianInt32s>(seen_);
    }
    call(table_.top_items_ask, &question);
  }

  /// Items that are no candidates need not be left out.
  void find_seen_positions(std::size_t first, std::size_t users) {
    seen_offsets_.assign(1, 0);
    seen_.clear();
    for (std::size_t row = first; row < first + users; ++row) {
      const auto begin = static_cast<std::size_t>(request_.seen->offsets[row]);
      const auto end = static_cast<std::size_t>(request_.seen->offsets[row + 1]);
      for (std::size_t entry = begin; entry < end; ++entry) {
        const auto item = static_cast<std::size_t>(request_.seen->columns[entry]);
        if (positions_[item] >= 0) seen_.push_back(positions_[item]);
      }
      seen_offsets_.push_back(static_cast<std::int64_t>(seen_.size()));
    }
  }

  std::vector<std::vector<RankedItem>> receive(std::size_t first) {
    AlsatianCudaTopItemsAnswer given{};
    call(table_.top_items_answer, &given);
    std::vector<std::vector<RankedItem>> answers(block_at(first).size());
    const auto users = static_cast<std::int64_t>(answers.size());
    parallel_for(
        users,
        [&](std::int64_t user) {
          std::vector<RankedItem>& items = answers[static_cast<std::size_t>(user)];
          const std::int32_t found = given.found.data[user];
          items.reserve(static_cast<std::size_t>(std::max(found, 0)));
          for (std::int64_t place = user * shape_.count; std::ssize(items) < found; ++place) {
            items.push_back(
                {request_.candidates.index(given.positions.data[place]), given.scores.data[place]});
          }
        },
        users_per_task);
    answer_unproven(first, given, answers);
    return answers;
  }

  /// What the device gives back unanswered.
  void answer_unproven(std::size_t first, const AlsatianCudaTopItemsAnswer& given,
                       std::vector<std::vector<RankedItem>>& answers) {
    std::vector<std::int32_t> rows;
    std::vector<std::int32_t> users;
    for (std::size_t user = 0; user < answers.size(); ++user) {
      if (given.found.data[user] >= 0) continue;
      rows.push_back(static_cast<std::int32_t>(first + user));
      users.push_back(request_.users[first + user]);
    }
    if (users.empty()) return;
    CompressedMatrix seen;
    if (request_.seen != nullptr) seen = select_rows(*request_.seen, rows);
    if (!cpu_) cpu_.emplace(request_.model, request_.candidates);
    auto ranked = cpu_->find(users, request_.count, request_.seen != nullptr ? &seen : nullptr);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      answers[static_cast<std::size_t>(rows[i]) - first] = std::move(ranked[i]);
    }
  }

  TopItemsRequest request_;
  const AlsatianCudaTable& table_;
  std::string device_;
  std::vector<std::int32_t> positions_;
  AlsatianCudaTopItemsShape shape_;
  EnginePointer engine_;
  std::vector<std::int64_t> seen_offsets_;
  std::vector<std::int32_t> seen_;
  std::optional<TopItemsFinder> cpu_;  // from the first block that needs it on
};

}  // namespace

std::optional<Error> cuda_refusal(const AlsatianCudaTable& table, const TopItemsRequest& request) {
  const std::int32_t rank = request.model.factors.items.rank;
  if (rank > table.top_items_largest_rank) {
    return Error(ExitCode::usage, "--device cuda",
                 fmt::format("recommends from models of a k from 0 to {}, this one has {}",
                             table.top_items_largest_rank, rank),
                 "use --device cpu");
  }
  if (wanted(request) > table.top_items_most_count) {
    return Error(ExitCode::usage, fmt::format("--top {}", request.count),
                 fmt::format("must be between 1 and {} on a GPU where there are as many items",
                             table.top_items_most_count),
                 fmt::format("try --top {}, or --device cpu", table.top_items_most_count));
  }
  return std::nullopt;
}

std::unique_ptr<TopItemsBackend> make_cuda_top_items(const TopItemsRequest& request,
                                                     const AlsatianCudaTable& table) {
  if (auto refusal = cuda_refusal(table, request)) throw *refusal;
  return std::make_unique<CudaTopItems>(request, open_cuda_table(table));
}

}  // namespace alsatian
