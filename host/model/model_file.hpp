// The one-file format of a model: safetensors, readable by any safetensors reader.
// Written whole or not at all; nothing in a file is believed before it is checked.
#pragma once

#include "host/model/model.hpp"

#include <string>

namespace alsatian {

// Tensors (SIDE is user or item; rows in the order of the ids, which ascend):
//   SIDE_factors F32 [rows, rank], SIDE_biases F32 [rows], SIDE_counts I32 [rows]
//   SIDE_ids     I64 [rows], or U8 [bytes] with SIDE_id_offsets I64 [rows + 1]
//   item_titles  U8 [bytes] with item_title_offsets I64 [items + 1], where there are titles
//   mean, deviation  F64 [1]
// so that the score of a pair, in the rating's units, is
//   mean + user_biases[u] + item_biases[i] + user_factors[u] · item_factors[i]
// Metadata: alsatian.format, .checksum, .fingerprint, and as JSON .spec, .scale, .split, .cleaning,
// .account, .statistics; .features where bayes had feature files: what they were, per side.

/// Saves to `path` atomically. Same model, same bytes. Throws Error 73 or 74, and 80 where a value
/// is not finite.
void save_model(const Model& model, const std::string& path);

/// Loads and validates: sizes against the file, dtypes, checksum, finite values, ids ascending.
/// Throws Error 65 with what is wrong, 66 missing, 77 not permitted. Memory at most about the
/// file's size, whatever the file says of itself.
Model load_model(const std::string& path);

}  // namespace alsatian
