// Implements command_line.hpp. CLI11 splits words into options and values; it converts no
// value, because its conversions accept prefixes, octal and hexadecimal numbers.
#include "cli/command_line.hpp"

#include "cli/config_file.hpp"
#include "cli/output.hpp"
#include "cli/suggestion.hpp"
#include "host/error.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>

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

bool is_true(const std::string& option, const std::string& value) {
  for (const char* word : {"true", "on", "yes", "1"}) {
    if (value == word) return true;
  }
  for (const char* word : {"false", "off", "no", "0"}) {
    if (value == word) return false;
  }
  refuse_value(option, value, "true or false",
               fmt::format("write {} = true", without_dashes(option)));
}

}  // namespace

CommandLine::CommandLine(std::string command, const std::string& description)
    : command_(std::move(command)),
      app_(std::make_unique<CLI::App>(wrapped(description), "alsatian " + command_)) {
  app_->set_help_flag("--help,-h", "Print this text and exit");
  app_->get_formatter()->column_width(help_column);
  // Unknown words are kept for check_positionals_and_extras(), which can say what was meant.
  app_->allow_extras();
}

CommandLine::~CommandLine() = default;

void CommandLine::group(const std::string& title) { group_ = title; }

void CommandLine::positional(const std::string& name, std::string& target,
                             const std::string& description) {
  positionals_.push_back(name);
  missing_positionals_.push_back(name);
  app_->add_option(
          name,
          [this, name, &target](const CLI::results_t& results) {
            target = results.back();
            if (target.empty()) refuse_empty(name, "FILE");
            std::erase(missing_positionals_, name);
            return true;
          },
          wrapped(description))
      ->type_name("");
}

void CommandLine::positionals(const std::string& name, std::vector<std::string>& targets,
                              const std::string& description) {
  positionals_.push_back(name + "...");
  missing_positionals_.push_back(name);
  app_->add_option(
          name,
          [this, name, &targets](const CLI::results_t& results) {
            targets = results;
            if (std::ranges::any_of(targets, &std::string::empty)) refuse_empty(name, "FILE");
            std::erase(missing_positionals_, name);
            return true;
          },
          wrapped(description))
      ->type_name("")
      ->expected(1, CLI::detail::expected_max_vector_size)
      ->allow_extra_args(true);
}

void CommandLine::flag(const std::string& names, bool& target, const std::string& description) {
  const std::string option = first_name(names);
  const CLI::Option* added =
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
  const auto take = [option, &target](const Values& values) {
    target = is_true(option, values.front());
  };
  configurable_.push_back({added, option, take, false});
}

void CommandLine::config_file(std::string& path) {
  config_path_ = &path;
  text("--config", "FILE", path,
       "Options from a TOML or INI file, one `name = value` a line without the dashes; flags on "
       "the command line win [default none]");
  // A config file names no other.
  configurable_.pop_back();
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
  const auto take = [this, option, type, on_value = std::move(on_value),
                     many](const Values& values) {
    if (values.size() > 1 && !many) {
      throw Error(
          ExitCode::usage, option,
          fmt::format("is given more than once ({} and {})", quoted(values[0]), quoted(values[1])),
          "give it once");
    }
    for (const std::string& value : values) {
      on_value(option, value);
      if (value.empty()) refuse_empty(option, type);
    }
  };
  const CLI::Option* added = app_->add_option(
                                     names,
                                     [take](const CLI::results_t& results) {
                                       take(results);
                                       return true;
                                     },
                                     wrapped(description))
                                 ->type_name(type)
                                 ->group(group_)
                                 ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
                                 ->allow_extra_args(false);
  configurable_.push_back({added, option, take, many});
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
  } catch (const CLI::CallForHelp&) {
    Output output;
    std::string help = app_->help();
    for (std::size_t gap; (gap = help.find("\n\n\n")) != std::string::npos;) help.erase(gap, 1);
    output.write(help);
    output.flush();
    return false;
  } catch (const CLI::ParseError& error) {
    refuse_parse(error);
  }
  check_positionals_and_extras();
  take_config();
  return true;
}

std::string CommandLine::joined(const std::vector<std::string>& words, std::string_view separator) {
  return fmt::format("{}", fmt::join(words, separator));
}

