// Implements own_ratings.hpp on the records of host/ratings.
// The reader of ratings is not used: it takes ids alone, and needs a user in every line.
#include "cli/own_ratings.hpp"

#include "cli/small_file.hpp"
#include "host/error.hpp"
#include "host/ratings/input_source.hpp"
#include "host/ratings/records.hpp"
#include "host/ratings/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string_view>

namespace alsatian {
namespace {

constexpr SmallFile own_ratings{.option = "--ratings",
                                .kind = "a list of ratings",
                                .largest_mib = 64,
                                .code_of_too_long = ExitCode::bad_data,
                                .one_entry = "write one `item,rating` a line"};
constexpr const char* remedy = "write `item,rating` in a line, the item by its id or its title";

/// Where the fields are in a record.
struct OwnColumns {
  std::optional<std::size_t> user;
  std::size_t item = 0;
  std::size_t rating = 1;
};

class OwnRatingsReader {
 public:
  OwnRatingsReader(const std::string& path, const Model& model, TitleLookup& titles)
      : place_(printable(input_name(path))),
        model_(model),
        titles_(titles),
        text_(read_small_file(path == "-" ? "/dev/stdin" : path, own_ratings)) {}

  std::vector<OwnRating> read(const Log& log) {
    const RecordRules rules = find_rules();
    Record record;
    std::int64_t line = 1;
    const char* const end = text_.data() + text_.size();
    for (const char* at = text_.data(); at < end; line += record.lines) {
      at = read_record(at, end, rules, record);
      if (record.flaw != RecordFlaw::none) fail(line, "is not a record of text", remedy);
      if (record.is_blank) continue;
      if (!columns_) {
        columns_ = columns_of(record, line);
        if (is_header_) continue;
      }
      take(record, line);
    }
    return finish(log);
  }

 private:
  [[noreturn]] void fail(std::int64_t line, const std::string& what,
                         const std::string& help) const {
    throw Error(ExitCode::bad_data, fmt::format("{}:{}", place_, line), what, help);
  }

  /// The delimiter that cuts the first record into the most fields, of those that cut it at all.
  RecordRules find_rules() const {
    RecordRules best{.delimiter = {","}};
    std::size_t most = 1;
    for (const char* delimiter : {",", "\t", ";", "::", "|"}) {
      const RecordRules rules{.delimiter = {delimiter}};
      Record record;
      const char* const end = text_.data() + text_.size();
      for (const char* at = text_.data(); at < end && record.fields.empty();) {
        at = read_record(at, end, rules, record);
      }
      if (record.fields.size() > most) {
        most = record.fields.size();
        best = rules;
      }
    }
    return best;
  }

  static std::optional<std::size_t> named(const Record& header,
                                          std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names) {
      for (std::size_t column = 0; column < header.fields.size(); ++column) {
        std::string lower(header.fields[column].text);
        std::ranges::transform(lower, lower.begin(), [](char letter) {
          return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter;
        });
        if (lower == name) return column;
      }
    }
    return std::nullopt;
  }

  OwnColumns columns_of(const Record& first, std::int64_t line) {
    const std::size_t fields = first.fields.size();
    if (const auto rating =
            named(first, {"rating", "my rating", "your rating", "score", "stars"})) {
      const auto item = named(first, {"movieid", "itemid", "item_id", "item", "movie", "title"});
      if (!item) fail(line, "is a header without a column of items", "name it item or title");
      is_header_ = true;
      return {named(first, {"userid", "user_id", "user"}), *item, *rating};
    }
    if (fields == 2) return {};
    // As in u.data: user, item, rating and perhaps a time.
    if ((fields == 3 || fields == 4) && is_number(first.fields[2].text)) return {0, 1, 2};
    fail(line,
         fmt::format("has {} and no header that says which",
                     counted(static_cast<std::int64_t>(fields), "field")),
         remedy);
  }

  void take(const Record& record, std::int64_t line) {
    const std::size_t needed =
        std::max({columns_->item, columns_->rating, columns_->user.value_or(0)}) + 1;
    if (record.fields.size() < needed) {
      fail(line,
           fmt::format("has {}, not {}",
                       counted(static_cast<std::int64_t>(record.fields.size()), "field"), needed),
           remedy);
    }
    check_user(record, line);
    const std::string written = unquoted(record.fields[columns_->rating]);
    const ParsedRating parsed = parse_rating(written, '.');
    if (parsed.flaw != RatingFlaw::none) {
      fail(line, fmt::format("{} is no rating", quoted(written)), remedy);
    }
    if (parsed.value < model_.scale.lowest || parsed.value > model_.scale.highest) {
      fail(line,
           fmt::format("{} is not on the model's scale, {} to {}", quoted(written),
                       model_.scale.lowest, model_.scale.highest),
           "rate as in the ratings that the model was trained on");
    }
    const std::string item = unquoted(record.fields[columns_->item]);
    if (parse_id(item).form == IdForm::integer && !model_.items.find(item) &&
        titles_.matching(item).empty()) {
      ++unknown_;
      return;
    }
    const std::int32_t index = find_item(
        model_, titles_, item, {fmt::format("{}:{}", place_, line), ExitCode::bad_data, ""});
    const auto [entry, is_new] = place_of_.try_emplace(index, ratings_.size());
    if (is_new) {
      ratings_.push_back({index, parsed.value});
    } else {
      ratings_[entry->second].rating = parsed.value;
      ++repeated_;
    }
  }

  void check_user(const Record& record, std::int64_t line) {
    if (!columns_->user) return;
    const std::string user = unquoted(record.fields[*columns_->user]);
    if (!user_) user_ = user;
    if (user == *user_) return;
    fail(line, fmt::format("is of user {}, the lines before of {}", quoted(user), quoted(*user_)),
         "give the ratings of one person; for users of the model use --users");
  }

  std::vector<OwnRating> finish(const Log& log) {
    if (ratings_.empty()) {
      throw Error(ExitCode::bad_data, place_,
                  unknown_ > 0 ? "rates no item of the model" : "has no ratings", remedy);
    }
    std::string text = counted(static_cast<std::int64_t>(ratings_.size()), "rating");
    if (repeated_ > 0) text += fmt::format("; {} given again, the last counts", repeated_);
    if (unknown_ > 0) {
      text += fmt::format("; {} not in the model", counted(unknown_, "item"));
    }
    log.field("ratings", text);
    std::ranges::sort(ratings_, {}, &OwnRating::item);
    return std::move(ratings_);
  }

  std::string place_;
  const Model& model_;
  TitleLookup& titles_;
  std::string text_;
  std::optional<OwnColumns> columns_;
  bool is_header_ = false;
  std::optional<std::string> user_;
  std::vector<OwnRating> ratings_;
  std::map<std::int32_t, std::size_t> place_of_;
  std::int64_t repeated_ = 0;
  std::int64_t unknown_ = 0;
};

}  // namespace

std::vector<OwnRating> read_own_ratings(const std::string& path, const Model& model,
                                        TitleLookup& titles, const Log& log) {
  return OwnRatingsReader(path, model, titles).read(log);
}

}  // namespace alsatian
