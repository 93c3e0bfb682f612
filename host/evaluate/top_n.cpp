// Tiles of users × items by the CPU's kernels in float, then a ranking of what they keep in double.
// The result is that of scoring every pair in double: float only decides what can be skipped.
#include "host/evaluate/top_n.hpp"

#include "host/evaluate/model_score.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/top_items.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace alsatian {
namespace {

/// Users whom a thread takes at once: the more, the fewer times items go by, but every thread is to
/// have some, and the marks of what users have seen stay within a few megabytes.
std::int64_t users_per_tile(std::int64_t users, std::int64_t items) {
  constexpr std::int64_t most = 256;
  constexpr std::int64_t most_marks = std::int64_t{4} << 23;
  const std::int64_t share = users / (2 * thread_count());
  const std::int64_t with_marks = most_marks / std::max<std::int64_t>(items, 1);
  const std::int64_t groups = std::min({most, share, with_marks}) / cpu::group_users;
  return std::max<std::int64_t>(groups, 1) * cpu::group_users;
}

double norm(std::span<const float> row) {
  return std::sqrt(dot<double>(row.data(), row.data(), static_cast<std::int32_t>(row.size())));
}

/// How far a score summed in float, in any order, may be from the same sum in double: a product
/// of rank terms has relative error (rank + 2) u in Σ|p_j q_j| ≤ ‖p‖‖q‖ (Higham, Accuracy and
/// Stability of Numerical Algorithms, section 3.1), the bias adds one rounding of the result.
/// Doubled for the roundings of the bound itself and of the comparison. What is the same for all
/// items of a user is not in the float scores, but rounds the scores in double.
double score_error_bound(double user_norm, double item_norm, double item_bias, double constant,
                         std::int32_t rank) {
  constexpr double unit_roundoff = std::numeric_limits<float>::epsilon() / 2;
  const double terms = rank + 4;
  return 2 * terms * unit_roundoff * (user_norm * item_norm + item_bias) +
         4 * std::numeric_limits<double>::epsilon() * constant +
         terms * std::numeric_limits<float>::min();
}

/// Everything that does not change from tile to tile.
struct Question {
  const Model& model;
  const CandidateItems& candidates;
  const CandidateFactors& factors;
  std::span<const std::int32_t> users;
  std::int32_t count;
  const CompressedMatrix* seen;
  std::span<const std::int32_t> positions;  // as TopItemsFinder has them
  const cpu::ItemPanels& panels;
  std::int64_t users_per_tile;
};

/// The root of the mean square of the norms of some users.
double usual_norm(const SideFactors& users) {
  constexpr std::int64_t looked_at = 256;
  const std::int64_t count = std::min<std::int64_t>(users.rows, looked_at);
  double squares = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const float* row = users.row(static_cast<std::int32_t>(i * users.rows / count));
    squares += dot<double>(row, row, users.rank);
  }
  return std::sqrt(squares / static_cast<double>(std::max<std::int64_t>(count, 1)));
}

/// The best of some items.
std::vector<RankedItem> ranked(const Model& model, std::int32_t user,
                               std::span<const std::int32_t> items, std::int32_t count) {
  std::vector<RankedItem> scored(items.size());
  for_each_model_score(model, user, items, [&](std::size_t i, double score) {
    scored[i] = {items[i], score};
  });
  return best_of(std::move(scored), count);
}

/// Candidates from `first` up to `last`, but for those that a user has seen.
void list_unseen(const CandidateItems& candidates, std::int64_t first, std::int64_t last,
                 std::span<const std::int32_t> seen, std::vector<std::int32_t>& items) {
  items.clear();
  for (std::int64_t position = first; position < last; ++position) {
    const std::int32_t item = candidates.index(position);
    if (!std::ranges::binary_search(seen, item)) items.push_back(item);
  }
}

/// Scratch of one thread.
struct Tile {
  cpu::TopSelector selector;
  std::vector<cpu::TopUser> users;
  std::vector<std::vector<std::int32_t>> seen;  // positions
  std::vector<std::int32_t> items;
};

