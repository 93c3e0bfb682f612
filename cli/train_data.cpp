// Implements train_data.hpp.
// Warnings are about data that trains without error and yet is hardly what was meant.
#include "cli/train_data.hpp"

#include "host/error.hpp"
#include "host/ratings/input_source.hpp"
#include "host/ratings/row_offsets.hpp"
#include "host/ratings/split.hpp"
#include "kernels/math/regularization.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>

namespace alsatian {
namespace {

void read_tests(Dataset& dataset, const TrainOptions& options, const Log& log) {
  for (const std::string& path : options.split.test_files) {
    ReadingOptions reading = options.reading;
    reading.read.is_known_pair = [&dataset](std::string_view user, std::string_view item) {
      return dataset.users.find(user) || dataset.items.find(item);
    };
    IndexedRatings indexed = index_ratings(read_logged(path, reading, log), dataset.users,
                                           dataset.items, dataset.cleaning);
    for (const std::string& note : indexed.notes) log.field("note", note);
    for (const std::string& warning : indexed.warnings) log.warning(warning);
    Triples& test = indexed.ratings;
    const std::int64_t both = overlap(dataset.train, test);
    if (both > 0) {
      log.warning(
          fmt::format("{} of {} ratings of {} are for pairs that are trained on too: its "
                      "test error is too good",
                      both, test.size(), printable(input_name(path))));
    }
    dataset.tests.push_back({name_test(path, dataset.tests), std::move(test)});
  }
}

void log_unknown(const TestSet& test, const Log& log) {
  const auto users = std::count(test.ratings.users.begin(), test.ratings.users.end(), -1);
  const auto items = std::count(test.ratings.items.begin(), test.ratings.items.end(), -1);
  log.field("test", fmt::format("{}: {} of unknown users and {} of unknown items, predicted "
                                "from what is known",
                                printable(test.name), counted(users, "rating"), items));
}

void log_sizes(const Dataset& dataset, const Log& log) {
  log.field("lines", account_text(dataset.account));
  for (const std::string& note : dataset.notes) log.field("note", note);
  std::string text = fmt::format("{}, {}, {}", counted(dataset.users.size(), "user"),
                                 counted(dataset.items.size(), "item"),
                                 counted(dataset.train.size(), "training rating"));
  if (dataset.validation.size() > 0) {
    text += fmt::format(", {} for validation", dataset.validation.size());
  }
  for (const TestSet& test : dataset.tests) {
    text += fmt::format(", {} for testing ({})", test.ratings.size(), printable(test.name));
  }
  log.field("data", text);
  for (const TestSet& test : dataset.tests) log_unknown(test, log);
  log.field("split", split_text(dataset.split));
}

/// A part that was asked for and is empty; cross_validate counts empty folds itself, and what is
/// tested by a file may be wanted without it.
void warn_of_empty_parts(const Dataset& dataset, const TrainOptions& options, const Log& log) {
  const SplitRule& split = dataset.split;
  const bool takes_a_part = split.kind != SplitRule::Kind::none &&
                            split.kind != SplitRule::Kind::fold &&
                            split.kind != SplitRule::Kind::file;
  if (dataset.tests.empty() && takes_a_part) {
    log.warning(fmt::format("the split \"{}\" left no rating for testing: there is no test error",
                            test_name(split)));
  }
  if (dataset.validation.size() == 0 && split.validation_share > 0) {
    log.warning(fmt::format("--validation {} left no rating for validation: {}",
                            split.validation_share,
                            options.model.model == "mle" ? "nothing stops training early"
                                                         : "there is no validation error"));
  }
}

void warn_about(const Dataset& dataset, const TrainOptions& options, const Log& log) {
  // Once for all folds: what is true of one is of the others.
  if (dataset.split.kind == SplitRule::Kind::fold && dataset.split.fold > 0) return;
  for (const std::string& warning : dataset.warnings) log.warning(warning);
  warn_of_empty_parts(dataset, options, log);
  const std::vector<float>& ratings = dataset.train.ratings;
  const auto unlike = std::ranges::adjacent_find(ratings, std::ranges::not_equal_to());
  if (!ratings.empty() && unlike == ratings.end()) {
    log.warning(
        fmt::format("all training ratings are {}: there is nothing to learn from them "
                    "(implicit feedback is not supported yet)",
                    ratings.front()));
  }
  const std::int32_t rank = options.model.rank.value_or(ModelSpec{}.rank);
  const std::int32_t rows = std::min(dataset.users.size(), dataset.items.size());
  if (rank > rows) {
    log.warning(
        fmt::format("rank {} > {}, the smaller of the numbers of users and items: smaller "
                    "ranks say as much",
                    rank, rows));
  }
}

std::int64_t median(std::vector<std::int64_t> counts) {
  if (counts.empty()) return 0;
  const auto middle = counts.begin() + static_cast<std::ptrdiff_t>(counts.size() / 2);
  std::nth_element(counts.begin(), middle, counts.end());
  return *middle;
}

/// Of rows that have ratings: others are there by their features alone.
std::int64_t median_count(const std::vector<std::int32_t>& indices, std::int32_t rows) {
  const std::vector<std::int64_t> offsets = count_offsets(indices, rows);
  std::vector<std::int64_t> counts(static_cast<std::size_t>(rows));
  std::transform(offsets.begin() + 1, offsets.end(), offsets.begin(), counts.begin(),
                 std::minus<>());
  std::erase(counts, 0);
  return median(std::move(counts));
}

/// How one side of the ratings is called, and what leaves out rows of it.
struct FeatureWords {
  const char* noun;
  const char* minimum_option;
};

void say_what_column_is(const FeatureColumn& column, const FeatureWords& words, const Log& log) {
  std::string text = fmt::format("{} {}: ", words.noun, shortened(column.name));
  text += column.features == 0
              ? "left out"
              : fmt::format("{}, {}", column.kind, counted(column.features, "feature"));
  if (!column.note.empty()) text += "; " + column.note;
  log.field("features", text);
}

/// Nothing can be learned from features of none that has ratings. Where there are no ratings at all
/// splitting them says why.
void refuse_undescribed(const FeatureFile& file, const KeptIds& kept, const std::string& first_id,
                        const FeatureWords& words) {
  if (kept.rated > 0 || kept.all_rated == 0) return;
  if (kept.dropped > 0) {
    throw Error(ExitCode::bad_data, file.place,
                fmt::format("describes no {} that {} leaves: {} of it have too few ratings",
                            words.noun, words.minimum_option, kept.dropped),
                fmt::format("lower {}", words.minimum_option));
  }
  throw Error(ExitCode::bad_data, file.place,
              fmt::format("describes no {} of the ratings: its first id is {}, theirs {}",
                          words.noun, quoted(file.ids[0]), quoted(first_id)),
              "give the file that belongs to the ratings, its ids in the first column");
}

std::string described_text(const FeatureFile& file, const KeptIds& kept,
                           const FeatureWords& words) {
  std::string text =
      fmt::format("{} describes {} of the {} with ratings, and {} without", file.source, kept.rated,
                  counted(kept.all_rated, words.noun), kept.unrated);
  if (kept.dropped > 0) {
    text += fmt::format("; {} that {} leaves out {} out", kept.dropped, words.minimum_option,
                        kept.dropped == 1 ? "stays" : "stay");
  }
  return text;
}

}  // namespace

std::string name_test(const std::string& path, const std::vector<TestSet>& tests) {
  const std::string name = std::filesystem::path(input_name(path)).filename().string();
  const bool taken = std::any_of(tests.begin(), tests.end(),
                                 [&](const TestSet& test) { return test.name == name; });
  // The summary has a part of that name, which is what was trained on.
  const bool reserved = name == "train";
  if (!taken && !reserved && !name.empty()) return name;
  return path == "train" ? "./train" : path;
}

void say_what_features_are(const FeatureFile& file, FeatureSide side, PreparedRatings& ratings,
                           const Log& log) {
  const bool users = side == FeatureSide::users;
  const FeatureWords words = users ? FeatureWords{"user", "--min-user-ratings"}
                                   : FeatureWords{"item", "--min-item-ratings"};
  log.field("features", fmt::format("{}: {}", file.source, file.layout));
  for (const FeatureColumn& column : file.columns) say_what_column_is(column, words, log);
  for (const std::string& warning : file.warnings) log.warning(warning);
  const IdIndex& known = users ? ratings.users() : ratings.items();
  const std::string first_id = known.size() > 0 ? known.text(0) : "";
  const KeptIds kept = users ? ratings.keep_users(file.ids) : ratings.keep_items(file.ids);
  refuse_undescribed(file, kept, first_id, words);
  log.field("features", described_text(file, kept, words));
  if (kept.not_integers > 0) {
    log.warning(fmt::format("{}: {} as those of the ratings are, and left out", file.place,
                            kept.not_integers == 1
                                ? "1 id is no integer"
                                : fmt::format("{} ids are no integers", kept.not_integers)));
  }
}

Dataset with_tests(Dataset dataset, const TrainOptions& options, const Log& log) {
  read_tests(dataset, options, log);
  log_sizes(dataset, log);
  warn_about(dataset, options, log);
  return dataset;
}

std::vector<std::string> test_names(const Dataset& dataset) {
  std::vector<std::string> names;
  for (const TestSet& test : dataset.tests) names.push_back(test.name);
  return names;
}

void log_spec(const ModelSpec& spec, const Dataset& dataset, const Log& log) {
  const Regularization& regularization = spec.regularization;
  log.field("model", fmt::format("{}, {} likelihood, k {}{}, {}, reg {:.6g}, reg-bias "
                                 "{:.6g}, reg-scaling {}, seed {}",
                                 algorithm_name(spec.algorithm), likelihood_name(spec.likelihood),
                                 spec.rank, spec.biases ? "" : " without biases",
                                 counted(spec.epochs, "epoch"), regularization.factors,
                                 regularization.biases, regularization.scaling, spec.seed));
  const std::int64_t user = median_count(dataset.train.users, dataset.users.size());
  const std::int64_t item = median_count(dataset.train.items, dataset.items.size());
  const auto weight = [&](std::int64_t count) {
    return regularization.factors * row_scale(static_cast<double>(count), regularization.scaling);
  };
  log.field("reg", fmt::format("λ·s(n) is {:.4g} for the median user with {}, {:.4g} for "
                               "the median item with {}",
                               weight(user), counted(user, "rating"), weight(item), item));
}

}  // namespace alsatian