void CommandLine::refuse_choice(std::string_view option, const std::string& value,
                                const std::vector<std::string>& words) {
  std::optional<std::string> meant = nearest_name(value, words);
  for (const std::string& word : words) {
    if (!meant && !value.empty() && word.starts_with(value)) meant = word;  // "inverse"
  }
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

std::string CommandLine::usage() const {
  std::string text = "alsatian " + command_;
  for (const std::string& name : positionals_) text += " " + name;
  return text;
}

void CommandLine::refuse_empty(const std::string& name, const std::string& type) const {
  const bool option = name.starts_with('-');
  throw Error(ExitCode::usage, name + " \"\"", "must not be empty",
              option ? fmt::format("give it as in: {} {} {}", usage(), name, type)
                     : fmt::format("give it as in: {}", usage()));
}

const CommandLine::Configurable& CommandLine::find_configurable(const ConfigEntry& entry) const {
  const CLI::Option* option = app_->get_option_no_throw("--" + entry.name);
  for (const Configurable& configurable : configurable_) {
    if (option != nullptr && configurable.option == option) return configurable;
  }
  const std::string place = config_place(*config_path_, entry.line);
  if (option != nullptr) {
    throw Error(ExitCode::usage, place,
                fmt::format("{} cannot be set in a config file", quoted(entry.name)),
                "leave the line out");
  }
  std::vector<std::string> names;
  for (const std::string& name : option_names()) names.push_back(without_dashes(name));
  const auto meant =
      entry.name.starts_with('-') ? without_dashes(entry.name) : nearest_name(entry.name, names);
  throw Error(ExitCode::usage, place,
              fmt::format("{} is not an option of alsatian {}", quoted(entry.name), command_),
              meant ? fmt::format("did you mean {}?", *meant)
                    : fmt::format("alsatian {} --help lists the options", command_));
}

void CommandLine::take_config() const {
  if (config_path_ == nullptr || config_path_->empty()) return;
  std::map<const CLI::Option*, int> lines;
  for (const ConfigEntry& entry : read_config_file(*config_path_)) {
    const std::string place = config_place(*config_path_, entry.line);
    const Configurable& configurable = find_configurable(entry);
    const auto [first, is_first] = lines.emplace(configurable.option, entry.line);
    if (!is_first && !configurable.many) {
      throw Error(ExitCode::usage, place,
                  fmt::format("{}: is given more than once, first on line {}",
                              without_dashes(configurable.name), first->second),
                  "give it once");
    }
    if (configurable.option->count() > 0) continue;
    try {
      configurable.take(entry.values);
    } catch (const Error& error) {
      throw Error(error.code(), place,
                  fmt::format("{}: {}", without_dashes(error.place()), error.what()), error.help());
    }
  }
}

void CommandLine::refuse_parse(const CLI::ParseError& error) const {
  const std::string text = error.what();
  // CLI11 begins its messages with the name of the option and a colon.
  const std::string option = text.substr(0, text.find(':'));
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr && option.starts_with("--")) {
    throw Error(ExitCode::usage, option, "has no value",
                fmt::format("see alsatian {} --help", command_));
  }
  throw Error(ExitCode::usage, "command line", text,
              fmt::format("see alsatian {} --help", command_));
}

/// A file without its option is what somebody means to be read.
std::string CommandLine::remedy_for_extra(const std::string& word) const {
  std::error_code unknown;
  std::vector<std::string> meant;
  for (const char* option : {"--ratings", "--data"}) {
    if (app_->get_option_no_throw(option) == nullptr) continue;
    if (std::filesystem::exists(word, unknown)) {
      meant.push_back(fmt::format("{} {}", option, printable(word)));
    }
  }
  if (meant.empty()) return fmt::format("alsatian {} --help shows what is", command_);
  return fmt::format("did you mean {}?", fmt::join(meant, " or "));
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
                remedy_for_extra(extras.front()));
  }
  if (!missing_positionals_.empty()) {
    throw Error(
        ExitCode::usage, missing_positionals_.front(), "is missing",
        fmt::format("give it as in: alsatian {} {}", command_,
                    missing_positionals_.front() == "MODEL" ? "model.safetensors"
                                                            : missing_positionals_.front()));
  }
}

void keep_apart(std::string_view option, const std::string& path, std::string_view other_option,
                const std::string& other_path) {
  if (path.empty() || other_path.empty()) return;
  std::error_code ignored;
  const bool same = std::filesystem::equivalent(path, other_path, ignored) ||
                    std::filesystem::weakly_canonical(path, ignored) ==
                        std::filesystem::weakly_canonical(other_path, ignored);
  if (!same || std::filesystem::is_character_file(path, ignored)) return;
  throw Error(ExitCode::usage, std::string(option),
              fmt::format("is the same file as {}", other_option), "give it another name");
}

void require_option(std::string_view command, std::string_view option, const std::string& value,
                    const std::string& example) {
  if (!value.empty()) return;
  throw Error(ExitCode::usage, std::string(option), "is missing",
              fmt::format("give it as in: alsatian {} {} {}", command, option, example));
}

}  // namespace alsatian
