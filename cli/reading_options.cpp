// Implements reading_options.hpp.
// The reader itself knows nothing of options, logs and reject files.
#include "cli/reading_options.hpp"

#include "cli/memory_plan.hpp"
#include "cli/spared_files.hpp"
#include "host/atomic_file.hpp"
#include "host/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace alsatian {
namespace {

void parse_on_bad_line(std::string_view option, const std::string& value, ReadOptions& read) {
  if (value == "error") {
    read.on_bad_line = OnBadLine::error;
    return;
  }
  read.on_bad_line = OnBadLine::skip;
  if (value == "skip") return;
  const auto limit =
      value.starts_with("skip:") ? whole_number(std::string_view(value).substr(5)) : std::nullopt;
  if (!limit || *limit < 0) {
    refuse_value(option, value, "error, skip or skip:N", "try --on-bad-line skip:100");
  }
  read.bad_line_limit = *limit;
}

void parse_range(std::string_view option, const std::string& value, CleaningOptions& options) {
  const std::size_t colon = value.find(':');
  const std::string help = "try --rating-range 0.5:5";
  if (colon == std::string::npos || colon == 0 || colon + 1 == value.size()) {
    refuse_value(option, value, "LOWEST:HIGHEST", help);
  }
  const RealRule finite{.lowest = -std::numeric_limits<double>::infinity(), .example = "0.5:5"};
  options.lowest_rating = parse_real(option, value.substr(0, colon), finite);
  options.highest_rating = parse_real(option, value.substr(colon + 1), finite);
  if (options.lowest_rating > options.highest_rating) {
    refuse_value(option, value, "LOWEST:HIGHEST with LOWEST not above HIGHEST", help);
  }
}

void parse_decimal(std::string_view option, const std::string& value, ReadOptions& read) {
  if (value != "." && value != ",")
    refuse_value(option, value, "a point or a comma", "try --decimal ,");
  read.decimal = value[0];
}

void report_rejects(const RawRatings& ratings, const ReadingOptions& options, const Log& log) {
  const std::int64_t rejected = ratings.account.rejected;
  if (rejected == 0) return;
  const RejectedLine* first =
      ratings.rejected_lines.empty() ? nullptr : &ratings.rejected_lines.front();
  log.warning(fmt::format("{}: {} rejected{}{}", printable(ratings.path), counted(rejected, "line"),
                          first != nullptr ? fmt::format(", the first is line {}: {}", first->line,
                                                         printable(first->reason))
                                           : "",
                          options.rejects.empty() ? " (--rejects FILE lists them)" : ""));
}

}  // namespace

void add_reading_options(CommandLine& line, ReadingOptions& options) {
  ReadOptions& read = options.read;
  line.group("Reading ratings");
  line.value(
      "--columns", "U,I,R[,T]",
      [&read](std::string_view option, const std::string& value) {
        read.columns = parse_list(option, value);
        if (read.columns.size() < 2 || read.columns.size() > 4) {
          refuse_value(option, value, "two to four columns: user,item,rating,time",
                       "try --columns 1,2,3");
        }
      },
      "Columns of user, item, rating and time, each a name in the header, in quotes where it has a "
      "comma, or a number from 1 [default by header, else in this order]");
  line.text("--delimiter", "TEXT", read.delimiter,
            "What separates columns: auto, tab, comma, semicolon, space, or the characters "
            "themselves [default auto]");
  line.value(
      "--decimal", ".|,",
      [&read](std::string_view option, const std::string& value) {
        parse_decimal(option, value, read);
      },
      "Decimal sign of ratings [default .]");
  line.choice("--ids", read.ids, {{"integer", IdKind::integer}, {"string", IdKind::string}},
              "Kind of the ids [default decided on the first MiB]");
  line.value(
      "--on-bad-line", "error|skip[:N]",
      [&read](std::string_view option, const std::string& value) {
        parse_on_bad_line(option, value, read);
      },
      "What a malformed line does: end the run, or be left out and counted, up to N of them "
      "[default error]");
  line.text("--rejects", "FILE", options.rejects,
            "With --on-bad-line skip: where skipped lines are listed with the file they are from, "
            "as TSV, also where the run fails; the first 10000 of each input [default none]");
  line.text("--member", "NAME", read.member, "Which file of a .zip [default found by name]");
  line.value(
      "--max-input", "BYTES",
      [&read](std::string_view option, const std::string& value) {
        read.max_input_bytes = parse_bytes(option, value);
      },
      "Most bytes that an input may expand to; K, M, G, T count [1 to 9223372036854775807, default "
      "64G]");
}

void refuse_reading_options(const ReadingOptions& options, const std::string& help) {
  const ReadOptions& read = options.read;
  const ReadOptions usual;
  const std::pair<const char*, bool> given[] = {
      {"--columns", !read.columns.empty()},
      {"--delimiter", read.delimiter != usual.delimiter},
      {"--decimal", read.decimal != usual.decimal},
      {"--ids", read.ids.has_value()},
      {"--on-bad-line", read.on_bad_line != usual.on_bad_line},
      {"--rejects", !options.rejects.empty()},
      {"--member", !read.member.empty()},
      {"--max-input", read.max_input_bytes != usual.max_input_bytes}};
  for (const auto& [option, is_given] : given) {
    if (!is_given) continue;
    throw Error(ExitCode::usage, option, "says how to read ratings, and none are read",
                fmt::format("leave out {}, or {}", option, help));
  }
}

