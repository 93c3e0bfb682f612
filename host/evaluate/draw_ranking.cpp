// Every candidate of a user is scored: an end of an interval has no bound that float could prove.
// Users are answered in blocks, beside each other.
#include "host/evaluate/draw_ranking.hpp"

#include "host/evaluate/predictive.hpp"
#include "host/evaluate/quantile.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/math/random.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

namespace alsatian {
namespace {

constexpr std::size_t users_per_block = 1024;

/// ranking_score with room for what the draws predict.
double score_with(const Model& model, const DrawRanking& ranking, std::int32_t user,
                  std::int32_t item, std::vector<double>& predictions) {
  if (ranking.by == RankBy::sample) {
    return draw_prediction(model, user, item, sampled_draw(model, user, ranking.seed));
  }
  predictions.resize(static_cast<std::size_t>(model.draws));
  draw_predictions(model, user, item, predictions);
  std::sort(predictions.begin(), predictions.end());
  const double outside = (1 - ranking.interval) / 2;
  return quantile(predictions, ranking.by == RankBy::lower ? outside : 1 - outside);
}

class DrawTopItems final : public TopItemsBackend {
 public:
  DrawTopItems(const TopItemsRequest& request, const DrawRanking& ranking)
      : request_(request), ranking_(ranking) {}

  std::string description() const override {
    return fmt::format("cpu (double, {} thread{})", thread_count(), thread_count() == 1 ? "" : "s");
  }

  void answer(const TakeTopItems& take) override {
    const std::size_t users = request_.users.size();
    for (std::size_t first = 0; first < users; first += users_per_block) {
      std::vector<std::vector<RankedItem>> answers(std::min(users_per_block, users - first));
      parallel_for_with(
          static_cast<std::int64_t>(answers.size()), [] { return std::vector<double>(); },
          [&](std::int64_t position, std::vector<double>& predictions) {
            const auto index = static_cast<std::size_t>(position);
            answers[index] = best_items(first + index, predictions);
          });
      take(first, answers);
    }
  }

 private:
  std::vector<RankedItem> best_items(std::size_t position, std::vector<double>& predictions) const {
    const CandidateItems& candidates = request_.candidates;
    const auto seen = seen_items(request_.seen, static_cast<std::int64_t>(position));
    std::vector<RankedItem> items;
    for (std::int64_t candidate = 0; candidate < candidates.size(); ++candidate) {
      const std::int32_t item = candidates.index(candidate);
      if (std::ranges::binary_search(seen, item)) continue;
      items.push_back({item, score_with(request_.model, ranking_, request_.users[position], item,
                                        predictions)});
    }
    return best_of(std::move(items), request_.count);
  }

  TopItemsRequest request_;
  DrawRanking ranking_;
};

}  // namespace

std::int32_t sampled_draw(const Model& model, std::int32_t user, std::uint64_t seed) {
  RandomWords words(seed, RandomStream::recommended_draw, static_cast<std::uint64_t>(user) + 1);
  return static_cast<std::int32_t>(uniform_below(words(), static_cast<std::uint32_t>(model.draws)));
}

double ranking_score(const Model& model, const DrawRanking& ranking, std::int32_t user,
                     std::int32_t item) {
  std::vector<double> predictions;
  return score_with(model, ranking, user, item, predictions);
}

std::unique_ptr<TopItemsBackend> make_draw_top_items(const TopItemsRequest& request,
                                                     const DrawRanking& ranking) {
  return std::make_unique<DrawTopItems>(request, ranking);
}

}  // namespace alsatian
