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
constexpr const char* remedy_for_commas =
    "put a title with a comma in quotes, as in \"Shawshank Redemption, The (1994)\",5, and write a "
    "decimal point: 2.5";
constexpr const char* remedy_for_headers =
    "write `item,rating` in a line, or begin with a header that calls one column title (or item) "
    "and one rating";
constexpr const char* id_in_file = "the id of the one you mean";
constexpr const char* id_in_title_file = "name the column item and give ids";

/// Where the fields are in a record, and what the items are named by.
struct OwnColumns {
  std::size_t fields = 2;
  std::optional<std::size_t> user = std::nullopt;
  std::size_t item = 0;
  std::size_t rating = 1;
  NamedBy by = NamedBy::id_or_title;
  bool says_id = false;  // header or layout do: a number is no title
};

class OwnRatingsReader {
 public:
  OwnRatingsReader(const std::string& path, const Model& model, const TitleLookup& titles,
                   const Log& log)
      : place_(printable(input_name(path))),
        model_(model),
        titles_(titles),
        log_(log),
        text_(read_small_file(path == "-" ? "/dev/stdin" : path, own_ratings)) {}

  std::vector<OwnRating> read() {
    const RecordRules rules = find_rules();
    cut_at_commas_ = rules.delimiter.text == ",";
    Record record;
    std::int64_t line = 1;
    const char* const end = text_.data() + text_.size();
    for (const char* at = text_.data(); at < end; line += record.lines) {
      at = read_record(at, end, rules, record);
      if (record.flaw != RecordFlaw::none) fail(line, "is not a record of text", remedy);
      if (record.is_blank) continue;
      if (!columns_) {
        columns_ = columns_by_header(record, line);
        if (columns_) continue;
        columns_ = columns_of(record, line);
      }
      take(record, line);
    }
    return finish();
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

  /// As names of columns are compared: in small letters, words apart by spaces.
  static std::string column_name(const Field& field) {
    std::string name = unquoted(field);
    std::ranges::transform(name, name.begin(), [](char letter) {
      if (letter == '_' || letter == '-') return ' ';
      return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter;
    });
    return name;
  }

  static std::optional<std::size_t> named(const Record& header,
                                          std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names) {
      for (std::size_t column = 0; column < header.fields.size(); ++column) {
        if (column_name(header.fields[column]) == name) return column;
      }
    }
    return std::nullopt;
  }

  /// The one column whose name ends in such a word: "My stars". Of two neither is meant.
  static std::optional<std::size_t> ending_in(const Record& header,
                                              std::initializer_list<std::string_view> words) {
    std::optional<std::size_t> found;
    for (std::size_t column = 0; column < header.fields.size(); ++column) {
      const std::string name = column_name(header.fields[column]);
      const std::string last = name.substr(name.rfind(' ') + 1);
      if (std::ranges::find(words, last) == words.end()) continue;
      if (found) return std::nullopt;
      found = column;
    }
    return found;
  }

  static std::optional<std::size_t> either(std::optional<std::size_t> first,
                                           std::optional<std::size_t> second) {
    return first ? first : second;
  }

  static std::optional<std::size_t> rating_column(const Record& header) {
    return either(named(header, {"rating", "my rating", "your rating", "score", "stars"}),
                  ending_in(header, {"rating", "score", "stars"}));
  }

  static std::optional<std::size_t> title_column(const Record& header) {
    return either(named(header, {"title", "film", "name", "movie name", "film name"}),
                  ending_in(header, {"title"}));
  }

  std::optional<OwnColumns> columns_by_header(const Record& first, std::int64_t line) const {
    const auto rating = rating_column(first);
    const auto id = named(first, {"movieid", "movie id", "itemid", "item id", "id", "item"});
    const auto title = title_column(first);
    const auto movie = named(first, {"movie"});
    if (!rating) {
      const bool is_header =
          (id || title || movie) && std::ranges::none_of(first.fields, is_digits);
      if (!is_header) return std::nullopt;
      fail(line, fmt::format("is a header without a column of ratings: {}", quoted(first.text)),
           "name it rating");
    }
    OwnColumns columns{.fields = first.fields.size(),
                       .user = named(first, {"userid", "user id", "user"}),
                       .rating = *rating};
    if (id) {
      columns.item = *id;
      columns.says_id = true;
    } else if (title) {
      columns.item = *title;
      columns.by = NamedBy::title;
    } else if (movie) {
      columns.item = *movie;
    } else {
      fail(line, "is a header without a column of items", "name it item or title");
    }
    return columns;
  }

  static bool is_digits(const Field& field) { return is_number(unquoted(field)); }

  /// Without a header: item and rating, or as in u.data user, item, rating and perhaps a time.
  /// Those are ids, so that nothing that a title was cut into counts as one.
  OwnColumns columns_of(const Record& first, std::int64_t line) const {
    const std::size_t fields = first.fields.size();
    if (fields == 2) return {};
    const bool as_in_data = (fields == 3 || fields == 4) && is_number(first.fields[2].text) &&
                            is_id(first.fields[1]) && !titles_.is_title(unquoted(first.fields[0]));
    if (as_in_data) {
      return {.fields = fields, .user = 0, .item = 1, .rating = 2, .says_id = true};
    }
    fail(line,
         fmt::format("has {} and no header that says which: {}",
                     counted(static_cast<std::int64_t>(fields), "field"), quoted(first.text)),
         fmt::format("{}; {}", remedy_for_headers, remedy_for_commas));
  }

