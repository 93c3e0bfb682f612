// `alsatian recommend`: the best items for one, many or all users.
// Items that a user has rated are left out unless --include-seen says otherwise.
#include "cli/allow_list.hpp"
#include "cli/commands.hpp"
#include "cli/device_options.hpp"
#include "cli/own_ratings.hpp"
#include "cli/seen_items.hpp"
#include "cli/table.hpp"
#include "cli/titles.hpp"
#include "host/error.hpp"
#include "host/evaluate/draw_ranking.hpp"
#include "host/evaluate/scorer.hpp"
#include "host/evaluate/top_items_backend.hpp"
#include "host/model/model_file.hpp"
#include "host/train/fold_in.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <optional>

namespace alsatian {
namespace {

struct RecommendOptions {
  std::string model;
  std::vector<std::string> users;
  bool all_users = false;
  std::string ratings;
  std::string data;
  bool include_seen = false;
  std::int32_t top = 10;
  std::string items;
  std::string movies;
  RankBy rank_by = RankBy::mean;
  std::optional<double> interval;
  std::optional<std::uint64_t> seed;
  ReadingOptions reading;
  DeviceOptions device;
  bool clip = false;
  bool quiet = false;
  Format format = Format::automatic;
};

void declare_options(CommandLine& line, RecommendOptions& options) {
  line.positional("MODEL", options.model, "A model saved by alsatian train");
  line.group("For whom");
  line.repeatable(
      "--users", "ID,...",
      [&options](std::string_view option, const std::string& value) {
        for (std::string& id : parse_list(option, value)) options.users.push_back(std::move(id));
      },
      "Users by id; one with a comma in quotes as in CSV: '\"a,b\",c'; may be given several times "
      "[default none]");
  line.flag("--all-users", options.all_users, "Every user of the model");
  line.text("--ratings", "FILE", options.ratings,
            "Somebody who is no user of the model, by their own ratings: lines `item,rating`, the "
            "item by id or title; what they rated is left out [default none]");
  line.group("What");
  line.whole("--top", options.top, {.lowest = 1, .highest = 1'000'000, .example = "10"},
             "Items per user, best first; fewer where fewer are left [1 to 1000000, default 10]");
  line.text(
      "--data", "RATINGS", options.data,
      "Ratings whose items are left out for the users who gave them: those that the model was "
      "trained on, or newer ones that include them. The model holds no ratings, so that "
      "items rated in training alone may come back where others are given: a warning says "
      "so and names users without any; it is an error where no user asked for has any "
      "[default none]");
  line.flag("--include-seen", options.include_seen, "Leave nothing out");
  line.text("--items", "FILE", options.items,
            "Recommend from these items alone, one id a line [default all items]");
  line.text("--movies", "FILE", options.movies,
            "Titles: movies.csv, movies.dat or u.item [default those in the model]");
  line.choice("--rank-by", options.rank_by,
              {{"mean", RankBy::mean},
               {"lower", RankBy::lower},
               {"upper", RankBy::upper},
               {"sample", RankBy::sample}},
              "With a model of bayes, what decides the order, shown beside the prediction: the "
              "prediction itself; an end of the central interval of what the draws predict, lower "
              "for what is surely good, upper for what may be; or what one draw predicts, another "
              "for each user and --seed (Thompson sampling) [default mean]");
  line.real("--interval", options.interval, {.lowest = 0.01, .highest = 0.999, .example = "0.9"},
            "With --rank-by lower or upper: the share of draws between both ends [0.01 to 0.999, "
            "default 0.9]");
  line.whole("--seed", options.seed, {.lowest = 0, .example = "42"},
             "With --rank-by sample: decides each user's draw [0 to 9223372036854775807, default "
             "42]");
  line.flag("--clip", options.clip, "Limit predictions to the range of the training ratings");
  add_format_option(line, options.format);
  line.flag("--quiet", options.quiet, "Nothing on standard error but warnings and errors");
  add_recommend_device_option(line, options.device);
  add_threads_option(line);
  add_reading_options(line, options.reading);
  line.examples(
      "Example:\n"
      "  alsatian recommend model.safetensors --users 1,2 --data ml-latest-small\n"
      "  alsatian recommend model.safetensors --ratings mine.csv\n");
}

std::string rank_by_text(RankBy by) {
  switch (by) {
    case RankBy::mean:
      return "mean";
    case RankBy::lower:
      return "lower";
    case RankBy::upper:
      return "upper";
    case RankBy::sample:
      return "sample";
  }
  return "";
}

/// That the options of --rank-by go with each other.
void check_ranking(const RecommendOptions& options) {
  const bool by_interval = options.rank_by == RankBy::lower || options.rank_by == RankBy::upper;
  if (options.interval && !by_interval) {
    throw Error(ExitCode::usage, "--interval", "applies to --rank-by lower and upper alone",
                "give --rank-by lower too, or leave out --interval");
  }
  if (options.seed && options.rank_by != RankBy::sample) {
    throw Error(ExitCode::usage, "--seed", "applies to --rank-by sample alone",
                "give --rank-by sample too, or leave out --seed");
  }
  if (options.rank_by != RankBy::mean && options.device.kind == DeviceOptions::Kind::cuda) {
    throw Error(
        ExitCode::usage, "--device cuda",
        fmt::format("ranks by the mean alone, not by --rank-by {}", rank_by_text(options.rank_by)),
        "use --device cpu, or leave out --rank-by");
  }
}

DrawRanking ranking_of(const RecommendOptions& options) {
  DrawRanking ranking{.by = options.rank_by};
  if (options.interval) ranking.interval = *options.interval;
  if (options.seed) ranking.seed = *options.seed;
  return ranking;
}

void refuse_ranking(const Model& model, RankBy by) {
  if (by == RankBy::mean || is_bayes(model.spec)) return;
  throw Error(ExitCode::usage, fmt::format("--rank-by {}", rank_by_text(by)),
              fmt::format("the model is of --model {}, which has one prediction and no draws",
                          algorithm_name(model.spec.algorithm)),
              "train with --model bayes, or leave out --rank-by");
}

/// One person is answered at once, on the CPU, from nothing but what they rated.
void check_own_ratings(const RecommendOptions& options) {
  const auto refuse = [](bool given, const char* option) {
    if (given) throw Error(ExitCode::usage, option, "contradicts --ratings", "give one of them");
  };
  refuse(!options.users.empty(), "--users");
  refuse(options.all_users, "--all-users");
  refuse(!options.data.empty(), "--data");
  refuse(options.device.kind == DeviceOptions::Kind::cuda, "--device cuda");
  refuse_second_stdin("--ratings", {options.ratings}, "--movies", {options.movies});
  bad_own_lines(options.reading);
}

void check_options(const RecommendOptions& options) {
  check_ranking(options);
  if (!options.ratings.empty()) return check_own_ratings(options);
  if (options.users.empty() && !options.all_users) {
    throw Error(ExitCode::usage, "--users", "is missing",
                "give --users ID,..., --all-users or --ratings mine.csv");
  }
  if (!options.users.empty() && options.all_users) {
    throw Error(ExitCode::usage, "--all-users", "contradicts --users", "give one of them");
  }
  if (options.data.empty() && !options.include_seen) {
    throw Error(ExitCode::usage, "--data",
                "is missing: the model does not hold the ratings, so what a user has seen is not "
                "known",
                "give --data with the ratings, or --include-seen");
  }
  refuse_second_stdin("--data", {options.data}, "--movies", {options.movies});
  if (!options.data.empty() && options.include_seen) {
    throw Error(ExitCode::usage, "--include-seen", "contradicts --data", "give one of them");
  }
  if (options.include_seen) {
    refuse_reading_options(options.reading, "give --data instead of --include-seen");
  }
}

std::vector<std::int32_t> find_users(const Model& model, const RecommendOptions& options) {
  std::vector<std::int32_t> users;
  if (options.all_users) {
    users.resize(static_cast<std::size_t>(model.users.size()));
    std::iota(users.begin(), users.end(), 0);
  }
  for (const std::string& id : options.users) {
    const auto user = model.users.find(id);
    if (!user) {
      throw Error(ExitCode::usage, "--users",
                  fmt::format("user {} is not in the model", quoted(id)),
                  "give the id of a user with training ratings");
    }
    // A user is answered once, where it is named first.
    if (std::ranges::find(users, *user) == users.end()) users.push_back(*user);
  }
  return users;
}

/// Columns of a recommendation, but for whom it is.
std::vector<std::string> item_columns(const TitleLookup& titles, RankBy by) {
  std::vector<std::string> columns{"rank", "item"};
  if (titles.present()) columns.emplace_back("title");
  columns.emplace_back("prediction");
  if (by != RankBy::mean) columns.push_back(rank_by_text(by));
  return columns;
}

/// What recommendations are shown with. scorer: predicts, whatever decides the order.
struct ShownItems {
  const Model& model;
  const Scorer& scorer;
  const TitleLookup& titles;
  RankBy by = RankBy::mean;

