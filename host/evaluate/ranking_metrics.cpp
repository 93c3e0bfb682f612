// Ranking against all items: definitions of the header, users in blocks so that memory is bounded.
// Lists come from top_n.hpp, as `recommend` has them: what is measured is what is shown.
#include "host/error.hpp"
#include "host/evaluate/metrics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace alsatian {
namespace {

constexpr std::size_t users_per_block = 4096;

/// A user with relevant test items, ascending. `relevant` counts also those that training does not
/// know: they cannot be recommended, and count as missed.
struct RankedUser {
  std::int32_t user = 0;
  std::vector<std::int32_t> known_relevant;
  std::int64_t relevant = 0;
};

/// test is sorted by user; the unknown ones (-1) are not one user and are left out.
std::vector<RankedUser> users_with_relevant_items(const Triples& test, double relevant_from) {
  std::vector<RankedUser> users;
  for (std::size_t i = 0; i < test.ratings.size(); ++i) {
    if (test.users[i] < 0 || !(test.ratings[i] >= relevant_from)) continue;
    if (users.empty() || users.back().user != test.users[i])
      users.push_back({test.users[i], {}, 0});
    ++users.back().relevant;
    if (test.items[i] >= 0) users.back().known_relevant.push_back(test.items[i]);
  }
  return users;
}

/// Discount of a rank from 1.
double discount(std::int64_t rank) { return 1.0 / std::log2(static_cast<double>(rank) + 1.0); }

/// Share of the candidates that are recommended to anyone.
double coverage(const std::vector<bool>& recommended, const Model& model) {
  std::int64_t candidates = 0;
  for (std::int32_t item = 0; item < model.items.size(); ++item) {
    candidates += model.knows_item(item) ? 1 : 0;
  }
  return static_cast<double>(std::ranges::count(recommended, true)) /
         static_cast<double>(candidates);
}

}  // namespace

UserRanking rank_user(const std::vector<bool>& hits, std::int32_t top, std::int64_t relevant) {
  UserRanking ranking;
  if (top <= 0 || relevant <= 0) return ranking;
  const std::int64_t reachable = std::min<std::int64_t>(top, relevant);
  const auto ranks = std::min(static_cast<std::int64_t>(hits.size()), std::int64_t{top});
  std::int64_t found = 0;
  double gain = 0;
  double precisions = 0;
  for (std::int64_t rank = 1; rank <= ranks; ++rank) {
    if (!hits[static_cast<std::size_t>(rank - 1)]) continue;
    ++found;
    gain += discount(rank);
    precisions += static_cast<double>(found) / static_cast<double>(rank);
  }
  double best_gain = 0;
  for (std::int64_t rank = 1; rank <= reachable; ++rank) best_gain += discount(rank);
  const auto hit_count = static_cast<double>(found);
  ranking.precision = hit_count / top;
  ranking.recall = hit_count / static_cast<double>(relevant);
  ranking.capped_recall = hit_count / static_cast<double>(reachable);
  ranking.ndcg = gain / best_gain;
  ranking.average_precision = precisions / static_cast<double>(reachable);
  ranking.hit = found > 0;
  return ranking;
}

UserRankings rank_users(const Scorer& scorer, const Model& model, const CompressedMatrix& train,
                        const Triples& test, std::int32_t top, double relevant_from) {
  if (top <= 0) {
    throw Error(ExitCode::usage, fmt::format("--top {}", top), "must be at least 1",
                "try --top 10");
  }
  const std::vector<RankedUser> users = users_with_relevant_items(test, relevant_from);
  UserRankings result;
  std::vector<bool> recommended(model.item_counts.size(), false);
  for (std::size_t first = 0; first < users.size(); first += users_per_block) {
    const std::size_t last = std::min(first + users_per_block, users.size());
    std::vector<std::int32_t> block;
    for (std::size_t i = first; i < last; ++i) block.push_back(users[i].user);
    const CompressedMatrix seen = select_rows(train, block);
    const auto lists = scorer.recommend(block, top, &seen, nullptr);
    for (std::size_t i = first; i < last; ++i) {
      std::vector<bool> hits;
      for (const ScoredItem& item : lists[i - first]) {
        hits.push_back(std::ranges::binary_search(users[i].known_relevant, item.index));
        recommended[static_cast<std::size_t>(item.index)] = true;
      }
      result.users.push_back(users[i].user);
      result.rankings.push_back(rank_user(hits, top, users[i].relevant));
    }
  }
  result.catalogue_coverage = coverage(recommended, model);
  return result;
}

RankingMetrics evaluate_ranking(const Scorer& scorer, const Model& model,
                                const CompressedMatrix& train, const Triples& test,
                                std::int32_t top, double relevant_from) {
  const UserRankings ranked = rank_users(scorer, model, train, test, top, relevant_from);
  RankingMetrics metrics{.top = top,
                         .relevant_from = relevant_from,
                         .users = static_cast<std::int64_t>(ranked.users.size()),
                         .catalogue_coverage = ranked.catalogue_coverage};
  for (const UserRanking& ranking : ranked.rankings) {
    metrics.precision += ranking.precision;
    metrics.recall += ranking.recall;
    metrics.capped_recall += ranking.capped_recall;
    metrics.ndcg += ranking.ndcg;
    metrics.map += ranking.average_precision;
    metrics.hit_rate += ranking.hit ? 1.0 : 0.0;
  }
  const auto users = static_cast<double>(metrics.users);  // 0 makes every mean not a number
  for (double* figure : {&metrics.precision, &metrics.recall, &metrics.capped_recall, &metrics.ndcg,
                         &metrics.map, &metrics.hit_rate}) {
    *figure /= users;
  }
  return metrics;
}

}  // namespace alsatian
