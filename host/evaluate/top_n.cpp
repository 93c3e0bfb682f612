// Tiles of users × items by matrix products in float, fused with the selection.
// The result is that of scoring every pair in double: float only decides what can be skipped.
#define EIGEN_DONT_PARALLELIZE  // the loops over tiles are parallel already

#include "host/evaluate/top_n.hpp"

#include "host/evaluate/model_score.hpp"
#include "kernels/cpu/parallel.hpp"

#include <Eigen/Core>

#include <algorithm>
#include <cmath>
#include <limits>

namespace alsatian {
namespace {

constexpr std::int64_t users_per_tile = 64;
constexpr std::int64_t items_per_tile = 512;
constexpr std::int64_t items_per_block = 32;  // compared with the threshold at once

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using ConstMap = Eigen::Map<const Matrix>;

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

/// The items of one user that may still be among the best `count`.
class Selection {
 public:
  void start(std::int32_t count, double error_bound) {
    count_ = static_cast<std::size_t>(count);
    slack_ = 2 * error_bound;
    threshold_ = -std::numeric_limits<float>::infinity();
    capacity_ = 2 * count_ + 64;
    kept_.clear();
  }

  /// Any item whose float score is below this is worse than `count` others, whatever the rounding.
  float threshold() const { return threshold_; }

  void add(std::int64_t position, float score) {
    kept_.push_back({position, score});
    if (kept_.size() >= capacity_) prune();
  }

  struct Kept {
    std::int64_t position;
    float score;
  };
  const std::vector<Kept>& kept() const { return kept_; }

 private:
  void prune() {
    const auto nth = kept_.begin() + static_cast<std::ptrdiff_t>(count_ - 1);
    std::nth_element(kept_.begin(), nth, kept_.end(),
                     [](const Kept& left, const Kept& right) { return left.score > right.score; });
    // Rounded down: a threshold that float rounds up could drop an item on it.
    threshold_ = std::nextafter(static_cast<float>(nth->score - slack_),
                                -std::numeric_limits<float>::infinity());
    std::erase_if(kept_, [&](const Kept& item) { return item.score < threshold_; });
    // Many near ties: let the list grow, or every further item would prune in vain.
    capacity_ = std::max(capacity_, 2 * kept_.size());
  }

