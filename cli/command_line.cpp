// Implements command_line.hpp. CLI11 splits words into options and values and reads config files;
// it converts no value, because its conversions accept prefixes, octal and hexadecimal numbers.
#include "cli/command_line.hpp"

#include "cli/output.hpp"
#include "cli/suggestion.hpp"
#include "host/error.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace alsatian {
namespace {

constexpr std::size_t help_column = 36;
constexpr std::size_t help_width = 64;

std::string wrapped(const std::string& text) {
  std::string result;
  std::size_t line = 0;
  std::size_t first = 0;
  while (first < text.size()) {
    const std::size_t space = std::min(text.find(' ', first), text.size());
    const std::size_t length = space - first;
    if (line > 0 && line + 1 + length > help_width) {
      result += '\n';
      line = 0;
    } else if (line > 0) {
      result += ' ';
      ++line;
    }
    result.append(text, first, length);
    line += length;
    first = space + 1;
  }
  return result;
}

/// "--k" of "--k,--factors,--rank".
std::string first_name(const std::string& names) { return names.substr(0, names.find(',')); }

std::string without_dashes(const std::string& name) {
  return name.substr(std::min(name.find_first_not_of('-'), name.size()));
}

/// The line of a config file that sets `key`, from 1; 0 where none does.
int line_of_key(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  std::string text;
  for (int line = 1; std::getline(file, text); ++line) {
    const std::size_t first = text.find_first_not_of(" \t\"'");
    if (first == std::string::npos || text.compare(first, key.size(), key) != 0) continue;
    const std::size_t after = text.find_first_not_of(" \t\"'", first + key.size());
    if (after == std::string::npos || text[after] == '=') return line;
  }
  return 0;
}

bool mentions(Arguments arguments, const std::string& name) {
  return std::any_of(arguments.begin(), arguments.end(), [&](const std::string& argument) {
    return argument == name || argument.starts_with(name + "=");
  });
}

std::string place_in_file(const std::string& path, int line) {
  return line > 0 ? fmt::format("{}:{}", printable(path), line) : printable(path);
}

}  // namespace

CommandLine::CommandLine(std::string command, const std::string& description)
    : command_(std::move(command)),
      app_(std::make_unique<CLI::App>(wrapped(description), "alsatian " + command_)) {
  app_->set_help_flag("--help,-h", "Print this text and exit");
  app_->get_formatter()->column_width(help_column);
  // Unknown words are kept for check_positionals_and_extras(), which can say what was meant.
  app_->allow_extras();
  app_->allow_config_extras(CLI::config_extras_mode::error);
}

CommandLine::~CommandLine() = default;

void CommandLine::group(const std::string& title) { group_ = title; }

void CommandLine::positional(const std::string& name, std::string& target,
                             const std::string& description) {
  missing_positionals_.push_back(name);
  app_->add_option(
          name,
          [this, name, &target](const CLI::results_t& results) {
            target = results.back();
            std::erase(missing_positionals_, name);
            return true;
          },
          wrapped(description))
      ->type_name("")
      ->configurable(false);
}

void CommandLine::flag(const std::string& names, bool& target, const std::string& description) {
  const std::string option = first_name(names);
  app_->add_flag_function(
          names,
          [option, &target](std::int64_t count) {
            if (count > 1) {
              throw Error(ExitCode::usage, option, "is given more than once", "give it once");
            }
            target = count > 0;
          },
          wrapped(description))
      ->group(group_);
}

void CommandLine::config_file() {
  app_->set_config("--config", "",
                   wrapped("Options from a TOML or INI file, one `name = value` a line without "
                           "the dashes; flags on the command line win"))
      ->type_name("FILE")
      ->group(group_);
}

void CommandLine::examples(const std::string& text) { app_->footer(text); }

void CommandLine::value(const std::string& names, const std::string& type, OnValue on_value,
                        const std::string& description) {
  add(names, type, std::move(on_value), description, false);
}

void CommandLine::repeatable(const std::string& names, const std::string& type, OnValue on_value,
                             const std::string& description) {
  add(names, type, std::move(on_value), description, true);
}

void CommandLine::add(const std::string& names, const std::string& type, OnValue on_value,
                      const std::string& description, bool many) {
  const std::string option = first_name(names);
  app_->add_option(
          names,
          [option, on_value = std::move(on_value), many](const CLI::results_t& results) {
            if (results.size() > 1 && !many) {
              throw Error(ExitCode::usage, option,
                          fmt::format("is given more than once ({} and {})", quoted(results[0]),
                                      quoted(results[1])),
                          "give it once");
            }
            for (const std::string& result : results) on_value(option, result);
            return true;
          },
          wrapped(description))
      ->type_name(type)
      ->group(group_)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
}

