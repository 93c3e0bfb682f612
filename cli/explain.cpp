// `alsatian explain`: which of somebody's ratings a prediction comes from.
// Exact, not a guess: the row solve makes a prediction linear in the ratings.
#include "cli/commands.hpp"
#include "cli/device_options.hpp"
#include "cli/model_input.hpp"
#include "cli/own_ratings.hpp"
#include "cli/table.hpp"
#include "cli/titles.hpp"
#include "host/error.hpp"
#include "host/evaluate/scorer.hpp"
#include "host/model/model_file.hpp"
#include "host/train/fold_in.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace alsatian {
namespace {

struct ExplainOptions {
  std::string model;
  std::string ratings;
  std::string user;
  std::string data;
  std::vector<std::string> items;
  std::int32_t top = 3;
  std::int32_t reasons = 5;
  std::string movies;
  ReadingOptions reading;
  bool quiet = false;
  Format format = Format::automatic;
};

void declare_options(CommandLine& line, ExplainOptions& options) {
  line.positional("MODEL", options.model, "A model saved by alsatian train");
  line.group("Whose ratings");
  line.text("--ratings", "FILE", options.ratings,
            "Somebody's own: lines `item,rating`, the item by id or title [default none]");
  line.text("--user", "ID", options.user,
            "Those of a user in --data that the model was trained on [default none]");
  line.text("--data", "RATINGS", options.data,
            "Ratings, such as the model was trained on [default none]");
  line.group("What");
  line.repeatable(
      "--item", "ID|TITLE",
      [&options](std::string_view, const std::string& value) { options.items.push_back(value); },
      "An item to explain; may be given several times [default those that are recommended]");
  line.whole("--top", options.top, {.lowest = 1, .highest = 1'000, .example = "3"},
             "How many recommendations without --item [1 to 1000, default 3]");
  line.whole("--reasons", options.reasons, {.lowest = 1, .highest = 1'000'000, .example = "5"},
             "Ratings that say the most, for each item [1 to 1000000, default 5]");
  line.text("--movies", "FILE", options.movies,
            "Titles: movies.csv, movies.dat or u.item [default those in the model]");
  add_format_option(line, options.format);
  line.flag("--quiet", options.quiet, "Nothing on standard error but warnings and errors");
  add_threads_option(line);
  add_reading_options(line, options.reading);
  line.examples(
      "A prediction is `base`, what somebody without ratings gets, and what each rating adds: all "
      "of them together, exactly, for the user as solved from these ratings.\n\nExample:\n"
      "  alsatian explain model.safetensors --ratings mine.csv --item \"toy story\"\n");
}

void check_options(const ExplainOptions& options) {
  if (options.ratings.empty() == options.user.empty()) {
    throw Error(ExitCode::usage, options.user.empty() ? "--ratings" : "--user",
                options.user.empty() ? "is missing, and --user too" : "contradicts --ratings",
                "give one of --ratings mine.csv and --user ID --data RATINGS");
  }
  if (options.user.empty() != options.data.empty()) {
    throw Error(ExitCode::usage, options.user.empty() ? "--data" : "--user",
                options.user.empty() ? "applies with --user alone" : "needs --data",
                "give both, or --ratings mine.csv");
  }
  if (options.data.empty()) bad_own_lines(options.reading);
  refuse_second_stdin("--ratings", {options.ratings, options.data}, "--movies", {options.movies});
}

std::vector<OwnRating> ratings_of_user(const Model& model, const ExplainOptions& options,
                                       const Log& log) {
  const auto user = model.users.find(options.user);
  if (!user) {
    throw Error(ExitCode::usage, "--user",
                fmt::format("user {} is not in the model", quoted(options.user)),
                "give the id of a user with training ratings, or --ratings mine.csv");
  }
  const Triples all = read_training_part(model, options.data, options.reading, log);
  std::vector<OwnRating> ratings;
  for (std::size_t row = 0; row < all.ratings.size(); ++row) {
    if (all.users[row] != *user || all.items[row] < 0) continue;
    ratings.push_back({all.items[row], all.ratings[row]});
  }
  if (!ratings.empty()) return ratings;
  throw Error(ExitCode::bad_data, printable(options.data),
              fmt::format("has no rating of an item of the model by user {}", quoted(options.user)),
              "give the ratings that the model was trained on");
}

/// What is to be explained: what was asked for, which is said, or what would be recommended.
/// Leaves the model no other user.
std::vector<std::int32_t> items_of(Model& model, const TitleLookup& titles,
                                   const ExplainOptions& options, const FoldIn& person,
                                   const Log& log) {
  std::vector<std::int32_t> items;
  for (const std::string& item : options.items) {
    items.push_back(find_item(model, titles, item,
                              {"--item", ExitCode::usage, "the id of the one you mean: --item ID"},
                              log));
  }
  if (!items.empty()) return items;
  person.replace_users(model);
  const CompressedMatrix rated = person.rated_items();
  const std::vector<std::int32_t> user{0};
  const auto recommended = Scorer(model, {}).recommend(user, options.top, &rated, nullptr);
  for (const ScoredItem& item : recommended.front()) items.push_back(item.index);
  return items;
}

class ExplanationTable {
 public:
  ExplanationTable(Output& output, const ExplainOptions& options, const Model& model,
                   const TitleLookup& titles)
      : model_(model),
        titles_(titles),
        reasons_(static_cast<std::size_t>(options.reasons)),
        table_(output, options.format, columns_with(titles)) {}

  /// The ratings that say the most, whichever way, first.
  void add(std::int32_t item, const FoldIn& person) {
    const FoldIn::Explanation explanation = person.explain(item);
    std::vector<std::size_t> order(explanation.contributions.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, [&](std::size_t left, std::size_t right) {
      return std::abs(explanation.contributions[left]) > std::abs(explanation.contributions[right]);
    });
    order.resize(std::min(order.size(), reasons_));
    for (const std::size_t j : order) {
      const OwnRating& own = person.ratings()[j];
      std::vector<Cell> cells;
      add_item(cells, item);
      cells.emplace_back(explanation.prediction());
      cells.emplace_back(explanation.base);
      add_item(cells, own.item);
      cells.emplace_back(own.rating);
      cells.emplace_back(explanation.contributions[j]);
      table_.row(cells);
    }
  }

  void finish() { table_.finish(); }

 private:
  static std::vector<std::string> columns_with(const TitleLookup& titles) {
    if (!titles.present()) {
      return {"item", "prediction", "base", "rated_item", "rating", "contribution"};
    }
    return {"item",       "title",       "prediction", "base",
            "rated_item", "rated_title", "rating",     "contribution"};
  }

  void add_item(std::vector<Cell>& cells, std::int32_t item) const {
    cells.push_back(id_cell(model_.items, item));
    if (titles_.present()) cells.emplace_back(std::string(titles_.title(item)));
  }

  const Model& model_;
  const TitleLookup& titles_;
  std::size_t reasons_;
  Table table_;
};

}  // namespace

void explain_command(Arguments arguments) {
  ExplainOptions options;
  CommandLine line("explain", "Says which ratings a prediction comes from.");
  declare_options(line, options);
  if (!line.parse(arguments)) return;
  check_options(options);
  const Log log(options.quiet);
  Output output;
  protect_from_rejects(options.reading,
                       {options.model, options.data, options.ratings, options.movies});
  Model model = load_model(options.model);
  TitleLookup titles(model, options.movies, log);
  const FoldIn person(model, options.user.empty()
                                 ? read_own_ratings(options.ratings, model, titles,
                                                    bad_own_lines(options.reading), log)
                                 : ratings_of_user(model, options, log));
  ExplanationTable table(output, options, model, titles);
  for (const std::int32_t item : items_of(model, titles, options, person, log))
    table.add(item, person);
  table.finish();
  output.flush();
}

}  // namespace alsatian
