// Implements prepared_ratings.hpp.
// A split keeps the ids that training knows, so that it equals the same split made by files.
#include "host/ratings/prepared_ratings.hpp"

#include "host/error.hpp"
#include "host/ratings/id_indexing.hpp"
#include "host/ratings/split.hpp"
#include "kernels/cpu/parallel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <numeric>
#include <utility>
#include <vector>

namespace alsatian {
namespace {

bool has_test_part(const SplitRule& rule) {
  return rule.kind != SplitRule::Kind::none && rule.kind != SplitRule::Kind::file;
}

/// Whether every rating is for training.
bool takes_all(const SplitRule& rule) { return !has_test_part(rule) && rule.validation_share == 0; }

/// The parts of `ratings`, by their own indices.
void divide(const CleanRatings& ratings, const SplitRule& rule, const std::string& place,
            Dataset& dataset) {
  const std::vector<Part> parts = assign_parts(ratings, rule, place);
  dataset.train = ratings_of_part(ratings, parts, Part::train);
  dataset.validation = ratings_of_part(ratings, parts, Part::validation);
  if (!has_test_part(rule)) return;
  dataset.tests.push_back({test_name(rule), ratings_of_part(ratings, parts, Part::test)});
  if (dataset.tests.back().ratings.size() == 0) dataset.tests.clear();
}

/// The new index of each row that occurs in `rows` or is kept anyway, -1 for the others.
std::vector<std::int32_t> numbering_of_used(const std::vector<std::int32_t>& rows,
                                            std::int32_t row_count, const std::vector<bool>& kept) {
  std::vector<std::int32_t> numbering(static_cast<std::size_t>(row_count), -1);
  for (std::size_t row = 0; row < kept.size(); ++row) {
    if (kept[row]) numbering[row] = 0;
  }
  constexpr std::int64_t grain = 1 << 16;
  parallel_for(
      std::ssize(rows),
      [&](std::int64_t entry) {
        const std::int32_t row = rows[static_cast<std::size_t>(entry)];
        const std::atomic_ref<std::int32_t> mark(numbering[static_cast<std::size_t>(row)]);
        // Reading first keeps the cache lines of frequent rows shared between threads.
        if (mark.load(std::memory_order_relaxed) < 0) mark.store(0, std::memory_order_relaxed);
      },
      grain);
  std::int32_t next = 0;
  for (std::int32_t& number : numbering) {
    if (number == 0) number = next++;
  }
  return numbering;
}

IdIndex known_ids(const IdIndex& ids, const std::vector<std::int32_t>& numbering) {
  std::vector<bool> keep(numbering.size());
  for (std::size_t index = 0; index < numbering.size(); ++index)
    keep[index] = numbering[index] >= 0;
  return ids.subset(keep);
}

/// Drops the ids without training ratings that nothing keeps, and numbers the others anew.
void keep_trained_ids(const IdIndex& users, const IdIndex& items,
                      const std::vector<bool>& kept_users, const std::vector<bool>& kept_items,
                      Dataset& dataset) {
  const auto user_numbers = numbering_of_used(dataset.train.users, users.size(), kept_users);
  const auto item_numbers = numbering_of_used(dataset.train.items, items.size(), kept_items);
  dataset.users = known_ids(users, user_numbers);
  dataset.items = known_ids(items, item_numbers);
  const auto is_used = [](std::int32_t number) { return number >= 0; };
  // Each id with its own number: nothing to do for any rating.
  if (std::ranges::all_of(user_numbers, is_used) && std::ranges::all_of(item_numbers, is_used)) {
    return;
  }
  const auto renumber = [&](Triples& ratings) {
    ratings = map_indices(std::move(ratings), user_numbers, item_numbers);
  };
  renumber(dataset.train);
  renumber(dataset.validation);
  for (TestSet& test : dataset.tests) renumber(test.ratings);
}

/// The offsets of rows that `merged` has others between.
std::vector<std::int64_t> spread_offsets(const std::vector<std::int64_t>& offsets,
                                         const MergedIds& merged) {
  std::vector<std::int64_t> spread(static_cast<std::size_t>(merged.index.size()) + 1);
  for (std::size_t row = 0; row < merged.places.size(); ++row) {
    spread[static_cast<std::size_t>(merged.places[row]) + 1] = offsets[row + 1] - offsets[row];
  }
  std::partial_sum(spread.begin(), spread.end(), spread.begin());
  return spread;
}

void renumber(const std::vector<std::int32_t>& places, std::vector<std::int32_t>& rows) {
  for (std::int32_t& row : rows) row = places[static_cast<std::size_t>(row)];
}

/// Marks of an index' own ids where `merged` has them; none where there are none.
std::vector<bool> moved(const std::vector<bool>& marks, const MergedIds& merged) {
  if (marks.empty()) return {};
  std::vector<bool> result(static_cast<std::size_t>(merged.index.size()));
  for (std::size_t row = 0; row < marks.size(); ++row) {
    if (marks[row]) result[static_cast<std::size_t>(merged.places[row])] = true;
  }
  return result;
}

/// What prepared ratings have of one side.
struct IdSide {
  IdIndex& index;
  std::vector<bool>& kept;
  std::vector<bool>& dropped;
};

/// Takes the merged index for the side's own and keeps `ids`. rated [merged.index].
KeptIds keep(const StringTable& ids, MergedIds merged, const std::vector<bool>& rated,
             const IdSide& side) {
  side.kept = moved(side.kept, merged);
  side.kept.resize(rated.size());
  side.dropped = moved(side.dropped, merged);
  KeptIds found{.not_integers = merged.left_out};
  found.all_rated = std::ranges::count(rated, true);
  for (std::int64_t id = 0; id < ids.size(); ++id) {
    const auto known = merged.index.find(ids[id]);
    if (!known) continue;
    const auto row = static_cast<std::size_t>(*known);
    if (!side.dropped.empty() && side.dropped[row]) {
      ++found.dropped;
      continue;
    }
    side.kept[row] = true;
    ++(rated[row] ? found.rated : found.unrated);
  }
  side.index = std::move(merged.index);
  return found;
}

/// What leaves more for training under a rule that left nothing.
std::string hold_out_less(const SplitRule& split) {
  std::string less;
  if (split.kind == SplitRule::Kind::holdout) less = "pass a smaller --holdout";
  if (split.kind == SplitRule::Kind::time) less = "pass a later --split-time";
  if (split.kind == SplitRule::Kind::fold)
    less = "give more ratings than --folds or another --seed";
  if (split.validation_share == 0) return less;
  return less.empty() ? "pass a smaller --validation" : less + ", or a smaller --validation";
}

Error empty_training(const std::string& place, std::int64_t cleaned, const LineAccount& account,
                     const SplitRule& split) {
  if (cleaned > 0) {
    return {ExitCode::bad_data, place,
            fmt::format("has no ratings left for training: {} {} held out", cleaned,
                        cleaned == 1 ? "is" : "are"),
            hold_out_less(split)};
  }
  if (account.filtered > 0) {
    return {ExitCode::bad_data, place, "has no ratings left after cleaning",
            "lower --min-user-ratings and --min-item-ratings or widen --rating-range"};
  }
  return {ExitCode::bad_data, place, "has no ratings",
          "give a file with at least one line of user, item and rating"};
}

template <typename Split>
Dataset rebuilt(const CleaningOptions& cleaning, const Split& split) {
  try {
    Dataset dataset = split();
    dataset.cleaning = cleaning;
    return dataset;
  } catch (const Error& error) {
    // Of the same ratings only times can be others, and there is no split to choose here.
    if (error.code() != ExitCode::bad_data) throw;
    throw Error(error.code(), error.place(), error.what(),
                "give the file with the times that train had, in the same column of times");
  }
}

}  // namespace

PreparedRatings::PreparedRatings(RawRatings ratings, const CleaningOptions& cleaning)
    : path_(ratings.path),
      cleaning_(cleaning),
      ratings_(clean_ratings(std::move(ratings), cleaning)),
      fingerprint_(alsatian::fingerprint(ratings_)) {}

Dataset PreparedRatings::split(const SplitRule& rule) const& {
  if (takes_all(rule)) return PreparedRatings(*this).split(rule);
  Dataset dataset;
  divide(ratings_, rule, printable(path_), dataset);
  return finish(rule, std::move(dataset));
}

Dataset PreparedRatings::split(const SplitRule& rule) && {
  if (!takes_all(rule)) return std::as_const(*this).split(rule);
  Dataset dataset;
  dataset.train = take_all_ratings(ratings_);
  return finish(rule, std::move(dataset));
}

KeptIds PreparedRatings::keep_users(const StringTable& ids) {
  MergedIds merged = merge_ids(ratings_.users, ids);
  ratings_.offsets = spread_offsets(ratings_.offsets, merged);
  renumber(merged.places, ratings_.user_indices);
  std::vector<bool> rated(static_cast<std::size_t>(merged.index.size()));
  for (std::size_t row = 0; row < rated.size(); ++row) {
    rated[row] = ratings_.offsets[row + 1] > ratings_.offsets[row];
  }
  return keep(ids, std::move(merged), rated, {ratings_.users, kept_users_, ratings_.dropped_users});
}

KeptIds PreparedRatings::keep_items(const StringTable& ids) {
  MergedIds merged = merge_ids(ratings_.items, ids);
  renumber(merged.places, ratings_.item_indices);
  std::vector<bool> rated(static_cast<std::size_t>(merged.index.size()));
  for (const std::int32_t item : ratings_.item_indices)
    rated[static_cast<std::size_t>(item)] = true;
  return keep(ids, std::move(merged), rated, {ratings_.items, kept_items_, ratings_.dropped_items});
}

Triples PreparedRatings::test_part(const SplitRule& rule) const {
  return ratings_of_part(ratings_, assign_parts(ratings_, rule, printable(path_)), Part::test);
}

Dataset PreparedRatings::finish(const SplitRule& rule, Dataset dataset) const {
  if (dataset.train.size() == 0) {
    throw empty_training(printable(path_), ratings_.size(), ratings_.account, rule);
  }
  if (takes_all(rule) && ratings_.account.filtered == 0) {
    // Every id is there because a rating has it or it is kept.
    dataset.users = ratings_.users;
    dataset.items = ratings_.items;
  } else {
    keep_trained_ids(ratings_.users, ratings_.items, kept_users_, kept_items_, dataset);
  }
  dataset.split = rule;
  dataset.cleaning = cleaning_;
  dataset.account = ratings_.account;
  dataset.source = std::filesystem::path(path_).filename().string();
  dataset.fingerprint = fingerprint_;
  dataset.notes = ratings_.notes;
  dataset.warnings = ratings_.warnings;
  return dataset;
}

PreparedRatings rebuild_ratings(RawRatings ratings, const CleaningOptions& cleaning,
                                const std::string& recorded_fingerprint) {
  const std::string path = ratings.path;
  CleaningOptions options = cleaning;
  options.duplicates = tolerant(cleaning.duplicates);
  PreparedRatings prepared(std::move(ratings), options);
  if (prepared.fingerprint() == recorded_fingerprint) return prepared;
  throw Error(ExitCode::bad_data, printable(path),
              fmt::format("is not the data that the model was trained on: fingerprint {}, the "
                          "model has {}",
                          quoted(prepared.fingerprint()), quoted(recorded_fingerprint)),
              "give the file that train had as --data, read with the same options; alsatian "
              "inspect shows the model's");
}

Dataset rebuild_split(const PreparedRatings& ratings, const CleaningOptions& cleaning,
                      const SplitRule& split) {
  return rebuilt(cleaning, [&] { return ratings.split(split); });
}

Dataset rebuild_split(PreparedRatings&& ratings, const CleaningOptions& cleaning,
                      const SplitRule& split) {
  return rebuilt(cleaning, [&] { return std::move(ratings).split(split); });
}

}  // namespace alsatian
