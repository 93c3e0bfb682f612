// Implements own_ratings.hpp on the records of host/ratings.
// The reader of ratings is not used: it takes ids alone, and needs a user in every line.
#include "cli/own_ratings.hpp"

#include "cli/own_bad_lines.hpp"
#include "cli/own_columns.hpp"
#include "cli/own_encoding.hpp"
#include "cli/own_ids.hpp"
#include "cli/own_layout.hpp"
#include "cli/own_scale.hpp"
#include "cli/small_file.hpp"
#include "cli/title_year.hpp"
#include "host/error.hpp"
#include "host/ratings/bad_line.hpp"
#include "host/ratings/input_source.hpp"
#include "host/ratings/records.hpp"
#include "host/ratings/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

namespace alsatian {
namespace {

constexpr SmallFile own_ratings{.option = "--ratings",
                                .kind = "a list of ratings",
                                .largest_mib = 64,
                                .code_of_too_long = ExitCode::bad_data,
                                .one_entry = "write one `item,rating` a line"};
constexpr const char* remedy = "write `item,rating` in a line, the item by its id or its title";
constexpr const char* id_in_file = "the id of the one you mean";
constexpr const char* id_in_title_file = "name the column item and give ids";

class OwnRatingsReader {
 public:
  OwnRatingsReader(const std::string& path, const Model& model, const TitleLookup& titles,
                   const BadOwnLines& bad_lines, const Log& log)
      : place_(printable(input_name(path))),
        model_(model),
        titles_(titles),
        log_(log),
        bad_lines_(place_, bad_lines, log),
        scale_(model.scale),
        text_(read_small_file(path == "-" ? "/dev/stdin" : path, own_ratings)) {}

  std::vector<OwnRating> read() {
    end_lines_alike(text_);
    refuse_other_encodings(text_, place_);
    const OwnLayout layout = own_layout_of(text_);
    rules_ = layout.rules;
    Record record;
    std::int64_t line = layout.first_line;
    const char* at = text_.data() + layout.begin;
    for (; at < end() && !bad_lines_.is_hopeless(); line += record.lines) {
      at = has_header_ ? read_record(at, end(), rules_, record)
                       : read_unless_comment(at, end(), rules_, record);
      if (record.is_blank || count_comment(record)) continue;
      if (record.flaw != RecordFlaw::none) {
        note_flaw(record, line);
        continue;
      }
      if (!columns_) {
        find_columns(record, line, at);
        if (has_header_) judge_ids(at, line, record.lines);
        if (has_header_) continue;
      }
      take(record, line);
    }
    scale_.judge(place_);  // before lines are left out: the others are on that scale too
    bad_lines_.judge(!ratings_.empty());
    return finish();
  }

 private:
  [[noreturn]] void fail(std::int64_t line, const std::string& what,
                         const std::string& help) const {
    throw Error(ExitCode::bad_data, place_of(line), what, help);
  }

  std::string place_of(std::int64_t line) const { return fmt::format("{}:{}", place_, line); }

  const char* end() const { return text_.data() + text_.size(); }

  /// Comments are lines that begin with #, under a header those alone that have too few fields: the
  /// film may be "#Alive".
  bool count_comment(const Record& record) {
    const bool is_short = record.flaw == RecordFlaw::none && record.lines == 1 && has_header_ &&
                          record.fields.size() < columns_->fields;
    const bool is_one = is_comment(record) && (is_short || !has_header_);
    comments_ += is_one ? 1 : 0;
    return is_one;
  }

  /// at: behind the record.
  void find_columns(const Record& record, std::int64_t line, const char* at) {
    const OwnSample sample({at, end()}, rules_, record.fields.size(), model_.scale.highest);
    columns_ = own_columns_by_header(record, sample, place_of(line));
    has_header_ = columns_.has_value();
    if (!has_header_) columns_ = own_columns_of(record, place_of(line), model_, titles_);
    if (!columns_->note.empty()) log_.line(columns_->note);
    if (!columns_->highest_rating) return;
    const std::string warning =
        judge_named_scale(place_of(line), quoted(unquoted(record.fields[columns_->rating])),
                          *columns_->highest_rating, model_.scale);
    if (!warning.empty()) log_.warning(warning);
  }

  /// Ids beside titles count where the titles are theirs. at: behind the header, which is of
  /// `lines` from header_line on.
  void judge_ids(const char* at, std::int64_t header_line, std::int64_t lines) {
    if (columns_->titles.empty() || !titles_.present()) return;
    IdsBesideTitles ids(model_, titles_);
    Record record;
    for (std::int64_t line = header_line + lines; at < end(); line += record.lines) {
      at = read_record(at, end(), rules_, record);
      if (record.fields.size() >= columns_->fields) ids.take(film_of(record), line);
    }
    const std::optional<std::string> why = ids.why_titles_count();
    if (!why) return;
    if (!columns_->several_titles.empty()) {
      fail(header_line,
           fmt::format("is a header with several columns of titles: {}; its {}",
                       columns_->several_titles, *why),
           "call the one that counts title alone");
    }
    log_.warning(fmt::format("{}: {}", place_, *why));
    columns_->item = columns_->titles.front();
    columns_->by = NamedBy::title;
    columns_->says_id = false;
    columns_->titles.clear();
  }

