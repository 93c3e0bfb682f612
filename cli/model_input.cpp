// Implements model_input.hpp.
// Ids may be integers on one side and strings on the other; then they are compared as text.
#include "cli/model_input.hpp"

#include "cli/split_options.hpp"
#include "host/error.hpp"
#include "host/ratings/input_source.hpp"

#include <fmt/format.h>

#include <utility>
#include <variant>

namespace alsatian {
namespace {

bool same_ids(const IdIndex& left, const IdIndex& right) {
  return left.kind() == right.kind() && left.integers() == right.integers() &&
         left.strings().bytes == right.strings().bytes &&
         left.strings().offsets == right.strings().offsets;
}

bool has_counts(const std::vector<std::int32_t>& indices, const std::vector<std::int32_t>& counts) {
  std::vector<std::int32_t> found(counts.size());
  for (const std::int32_t index : indices) ++found[static_cast<std::size_t>(index)];
  return found == counts;
}

/// The fingerprint is of users, items and ratings: times that are others split otherwise.
void check_training_part(const Model& model, const Dataset& dataset, const std::string& path) {
  if (same_ids(dataset.users, model.users) && same_ids(dataset.items, model.items) &&
      has_counts(dataset.train.users, model.user_counts) &&
      has_counts(dataset.train.items, model.item_counts)) {
    return;
  }
  throw Error(ExitCode::bad_data, printable(input_name(path)),
              fmt::format("has the ratings that the model was trained on, but the recorded split "
                          "({}) takes others of them for training",
                          split_text(model.split)),
              "give the file with the times that train had, in the same column of times");
}

/// Those that the model knows by their features alone.
StringTable unrated_ids(const IdIndex& ids, const std::vector<std::int32_t>& counts) {
  StringTable unrated;
  for (std::int32_t row = 0; row < ids.size(); ++row) {
    if (counts[static_cast<std::size_t>(row)] == 0) unrated.push_back(ids.text(row));
  }
  return unrated;
}

}  // namespace

void expect_ids_of(const Model& model, ReadOptions& read) {
  read.is_known_pair = [&model](std::string_view user, std::string_view item) {
    return model.users.find(user) || model.items.find(item);
  };
  if (model.users.kind() == IdKind::string && model.items.kind() == IdKind::string) {
    read.ids_elsewhere = IdKind::string;
  }
}

std::vector<std::int32_t> model_indices(const RawIds& ids, const IdIndex& index) {
  std::vector<std::int32_t> result;
  result.reserve(ids.values.size());
  if (ids.kind == IdKind::integer) {
    const bool integers = index.kind() == IdKind::integer;
    for (std::size_t row = 0; row < ids.values.size(); ++row) {
      const std::int64_t id = ids.values[row];
      result.push_back(
          (integers ? index.find(id) : index.find(fmt::format("{}", id))).value_or(-1));
    }
    return result;
  }
  std::vector<std::int32_t> by_name;
  for (std::int64_t name = 0; name < ids.names.size(); ++name) {
    by_name.push_back(index.find(ids.names[name]).value_or(-1));
  }
  for (std::size_t row = 0; row < ids.values.size(); ++row) {
    result.push_back(by_name[static_cast<std::size_t>(ids.values[row])]);
  }
  return result;
}

Cell raw_id_cell(const RawIds& ids, std::int64_t row) {
  const std::int64_t value = ids.values[static_cast<std::size_t>(row)];
  if (ids.kind == IdKind::integer) return value;
  return std::string(ids.names[value]);
}

namespace {

RawRatings read_raw(const Model& model, const std::string& path, ReadingOptions reading,
                    const Log& log) {
  reading.read.positive = model.positive;
  expect_ids_of(model, reading.read);
  return read_logged(path, reading, log);
}

PreparedRatings prepare_raw(const Model& model, RawRatings raw, const Log& log) {
  PreparedRatings prepared = rebuild_ratings(std::move(raw), model.cleaning, model.fingerprint);
  log.field("lines", account_text(prepared.account()));
  if (model.user_features.any()) prepared.keep_users(unrated_ids(model.users, model.user_counts));
  if (model.item_features.any()) prepared.keep_items(unrated_ids(model.items, model.item_counts));
  return prepared;
}

Triples index_raw(const Model& model, RawRatings raw, const Log& log) {
  IndexedRatings indexed = index_ratings(std::move(raw), model.users, model.items, model.cleaning);
  log.field("lines", account_text(indexed.account));
  for (const std::string& note : indexed.notes) log.field("note", note);
  for (const std::string& warning : indexed.warnings) log.warning(warning);
  return std::move(indexed.ratings);
}

}  // namespace

PreparedRatings prepare_for_model(const Model& model, const std::string& path,
                                  ReadingOptions reading, const Log& log) {
  return prepare_raw(model, read_raw(model, path, std::move(reading), log), log);
}

Dataset split_for_model(const PreparedRatings& ratings, const Model& model,
                        const std::string& path) {
  Dataset dataset = rebuild_split(ratings, model.cleaning, model.split);
  check_training_part(model, dataset, path);
  return dataset;
}

Dataset rebuild_for_model(const Model& model, const std::string& path, ReadingOptions reading,
                          const Log& log) {
  Dataset dataset = rebuild_split(prepare_for_model(model, path, std::move(reading), log),
                                  model.cleaning, model.split);
  check_training_part(model, dataset, path);
  return dataset;
}

Triples read_training_part(const Model& model, const std::string& path, ReadingOptions reading,
                           const Log& log) {
  RawRatings raw = read_raw(model, path, std::move(reading), log);
  try {
    // A copy: standard input cannot be read again where the file turns out to be another.
    const PreparedRatings prepared = prepare_raw(model, RawRatings(raw), log);
    Dataset dataset = split_for_model(prepared, model, path);
    log.field("ratings", fmt::format("the {} that the model was trained on ({})",
                                     dataset.train.size(), split_text(model.split)));
    return std::move(dataset.train);
  } catch (const Error& error) {
    if (error.code() != ExitCode::bad_data) throw;
    log.warning(
        fmt::format("{} is not what the model was trained on: all ratings in it are used, as far "
                    "as the model knows user and item",
                    printable(input_name(path))));
  }
  return index_raw(model, std::move(raw), log);
}

Triples read_for_model(const Model& model, const std::string& path, ReadingOptions reading,
                       const Log& log) {
  return index_raw(model, read_raw(model, path, std::move(reading), log), log);
}

void require_recorded_test(const Model& model) {
  if (model.split.kind == SplitRule::Kind::file) {
    throw Error(ExitCode::usage, "--data",
                "the model was trained with --test, so its test part is not in --data",
                "give --test FILE too");
  }
  if (model.split.kind == SplitRule::Kind::none) {
    const double validation = model.split.validation_share;
    throw Error(
        ExitCode::usage, "--data",
        validation > 0
            ? fmt::format("the model was trained on all of it but the share of {} for validation, "
                          "which chose its epoch or dispersion: there is no test part to rebuild",
                          validation)
            : std::string("the model was trained on all of it: there is no test part to rebuild"),
        "give --test FILE, or train with --holdout 0.1");
  }
}

double default_relevant_from(const Model& model) {
  return std::holds_alternative<Bernoulli>(model.spec.likelihood) ? 1 : 4;
}

}  // namespace alsatian
