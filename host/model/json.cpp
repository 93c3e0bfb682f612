// Strict JSON: nlohmann's parser with what it leaves to its user, and no exception of its own.
// Model files come from strangers: doubled keys and what follows the value are refused.
#include "host/model/json.hpp"

#include "host/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

namespace alsatian {
namespace {

using nlohmann::json;

constexpr int deepest = 8;

std::string shown(const json& value) {
  // A damaged file may hold text that is no UTF-8; the strict dump would throw.
  return quoted(value.is_string() ? value.get_ref<const std::string&>()
                                  : value.dump(-1, ' ', false, json::error_handler_t::replace));
}

}  // namespace

void fail_model_content(const std::string& place, const std::string& what) {
  throw Error(ExitCode::bad_data, place, what,
              "the file is damaged or comes from another program; take a backup, or train again");
}

json parse_strict_json(std::string_view text, const std::string& place, const std::string& name) {
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  const auto check = [&](int depth, json::parse_event_t event, json& parsed) {
    if (depth > deepest) {
      fail_model_content(place, fmt::format("{} nests deeper than {} levels", name, deepest));
    }
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!keys.back().insert(key).second) {
        fail_model_content(place, fmt::format("{} has the key {} twice", name, quoted(key)));
      }
    }
    return true;
  };
  json parsed = json::parse(text.begin(), text.end(), check, /*allow_exceptions=*/false);
  if (parsed.is_discarded()) fail_model_content(place, name + " is not valid JSON");
  return parsed;
}

JsonFields::JsonFields(const json& object, std::string place, std::string name)
    : object_(object), place_(std::move(place)), name_(std::move(name)) {
  if (!object_.is_object()) fail_model_content(place_, name_ + " is not a JSON object");
}

const json& JsonFields::field(const std::string& key) const {
  const auto found = object_.find(key);
  if (found == object_.end()) {
    fail_model_content(place_, fmt::format("{} has no {}", name_, quoted(key)));
  }
  return *found;
}

void JsonFields::fail(const std::string& key, const std::string& rule) const {
  fail_model_content(place_, fmt::format("{}: {} is {}: {}", name_, key, shown(field(key)), rule));
}

double JsonFields::number(const std::string& key, double lowest, double highest) const {
  const json& value = field(key);
  const double found = value.is_number() ? value.get<double>() : 0.0;
  if (!value.is_number() || !(found >= lowest && found <= highest)) {
    fail(key, lowest == std::numeric_limits<double>::lowest()
                  ? std::string("must be a finite number")
                  : fmt::format("must be a number from {} to {}", lowest, highest));
  }
  return found;
}

std::optional<double> JsonFields::optional_number(const std::string& key) const {
  if (field(key).is_null()) return std::nullopt;
  return number(key);
}

std::int64_t JsonFields::integer(const std::string& key, std::int64_t lowest,
                                 std::int64_t highest) const {
  const json& value = field(key);
  const bool fits = value.is_number_integer() &&
                    (!value.is_number_unsigned() ||
                     value.get<std::uint64_t>() <=
                         static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
  const std::int64_t found = fits ? value.get<std::int64_t>() : 0;
  if (!fits || found < lowest || found > highest) {
    fail(key, fmt::format("must be an integer from {} to {}", lowest, highest));
  }
  return found;
}

std::int64_t JsonFields::count(const std::string& key) const {
  return integer(key, 0, std::numeric_limits<std::int64_t>::max());
}

std::uint64_t JsonFields::seed(const std::string& key) const {
  const json& value = field(key);
  if (!value.is_number_unsigned()) fail(key, "must be an integer from 0 to 2^64 - 1");
  return value.get<std::uint64_t>();
}

bool JsonFields::boolean(const std::string& key) const {
  const json& value = field(key);
  if (!value.is_boolean()) fail(key, "must be true or false");
  return value.get<bool>();
}

std::string JsonFields::text(const std::string& key) const {
  const json& value = field(key);
  if (!value.is_string()) fail(key, "must be a string");
  return value.get<std::string>();
}

const json& JsonFields::array(const std::string& key) const {
  const json& value = field(key);
  if (!value.is_array()) fail(key, "must be a list");
  return value;
}

JsonFields JsonFields::object(const std::string& key) const {
  return {field(key), place_, name_ + "." + key};
}

std::vector<JsonFields> JsonFields::objects(const std::string& key) const {
  constexpr std::size_t most = 64;
  const nlohmann::json& list = array(key);
  if (list.size() > most) fail(key, fmt::format("must have at most {} entries", most));
  std::vector<JsonFields> objects;
  for (const nlohmann::json& entry : list) {
    objects.emplace_back(entry, place_, name_ + "." + key);
  }
  return objects;
}

}  // namespace alsatian
