// What `recommend --data` leaves out: the items that users have rated by the file given.
// Another file than the model was trained on is allowed, and what follows from it is said.
#pragma once

#include "cli/log.hpp"
#include "cli/reading_options.hpp"
#include "host/model/model.hpp"

#include <cstdint>
#include <span>
#include <string>

namespace alsatian {

/// Items by user of the model. [model users, model items]
/// Notes another fingerprint than the model's; warns where a user or an item has fewer ratings than
/// in training, so that the file cannot hold all of them, and of users asked for without ratings.
/// Throws Error 65 where no user asked for has a rating of an item that the model knows.
CompressedMatrix read_seen_items(const Model& model, const std::string& path,
                                 ReadingOptions reading, std::span<const std::int32_t> users,
                                 const Log& log);

}  // namespace alsatian
