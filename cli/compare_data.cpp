// Implements compare_data.hpp.
// Ratings keep the ids of their file until each model maps them to its own.
#include "cli/compare_data.hpp"

#include "cli/model_input.hpp"
#include "cli/report_options.hpp"
#include "cli/train_data.hpp"
#include "host/error.hpp"
#include "host/model/model_file.hpp"
#include "host/ratings/clean.hpp"
#include "host/ratings/input_source.hpp"
#include "host/ratings/split.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace alsatian {
namespace {

/// The file's name without folder and extension, and a number where it is taken.
std::string name_model(const std::string& path, const std::vector<NamedModel>& models) {
  constexpr std::string_view extension = ".safetensors";
  std::string name = source_name(path);
  if (name.ends_with(extension)) name.resize(name.size() - extension.size());
  const auto taken = [&](const std::string& candidate) {
    return std::ranges::any_of(models,
                               [&](const NamedModel& model) { return model.name == candidate; });
  };
  std::string unique = name;
  for (int number = 2; taken(unique); ++number) unique = fmt::format("{} ({})", name, number);
  return unique;
}

std::string positive_text(const Model& model) {
  return model.positive ? fmt::format("--positive {}", *model.positive) : "no --positive";
}

/// What decides which test ratings there are, and what they say.
void require_same_rules(const NamedModel& model, const NamedModel& first) {
  const CleaningOptions& own = model.model.cleaning;
  const CleaningOptions& other = first.model.cleaning;
  const bool same_cleaning = tolerant(own.duplicates) == tolerant(other.duplicates) &&
                             own.lowest_rating == other.lowest_rating &&
                             own.highest_rating == other.highest_rating;
  if (model.model.positive == first.model.positive && same_cleaning) return;
  throw Error(
      ExitCode::usage, printable(model.path),
      same_cleaning
          ? fmt::format("was trained with {}, {} with {}: test ratings mean different things",
                        positive_text(model.model), printable(first.path),
                        positive_text(first.model))
          : fmt::format("was trained with other --duplicates or --rating-range than {}: they would "
                        "be tested on different ratings",
                        printable(first.path)),
      "compare models that were trained with the same of these options; alsatian inspect shows "
      "them");
}

void require_same_data(const std::vector<NamedModel>& models) {
  const NamedModel& first = models.front();
  for (const NamedModel& model : models) {
    if (model.model.fingerprint == first.model.fingerprint) continue;
    throw Error(ExitCode::bad_data, printable(model.path),
                fmt::format("was trained on other ratings than {}: --data cannot be those of both "
                            "(fingerprints {} and {})",
                            printable(first.path), quoted(model.model.fingerprint),
                            quoted(first.model.fingerprint)),
                "leave out --data and --top and give --test FILE, or compare models that were "
                "trained on the same ratings");
  }
}

SharedTest read_test(const NamedModel& first, const std::string& path, ReadingOptions reading,
                     const Log& log) {
  reading.read.positive = first.model.positive;
  expect_ids_of(first.model, reading.read);
  CleanRatings clean = clean_test_ratings(read_logged(path, reading, log), first.model.cleaning);
  log.field("lines", account_text(clean.account));
  for (const std::string& note : clean.notes) log.field("note", note);
  for (const std::string& warning : clean.warnings) log.warning(warning);
  SharedTest test{.name = name_test(path, {})};
  test.ratings = take_all_ratings(clean);
  test.users = std::move(clean.users);
  test.items = std::move(clean.items);
  return test;
}

SharedTest recorded_test(const NamedModel& first, const PreparedRatings& data,
                         const std::string& path) {
  SharedTest test{
      .name = test_name(first.model.split), .users = data.users(), .items = data.items()};
  test.ratings = data.test_part(first.model.split);
  if (test.ratings.size() > 0) return test;
  throw Error(ExitCode::bad_data, printable(input_name(path)),
              fmt::format("has no rating in the test part that {} recorded ({})",
                          printable(first.path), test.name),
              "give --test FILE, or train with a larger --holdout");
}

/// Counts the test ratings that the model was trained on, and keeps what it was trained on.
void add_training_part(const NamedModel& model, const PreparedRatings& data,
                       const std::string& path, const Log& log, ComparedData& compared) {
  Dataset dataset = split_for_model(data, model.model, path);
  const ComparedModel mapping(model.name, model.model, compared.test, {});
  const std::int64_t both = overlap(dataset.train, mapping.by_own_indices(compared.test.ratings));
  if (both > 0) {
    log.warning(fmt::format(
        "{} of {} ratings of {} are among those that {} was trained on: its "
        "figures are too good",
        both, compared.test.ratings.size(), printable(compared.test.name), printable(model.name)));
  }
  compared.trained_on.push_back(both);
  compared.train.push_back(compress_by_user(std::move(dataset.train), model.model.users.size()));
}

}  // namespace

std::vector<NamedModel> load_models(const std::vector<std::string>& paths) {
  std::vector<NamedModel> models;
  models.reserve(paths.size());
  for (const std::string& path : paths) {
    models.push_back({name_model(path, models), path, load_model(path)});
    require_same_rules(models.back(), models.front());
  }
  return models;
}

ComparedData read_compared_data(const std::vector<NamedModel>& models, const std::string& test,
                                const std::string& data, const ReadingOptions& reading,
                                const Log& log) {
  const NamedModel& first = models.front();
  ComparedData compared;
  std::optional<PreparedRatings> prepared;
  if (!data.empty()) {
    require_same_data(models);
    prepared = prepare_for_model(first.model, data, reading, log);
  }
  if (test.empty()) {
    require_recorded_test(first.model);
    compared.test = recorded_test(first, *prepared, data);
  } else {
    compared.test = read_test(first, test, reading, log);
  }
  for (const NamedModel& model : models) {
    const ComparedModel mapping(model.name, model.model, compared.test, {});
    if (!mapping.knows_anything()) {
      throw unknown_ids(test.empty() ? data : test, compared.test.users, model.model.users);
    }
    if (prepared) add_training_part(model, *prepared, data, log, compared);
  }
  return compared;
}

}  // namespace alsatian
