// The rules that hold ratings out, one function each.
// Every draw depends on the seed and a pair's ids; nothing depends on who else is in the file.
#include "host/ratings/split.hpp"

#include "host/error.hpp"
#include "host/ratings/id_indexing.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/math/random.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <tuple>

namespace alsatian {
namespace {

/// Users at a time in loops whose bodies take about as long as a user has ratings.
constexpr std::int64_t user_grain = 256;

void check_rule(const SplitRule& rule) {
  const auto refuse = [](const std::string& option, const char* limits, const char* help) {
    throw Error(ExitCode::usage, option, fmt::format("must be {}", limits), help);
  };
  using Kind = SplitRule::Kind;
  if (rule.kind == Kind::holdout && !(rule.share > 0 && rule.share < 1)) {
    refuse(fmt::format("--holdout {}", rule.share), "between 0 and 1", "try --holdout 0.1");
  }
  if (rule.kind == Kind::holdout_last && rule.count < 1) {
    refuse(fmt::format("--holdout-last {}", rule.count), "at least 1", "try --holdout-last 1");
  }
  if (rule.kind == Kind::fold && (rule.folds < 2 || rule.fold < 0 || rule.fold >= rule.folds)) {
    refuse(fmt::format("--folds {}", rule.folds), "at least 2, with folds numbered from 0",
           "try --folds 5");
  }
  if (!(rule.validation_share >= 0 && rule.validation_share < 1)) {
    refuse(fmt::format("--validation {}", rule.validation_share), "at least 0 and below 1",
           "try --validation 0.1");
  }
}

void check_times(const CleanRatings& ratings, const SplitRule& rule, const std::string& place) {
  using Kind = SplitRule::Kind;
  if (rule.kind != Kind::holdout_last && rule.kind != Kind::time) return;
  if (!ratings.times.empty() || ratings.size() == 0) return;
  throw Error(ExitCode::bad_data, place,
              fmt::format("has no times, which {} needs",
                          rule.kind == Kind::time ? "--split-time" : "--holdout-last"),
              "name the column of times with --columns user,item,rating,time, or hold out at "
              "random with --holdout 0.1");
}

/// Draws for pairs, one stream per purpose.
class PairDraws {
 public:
  PairDraws(const CleanRatings& ratings, std::uint64_t seed)
      : seed_(seed), users_(id_hashes(ratings.users)), items_(id_hashes(ratings.items)) {}

  /// Uniform in (0, 1).
  double operator()(RandomStream stream, std::int64_t user, std::int32_t item) const {
    const auto item_word = static_cast<std::uint32_t>(items_[static_cast<std::size_t>(item)]);
    return uniform(
        philox(seed_, stream, users_[static_cast<std::size_t>(user)], item_word).word[0]);
  }

 private:
  std::uint64_t seed_;
  std::vector<std::uint64_t> users_;
  std::vector<std::uint64_t> items_;
};

/// Marks as test every rating of which is_test(user, entry) says so.
template <typename IsTest>
void mark_tests(const CleanRatings& ratings, std::vector<Part>& parts, IsTest&& is_test) {
  parallel_for(
      ratings.users.size(),
      [&](std::int64_t user) {
        const auto row = static_cast<std::size_t>(user);
        for (std::int64_t entry = ratings.offsets[row]; entry < ratings.offsets[row + 1]; ++entry) {
          const auto index = static_cast<std::size_t>(entry);
          if (is_test(user, index)) parts[index] = Part::test;
        }
      },
      user_grain);
}

/// The last `count` of each user by (time, item), but never all.
void mark_last(const CleanRatings& ratings, std::int64_t count, std::vector<Part>& parts) {
  parallel_for_with(
      ratings.users.size(), [] { return std::vector<std::size_t>(); },
      [&](std::int64_t user, std::vector<std::size_t>& order) {
        const auto row = static_cast<std::size_t>(user);
        order.resize(static_cast<std::size_t>(ratings.offsets[row + 1] - ratings.offsets[row]));
        std::iota(order.begin(), order.end(), static_cast<std::size_t>(ratings.offsets[row]));
        const auto held_out = std::min(count, static_cast<std::int64_t>(order.size()) - 1);
        if (held_out <= 0) return;
        // Entries of a user ascend by item, so that the position breaks ties by item.
        std::sort(order.begin(), order.end(), [&](std::size_t left, std::size_t right) {
          return std::tuple(ratings.times[left], left) < std::tuple(ratings.times[right], right);
        });
        std::for_each(order.end() - held_out, order.end(),
                      [&](std::size_t entry) { parts[entry] = Part::test; });
      },
      user_grain);
}

void mark_validation(const CleanRatings& ratings, const PairDraws& draw, double share,
                     std::vector<Part>& parts) {
  parallel_for(
      ratings.users.size(),
      [&](std::int64_t user) {
        const auto row = static_cast<std::size_t>(user);
        for (std::int64_t entry = ratings.offsets[row]; entry < ratings.offsets[row + 1]; ++entry) {
          const auto index = static_cast<std::size_t>(entry);
          if (parts[index] == Part::test) continue;
          const std::int32_t item = ratings.item_indices[index];
          if (draw(RandomStream::validation_split, user, item) < share) {
            parts[index] = Part::validation;
          }
        }
      },
      user_grain);
}

}  // namespace

std::vector<Part> assign_parts(const CleanRatings& ratings, const SplitRule& rule,
                               const std::string& place) {
  check_rule(rule);
  check_times(ratings, rule, place);
  std::vector<Part> parts(static_cast<std::size_t>(ratings.size()), Part::train);
  const PairDraws draw(ratings, rule.seed);
  switch (rule.kind) {
    case SplitRule::Kind::none:
    case SplitRule::Kind::file:
      break;
    case SplitRule::Kind::holdout:
      mark_tests(ratings, parts, [&](std::int64_t user, std::size_t entry) {
        return draw(RandomStream::holdout_split, user, ratings.item_indices[entry]) < rule.share;
      });
      break;
    case SplitRule::Kind::holdout_last:
      mark_last(ratings, rule.count, parts);
      break;
    case SplitRule::Kind::time:
      mark_tests(ratings, parts, [&](std::int64_t, std::size_t entry) {
        return ratings.times[entry] >= rule.time;
      });
      break;
    case SplitRule::Kind::fold:
      mark_tests(ratings, parts, [&](std::int64_t user, std::size_t entry) {
        const double position =
            draw(RandomStream::fold_split, user, ratings.item_indices[entry]) * rule.folds;
        return static_cast<std::int32_t>(position) == rule.fold;
      });
      break;
  }
  if (rule.validation_share > 0) mark_validation(ratings, draw, rule.validation_share, parts);
  return parts;
}

std::string test_name(const SplitRule& rule) {
  switch (rule.kind) {
    case SplitRule::Kind::none:
      return "none";
    case SplitRule::Kind::file:
      return "file";
    case SplitRule::Kind::holdout:
      return fmt::format("holdout {}", rule.share);
    case SplitRule::Kind::holdout_last:
      return fmt::format("last {} per user", rule.count);
    case SplitRule::Kind::time:
      return fmt::format("from time {}", rule.time);
    case SplitRule::Kind::fold:
      return fmt::format("fold {} of {}", rule.fold + 1, rule.folds);
  }
  return {};
}

}  // namespace alsatian
