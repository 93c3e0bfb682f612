// The options and figures of a model as JSON, for its file and for logs.
// Names of fields and values are part of the file format: they are only ever added to.
#pragma once

#include "host/model/json.hpp"
#include "host/model/model.hpp"

#include <nlohmann/json.hpp>

#include <optional>
#include <string>

namespace alsatian {

/// Fields in a fixed order; doubles shortest that reads back exactly; infinite limits as null.
nlohmann::ordered_json to_json(const ModelSpec& spec);
nlohmann::ordered_json to_json(const RatingScale& scale);
nlohmann::ordered_json to_json(const SplitRule& split);
nlohmann::ordered_json to_json(const LineAccount& account);
nlohmann::ordered_json to_json(const TraceStatistics& trace);
nlohmann::ordered_json to_json(const PenaltyChoice& choice);
nlohmann::ordered_json to_json(const ModelStatistics& statistics);
/// `positive` is null where --positive was not given.
nlohmann::ordered_json to_json(const CleaningOptions& cleaning, std::optional<double> positive);

/// What to_json made. Throw Error 65 naming the field, its value and the rule that it breaks.
ModelSpec spec_from_json(const JsonFields& fields);
RatingScale scale_from_json(const JsonFields& fields);
SplitRule split_from_json(const JsonFields& fields);
LineAccount account_from_json(const JsonFields& fields);
ModelStatistics statistics_from_json(const JsonFields& fields);
CleaningOptions cleaning_from_json(const JsonFields& fields);
std::optional<double> positive_from_json(const JsonFields& fields);

}  // namespace alsatian
