// From raw ratings to a data set: clean, split, keep the ids that training knows.
// The order matters: the fingerprint is of the cleaned ratings, before any split.
#include "host/ratings/dataset.hpp"

#include "host/error.hpp"
#include "host/ratings/clean.hpp"
#include "host/ratings/id_indexing.hpp"
#include "host/ratings/split.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <tuple>
#include <utility>

namespace alsatian {
namespace {

std::string without_folders(const std::string& path) {
  const auto slash = path.find_last_of('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

bool has_test_part(const SplitRule& rule) {
  return rule.kind != SplitRule::Kind::none && rule.kind != SplitRule::Kind::file;
}

/// Splits `ratings`, by their own indices; leaves their ids, account and notes.
void split_ratings(CleanRatings& ratings, const SplitRule& rule, const std::string& place,
                   Dataset& dataset) {
  if (!has_test_part(rule) && rule.validation_share == 0) {
    dataset.train = take_all_ratings(ratings);
    return;
  }
  const std::vector<Part> parts = assign_parts(ratings, rule, place);
  dataset.train = ratings_of_part(ratings, parts, Part::train);
  dataset.validation = ratings_of_part(ratings, parts, Part::validation);
  if (!has_test_part(rule)) return;
  dataset.tests.push_back({test_name(rule), ratings_of_part(ratings, parts, Part::test)});
  if (dataset.tests.back().ratings.size() == 0) dataset.tests.clear();
}

/// The new index of each row that occurs in `rows`, -1 for the others.
std::vector<std::int32_t> numbering_of_used(const std::vector<std::int32_t>& rows,
                                            std::int32_t row_count) {
  std::vector<std::int32_t> numbering(static_cast<std::size_t>(row_count), -1);
  for (const std::int32_t row : rows) numbering[static_cast<std::size_t>(row)] = 0;
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

/// Drops the ids without training ratings and numbers the others anew.
void keep_trained_ids(const IdIndex& users, const IdIndex& items, Dataset& dataset) {
  const auto user_numbers = numbering_of_used(dataset.train.users, users.size());
  const auto item_numbers = numbering_of_used(dataset.train.items, items.size());
  dataset.users = known_ids(users, user_numbers);
  dataset.items = known_ids(items, item_numbers);
  const auto renumber = [&](Triples& ratings) {
    ratings = map_indices(std::move(ratings), user_numbers, item_numbers);
  };
  renumber(dataset.train);
  renumber(dataset.validation);
  for (TestSet& test : dataset.tests) renumber(test.ratings);
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
            fmt::format("has no ratings left for training: {} are held out", cleaned),
            hold_out_less(split)};
  }
  if (account.filtered > 0) {
    return {ExitCode::bad_data, place, "has no ratings left after cleaning",
            "lower --min-user-ratings and --min-item-ratings or widen --rating-range"};
  }
  return {ExitCode::bad_data, place, "has no ratings",
          "give a file with at least one line of user, item and rating"};
}

/// Cleaned ratings as a data set: split, with the ids that training knows.
Dataset split_dataset(CleanRatings clean, const std::string& path, const CleaningOptions& cleaning,
                      const SplitRule& split) {
  const std::string place = printable(path);
  Dataset dataset;
  dataset.split = split;
  dataset.cleaning = cleaning;
  dataset.source = without_folders(path);
  const std::int64_t cleaned = clean.size();
  split_ratings(clean, split, place, dataset);
  if (dataset.train.size() == 0) throw empty_training(place, cleaned, clean.account, split);
  keep_trained_ids(clean.users, clean.items, dataset);
  dataset.account = clean.account;
  dataset.notes = std::move(clean.notes);
  return dataset;
}

/// The rule for ratings that are only compared or looked up: `error` was for training alone.
DuplicateRule tolerant(DuplicateRule rule) {
  return rule == DuplicateRule::error ? DuplicateRule::last : rule;
}

bool drops_ratings(const CleaningOptions& cleaning) {
  const CleaningOptions nothing;
  return cleaning.min_user_ratings > 0 || cleaning.min_item_ratings > 0 ||
         cleaning.lowest_rating > nothing.lowest_rating ||
         cleaning.highest_rating < nothing.highest_rating;
}

Triples index_clean(CleanRatings clean, const std::string& path, const IdIndex& users,
                    const IdIndex& items) {
  const auto user_numbers = id_mapping(clean.users, users);
  const auto item_numbers = id_mapping(clean.items, items);
  const auto known = [](std::int32_t number) { return number >= 0; };
  if (clean.size() > 0 && std::none_of(user_numbers.begin(), user_numbers.end(), known) &&
      std::none_of(item_numbers.begin(), item_numbers.end(), known)) {
    throw Error(ExitCode::bad_data, printable(path),
                fmt::format("no id of {} is in the training data: its first user is {}, there {}",
                            printable(without_folders(path)), quoted(clean.users.text(0)),
                            users.size() > 0 ? quoted(users.text(0)) : "none"),
                "give ratings by the users and items that training had, with the same --columns");
  }
  return map_indices(take_all_ratings(clean), user_numbers, item_numbers);
}

}  // namespace

Dataset build_dataset(RawRatings ratings, const CleaningOptions& cleaning, const SplitRule& split) {
  const std::string path = ratings.path;
  CleanRatings clean = clean_ratings(std::move(ratings), cleaning);
  std::string print = fingerprint(clean);
  Dataset dataset = split_dataset(std::move(clean), path, cleaning, split);
  dataset.fingerprint = std::move(print);
  return dataset;
}

Dataset rebuild_dataset(RawRatings ratings, const CleaningOptions& cleaning, const SplitRule& split,
                        const std::string& recorded_fingerprint) {
  const std::string path = ratings.path;
  CleaningOptions options = cleaning;
  options.duplicates = tolerant(cleaning.duplicates);
  CleanRatings clean = clean_ratings(std::move(ratings), options);
  const std::string print = fingerprint(clean);
  if (print != recorded_fingerprint) {
    throw Error(ExitCode::bad_data, printable(path),
                fmt::format("is not the data that the model was trained on: fingerprint {}, the "
                            "model has {}",
                            quoted(print), quoted(recorded_fingerprint)),
                "give the file that train had as --data, read with the same options; alsatian "
                "inspect shows the model's");
  }
  Dataset dataset = split_dataset(std::move(clean), path, cleaning, split);
  dataset.fingerprint = print;
  return dataset;
}

Triples index_ratings(RawRatings ratings, const IdIndex& users, const IdIndex& items,
                      DuplicateRule duplicates) {
  const std::string path = ratings.path;
  CleanRatings clean = clean_ratings(std::move(ratings), {.duplicates = duplicates});
  return index_clean(std::move(clean), path, users, items);
}

RatedItems index_rated_items(RawRatings ratings, const IdIndex& users, const IdIndex& items,
                             const CleaningOptions& cleaning) {
  const std::string path = ratings.path;
  CleaningOptions options = cleaning;
  options.duplicates = tolerant(cleaning.duplicates);
  RatedItems rated;
  if (drops_ratings(cleaning)) rated.fingerprint = fingerprint(clean_ratings(ratings, options));
  CleanRatings clean = clean_ratings(std::move(ratings), {.duplicates = options.duplicates});
  if (!drops_ratings(cleaning)) rated.fingerprint = fingerprint(clean);
  rated.ratings = index_clean(std::move(clean), path, users, items);
  return rated;
}

std::int64_t overlap(const Triples& train, const Triples& test) {
  std::int64_t common = 0;
  std::size_t row = 0;
  for (std::size_t index = 0; index < test.users.size(); ++index) {
    const auto pair = std::tuple(test.users[index], test.items[index]);
    while (row < train.users.size() && std::tuple(train.users[row], train.items[row]) < pair) ++row;
    if (row == train.users.size()) break;
    if (std::tuple(train.users[row], train.items[row]) == pair) ++common;
  }
  return common;
}

}  // namespace alsatian
