// Implements model_input.hpp.
// Ids may be integers on one side and strings on the other; then they are compared as text.
#include "cli/model_input.hpp"

#include "host/error.hpp"
#include "host/ratings/input_source.hpp"

#include <fmt/format.h>

#include <utility>

namespace alsatian {

std::vector<std::int32_t> model_indices(const RawIds& ids, const IdIndex& index) {
  std::vector<std::int32_t> result;
  result.reserve(ids.values.size());
  if (ids.kind == IdKind::integer) {
    const bool integers = index.kind() == IdKind::integer;
    for (const std::int64_t id : ids.values) {
      result.push_back(
          (integers ? index.find(id) : index.find(fmt::format("{}", id))).value_or(-1));
    }
    return result;
  }
  std::vector<std::int32_t> by_name;
  for (std::int64_t name = 0; name < ids.names.size(); ++name) {
    by_name.push_back(index.find(ids.names[name]).value_or(-1));
  }
  for (const std::int64_t name : ids.values) {
    result.push_back(by_name[static_cast<std::size_t>(name)]);
  }
  return result;
}

Cell raw_id_cell(const RawIds& ids, std::int64_t row) {
  const std::int64_t value = ids.values[static_cast<std::size_t>(row)];
  if (ids.kind == IdKind::integer) return value;
  return std::string(ids.names[value]);
}

Dataset rebuild_dataset(const Model& model, const std::string& path, ReadingOptions reading,
                        const Log& log) {
  reading.read.positive = model.positive;
  Dataset dataset = build_dataset(read_logged(path, reading, log), model.cleaning, model.split);
  log.field("lines", account_text(dataset.account));
  if (dataset.fingerprint != model.fingerprint || dataset.users.size() != model.users.size() ||
      dataset.items.size() != model.items.size()) {
    throw Error(ExitCode::bad_data, printable(input_name(path)),
                fmt::format("is not the data that the model was trained on: fingerprint {}, the "
                            "model has {}",
                            quoted(dataset.fingerprint), quoted(model.fingerprint)),
                "give the file that train had as --data, read with the same options; alsatian "
                "inspect shows the model's");
  }
  return dataset;
}

Triples read_for_model(const Model& model, const std::string& path, ReadingOptions reading,
                       const Log& log) {
  reading.read.positive = model.positive;
  RawRatings ratings = read_logged(path, reading, log);
  log.field("lines", account_text(ratings.account));
  return index_ratings(std::move(ratings), model.users, model.items, model.cleaning.duplicates);
}

}  // namespace alsatian