  /// What a line of a table of ids says, as far as it has the fields.
  OwnFilm film_of(const Record& record) const {
    const auto text_of = [&](std::optional<std::size_t> column) {
      const bool is_there = column && *column < record.fields.size();
      return is_there ? unquoted(record.fields[*column]) : std::string();
    };
    OwnFilm film{text_of(columns_->item), {}, parse_year(text_of(columns_->year))};
    for (const std::size_t column : columns_->titles) {
      std::string title = text_of(column);
      const bool is_new = std::ranges::find(film.titles, title) == film.titles.end();
      if (!title.empty() && is_new) film.titles.push_back(std::move(title));
    }
    return film;
  }

  /// Throws Error 65 where the first record is none: it says what is in the others.
  void note_flaw(const Record& record, std::int64_t line) {
    const RecordComplaint complaint = complaint_of(record, line, remedy);
    if (!columns_) fail(line, complaint.what, complaint.help);
    note_bad(record, line, complaint.what, complaint.help);
  }

  void note_bad(const Record& record, std::int64_t line, const std::string& what,
                const std::string& help, const std::string& hint = "") {
    const std::string swallowed = swallowed_lines(record, line);
    bad_lines_.add({.line = line,
                    .lines = record.lines,
                    .what = swallowed.empty() ? what : what + "; " + swallowed,
                    .hint = hint,
                    .help = help,
                    .text = std::string(record.text.substr(0, longest_rejected_text))});
  }

  void note_unknown(std::int64_t line, const std::string& item) {
    if (++unknown_ > static_cast<std::int64_t>(OwnBadLines::listed)) return;
    log_.line(fmt::format("line {}: {} is no item of the model", line, quoted(item)));
  }

  bool has_its_fields(const Record& record, std::int64_t line) {
    const std::size_t fields = record.fields.size();
    const std::size_t needed =
        std::max({columns_->item, columns_->rating, columns_->user.value_or(0)}) + 1;
    const std::string count = counted(static_cast<std::int64_t>(fields), "field");
    if (fields < needed) {
      note_bad(record, line, fmt::format("has {}, not {}", count, needed), remedy);
    } else if (fields > columns_->fields) {
      note_bad(record, line,
               fmt::format("has {}, not {} as the first line: {}", count, columns_->fields,
                           quoted(record.text)),
               remedy_for_own_commas);
    }
    return fields >= needed && fields <= columns_->fields;
  }

  std::optional<float> rating_of(const Record& record, std::int64_t line) {
    const std::string written = unquoted(record.fields[columns_->rating]);
    ParsedRating parsed = parse_rating(written, '.');
    // Where commas cut no fields one is a decimal comma.
    const bool cut_at_commas = rules_.delimiter.text == ",";
    if (parsed.flaw != RatingFlaw::none && !cut_at_commas) parsed = parse_rating(written, ',');
    if (parsed.flaw != RatingFlaw::none) {
      note_bad(record, line, fmt::format("{} is no rating", quoted(written)),
               parsed.flaw == RatingFlaw::decimal_comma ? decimal_point_for(written)
               : ratings_.empty()                       ? remedy_for_own_headers
                                                        : remedy);
      return std::nullopt;
    }
    scale_.take(parsed.value, line);
    if (parsed.value < model_.scale.lowest || parsed.value > model_.scale.highest) {
      note_bad(record, line,
               fmt::format("{} is not on the model's scale, {} to {}", quoted(written),
                           model_.scale.lowest, model_.scale.highest),
               "rate as in the ratings that the model was trained on");
      return std::nullopt;
    }
    return parsed.value;
  }

  static std::string decimal_point_for(std::string written) {
    std::ranges::replace(written, ',', '.');
    return fmt::format("write a decimal point: {}", shortened(written));
  }

