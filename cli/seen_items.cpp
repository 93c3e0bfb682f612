// Implements seen_items.hpp.
// The model has counts of training ratings and no ratings: fewer than that is a lack for certain.
#include "cli/seen_items.hpp"

#include "cli/model_input.hpp"
#include "host/error.hpp"
#include "host/ratings/input_source.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace alsatian {
namespace {

constexpr std::size_t users_named = 5;

/// Ratings of users and items that the model knows.
Triples known_part(const Triples& all) {
  Triples known;
  for (std::size_t row = 0; row < all.ratings.size(); ++row) {
    if (all.users[row] < 0 || all.items[row] < 0) continue;
    known.users.push_back(all.users[row]);
    known.items.push_back(all.items[row]);
    known.ratings.push_back(all.ratings[row]);
  }
  return known;
}

std::vector<std::int32_t> count_rows(const std::vector<std::int32_t>& indices, std::int32_t rows) {
  std::vector<std::int32_t> counts(static_cast<std::size_t>(rows));
  for (const std::int32_t index : indices) ++counts[static_cast<std::size_t>(index)];
  return counts;
}

/// Rows with fewer ratings than training had.
struct ShortRows {
  std::int64_t count = 0;
  std::int32_t first = -1;
};

ShortRows short_rows(const std::vector<std::int32_t>& found,
                     const std::vector<std::int32_t>& trained) {
  ShortRows rows;
  for (std::size_t row = 0; row < found.size(); ++row) {
    if (found[row] >= trained[row]) continue;
    if (rows.count++ == 0) rows.first = static_cast<std::int32_t>(row);
  }
  return rows;
}

/// "user 7 (3 of 40)": the ratings found and those that training had.
std::string first_short(const char* side, const IdIndex& ids, std::int32_t row,
                        const std::vector<std::int32_t>& found,
                        const std::vector<std::int32_t>& trained) {
  const auto index = static_cast<std::size_t>(row);
  return fmt::format("{} {} ({} of {})", side, quoted(ids.text(row)), found[index], trained[index]);
}

/// Whether the file lacks training ratings, and if so a warning of it.
bool warn_of_lack(const Model& model, const std::string& place,
                  const std::vector<std::int32_t>& user_counts,
                  const std::vector<std::int32_t>& item_counts, const Log& log) {
  const ShortRows users = short_rows(user_counts, model.user_counts);
  const ShortRows items = short_rows(item_counts, model.item_counts);
  if (users.count + items.count == 0) return false;
  log.warning(fmt::format(
      "{} lacks ratings that the model was trained on: {} users and {} items have fewer than in "
      "training, the first is {}; items that a user rated in training may be recommended",
      place, users.count, items.count,
      users.count > 0
          ? first_short("user", model.users, users.first, user_counts, model.user_counts)
          : first_short("item", model.items, items.first, item_counts, model.item_counts)));
  return true;
}

/// Warns of users asked for who have no rating in the file; it is an error where none has.
void check_users(const Model& model, const std::string& place, std::span<const std::int32_t> users,
                 const std::vector<std::int32_t>& user_counts, const Log& log) {
  std::string names;
  std::size_t without = 0;
  for (const std::int32_t user : users) {
    if (user_counts[static_cast<std::size_t>(user)] > 0) continue;
    if (without++ < users_named) {
      names += fmt::format("{}{}", names.empty() ? "" : ", ", quoted(model.users.text(user)));
    }
  }
  if (without == 0) return;
  if (without > users_named) names += fmt::format(" and {} more", without - users_named);
  if (without == users.size()) {
    throw Error(ExitCode::bad_data, place,
                fmt::format("has no rating of an item of the model by any user asked for ({}): "
                            "what they have seen is not known",
                            names),
                "give the ratings that the model was trained on, or newer ones that include them, "
                "with the same --columns; --include-seen leaves nothing out");
  }
  log.warning(
      fmt::format("{} has no rating of an item of the model by {} of {} users asked for "
                  "({}): nothing is left out for them",
                  place, without, users.size(), names));
}

}  // namespace

CompressedMatrix read_seen_items(const Model& model, const std::string& path,
                                 ReadingOptions reading, std::span<const std::int32_t> users,
                                 const Log& log) {
  reading.read.rating_optional = true;
  reading.read.positive = model.positive;
  expect_ids_of(model, reading.read);
  RawRatings raw = read_logged(path, reading, log);
  log.field("lines", account_text(raw.account));
  const bool has_ratings = raw.has_ratings;
  const RatedItems rated =
      index_rated_items(std::move(raw), model.users, model.items, model.cleaning);
  Triples seen = known_part(rated.ratings);
  const std::string place = printable(input_name(path));
  if (rated.fingerprint != model.fingerprint) {
    const auto user_counts = count_rows(seen.users, model.users.size());
    const auto item_counts = count_rows(seen.items, model.items.size());
    check_users(model, place, users, user_counts, log);
    if (!warn_of_lack(model, place, user_counts, item_counts, log) && has_ratings) {
      log.field("note", fmt::format("{} is not the file that the model was trained on (fingerprint "
                                    "{}, the model has {}), but every user and item has at least "
                                    "as many ratings in it",
                                    place, quoted(rated.fingerprint), quoted(model.fingerprint)));
    }
  }
  return compress_by_user(std::move(seen), model.users.size());
}

}  // namespace alsatian
