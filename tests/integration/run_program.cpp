// Implements run_program.hpp with fork and exec.
// Output is drained while the child runs, so that a full pipe never stops it.
#include "tests/integration/run_program.hpp"

#include <gtest/gtest.h>

#include <array>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <stdexcept>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace alsatian::testing {
namespace {

struct Pipe {
  int read = -1;
  int write = -1;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe");
  return {ends[0], ends[1]};
}

/// A terminal instead of a pipe.
Pipe make_terminal() {
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (master < 0 || ::grantpt(master) != 0 || ::unlockpt(master) != 0) {
    throw std::runtime_error("terminal");
  }
  const int slave = ::open(::ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
  const winsize size{.ws_row = 40, .ws_col = 100, .ws_xpixel = 0, .ws_ypixel = 0};
  if (slave < 0 || ::ioctl(slave, TIOCSWINSZ, &size) != 0) throw std::runtime_error("terminal");
  return {master, slave};
}

[[noreturn]] void become_program(const std::vector<std::string>& arguments,
                                 const RunOptions& options, const Pipe& input, const Pipe& output,
                                 const Pipe& error) {
  ::dup2(input.read, 0);
  ::dup2(output.write, 1);
  ::dup2(options.on_terminal ? output.write : error.write, 2);
  // A test runner in the background may have these ignored, which exec would pass on.
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) std::signal(signal, SIG_DFL);
  for (const std::string& assignment : options.environment) {
    const std::size_t equals = assignment.find('=');
    ::setenv(assignment.substr(0, equals).c_str(), assignment.substr(equals + 1).c_str(), 1);
  }
  if (!options.folder.empty() && ::chdir(options.folder.c_str()) != 0) ::_exit(126);
  if (options.in_child) options.in_child();
  std::vector<char*> words{const_cast<char*>(ALSATIAN_PROGRAM)};
  for (const std::string& argument : arguments)
    words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  ::execv(ALSATIAN_PROGRAM, words.data());
  ::_exit(127);
}

using Clock = std::chrono::steady_clock;

/// Talks to the child until both of its outputs are at their end.
class Conversation {
 public:
  Conversation(pid_t child, const RunOptions& options, int input, int output, int error)
      : child_(child), options_(options), input_(input), output_(output), error_(error) {
    ::fcntl(input_, F_SETFL, O_NONBLOCK);
    feed();
  }

  void hold(RunResult& result) {
    const auto deadline = Clock::now() + std::chrono::duration<double>(options_.timeout_seconds);
    while (output_ >= 0 || error_ >= 0 || input_ >= 0) {
      std::array<pollfd, 3> waiting{
          {{output_, POLLIN, 0}, {error_, POLLIN, 0}, {input_, POLLOUT, 0}}};
      ::poll(waiting.data(), waiting.size(), patience_milliseconds());
      if (waiting[2].revents != 0) feed();
      if (waiting[0].revents != 0) receive(output_, result.output);
      if (waiting[1].revents != 0) receive(error_, result.error);
      react(result);
      if (Clock::now() > deadline) {
        result.timed_out = true;
        ::kill(child_, SIGKILL);
        break;
      }
    }
    for (int* descriptor : {&input_, &output_, &error_}) close(*descriptor);
  }

 private:
  static void close(int& descriptor) {
    if (descriptor >= 0) ::close(descriptor);
    descriptor = -1;
  }

  void feed() {
    while (input_ >= 0 && fed_ < options_.input.size()) {
      const ssize_t count =
          ::write(input_, options_.input.data() + fed_, options_.input.size() - fed_);
      if (count < 0 && errno == EAGAIN) return;
      if (count < 0) break;
      fed_ += static_cast<std::size_t>(count);
    }
    close(input_);
  }

  static void receive(int& descriptor, std::string& text) {
    std::array<char, 1 << 14> block{};
    const ssize_t count = ::read(descriptor, block.data(), block.size());
    if (count > 0) {
      text.append(block.data(), static_cast<std::size_t>(count));
    } else {
      close(descriptor);
    }
  }

  void react(const RunResult& result) {
    if (options_.close_output_after > 0 && result.output.size() >= options_.close_output_after) {
      close(output_);
    }
    if (options_.signal != 0 && !signalled_ &&
        result.error.find(options_.signal_after) != std::string::npos) {
      ::kill(child_, options_.signal);
      signalled_ = true;
      last_signal_ = Clock::now();
    }
    while (signalled_ && sent_ < options_.later_signals.size() &&
           Clock::now() - last_signal_ >=
               std::chrono::duration<double>(options_.later_signals[sent_].seconds)) {
      ::kill(child_, options_.later_signals[sent_++].signal);
      last_signal_ = Clock::now();
    }
  }

  /// How long to wait for something to happen, so that no signal is late by more than this.
  int patience_milliseconds() const { return sent_ < options_.later_signals.size() ? 1 : 50; }

  pid_t child_;
  const RunOptions& options_;
  int input_, output_, error_;
  std::size_t fed_ = 0;
  bool signalled_ = false;
  std::size_t sent_ = 0;  // of the later signals
  Clock::time_point last_signal_;
};

}  // namespace

RunResult run(const std::vector<std::string>& arguments, const RunOptions& options) {
  std::signal(SIGPIPE, SIG_IGN);
  const Pipe input = make_pipe();
  const Pipe output = options.on_terminal ? make_terminal() : make_pipe();
  const Pipe error = make_pipe();
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("fork");
  if (child == 0) become_program(arguments, options, input, output, error);
  ::close(input.read);
  ::close(output.write);
  ::close(error.write);

  RunResult result;
  Conversation(child, options, input.write, output.read, error.read).hold(result);
  int status = 0;
  ::waitpid(child, &status, 0);
  result.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + result.signal;
  return result;
}

std::vector<std::string> fields_of(const std::string& line, char separator) {
  std::vector<std::string> fields(1);
  for (const char character : line) {
    if (character == separator) {
      fields.emplace_back();
    } else {
      fields.back() += character;
    }
  }
  return fields;
}

void expect_refusal(const RunResult& result, int code, const std::string& first_line,
                    const std::string& help) {
  EXPECT_EQ(result.code, code) << result.error;
  EXPECT_EQ(result.output, "");
  EXPECT_EQ(result.error, "alsatian: error: " + first_line + "\n  help: " + help + "\n");
}

bool terminals_available() {
  try {
    const Pipe terminal = make_terminal();
    ::close(terminal.read);
    ::close(terminal.write);
    return true;
  } catch (const std::runtime_error&) {
    return false;
  }
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines = fields_of(text, '\n');
  if (lines.back().empty()) lines.pop_back();
  return lines;
}

Tsv::Tsv(const std::string& text) {
  for (const std::string& line : lines_of(text)) {
    if (line.empty()) break;
    if (columns_.empty()) {
      columns_ = fields_of(line);
    } else {
      rows_.push_back(fields_of(line));
    }
  }
}

const std::string& Tsv::at(std::size_t row, const std::string& column) const {
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    if (columns_[c] == column) return rows_.at(row).at(c);
  }
  throw std::runtime_error("no column " + column);
}

double Tsv::number(std::size_t row, const std::string& column) const {
  const std::string& text = at(row, column);
  double value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc{} || result.ptr != text.data() + text.size()) {
    throw std::runtime_error("no number: " + text);
  }
  return value;
}

std::size_t Tsv::find(const std::string& column, const std::string& value) const {
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    if (at(row, column) == value) return row;
  }
  throw std::runtime_error("no row with " + column + " " + value);
}

}  // namespace alsatian::testing