/// Whether float can be trusted for a user, which it cannot where norms are not finite or nearly
/// overflow, and how it is asked for the best items then.
cpu::TopUser ask_for(const Question& question, std::int32_t user) {
  const SideFactors& factors = question.model.factors.users;
  const CandidateFactors& candidates = question.factors;
  cpu::TopUser asked;
  double user_norm = 0;
  double constant = std::abs(question.model.mean_score());
  if (user >= 0) {
    constant += std::abs(factors.biases[static_cast<std::size_t>(user)]);
    asked.factors = factors.row(user);
    user_norm = norm({asked.factors, static_cast<std::size_t>(factors.rank)});
  }
  const double largest = user_norm * candidates.largest_norm() + candidates.largest_bias();
  const bool trusted = largest < static_cast<double>(std::numeric_limits<float>::max()) / 4;
  asked.norm = user_norm;
  asked.error = trusted ? score_error_bound(user_norm, candidates.largest_norm(),
                                            candidates.largest_bias(), constant, factors.rank)
                        : std::numeric_limits<double>::quiet_NaN();
  return asked;
}

std::vector<RankedItem> rank_kept(const Question& question, std::int32_t user,
                                  std::span<const std::int32_t> positions,
                                  std::vector<std::int32_t>& items) {
  items.clear();
  for (const std::int32_t position : positions) {
    items.push_back(question.candidates.index(question.panels.item(position)));
  }
  return ranked(question.model, user, items, question.count);
}

void answer_tile(const Question& question, std::int64_t first, Tile& tile,
                 std::vector<std::vector<RankedItem>>& answers) {
  const auto all = static_cast<std::int64_t>(question.users.size());
  const std::int64_t users = std::min(question.users_per_tile, all - first);
  tile.users.clear();
  tile.seen.resize(static_cast<std::size_t>(users));
  for (std::int64_t row = 0; row < users; ++row) {
    std::vector<std::int32_t>& seen = tile.seen[static_cast<std::size_t>(row)];
    seen.clear();
    for (const std::int32_t item : seen_items(question.seen, first + row)) {
      const std::int32_t position = question.positions[static_cast<std::size_t>(item)];
      if (position >= 0) seen.push_back(position);
    }
    tile.users.push_back(ask_for(question, question.users[static_cast<std::size_t>(first + row)]));
    tile.users.back().seen = seen;
  }
  tile.selector.select(tile.users);
  for (std::int64_t row = 0; row < users; ++row) {
    const auto user = static_cast<std::size_t>(first + row);
    const auto place = static_cast<std::size_t>(row);
    if (std::isnan(tile.users[place].error)) {
      list_unseen(question.candidates, 0, question.candidates.size(),
                  seen_items(question.seen, first + row), tile.items);
      answers[user] = ranked(question.model, question.users[user], tile.items, question.count);
    } else {
      answers[user] =
          rank_kept(question, question.users[user], tile.selector.kept(place), tile.items);
    }
  }
}

}  // namespace

std::vector<RankedItem> best_of(std::vector<RankedItem> items, std::int32_t count) {
  std::erase_if(items, [](const RankedItem& item) { return !std::isfinite(item.score); });
  const auto kept = std::min(items.size(), static_cast<std::size_t>(count));
  std::partial_sort(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(kept), items.end(),
                    ranks_before);
  items.resize(kept);
  return items;
}

std::span<const std::int32_t> seen_items(const CompressedMatrix* seen, std::int64_t row) {
  if (seen == nullptr) return {};
  const auto first = static_cast<std::size_t>(seen->offsets[static_cast<std::size_t>(row)]);
  const auto last = static_cast<std::size_t>(seen->offsets[static_cast<std::size_t>(row) + 1]);
  return {seen->columns.data() + first, last - first};
}

CandidateItems::CandidateItems(const Model& model, const std::vector<std::int32_t>* allowed) {
  const auto add = [&](std::int32_t item) {
    if (model.knows_item(item)) indices_.push_back(item);
  };
  if (allowed != nullptr) {
    std::ranges::for_each(*allowed, add);
  } else {
    for (std::int32_t item = 0; item < model.items.size(); ++item) add(item);
  }
}

std::vector<std::int32_t> CandidateItems::positions(std::int64_t items) const {
  std::vector<std::int32_t> positions(static_cast<std::size_t>(items), -1);
  for (std::int64_t position = 0; position < size(); ++position) {
    positions[static_cast<std::size_t>(index(position))] = static_cast<std::int32_t>(position);
  }
  return positions;
}

