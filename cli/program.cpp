// Implements program.hpp.
// Commands are found by their whole name; a mistyped one gets the nearest as a suggestion.
#include "cli/program.hpp"

#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/suggestion.hpp"
#include "host/error.hpp"

#include <fmt/format.h>

#include <array>

namespace alsatian {
namespace {

struct Command {
  std::string_view name;
  void (*run)(Arguments);
  std::string_view summary;
};

constexpr std::array<Command, 11> commands{{
    {"explore", explore_command, "what ratings look like, as tables and plots"},
    {"train", train_command, "train a model on ratings, test it, save it"},
    {"tune", tune_command, "find the settings that predict best"},
    {"evaluate", evaluate_command, "measure a model on test ratings"},
    {"compare", compare_command, "measure several models on the same test ratings"},
    {"predict", predict_command, "predict ratings for pairs of users and items"},
    {"recommend", recommend_command, "the best items for users"},
    {"explain", explain_command, "which ratings a recommendation comes from"},
    {"similar", similar_command, "the items or users most like one"},
    {"inspect", inspect_command, "what a model is and how it was trained"},
    {"generate", generate_command, "make ratings of a known structure"},
}};

constexpr std::string_view exit_codes =
    "Exit codes:\n"
    "    0 success          64 options             65 content of an input  66 input missing\n"
    "   69 no such device   70 internal error      71 out of memory        73 cannot create "
    "output\n"
    "   74 reading or writing failed   75 log busy   77 no permission   80 training diverged\n"
    "  130 and such: stopped by signal 2 and such, after saving\n";

void print_overview() {
  std::string text = "alsatian: matrix factorization of ratings\n\nUsage: alsatian COMMAND ...\n\n";
  for (const Command& command : commands) {
    text += fmt::format("  {:<11}{}\n", command.name, command.summary);
  }
  text += "\n  help [COMMAND], COMMAND --help, --version\n\n";
  Output output;
  output.write(text);
  output.write(exit_codes);
  output.flush();
}

const Command& find_command(const std::string& name) {
  std::vector<std::string> names{"help", "--help", "--version"};
  for (const Command& command : commands) {
    if (command.name == name) return command;
    names.emplace_back(command.name);
  }
  const auto meant = nearest_name(name, names);
  throw Error(ExitCode::usage, "command line", fmt::format("{} is not a command", quoted(name)),
              meant ? fmt::format("did you mean {}?", *meant) : "alsatian help lists them");
}

void refuse_words_after(std::size_t taken, const std::string& name, Arguments words) {
  if (words.size() <= taken) return;
  throw Error(ExitCode::usage, name, fmt::format("does not take {}", quoted(words[taken])),
              "leave it out");
}

}  // namespace

void run_program(Arguments arguments) {
  if (arguments.empty()) {
    throw Error(ExitCode::usage, "command line", "has no command", "alsatian help lists them");
  }
  const std::string& name = arguments.front();
  const Arguments rest = arguments.subspan(1);
  const bool asks_for_help = name == "help" || name == "--help" || name == "-h";
  const bool asks_for_version = name == "--version" || name == "version";
  if (asks_for_help) refuse_words_after(1, name, rest);
  if (asks_for_version) refuse_words_after(0, name, rest);
  if (asks_for_version) return print_version();
  if (asks_for_help && !rest.empty()) {
    const std::array<std::string, 1> help{"--help"};
    return find_command(rest.front()).run(help);
  }
  if (asks_for_help) return print_overview();
  find_command(name).run(rest);
}

}  // namespace alsatian
