// The command line of one command: CLI11 reads it, our rules judge it.
// Every refusal is an Error 64 that names the option, the value, the rule and the remedy.
#pragma once

#include "cli/option_values.hpp"

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CLI {
class App;
class Option;
class ParseError;
}  // namespace CLI

namespace alsatian {

struct ConfigEntry;

/// The words after `alsatian COMMAND`.
using Arguments = std::span<const std::string>;

namespace detail {
template <typename Target>
struct Stored {
  using type = Target;
};
template <typename Value>
struct Stored<std::optional<Value>> {
  using type = Value;
};
}  // namespace detail

/// Options are declared with what they set, then parse() sets it. `names` is a list of names
/// between commas, the first of which errors use; a target may be an std::optional, which stays
/// empty unless the option is given. An option given twice is refused unless it is repeatable.
class CommandLine {
 public:
  CommandLine(std::string command, const std::string& description);
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  /// Options declared from here on stand under this title in --help.
  void group(const std::string& title);
  /// An argument without a name; refused when missing.
  void positional(const std::string& name, std::string& target, const std::string& description);
  /// One or more of them, the last of the arguments without a name.
  void positionals(const std::string& name, std::vector<std::string>& targets,
                   const std::string& description);
  void flag(const std::string& names, bool& target, const std::string& description);
  /// `--config FILE` in TOML or INI, an option a line; flags on the command line win. path becomes
  /// FILE where it is given.
  void config_file(std::string& path);
  /// Shown at the end of --help.
  void examples(const std::string& text);

  /// on_value(option, value) judges and stores the value; type names it in --help. An empty value
  /// that on_value lets pass is refused: it would read as an option that was not given.
  using OnValue = std::function<void(std::string_view option, const std::string& value)>;
  void value(const std::string& names, const std::string& type, OnValue on_value,
             const std::string& description);
  void repeatable(const std::string& names, const std::string& type, OnValue on_value,
                  const std::string& description);

  template <typename Target>
  void text(const std::string& names, const std::string& type, Target& target,
            const std::string& description) {
    value(
        names, type, [&target](std::string_view, const std::string& text) { target = text; },
        description);
  }

  template <typename Target>
  void whole(const std::string& names, Target& target, const WholeRule& rule,
             const std::string& description) {
    using Number = typename detail::Stored<Target>::type;
    value(
        names, "N",
        [&target, rule](std::string_view option, const std::string& text) {
          target = static_cast<Number>(parse_whole(option, text, rule));
        },
        description);
  }

  template <typename Target>
  void real(const std::string& names, Target& target, const RealRule& rule,
            const std::string& description) {
    value(
        names, "X",
        [&target, rule](std::string_view option, const std::string& text) {
          target = parse_real(option, text, rule);
        },
        description);
  }

  template <typename Target>
  void choice(
      const std::string& names, Target& target,
      const std::vector<std::pair<std::string, typename detail::Stored<Target>::type>>& choices,
      const std::string& description) {
    std::vector<std::string> words;
    for (const auto& [word, meaning] : choices) words.push_back(word);
    value(
        names, joined(words, "|"),
        [&target, choices, words](std::string_view option, const std::string& text) {
          for (const auto& [word, meaning] : choices) {
            if (word == text) {
              target = meaning;
              return;
            }
          }
          refuse_choice(option, text, words);
        },
        description);
  }

  /// False where --help was asked for and printed.
  bool parse(Arguments arguments);

 private:
  static std::string joined(const std::vector<std::string>& words, std::string_view separator);
  [[noreturn]] static void refuse_choice(std::string_view option, const std::string& value,
                                         const std::vector<std::string>& words);
  using Values = std::vector<std::string>;
  /// What a config file may set.
  struct Configurable {
    const CLI::Option* option;
    std::string name;  // the first
    std::function<void(const Values&)> take;
    bool many;
  };

  void add(const std::string& names, const std::string& type, OnValue on_value,
           const std::string& description, bool many);
  std::vector<std::string> option_names() const;
  std::string usage() const;
  [[noreturn]] void refuse_option(const std::string& place, const std::string& typed) const;
  [[noreturn]] void refuse_empty(const std::string& name, const std::string& type) const;
  [[noreturn]] void refuse_parse(const CLI::ParseError& error) const;
  std::string remedy_for_extra(const std::string& word) const;
  void check_positionals_and_extras() const;
  void take_config() const;
  const Configurable& find_configurable(const ConfigEntry& entry) const;

  std::string command_;
  std::string group_ = "Options";
  std::unique_ptr<CLI::App> app_;
  std::vector<std::string> positionals_;
  std::vector<std::string> missing_positionals_;
  std::vector<Configurable> configurable_;
  const std::string* config_path_ = nullptr;
};

/// Throws Error 64 where a required option has no value.
void require_option(std::string_view command, std::string_view option, const std::string& value,
                    const std::string& example);

/// Throws Error 64 where two outputs are one file, also through links; "" is none, and devices may
/// be shared. The place is `option`.
void keep_apart(std::string_view option, const std::string& path, std::string_view other_option,
                const std::string& other_path);

}  // namespace alsatian