  void add_cells(std::vector<Cell>& cells, std::int32_t user, std::int64_t rank,
                 const ScoredItem& item) const {
    cells.emplace_back(rank);
    cells.push_back(id_cell(model.items, item.index));
    if (titles.present()) cells.emplace_back(std::string(titles.title(item.index)));
    if (by != RankBy::mean) {
      cells.emplace_back(static_cast<float>(scorer.predict(user, item.index)));
    }
    cells.emplace_back(item.score);
  }
};

void add_user(const Table::AddRow& add, const ShownItems& shown, std::int32_t user,
              const std::vector<ScoredItem>& items) {
  std::int64_t rank = 0;
  for (const ScoredItem& item : items) {
    std::vector<Cell> cells{id_cell(shown.model.users, user)};
    shown.add_cells(cells, user, ++rank, item);
    add(cells);
  }
}

ChosenTopItems choose_top_items(const TopItemsRequest& request, const RecommendOptions& options) {
  if (options.rank_by == RankBy::mean) return make_top_items(request, options.device);
  return {make_draw_top_items(request, ranking_of(options)), "single draws are ranked there"};
}

/// Makes a newcomer the model's user 0, by whom items are ranked. Returns the user who predicts:
/// the same, but where draws decide, which then say how sure each is of this user too.
std::int32_t make_only_user(const FoldIn& newcomer, const RecommendOptions& options, Model& model) {
  if (options.rank_by == RankBy::mean) {
    newcomer.replace_users(model);
    return 0;
  }
  newcomer.replace_users_by_draw(model, ranking_of(options).seed);
  return 1;
}

/// What somebody has rated is left out, unless nothing is to be.
void recommend_to_newcomer(const RecommendOptions& options) {
  const Log log(options.quiet);
  Output output;
  protect_from_rejects(options.reading,
                       {options.model, options.ratings, options.items, options.movies});
  Model model = load_model(options.model);
  refuse_ranking(model, options.rank_by);
  TitleLookup titles(model, options.movies, log);
  std::optional<std::vector<std::int32_t>> allowed;
  if (!options.items.empty()) allowed = read_allow_list(options.items, model.items, log);
  const FoldIn newcomer(
      model, read_own_ratings(options.ratings, model, titles, bad_own_lines(options.reading), log));
  const std::int32_t predicted_by = make_only_user(newcomer, options, model);
  const CompressedMatrix rated = newcomer.rated_items();
  const std::vector<std::int32_t> user{0};
  const Scorer scorer(model, {.clip = options.clip});
  const CandidateItems candidates(model, allowed ? &*allowed : nullptr);
  TopItemsRequest request{
      .model = model, .candidates = candidates, .users = user, .count = options.top};
  if (!options.include_seen) request.seen = &rated;
  std::vector<ScoredItem> items;
  scorer.recommend(*choose_top_items(request, options).backend,
                   [&](std::size_t, const auto& answers) { items = answers.front(); });
  Table table(output, options.format, item_columns(titles, options.rank_by));
  const ShownItems shown{model, scorer, titles, options.rank_by};
  std::int64_t rank = 0;
  for (const ScoredItem& item : items) {
    std::vector<Cell> cells;
    shown.add_cells(cells, predicted_by, ++rank, item);
    table.row(cells);
  }
  table.finish();
  output.flush();
}

void refuse_device(const TopItemsRequest& request, const DeviceOptions& device) {
  if (device.kind != DeviceOptions::Kind::cuda) return;
  if (auto refusal = cuda_refusal(*load_cuda_module().table, request)) throw *refusal;
}

void recommend(RecommendOptions& options) {
  const Log log(options.quiet);
  Output output;
  protect_from_rejects(options.reading,
                       {options.model, options.data, options.items, options.movies});
  const Model model = load_model(options.model);
  refuse_ranking(model, options.rank_by);
  const std::vector<std::int32_t> users = find_users(model, options);
  std::optional<std::vector<std::int32_t>> allowed;
  if (!options.items.empty()) allowed = read_allow_list(options.items, model.items, log);
  const CandidateItems candidates(model, allowed ? &*allowed : nullptr);
  TopItemsRequest request{
      .model = model, .candidates = candidates, .users = users, .count = options.top};
  refuse_device(request, options.device);  // before ratings are read
  const TitleLookup titles(model, options.movies, log);
  CompressedMatrix seen;
  if (!options.include_seen) {
    seen = read_seen_items(model, options.data, options.reading, users, log);
    if (!options.all_users) seen = select_rows(seen, users);
    request.seen = &seen;
  }

  const ChosenTopItems chosen = choose_top_items(request, options);
  log.field("device", fmt::format("{}: {}", chosen.backend->description(), chosen.reason));
  const Scorer scorer(model, {.clip = options.clip});
  std::vector<std::string> columns = item_columns(titles, options.rank_by);
  columns.insert(columns.begin(), "user");
  Table table(output, options.format, columns);
  const ShownItems shown{model, scorer, titles, options.rank_by};
  std::int64_t short_users = 0;
  scorer.recommend(*chosen.backend, [&](std::size_t first, const auto& recommendations) {
    table.rows(std::ssize(recommendations), [&](std::int64_t entry, const Table::AddRow& add) {
      const auto i = static_cast<std::size_t>(entry);
      add_user(add, shown, users[first + i], recommendations[i]);
    });
    short_users += std::ranges::count_if(recommendations, [&](const auto& items) {
      return static_cast<std::int32_t>(items.size()) < options.top;
    });
  });
  table.finish();
  output.flush();
  if (short_users > 0) {
    log.field("note", fmt::format("{} got fewer than {}, because no more were left",
                                  counted(short_users, "user"), counted(options.top, "item")));
  }
}

}  // namespace

void recommend_command(Arguments arguments) {
  RecommendOptions options;
  CommandLine line("recommend", "Recommends items to users.");
  declare_options(line, options);
  if (!line.parse(arguments)) return;
  check_options(options);
  if (!options.ratings.empty()) return recommend_to_newcomer(options);
  if (options.device.kind == DeviceOptions::Kind::cuda) load_cuda_module();
  recommend(options);
}

}  // namespace alsatian