  std::size_t count_ = 0;
  std::size_t capacity_ = 0;
  double slack_ = 0;
  float threshold_ = 0;
  std::vector<Kept> kept_;
};

/// The items that a user has seen, ascending.
std::span<const std::int32_t> seen_items(const CompressedMatrix* seen, std::int64_t row) {
  if (seen == nullptr) return {};
  const auto first = static_cast<std::size_t>(seen->offsets[static_cast<std::size_t>(row)]);
  const auto last = static_cast<std::size_t>(seen->offsets[static_cast<std::size_t>(row) + 1]);
  return {seen->columns.data() + first, last - first};
}

bool contains(std::span<const std::int32_t> ascending, std::int32_t value) {
  return std::ranges::binary_search(ascending, value);
}

/// Sorts, keeps `count`, drops what is not finite.
std::vector<RankedItem> best_of(std::vector<RankedItem> items, std::int32_t count) {
  std::erase_if(items, [](const RankedItem& item) { return !std::isfinite(item.score); });
  const auto kept = std::min(items.size(), static_cast<std::size_t>(count));
  std::partial_sort(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(kept), items.end(),
                    ranks_before);
  items.resize(kept);
  return items;
}

/// Everything that does not change from tile to tile.
struct Question {
  const Model& model;
  const CandidateItems& candidates;
  std::span<const std::int32_t> users;
  std::int32_t count;
  const CompressedMatrix* seen;
};

std::vector<RankedItem> score_all(const Question& question, std::int64_t user) {
  const auto seen = seen_items(question.seen, user);
  std::vector<RankedItem> items;
  for (std::int64_t position = 0; position < question.candidates.size(); ++position) {
    const std::int32_t item = question.candidates.index(position);
    if (contains(seen, item)) continue;
    items.push_back(
        {item, model_score(question.model, question.users[static_cast<std::size_t>(user)], item)});
  }
  return best_of(std::move(items), question.count);
}

/// Scratch of one thread.
struct Tile {
  Matrix user_factors;
  Matrix scores;
  std::vector<Selection> selections;
};

/// Adds to the selection what reaches its threshold of one row of a tile of scores.
void select_row(const Question& question, const float* scores, std::int64_t first_item,
                std::int64_t items, std::span<const std::int32_t> seen, Selection& selection) {
  const float* biases = question.candidates.biases() + first_item;
  for (std::int64_t block = 0; block < items; block += items_per_block) {
    const std::int64_t end = std::min(block + items_per_block, items);
    float threshold = selection.threshold();
    int reached = 0;
    for (std::int64_t i = block; i < end; ++i) reached |= scores[i] + biases[i] >= threshold;
    if (reached == 0) continue;
    for (std::int64_t i = block; i < end; ++i) {
      const float score = scores[i] + biases[i];
      if (!(score >= threshold)) continue;
      if (contains(seen, question.candidates.index(first_item + i))) continue;
      selection.add(first_item + i, score);
      threshold = selection.threshold();
    }
  }
}

std::vector<RankedItem> rank_kept(const Question& question, std::int32_t user,
                                  const Selection& selection) {
  std::vector<RankedItem> items;
  items.reserve(selection.kept().size());
  for (const Selection::Kept& kept : selection.kept()) {
    if (kept.score < selection.threshold()) continue;
    const std::int32_t item = question.candidates.index(kept.position);
    items.push_back({item, model_score(question.model, user, item)});
  }
  return best_of(std::move(items), question.count);
}

/// Copies the users' factors into the tile and starts their selections; returns per user whether
/// float can be trusted, which it cannot where norms are not finite or nearly overflow.
std::vector<bool> start_tile(const Question& question, std::int64_t first, std::int64_t users,
                             Tile& tile) {
  const SideFactors& factors = question.model.factors.users;
  tile.user_factors.resize(users, factors.rank);
  tile.selections.resize(static_cast<std::size_t>(users));
  std::vector<bool> trusted;
  for (std::int64_t row = 0; row < users; ++row) {
    const std::int32_t user = question.users[static_cast<std::size_t>(first + row)];
    double user_norm = 0;
    double constant = std::abs(question.model.mean_score());
    if (user >= 0) {
      constant += std::abs(factors.biases[static_cast<std::size_t>(user)]);
      std::copy_n(factors.row(user), factors.rank, tile.user_factors.data() + row * factors.rank);
      user_norm = norm({factors.row(user), static_cast<std::size_t>(factors.rank)});
    } else {
      tile.user_factors.row(row).setZero();
    }
    const CandidateItems& candidates = question.candidates;
    const double largest = user_norm * candidates.largest_norm() + candidates.largest_bias();
    trusted.push_back(largest < static_cast<double>(std::numeric_limits<float>::max()) / 4);
    tile.selections[static_cast<std::size_t>(row)].start(
        question.count, score_error_bound(user_norm, candidates.largest_norm(),
                                          candidates.largest_bias(), constant, factors.rank));
  }
  return trusted;
}

void answer_tile(const Question& question, std::int64_t first, Tile& tile,
                 std::vector<std::vector<RankedItem>>& answers) {
  const auto all = static_cast<std::int64_t>(question.users.size());
  const std::int64_t users = std::min(users_per_tile, all - first);
  const std::int32_t rank = question.model.factors.items.rank;
  const std::vector<bool> trusted = start_tile(question, first, users, tile);
  for (std::int64_t begin = 0; begin < question.candidates.size(); begin += items_per_tile) {
    const std::int64_t items = std::min(items_per_tile, question.candidates.size() - begin);
    const ConstMap panel(question.candidates.factors() + begin * rank, items, rank);
    tile.scores.resize(users, items);
    tile.scores.noalias() = tile.user_factors * panel.transpose();
    for (std::int64_t row = 0; row < users; ++row) {
      select_row(question, tile.scores.data() + row * items, begin, items,
                 seen_items(question.seen, first + row),
                 tile.selections[static_cast<std::size_t>(row)]);
    }
  }
  for (std::int64_t row = 0; row < users; ++row) {
    const auto user = static_cast<std::size_t>(first + row);
    answers[user] = trusted[static_cast<std::size_t>(row)]
                        ? rank_kept(question, question.users[user],
                                    tile.selections[static_cast<std::size_t>(row)])
                        : score_all(question, first + row);
  }
}

}  // namespace

CandidateItems::CandidateItems(const Model& model, const std::vector<std::int32_t>* allowed) {
  const SideFactors& items = model.factors.items;
  const auto add = [&](std::int32_t item) {
    if (model.item_counts[static_cast<std::size_t>(item)] > 0) indices_.push_back(item);
  };
  if (allowed != nullptr) {
    std::ranges::for_each(*allowed, add);
  } else {
    for (std::int32_t item = 0; item < model.items.size(); ++item) add(item);
  }
  factors_ = items.factors.data();
  biases_ = items.biases.data();
  if (size() != items.rows) {
    for (const std::int32_t item : indices_) {
      copied_factors_.insert(copied_factors_.end(), items.row(item), items.row(item) + items.rank);
      copied_biases_.push_back(items.biases[static_cast<std::size_t>(item)]);
    }
    factors_ = copied_factors_.data();
    biases_ = copied_biases_.data();
  }
  for (std::int64_t position = 0; position < size(); ++position) {
    const double item_norm =
        norm({factors_ + position * items.rank, static_cast<std::size_t>(items.rank)});
    const double bias = std::abs(static_cast<double>(biases_[position]));
    // Written so that a norm that is not a number stays: no later maximum may hide it.
    if (!(item_norm <= largest_norm_)) largest_norm_ = item_norm;
    if (!(bias <= largest_bias_)) largest_bias_ = bias;
    if (std::isnan(largest_norm_) || std::isnan(largest_bias_)) break;
  }
}

std::vector<std::vector<RankedItem>> top_items(const Model& model, const CandidateItems& candidates,
                                               std::span<const std::int32_t> users,
                                               std::int32_t count, const CompressedMatrix* seen) {
  std::vector<std::vector<RankedItem>> answers(users.size());
  if (count <= 0 || candidates.size() == 0) return answers;
  const auto wanted =
      static_cast<std::int32_t>(std::min(static_cast<std::int64_t>(count), candidates.size()));
  const Question question{model, candidates, users, wanted, seen};
  const auto tiles =
      (static_cast<std::int64_t>(users.size()) + users_per_tile - 1) / users_per_tile;
  parallel_for_with(
      tiles, [] { return Tile{}; },
      [&](std::int64_t tile, Tile& scratch) {
        answer_tile(question, tile * users_per_tile, scratch, answers);
      });
  return answers;
}

}  // namespace alsatian
