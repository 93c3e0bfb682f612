// What the commands that use a model share: ids of a file by the model's indices, and the data
// that the model was trained on, rebuilt and checked.
#pragma once

#include "cli/log.hpp"
#include "cli/reading_options.hpp"
#include "cli/table.hpp"
#include "host/model/model.hpp"
#include "host/ratings/prepared_ratings.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace alsatian {

/// Lets the reader take no first line with an id that the model knows for a header, and ids for
/// strings where the model's are: 01 is not 1 then. Keeps a reference to the model.
void expect_ids_of(const Model& model, ReadOptions& read);

/// The index of each row's id, -1 where the model does not know it. [rows]
std::vector<std::int32_t> model_indices(const RawIds& ids, const IdIndex& index);

/// The id of a row as it stands in the file.
Cell raw_id_cell(const RawIds& ids, std::int64_t row);

/// The data set of the model from the file it was trained on: same cleaning, same split. Throws
/// Error 65 where the fingerprint is not the model's, or the split not the recorded one.
Dataset rebuild_for_model(const Model& model, const std::string& path, ReadingOptions reading,
                          const Log& log);

/// The same in two steps, for models that were trained on one file.
PreparedRatings prepare_for_model(const Model& model, const std::string& path,
                                  ReadingOptions reading, const Log& log);
Dataset split_for_model(const PreparedRatings& ratings, const Model& model,
                        const std::string& path);

/// Throws Error 64 where the model has no recorded test part to rebuild from --data.
void require_recorded_test(const Model& model);

/// A test rating from which on an item is relevant, where --relevant does not say so.
double default_relevant_from(const Model& model);

/// What the model was trained on, by its indices: the training part of the file where it is the one
/// that the model was trained on, as the recorded split has it. Of another file all ratings of
/// known users and items, with a warning. Throws Error 65 where no id is known.
Triples read_training_part(const Model& model, const std::string& path, ReadingOptions reading,
                           const Log& log);

/// Ratings of a file by the model's indices. Throws Error 65 where no id is known.
Triples read_for_model(const Model& model, const std::string& path, ReadingOptions reading,
                       const Log& log);

}  // namespace alsatian
