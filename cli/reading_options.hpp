// Options of reading and cleaning ratings, and reading with them: shared by all commands that
// take a ratings file. What was detected and what became of every line is said.
#pragma once

#include "cli/command_line.hpp"
#include "cli/log.hpp"
#include "host/ratings/dataset.hpp"
#include "host/ratings/reader.hpp"

#include <memory>
#include <string>
#include <vector>

namespace alsatian {

struct ReadingOptions {
  ReadOptions read;
  std::string rejects;  // --rejects FILE, "" for none
  /// Rows of the rejects file so far. Copies share them: the file lists all inputs of a run.
  std::shared_ptr<std::string> rejected = std::make_shared<std::string>();
};

/// --columns, --delimiter, --decimal, --ids, --on-bad-line, --rejects, --member, --max-input.
void add_reading_options(CommandLine& line, ReadingOptions& options);

/// Throws Error 64 naming a reading option that differs from its default: nothing is read.
void refuse_reading_options(const ReadingOptions& options, const std::string& help);

/// --duplicates, --min-user-ratings, --min-item-ratings, --rating-range.
void add_cleaning_options(CommandLine& line, CleaningOptions& options);

/// Throws Error 64 where `--rejects` would overwrite a model or one of the inputs ("" is none),
/// or where no line is skipped that it could list.
void protect_from_rejects(const ReadingOptions& options, const std::vector<std::string>& inputs);
void check_rejects(const ReadingOptions& options);

/// Adds lines of the file at `place` to those of the run, and writes all to the file of --rejects.
void write_rejects(const std::string& place, const std::vector<RejectedLine>& lines,
                   const ReadingOptions& options);

/// Throws Error 64 where a test file is given a second time, by whatever name: its errors would
/// stand there twice, and under one name.
void refuse_repeated_tests(const std::vector<std::string>& tests);

/// Throws Error 64 where standard input ("-") is among these inputs more than once: it can be read
/// but once. The place is the option of the later one.
void refuse_second_stdin(const std::string& option, const std::vector<std::string>& inputs,
                         const std::string& other_option,
                         const std::vector<std::string>& other_inputs);

/// Reads, logs layout and notes, warns of rejected lines and adds them to the rejects file, which
/// is written as well where what was read is refused in the end.
RawRatings read_logged(const std::string& path, const ReadingOptions& options, const Log& log);

/// "lines 5001 = ratings 5000 + duplicates 0 + rejected 0 + filtered 0 + blank or comment 0 +
/// header 1". used: what the lines are, "ratings" or "pairs".
std::string account_text(const LineAccount& account, std::string_view used = "ratings");

}  // namespace alsatian