  void take(const Record& record, std::int64_t line) {
    if (!has_its_fields(record, line)) return;
    if (holds_whole_lines(record, rules_, columns_->fields, columns_->rating)) {
      note_bad(record, line, "has a quote that is not closed",
               remedy_for_swallowed_lines(record, line));
      return;
    }
    check_user(record, line);
    const std::optional<float> rating = rating_of(record, line);
    if (!rating) return;
    const std::string item = unquoted(record.fields[columns_->item]);
    const bool is_number_of_none = columns_->by == NamedBy::id_or_title &&
                                   parse_id(item).form == IdForm::integer &&
                                   !model_.items.find(item) && !titles_.is_title(item);
    if (is_number_of_none) {
      note_unknown(line, item);
      return;
    }
    const std::optional<std::int32_t> index = item_of(record, item, line);
    if (!index) return;
    const auto [entry, is_new] = place_of_item_.try_emplace(*index, ratings_.size());
    if (is_new) {
      ratings_.push_back({*index, *rating});
    } else {
      ratings_[entry->second].rating = *rating;
      ++repeated_;
    }
  }

  /// The item that a line names, after saying which.
  std::optional<std::int32_t> item_of(const Record& record, const std::string& item,
                                      std::int64_t line) {
    std::optional<int> year;
    if (columns_->year && *columns_->year < record.fields.size()) {
      const std::string written = unquoted(record.fields[*columns_->year]);
      year = parse_year(written);
      if (!year && !says_no_year(written) && !columns_->says_id) {
        note_bad(record, line, fmt::format("{} is no year", quoted(written)),
                 "write the year of the film, such as 1995, or nothing");
        return std::nullopt;
      }
    }
    if (!columns_->titles.empty()) {
      if (const auto what = contradiction_of(film_of(record), model_, titles_)) {
        note_bad(record, line, *what, "correct the one that is wrong, or leave out its column");
        return std::nullopt;
      }
    }
    const bool by_title = columns_->by == NamedBy::title;
    const ItemAnswer answer = look_up_item(model_, titles_, item,
                                           {.text = place_of(line),
                                            .code = ExitCode::bad_data,
                                            .by_id = by_title ? id_in_title_file : id_in_file,
                                            .by = columns_->by,
                                            .suggests = bad_lines_.lists_more()},
                                           year);
    if (answer.item) {
      say_which(item, *answer.item, line, answer.of_next_year);
    } else {
      note_bad(record, line, answer.what, answer.help, answer.hint);
    }
    return answer.item;
  }

  /// Which item a line has become; the first number that may be a title as well is warned of.
  void say_which(const std::string& item, std::int32_t index, std::int64_t line,
                 bool of_next_year) {
    if (!titles_.present()) return;
    const std::string_view title = titles_.title(index);
    log_.line(fmt::format("line {}: {} is {}{}", line, quoted(item),
                          title.empty() ? fmt::format("item {}, without a title", item)
                                        : printable(std::string(title)),
                          of_next_year ? ", a year apart" : ""));
    const bool may_be_either = !warned_ && columns_->by == NamedBy::id_or_title &&
                               !columns_->says_id && model_.items.find(item) == index &&
                               titles_.is_title(item);
    if (!may_be_either || titles_.find(item).titles.front() == index) return;
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
         fmt::format("give the ratings of one person, or leave out column {} if it names none; for "
                     "users of the model use --users",
                     *columns_->user + 1));
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
    if (bad_lines_.count() > 0) {
      text += fmt::format("; {} left out", counted(bad_lines_.count(), "line"));
    }
    if (comments_ > 0) {
      text += fmt::format("; {} with # in front", counted(comments_, "comment"));
    }
    log_.field("ratings", text);
    std::ranges::sort(ratings_, {}, &OwnRating::item);
    return std::move(ratings_);
  }

  std::string place_;
  const Model& model_;
  const TitleLookup& titles_;
  const Log& log_;
  OwnBadLines bad_lines_;
  OwnScale scale_;
  std::string text_;
  RecordRules rules_;
  std::optional<OwnColumns> columns_;
  bool has_header_ = false;
  std::optional<std::string> user_;
  std::vector<OwnRating> ratings_;
  std::map<std::int32_t, std::size_t> place_of_item_;
  std::int64_t repeated_ = 0;
  std::int64_t unknown_ = 0;
  std::int64_t comments_ = 0;
  bool warned_ = false;  // of a number that is an id and a title
};

}  // namespace

BadOwnLines bad_own_lines(const ReadingOptions& options) {
  BadOwnLines bad_lines{options.read.on_bad_line, options.read.bad_line_limit};
  if (!options.rejects.empty()) {
    bad_lines.on_rejected = [&options](const std::string& place,
                                       const std::vector<RejectedLine>& lines) {
      write_rejects(place, lines, options);
    };
  }
  ReadingOptions others = options;
  others.read.on_bad_line = OnBadLine::error;
  others.rejects.clear();
  refuse_reading_options(others, "leave it out: --ratings has a layout of its own");
  return bad_lines;
}

std::vector<OwnRating> read_own_ratings(const std::string& path, const Model& model,
                                        const TitleLookup& titles, const BadOwnLines& bad_lines,
                                        const Log& log) {
  return OwnRatingsReader(path, model, titles, bad_lines, log).read();
}

}  // namespace alsatian
