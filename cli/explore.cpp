// `alsatian explore`: what ratings look like before anything is trained.
// Prints a summary; tables and plots go into a report.
#include "cli/commands.hpp"
#include "cli/device_options.hpp"
#include "cli/memory_plan.hpp"
#include "cli/reading_options.hpp"
#include "cli/report_options.hpp"
#include "cli/table.hpp"
#include "cli/titles.hpp"
#include "host/error.hpp"
#include "host/ratings/titles_beside.hpp"
#include "host/report/exploration.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace alsatian {
namespace {

struct ExploreOptions {
  std::string data;
  std::string movies;
  ReadingOptions reading;
  CleaningOptions cleaning;
  ReportOptions report;
  Format format = Format::automatic;
  bool quiet = false;
};

bool parse_options(Arguments arguments, ExploreOptions& options) {
  CommandLine line("explore", "Shows what ratings look like, before anything is trained.");
  line.group("Data");
  line.text("--data", "PATH", options.data,
            "Ratings: a file, a MovieLens folder or the .zip of one, - for standard input "
            "[required]");
  line.text("--movies", "FILE", options.movies,
            "Titles and genres, as movies.csv has them [default those beside ratings.csv, "
            "ratings.dat or u.data]");
  add_report_options(line, options.report);
  line.group("Output");
  add_format_option(line, options.format);
  line.flag("--quiet", options.quiet, "Nothing on standard error but warnings and errors");
  add_threads_option(line);
  add_reading_options(line, options.reading);
  add_cleaning_options(line, options.cleaning);
  line.examples(
      "Prints a name and a value a line; everything else is in the report.\n\n"
      "Examples:\n"
      "  alsatian explore --data ml-latest-small --report eda.html\n"
      "  alsatian explore --data ratings.csv --movies movies.csv --figures figures\n");
  return line.parse(arguments);
}

/// Kept before cleaning consumes the ratings.
ReadingAccount account_of(const RawRatings& ratings, const std::string& path) {
  constexpr std::size_t examples = 20;
  const std::size_t count = std::min(examples, ratings.rejected_lines.size());
  return {.source = source_name(path),
          .path = printable(ratings.path),
          .layout = ratings.layout,
          .notes = ratings.notes,
          .warnings = ratings.warnings,
          .rejected = {ratings.rejected_lines.begin(),
                       ratings.rejected_lines.begin() + static_cast<std::ptrdiff_t>(count)}};
}

CleanRatings cleaned(RawRatings raw, const ExploreOptions& options, const Log& log) {
  const std::string place = printable(raw.path);
  CleanRatings ratings = clean_ratings(std::move(raw), options.cleaning);
  log.field("lines", account_text(ratings.account));
  for (const std::string& note : ratings.notes) log.field("note", note);
  for (const std::string& warning : ratings.warnings) log.warning(warning);
  if (ratings.size() > 0) return ratings;
  throw Error(ExitCode::bad_data, place,
              fmt::format("no rating is left after cleaning: {}", account_text(ratings.account)),
              "look at --rating-range, --min-user-ratings and --min-item-ratings");
}

Titles titles_for(const ExploreOptions& options, const IdIndex& items, const Log& log) {
  return titles_for_report(options.movies, options.data,
                           {items, "the data", "give the titles of the items in --data"}, log);
}

void print_summary_of(const Page& page, Output& output, Format format) {
  Table table(output, format, {"name", "value"});
  for (const auto& [name, value] : page.facts) table.row({name, value});
  table.finish();
  output.flush();
}

}  // namespace

void explore_command(Arguments arguments) {
  ExploreOptions options;
  if (!parse_options(arguments, options)) return;
  require_option("explore", "--data", options.data, "ml-latest-small");
  refuse_second_stdin("--data", {options.data}, "--movies", {options.movies});
  const std::vector<std::string> inputs{options.data, options.movies,
                                        titles_file_beside(options.data)};
  protect_from_rejects(options.reading, inputs);
  probe_report(options.report, inputs);
  keep_apart("--rejects", options.reading.rejects, "--report", options.report.report);
  check_rejects(options.reading);
  const Log log(options.quiet);
  Output output;
  RawRatings raw = read_logged(options.data, options.reading, log);
  const ReadingAccount account = account_of(raw, options.data);
  const CleanRatings ratings = cleaned(std::move(raw), options, log);
  const Page page =
      exploration_page(explore(ratings, titles_for(options, ratings.items, log)), account);
  write_report(options.report, inputs, page, log);
  print_summary_of(page, output, options.format);
}

}  // namespace alsatian
