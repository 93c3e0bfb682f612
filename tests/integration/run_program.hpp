// Runs the built program as a child process, as a shell would, and keeps all that it says.
// Every run has a time limit: a hang is a failure, not a stuck test.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace alsatian::testing {

/// A signal so many seconds behind the one before it.
struct TimedSignal {
  int signal = 0;
  double seconds = 0;
};

struct RunOptions {
  std::string input;                     // standard input
  std::vector<std::string> environment;  // "NAME=value", beside what the test has
  std::string folder;                    // working folder, "" for the test's
  double timeout_seconds = 600;
  std::function<void()> in_child;  // just before exec: limits, closed descriptors
  /// Sent once standard error contains this text.
  std::string signal_after;
  int signal = 0;
  /// Sent behind it, in order.
  std::vector<TimedSignal> later_signals;
  /// Both outputs are one terminal of 100 columns; what it shows is in RunResult::output.
  bool on_terminal = false;
  /// The reader of standard output goes away after this many bytes; 0 for never.
  std::size_t close_output_after = 0;
};

struct RunResult {
  int code = -1;   // exit code, or 128 + signal
  int signal = 0;  // that ended it
  bool timed_out = false;
  std::string output;
  std::string error;
};

/// Runs `alsatian arguments...`.
RunResult run(const std::vector<std::string>& arguments, const RunOptions& options = {});

/// That a run was refused: nothing on standard output, and these two lines alone on standard error.
void expect_refusal(const RunResult& result, int code, const std::string& first_line,
                    const std::string& help);

/// Whether this machine gives terminals: a root file system without /dev/pts does not.
bool terminals_available();

/// Parts of text between separators; no part behind a last newline.
std::vector<std::string> lines_of(const std::string& text);
std::vector<std::string> fields_of(const std::string& line, char separator = '\t');

/// Rows of a TSV with a header, by column name.
class Tsv {
 public:
  explicit Tsv(const std::string& text);
  std::size_t rows() const { return rows_.size(); }
  const std::string& at(std::size_t row, const std::string& column) const;
  double number(std::size_t row, const std::string& column) const;
  /// The first row where `column` is `value`; fails the test where there is none.
  std::size_t find(const std::string& column, const std::string& value) const;

 private:
  std::vector<std::string> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace alsatian::testing