CandidateFactors::CandidateFactors(const Model& model, const CandidateItems& candidates) {
  const SideFactors& items = model.factors.items;
  factors_ = items.factors.data();
  biases_ = items.biases.data();
  if (candidates.size() != items.rows) {
    for (std::int64_t position = 0; position < candidates.size(); ++position) {
      const std::int32_t item = candidates.index(position);
      copied_factors_.insert(copied_factors_.end(), items.row(item), items.row(item) + items.rank);
      copied_biases_.push_back(items.biases[static_cast<std::size_t>(item)]);
    }
    factors_ = copied_factors_.data();
    biases_ = copied_biases_.data();
  }
  for (std::int64_t position = 0; position < candidates.size(); ++position) {
    const double item_norm =
        norm({factors_ + position * items.rank, static_cast<std::size_t>(items.rank)});
    const double bias = std::abs(static_cast<double>(biases_[position]));
    // Written so that a norm that is not a number stays: no later maximum may hide it.
    if (!(item_norm <= largest_norm_)) largest_norm_ = item_norm;
    if (!(bias <= largest_bias_)) largest_bias_ = bias;
    if (std::isnan(largest_norm_) || std::isnan(largest_bias_)) break;
  }
}

TopItemsFinder::TopItemsFinder(const Model& model, const CandidateItems& candidates, Isa isa)
    : model_(model),
      candidates_(candidates),
      isa_(isa),
      factors_(model, candidates),
      positions_(candidates.positions(model.factors.items.rows)),
      panels_(std::make_unique<cpu::ItemPanels>(
          SideView<const float>{factors_.factors(), factors_.biases(), candidates.size(),
                                model.factors.items.rank, model.factors.items.rank},
          usual_norm(model.factors.users))) {
  cpu::kernels(isa);  // throws here rather than at the first question
}

TopItemsFinder::~TopItemsFinder() = default;

std::vector<std::vector<RankedItem>> TopItemsFinder::find(std::span<const std::int32_t> users,
                                                          std::int32_t count,
                                                          const CompressedMatrix* seen) const {
  std::vector<std::vector<RankedItem>> answers(users.size());
  if (count <= 0 || candidates_.size() == 0) return answers;
  const auto wanted =
      static_cast<std::int32_t>(std::min(static_cast<std::int64_t>(count), candidates_.size()));
  const std::int64_t at_once = users_per_tile(std::ssize(users), candidates_.size());
  const Question question{model_, candidates_, factors_, users,  wanted,
                          seen,   positions_,  *panels_, at_once};
  const std::int64_t tiles = (std::ssize(users) + at_once - 1) / at_once;
  parallel_for_with(
      tiles,
      [&] {
        return Tile{cpu::TopSelector(cpu::kernels(isa_), *panels_, wanted), {}, {}, {}};
      },
      [&](std::int64_t tile, Tile& scratch) {
        answer_tile(question, tile * at_once, scratch, answers);
      });
  return answers;
}

std::vector<RankedItem> top_items_of(const Model& model, const CandidateItems& candidates,
                                     std::int32_t user, std::int32_t count,
                                     std::span<const std::int32_t> seen) {
  constexpr std::int64_t items_per_task = 256;
  const std::int64_t tasks = (candidates.size() + items_per_task - 1) / items_per_task;
  std::vector<std::vector<RankedItem>> best(static_cast<std::size_t>(tasks));
  parallel_for_with(
      tasks, [] { return std::vector<std::int32_t>(); },
      [&](std::int64_t task, std::vector<std::int32_t>& items) {
        const std::int64_t end = std::min(candidates.size(), (task + 1) * items_per_task);
        list_unseen(candidates, task * items_per_task, end, seen, items);
        best[static_cast<std::size_t>(task)] = ranked(model, user, items, count);
      });
  std::vector<RankedItem> all;
  for (const auto& some : best) all.insert(all.end(), some.begin(), some.end());
  return best_of(std::move(all), count);
}

std::vector<std::vector<RankedItem>> top_items(const Model& model, const CandidateItems& candidates,
                                               std::span<const std::int32_t> users,
                                               std::int32_t count, const CompressedMatrix* seen) {
  if (users.size() > few_users) return TopItemsFinder(model, candidates).find(users, count, seen);
  std::vector<std::vector<RankedItem>> answers;
  for (std::size_t user = 0; user < users.size(); ++user) {
    answers.push_back(top_items_of(model, candidates, users[user], count,
                                   seen_items(seen, static_cast<std::int64_t>(user))));
  }
  return answers;
}

}  // namespace alsatian