void add_cleaning_options(CommandLine& line, CleaningOptions& options) {
  line.group("Cleaning");
  line.choice("--duplicates", options.duplicates,
              {{"last", DuplicateRule::last},
               {"mean", DuplicateRule::mean},
               {"error", DuplicateRule::error}},
              "Of several ratings of an item by a user keep the latest (by time, else in the "
              "file), their mean, or refuse [default last]");
  line.whole("--min-user-ratings", options.min_user_ratings, {.lowest = 0, .example = "5"},
             "Leave out users with fewer ratings [0 to 9223372036854775807, default 0]");
  line.whole("--min-item-ratings", options.min_item_ratings, {.lowest = 0, .example = "5"},
             "Leave out items with fewer ratings [0 to 9223372036854775807, default 0]");
  line.value(
      "--rating-range", "LO:HI",
      [&options](std::string_view option, const std::string& value) {
        parse_range(option, value, options);
      },
      "Leave out ratings below LO or above HI, in the rating's unit, also those of --test "
      "[default none]");
}

void protect_from_rejects(const ReadingOptions& options, const std::vector<std::string>& inputs) {
  if (options.rejects.empty()) return;
  for (const std::string& input : inputs) {
    if (!input.empty()) probe_output(options.rejects, input);
  }
  spare_model("--rejects", options.rejects);
  check_rejects(options);
}

void check_rejects(const ReadingOptions& options) {
  if (options.rejects.empty() || options.read.on_bad_line == OnBadLine::skip) return;
  throw Error(ExitCode::usage, "--rejects",
              "lists skipped lines, and none is skipped without --on-bad-line skip",
              "give --on-bad-line skip too, or leave out --rejects");
}

void refuse_repeated_tests(const std::vector<std::string>& tests) {
  for (std::size_t later = 1; later < tests.size(); ++later) {
    for (std::size_t earlier = 0; earlier < later; ++earlier) {
      std::error_code unknown;
      const bool same = tests[earlier] == tests[later] ||
                        std::filesystem::equivalent(tests[earlier], tests[later], unknown);
      if (!same) continue;
      throw Error(ExitCode::usage, "--test " + printable(tests[later]),
                  fmt::format("is the file of --test {} again", printable(tests[earlier])),
                  "give every test file once");
    }
  }
}

void refuse_second_stdin(const std::string& option, const std::vector<std::string>& inputs,
                         const std::string& other_option,
                         const std::vector<std::string>& other_inputs) {
  const auto count = std::count(inputs.begin(), inputs.end(), "-");
  const auto others = std::count(other_inputs.begin(), other_inputs.end(), "-");
  if (count + others < 2) return;
  throw Error(
      ExitCode::usage, fmt::format("{} -", others > 0 ? other_option : option),
      fmt::format("standard input is read by {} already", count > 0 ? option : other_option),
      "save it to a file and name that");
}

void write_rejects(const std::string& place, const std::vector<RejectedLine>& lines,
                   const ReadingOptions& options) {
  for (const RejectedLine& rejected : lines) {
    *options.rejected += fmt::format("{}\t{}\t{}\t{}\t{}\n", place, rejected.line, rejected.column,
                                     printable(rejected.reason), printable(rejected.text));
  }
  AtomicFile file(options.rejects);
  file.write("file\tline\tcolumn\treason\ttext\n");
  file.write(*options.rejected);
  file.commit();
}

RawRatings read_logged(const std::string& path, const ReadingOptions& options, const Log& log) {
  if (!options.rejects.empty()) probe_output(options.rejects, path);
  ReadOptions read = options.read;
  read.free_bytes = std::min(read.free_bytes, available_memory());
  if (!options.rejects.empty()) {
    read.on_rejected = [&](const std::string& place, const std::vector<RejectedLine>& lines) {
      write_rejects(place, lines, options);
    };
  }
  RawRatings ratings = read_ratings(path, read);
  log.field(read.keep_ratings ? "ratings" : "pairs",
            fmt::format("{}: {}", printable(ratings.path), ratings.layout));
  for (const std::string& note : ratings.notes) log.field("note", note);
  for (const std::string& warning : ratings.warnings) {
    log.warning(fmt::format("{}: {}", printable(ratings.path), warning));
  }
  report_rejects(ratings, options, log);
  return ratings;
}

std::string account_text(const LineAccount& account, std::string_view used) {
  return fmt::format(
      "{} = {} {} + duplicates {} + rejected {} + filtered {} + blank or comment {} + header "
      "{}",
      account.read, used, account.used, account.duplicates, account.rejected, account.filtered,
      account.blank, account.header);
}

}  // namespace alsatian