bool CommandLine::parse(Arguments arguments) {
  for (const std::string& argument : arguments) {
    if (argument == "--") break;
    const std::size_t equals = argument.find('=');
    const CLI::Option* option = app_->get_option_no_throw(argument.substr(0, equals));
    if (option != nullptr && equals != std::string::npos && option->get_expected_max() == 0) {
      throw Error(ExitCode::usage, argument.substr(0, equals),
                  fmt::format("takes no value, but has {}", quoted(argument.substr(equals + 1))),
                  fmt::format("leave out {}", quoted(argument.substr(equals))));
    }
    // CLI11 would take the next word as the value.
    if (argument.starts_with("--") && argument.ends_with("=")) {
      throw Error(ExitCode::usage, argument.substr(0, argument.size() - 1),
                  "has no value after =", fmt::format("see alsatian {} --help", command_));
    }
  }
  try {
    app_->parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const Error& error) {
    refuse_config(error, arguments);
  } catch (const CLI::CallForHelp&) {
    Output output;
    std::string help = app_->help();
    for (std::size_t gap; (gap = help.find("\n\n\n")) != std::string::npos;) help.erase(gap, 1);
    output.write(help);
    output.flush();
    return false;
  } catch (const CLI::ParseError& error) {
    refuse_parse(error);
  } catch (const std::invalid_argument& error) {
    throw Error(ExitCode::usage, printable(config_path()),
                "a flag has a value that is neither true nor false", "write name = true");
  }
  check_positionals_and_extras();
  return true;
}

std::string CommandLine::joined(const std::vector<std::string>& words, std::string_view separator) {
  return fmt::format("{}", fmt::join(words, separator));
}

void CommandLine::refuse_choice(std::string_view option, const std::string& value,
                                const std::vector<std::string>& words) {
  const auto meant = nearest_name(value, words);
  refuse_value(option, value, "one of " + joined(words, ", "),
               fmt::format("{} {} {}", meant ? "did you mean" : "try", option,
                           meant ? *meant + "?" : words.front()));
}

std::vector<std::string> CommandLine::option_names() const {
  std::vector<std::string> names;
  for (const CLI::Option* option : app_->get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

void CommandLine::refuse_option(const std::string& place, const std::string& typed) const {
  const auto meant = nearest_name(typed, option_names());
  throw Error(ExitCode::usage, place,
              fmt::format("{} is not an option of alsatian {}", quoted(typed), command_),
              meant ? fmt::format("did you mean {}?", *meant)
                    : fmt::format("alsatian {} --help lists the options", command_));
}

std::string CommandLine::config_path() const {
  const CLI::Option* config = app_->get_config_ptr();
  return config == nullptr || config->count() == 0 ? "" : config->results().back();
}

void CommandLine::refuse_config(const Error& error, Arguments arguments) const {
  const std::string path = config_path();
  const std::string option = error.place().substr(0, error.place().find(' '));
  const CLI::Option* declared = app_->get_option_no_throw(option);
  if (path.empty() || declared == nullptr) throw error;
  for (const std::string& name : declared->get_lnames()) {
    if (mentions(arguments, "--" + name)) throw error;
  }
  int line = 0;
  for (const std::string& name : declared->get_lnames()) {
    if (line == 0) line = line_of_key(path, name);
  }
  throw Error(error.code(), place_in_file(path, line),
              fmt::format("{}: {}", without_dashes(error.place()), error.what()), error.help());
}

void CommandLine::refuse_parse(const CLI::ParseError& error) const {
  const std::string text = error.what();
  if (dynamic_cast<const CLI::FileError*>(&error) != nullptr) {
    throw Error(ExitCode::missing_input, printable(config_path()), "no such file",
                "check the path after --config");
  }
  if (dynamic_cast<const CLI::ConfigError*>(&error) != nullptr) {
    const std::string path = config_path();
    const std::string key = text.substr(text.rfind(' ') + 1);
    refuse_option(place_in_file(path, line_of_key(path, key)), "--" + key);
  }
  // CLI11 begins its messages with the name of the option and a colon.
  const std::string option = text.substr(0, text.find(':'));
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr && option.starts_with("--")) {
    throw Error(ExitCode::usage, option, "has no value",
                fmt::format("see alsatian {} --help", command_));
  }
  throw Error(ExitCode::usage, "command line", text,
              fmt::format("see alsatian {} --help", command_));
}

void CommandLine::check_positionals_and_extras() const {
  std::vector<std::string> extras = app_->remaining();
  std::erase(extras, "--");
  for (const std::string& extra : extras) {
    if (extra.size() > 1 && extra[0] == '-') {
      const std::string typed = extra.substr(0, extra.find('='));
      refuse_option(printable(typed.substr(0, typed.find(':'))), typed);
    }
  }
  if (!extras.empty()) {
    throw Error(ExitCode::usage, "command line",
                fmt::format("{} is not expected here", quoted(extras.front())),
                fmt::format("alsatian {} --help shows what is", command_));
  }
  if (!missing_positionals_.empty()) {
    throw Error(
        ExitCode::usage, missing_positionals_.front(), "is missing",
        fmt::format("give it as in: alsatian {} {}", command_,
                    missing_positionals_.front() == "MODEL" ? "model.safetensors"
                                                            : missing_positionals_.front()));
  }
}

void require_option(std::string_view command, std::string_view option, const std::string& value,
                    const std::string& example) {
  if (!value.empty()) return;
  throw Error(ExitCode::usage, std::string(option), "is missing",
              fmt::format("give it as in: alsatian {} {} {}", command, option, example));
}

}  // namespace alsatian