  bool is_id(const Field& field) const {
    const std::string text = unquoted(field);
    return parse_id(text).form == IdForm::integer || model_.items.find(text).has_value();
  }

  void check_fields(const Record& record, std::int64_t line) const {
    const std::size_t fields = record.fields.size();
    const std::size_t needed =
        std::max({columns_->item, columns_->rating, columns_->user.value_or(0)}) + 1;
    const std::string count = counted(static_cast<std::int64_t>(fields), "field");
    if (fields < needed) fail(line, fmt::format("has {}, not {}", count, needed), remedy);
    if (fields > columns_->fields) {
      fail(line,
           fmt::format("has {}, not {} as the first line: {}", count, columns_->fields,
                       quoted(record.text)),
           remedy_for_commas);
    }
  }

  float rating_of(const Record& record, std::int64_t line) const {
    const std::string written = unquoted(record.fields[columns_->rating]);
    ParsedRating parsed = parse_rating(written, '.');
    // Where commas cut no fields one is a decimal comma.
    if (parsed.flaw != RatingFlaw::none && !cut_at_commas_) parsed = parse_rating(written, ',');
    if (parsed.flaw != RatingFlaw::none) {
      fail(line, fmt::format("{} is no rating", quoted(written)),
           ratings_.empty() ? remedy_for_headers : remedy);
    }
    if (parsed.value < model_.scale.lowest || parsed.value > model_.scale.highest) {
      fail(line,
           fmt::format("{} is not on the model's scale, {} to {}", quoted(written),
                       model_.scale.lowest, model_.scale.highest),
           "rate as in the ratings that the model was trained on");
    }
    return parsed.value;
  }

  void take(const Record& record, std::int64_t line) {
    check_fields(record, line);
    check_user(record, line);
    const float rating = rating_of(record, line);
    const std::string item = unquoted(record.fields[columns_->item]);
    const bool is_number_of_none = columns_->by == NamedBy::id_or_title &&
                                   parse_id(item).form == IdForm::integer &&
                                   !model_.items.find(item) && !titles_.is_title(item);
    if (is_number_of_none) {
      log_.line(fmt::format("line {}: {} is no item of the model", line, quoted(item)));
      ++unknown_;
      return;
    }
    const bool by_title = columns_->by == NamedBy::title;
    const std::int32_t index = find_item(model_, titles_, item,
                                         {.text = fmt::format("{}:{}", place_, line),
                                          .code = ExitCode::bad_data,
                                          .by_id = by_title ? id_in_title_file : id_in_file,
                                          .by = columns_->by});
    say_which(item, index, line);
    const auto [entry, is_new] = place_of_.try_emplace(index, ratings_.size());
    if (is_new) {
      ratings_.push_back({index, rating});
    } else {
      ratings_[entry->second].rating = rating;
      ++repeated_;
    }
  }

  /// Which item a line has become; the first number that may be a title as well is warned of.
  void say_which(const std::string& item, std::int32_t index, std::int64_t line) {
    if (!titles_.present()) return;
    const std::string_view title = titles_.title(index);
    log_.line(fmt::format("line {}: {} is {}", line, quoted(item),
                          title.empty() ? fmt::format("item {}, without a title", item)
                                        : printable(std::string(title))));
    const bool may_be_either = !warned_ && columns_->by == NamedBy::id_or_title &&
                               !columns_->says_id && model_.items.find(item) == index &&
                               titles_.is_title(item);
    if (!may_be_either || titles_.matcher().find(item).titles.front() == index) return;
    warned_ = true;
    log_.warning(
        fmt::format("{}:{}: {} is taken for an id, that of {}, and is a title too: begin "
                    "the file with a header, `title,rating` or `item,rating`",
                    place_, line, quoted(item), quoted(title)));
  }

  void check_user(const Record& record, std::int64_t line) {
    if (!columns_->user) return;
    const std::string user = unquoted(record.fields[*columns_->user]);
    if (!user_) user_ = user;
    if (user == *user_) return;
    fail(line, fmt::format("is of user {}, the lines before of {}", quoted(user), quoted(*user_)),
         "give the ratings of one person; for users of the model use --users");
  }

  std::vector<OwnRating> finish() {
    if (ratings_.empty()) {
      throw Error(ExitCode::bad_data, place_,
                  unknown_ > 0 ? "rates no item of the model" : "has no ratings", remedy);
    }
    std::string text = counted(static_cast<std::int64_t>(ratings_.size()), "rating");
    if (repeated_ > 0) text += fmt::format("; {} given again, the last counts", repeated_);
    if (unknown_ > 0) {
      text += fmt::format("; {} not in the model", counted(unknown_, "item"));
    }
    log_.field("ratings", text);
    std::ranges::sort(ratings_, {}, &OwnRating::item);
    return std::move(ratings_);
  }

  std::string place_;
  const Model& model_;
  const TitleLookup& titles_;
  const Log& log_;
  std::string text_;
  bool cut_at_commas_ = true;
  std::optional<OwnColumns> columns_;
  std::optional<std::string> user_;
  std::vector<OwnRating> ratings_;
  std::map<std::int32_t, std::size_t> place_of_;
  std::int64_t repeated_ = 0;
  std::int64_t unknown_ = 0;
  bool warned_ = false;  // of a number that is an id and a title
};

}  // namespace

std::vector<OwnRating> read_own_ratings(const std::string& path, const Model& model,
                                        const TitleLookup& titles, const Log& log) {
  return OwnRatingsReader(path, model, titles, log).read();
}

}  // namespace alsatian
