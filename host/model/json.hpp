// JSON from files that may be damaged or hostile: strict parsing, typed fields, bounded depth.
// Whatever is wrong becomes an Error 65 that names the field, its value and the rule.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace alsatian {

/// Parses the whole of text. Throws Error 65 with `place` where it is no JSON, nests deeper than
/// 8 or has a key twice in one object; `name` is what the text is, in words.
nlohmann::json parse_strict_json(std::string_view text, const std::string& place,
                                 const std::string& name);

/// The error of a model file whose content breaks a rule.
[[noreturn]] void fail_model_content(const std::string& place, const std::string& what);

/// A name of an enum value in files and on the command line.
template <typename Enum>
struct NamedValue {
  Enum value;
  std::string_view name;
};

/// The fields of one JSON object; keeps a reference to it. Every reader throws Error 65 where the
/// field is absent, of another type or out of range.
class JsonFields {
 public:
  JsonFields(const nlohmann::json& object, std::string place, std::string name);

  /// Whether the field is there: those that older files lack.
  bool has(const std::string& key) const { return object_.contains(key); }
  /// A finite number in [lowest, highest].
  double number(const std::string& key, double lowest = std::numeric_limits<double>::lowest(),
                double highest = std::numeric_limits<double>::max()) const;
  /// The same, or nothing where the field is null.
  std::optional<double> optional_number(const std::string& key) const;
  std::int64_t integer(const std::string& key, std::int64_t lowest, std::int64_t highest) const;
  /// A count: an integer from 0.
  std::int64_t count(const std::string& key) const;
  std::uint64_t seed(const std::string& key) const;
  bool boolean(const std::string& key) const;
  std::string text(const std::string& key) const;
  /// The list in a field.
  const nlohmann::json& array(const std::string& key) const;
  /// The object in a field.
  JsonFields object(const std::string& key) const;
  /// The objects of a list, at most 64 of them.
  std::vector<JsonFields> objects(const std::string& key) const;

  template <typename Enum>
  Enum named(const std::string& key, std::span<const NamedValue<Enum>> names) const {
    const std::string found = text(key);
    std::string rule = "must be one of";
    for (const auto& [value, name] : names) {
      if (name == found) return value;
      rule.append(" ").append(name);
    }
    fail(key, rule);
  }

  [[noreturn]] void fail(const std::string& key, const std::string& rule) const;

 private:
  const nlohmann::json& field(const std::string& key) const;

  const nlohmann::json& object_;
  std::string place_;
  std::string name_;
};

}  // namespace alsatian
