// `alsatian similar`: the items or users whose factors point the same way.
// An item may be named by its id or by its title.
#include "cli/commands.hpp"
#include "cli/device_options.hpp"
#include "cli/table.hpp"
#include "cli/titles.hpp"
#include "host/error.hpp"
#include "host/evaluate/scorer.hpp"
#include "host/model/model_file.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace alsatian {
namespace {

struct SimilarOptions {
  std::string model;
  std::string item;
  std::string user;
  std::int32_t top = 10;
  std::string movies;
  bool quiet = false;
  Format format = Format::automatic;
};

bool parse_options(Arguments arguments, SimilarOptions& options) {
  CommandLine line("similar", "Lists the items or users most like one.");
  line.positional("MODEL", options.model, "A model saved by alsatian train");
  line.text("--item", "ID|TITLE", options.item, "An item by id or title [default none]");
  line.text("--user", "ID", options.user, "A user by id [default none]");
  line.whole("--top", options.top, {.lowest = 1, .highest = 1'000'000, .example = "10"},
             "How many, best first [1 to 1000000, default 10]");
  line.text("--movies", "FILE", options.movies,
            "Titles: movies.csv, movies.dat or u.item [default those in the model]");
  add_format_option(line, options.format);
  line.flag("--quiet", options.quiet, "Nothing on standard error but warnings and errors");
  add_threads_option(line);
  line.examples(
      "Similarity is the cosine of the factors.\n\nExample:\n"
      "  alsatian similar model.safetensors --item \"toy story (1995)\"\n");
  if (!line.parse(arguments)) return false;
  if (options.item.empty() == options.user.empty()) {
    throw Error(ExitCode::usage, options.item.empty() ? "--item" : "--user",
                options.item.empty() ? "is missing, and --user too" : "contradicts --item",
                "give one of --item and --user");
  }
  return true;
}

std::int32_t find_user(const Model& model, const std::string& id) {
  if (const auto user = model.users.find(id)) return *user;
  throw Error(ExitCode::usage, "--user", fmt::format("user {} is not in the model", quoted(id)),
              "give the id of a user with training ratings");
}

void require_factors(const Model& model) {
  if (model.spec.rank > 0) return;
  throw Error(ExitCode::usage, "MODEL", "has no factors (k 0), so nothing is similar",
              "train with --k 64");
}

void print_items(Output& output, const SimilarOptions& options, const Model& model) {
  const Log log(options.quiet);
  const TitleLookup titles(model, options.movies, log);
  const std::int32_t item =
      find_item(model, titles, options.item,
                {"--item", ExitCode::usage, "the id of the one you mean: --item ID"}, log);
  const auto similar = Scorer(model, {}).similar_items(item, options.top);
  std::vector<std::string> columns{"rank", "item", "title", "similarity"};
  if (!titles.present()) columns.erase(columns.begin() + 2);
  Table table(output, options.format, columns);
  std::int64_t rank = 0;
  for (const ScoredItem& other : similar) {
    std::vector<Cell> cells{++rank, id_cell(model.items, other.index)};
    if (titles.present()) cells.emplace_back(std::string(titles.title(other.index)));
    cells.emplace_back(other.score);
    table.row(cells);
  }
  table.finish();
}

void print_users(Output& output, const SimilarOptions& options, const Model& model) {
  const auto similar = Scorer(model, {}).similar_users(find_user(model, options.user), options.top);
  Table table(output, options.format, {"rank", "user", "similarity"});
  std::int64_t rank = 0;
  for (const ScoredItem& other : similar) {
    table.row({++rank, id_cell(model.users, other.index), other.score});
  }
  table.finish();
}

}  // namespace

void similar_command(Arguments arguments) {
  SimilarOptions options;
  if (!parse_options(arguments, options)) return;
  Output output;
  const Model model = load_model(options.model);
  require_factors(model);
  if (options.user.empty()) {
    print_items(output, options, model);
  } else {
    print_users(output, options, model);
  }
  output.flush();
}

}  // namespace alsatian
