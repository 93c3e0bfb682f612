// From raw ratings to a data set, and the ratings of other files by its indices.
// The steps between, cleaning and splitting, have files of their own; this puts them in order.
#include "host/ratings/dataset.hpp"

#include "host/error.hpp"
#include "host/ratings/clean.hpp"
#include "host/ratings/id_indexing.hpp"
#include "host/ratings/prepared_ratings.hpp"
#include "host/ratings/split.hpp"
#include "kernels/cpu/chunked_sum.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <utility>

namespace alsatian {
namespace {

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
    throw unknown_ids(path, clean.users, users);
  }
  return map_indices(take_all_ratings(clean), user_numbers, item_numbers);
}

}  // namespace

Error unknown_ids(const std::string& path, const IdIndex& test_users, const IdIndex& users) {
  return {
      ExitCode::bad_data, printable(path),
      fmt::format("no id of {} is in the training data: its first user is {}, there {}",
                  printable(std::filesystem::path(path).filename().string()),
                  quoted(test_users.text(0)), users.size() > 0 ? quoted(users.text(0)) : "none"),
      "give ratings by the users and items that training had, with the same --columns"};
}

Dataset build_dataset(RawRatings ratings, const CleaningOptions& cleaning, const SplitRule& split) {
  return PreparedRatings(std::move(ratings), cleaning).split(split);
}

CleanRatings clean_test_ratings(RawRatings ratings, const CleaningOptions& cleaning) {
  const std::string path = ratings.path;
  CleaningOptions options = cleaning;
  options.min_user_ratings = 0;
  options.min_item_ratings = 0;
  CleanRatings clean = clean_ratings(std::move(ratings), options);
  if (clean.size() == 0 && clean.account.filtered > 0) {
    throw Error(ExitCode::bad_data, printable(path),
                fmt::format("has no rating from {} to {}, the range of --rating-range",
                            cleaning.lowest_rating, cleaning.highest_rating),
                "give ratings in the unit of the training ratings, or train with a wider range");
  }
  return clean;
}

IndexedRatings index_ratings(RawRatings ratings, const IdIndex& users, const IdIndex& items,
                             const CleaningOptions& cleaning) {
  const std::string path = ratings.path;
  CleanRatings clean = clean_test_ratings(std::move(ratings), cleaning);
  IndexedRatings indexed{
      .ratings = {}, .account = clean.account, .notes = clean.notes, .warnings = clean.warnings};
  indexed.ratings = index_clean(std::move(clean), path, users, items);
  return indexed;
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
  const auto pair_at = [](const Triples& ratings, std::size_t row) {
    return std::pair(ratings.users[row], ratings.items[row]);
  };
  return cpu::chunked_sum<std::int64_t>(test.size(), [&](std::int64_t first, std::int64_t last) {
    const auto user = test.users[static_cast<std::size_t>(first)];
    auto row =
        static_cast<std::size_t>(std::ranges::lower_bound(train.users, user) - train.users.begin());
    std::int64_t common = 0;
    for (std::int64_t entry = first; entry < last; ++entry) {
      const auto pair = pair_at(test, static_cast<std::size_t>(entry));
      while (row < train.users.size() && pair_at(train, row) < pair) ++row;
      if (row == train.users.size()) break;
      if (pair_at(train, row) == pair) ++common;
    }
    return common;
  });
}

}  // namespace alsatian
