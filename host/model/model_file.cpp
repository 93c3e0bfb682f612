// A model as safetensors: which tensor and which metadata holds what.
// The names are the file format, together with `format_version`.
#include "host/model/model_file.hpp"

#include "host/error.hpp"
#include "host/model/json.hpp"
#include "host/model/number_rules.hpp"
#include "host/model/safetensors.hpp"
#include "host/model/spec_json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <utility>

namespace alsatian {
namespace {

constexpr int format_version = 1;
const std::string format_key = "alsatian.format";
const std::string checksum_key = "alsatian.checksum";
const std::string features_key = "alsatian.features";
constexpr std::int64_t most_rows = std::numeric_limits<std::int32_t>::max() - 1;
constexpr std::size_t longest_fingerprint = 64;

// ---- both directions

/// Where the first value that is not finite stands, and how many there are.
struct NonFinite {
  std::int64_t count = 0;
  std::string first;
};

void find_non_finite(const std::string& name, std::span<const float> values, std::int64_t columns,
                     NonFinite& found) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i])) continue;
    if (found.count++ == 0) {
      found.first = fmt::format("{} row {}", name, static_cast<std::int64_t>(i) / columns);
    }
  }
}

NonFinite find_non_finite(const Factors& factors) {
  NonFinite found;
  find_non_finite("user_factors", factors.users.factors, std::max(factors.users.rank, 1), found);
  find_non_finite("item_factors", factors.items.factors, std::max(factors.items.rank, 1), found);
  find_non_finite("user_biases", factors.users.biases, 1, found);
  find_non_finite("item_biases", factors.items.biases, 1, found);
  return found;
}

// ---- saving

/// Numbers of one draw's prior: Λ's order.
std::int64_t prior_order(const ModelSpec& spec) {
  return std::int64_t{spec.rank} + (spec.biases ? 1 : 0);
}

bool has_weights(const ModelSpec& spec) {
  const auto* bayes = std::get_if<Bayes>(&spec.algorithm);
  return bayes != nullptr && bayes->features != Features::none;
}

/// Priors are there for every draw, or for none.
void check_priors(const Model& model, const std::string& path) {
  const DrawPriors& priors = model.draw_priors;
  if (priors.noise_precisions.empty()) return;
  const auto draws = static_cast<std::size_t>(model.draws);
  const auto order = static_cast<std::size_t>(prior_order(model.spec));
  const std::size_t items = has_weights(model.spec) ? model.draw_biases.items.size() / draws : 0;
  if (priors.noise_precisions.size() == draws &&
      priors.precisions.size() == draws * order * order &&
      priors.user_means.size() == draws * order && priors.item_means.size() == draws * order &&
      priors.weights.size() == items * draws * order) {
    return;
  }
  throw Error(ExitCode::internal, printable(path), "priors and draws of the model differ in size",
              "please report this");
}

/// Throws where a model breaks its own promises: better no file than one that cannot be loaded.
void check_savable(const Model& model, const std::string& path) {
  const NonFinite bad = find_non_finite(model.factors);
  const bool finite = std::isfinite(model.statistics.objective) &&
                      std::isfinite(model.statistics.train_rmse) &&
                      std::isfinite(model.statistics.dispersion);
  if (bad.count > 0 || !finite) {
    // Biases of several deviations are beyond float where the ratings are near its end.
    const bool large = std::max(-model.scale.lowest, model.scale.highest) > 1e37;
    throw Error(ExitCode::diverged, printable(path),
                bad.count > 0
                    ? fmt::format("the model has {} values that are not finite, first in {}",
                                  bad.count, bad.first)
                    : std::string("the model's statistics are not finite"),
                large ? "divide the ratings by a constant: they are near the largest float, 3.4e38"
                      : "lower --lr or raise --reg");
  }
  const auto fits = [](const SideFactors& side, const IdIndex& ids, std::size_t counts,
                       std::int32_t rank) {
    const auto rows = static_cast<std::size_t>(ids.size());
    return side.rows == ids.size() && side.rank == rank && counts == rows &&
           side.biases.size() == rows &&
           side.factors.size() == rows * static_cast<std::size_t>(rank);
  };
  const bool titled = model.titles.size() == 0 || model.titles.size() == model.items.size();
  const std::int32_t columns = model.spec.rank * model.draws;
  const auto has_biases = [&](const std::vector<float>& biases, const IdIndex& ids) {
    return biases.size() == static_cast<std::size_t>(is_bayes(model.spec) ? ids.size() : 0) *
                                static_cast<std::size_t>(model.draws);
  };
  if (!fits(model.factors.users, model.users, model.user_counts.size(), columns) ||
      !fits(model.factors.items, model.items, model.item_counts.size(), columns) ||
      !has_biases(model.draw_biases.users, model.users) ||
      !has_biases(model.draw_biases.items, model.items) || !titled) {
    throw Error(ExitCode::internal, printable(path),
                "ids, factors, counts and titles of the model "
                "differ in size",
                "please report this");
  }
  check_priors(model, path);
  if (const auto broken = broken_number_rule(model)) {
    throw Error(ExitCode::diverged, printable(path), "the model cannot be used: " + *broken,
                "check the ratings for extreme values");
  }
}

std::map<std::string, std::string> model_metadata(const Model& model) {
  std::map<std::string, std::string> metadata{
      {format_key, std::to_string(format_version)},
      {"alsatian.spec", to_json(model.spec).dump()},
      {"alsatian.scale", to_json(model.scale).dump()},
      {"alsatian.split", to_json(model.split).dump()},
      {"alsatian.cleaning", to_json(model.cleaning, model.positive).dump()},
      {"alsatian.account", to_json(model.account).dump()},
      {"alsatian.statistics", to_json(model.statistics).dump()},
      {"alsatian.fingerprint", model.fingerprint},
  };
  if (model.has_features()) {
    const nlohmann::ordered_json features{{"users", to_json(model.user_features)},
                                          {"items", to_json(model.item_features)}};
    metadata[features_key] = features.dump();
  }
  return metadata;
}

void add_strings(const std::string& bytes_name, const std::string& offsets_name,
                 const StringTable& strings, std::vector<TensorView>& tensors) {
  tensors.push_back(tensor_view<char>(bytes_name, {static_cast<std::int64_t>(strings.bytes.size())},
                                      strings.bytes));
  tensors.push_back(tensor_view<std::int64_t>(
      offsets_name, {static_cast<std::int64_t>(strings.offsets.size())}, strings.offsets));
}

/// Draws in halves, which they were rounded to: standardised, because halves end at 65504.
std::vector<Half> halves_of(const std::vector<float>& values, double unit) {
  std::vector<Half> halves(values.size());
  std::ranges::transform(values, halves.begin(),
                         [&](float value) { return to_half(static_cast<float>(value / unit)); });
  return halves;
}

/// draws: of bayes, in place of factors; nothing elsewhere.
void add_side(const std::string& side, const SideFactors& factors,
              const std::optional<std::vector<Half>>& draws, const IdIndex& ids,
              const std::vector<std::int32_t>& counts, std::vector<TensorView>& tensors) {
  const std::vector<std::int64_t> shape{factors.rows, factors.rank};
  tensors.push_back(draws ? tensor_view<Half>(side + "_draws", shape, *draws)
                          : tensor_view<float>(side + "_factors", shape, factors.factors));
  tensors.push_back(tensor_view<float>(side + "_biases", {factors.rows}, factors.biases));
  tensors.push_back(tensor_view<std::int32_t>(side + "_counts", {factors.rows}, counts));
  if (ids.kind() == IdKind::integer) {
    tensors.push_back(tensor_view<std::int64_t>(side + "_ids", {factors.rows}, ids.integers()));
  } else {
    add_strings(side + "_ids", side + "_id_offsets", ids.strings(), tensors);
  }
}

/// weights: those of the priors.
void add_priors(const Model& model, const std::vector<Half>& weights,
                std::vector<TensorView>& tensors) {
  const DrawPriors& priors = model.draw_priors;
  if (priors.noise_precisions.empty()) return;
  const std::int64_t draws = model.draws;
  const std::int64_t order = prior_order(model.spec);
  tensors.push_back(tensor_view<double>("noise_precision_draws", {draws}, priors.noise_precisions));
  tensors.push_back(
      tensor_view<double>("user_precision_draws", {draws, order, order}, priors.precisions));
  tensors.push_back(tensor_view<double>("user_mean_draws", {draws, order}, priors.user_means));
  tensors.push_back(tensor_view<double>("item_mean_draws", {draws, order}, priors.item_means));
  if (!has_weights(model.spec)) return;
  tensors.push_back(
      tensor_view<Half>("user_weight_draws", {model.items.size(), draws * order}, weights));
}

// ---- loading

/// Reads a model out of a container whose checksum holds. Every member that a hostile writer
/// could have set is checked before it is used as a size or an index.
class ModelReader {
 public:
  ModelReader(const std::string& path, const SafetensorsFile& file)
      : place_(printable(path)), file_(file) {}

  Model read() const {
    Model model;
    read_metadata(model);
    model.draws = draws_of(model.spec);
    read_side("user", model, model.factors.users, model.users, model.user_counts);
    read_side("item", model, model.factors.items, model.items, model.item_counts);
    if (is_bayes(model.spec)) read_draw_biases(model);
    if (is_bayes(model.spec) && has_priors()) read_draw_priors(model);
    if (file_.has("item_titles")) {
      model.titles = read_strings("item_titles", "item_title_offsets");
      if (model.titles.size() != model.items.size()) {
        fail_model_content(place_, fmt::format("has {} titles for {} items", model.titles.size(),
                                               model.items.size()));
      }
    }
    if (const auto broken = broken_number_rule(model)) fail_model_content(place_, *broken);
    const NonFinite bad = find_non_finite(model.factors);
    if (bad.count > 0) {
      fail_model_content(place_, fmt::format("has {} values that are not finite, first in {}",
                                             bad.count, bad.first));
    }
    check_derived("mean", model.mean_score());
    check_derived("deviation", model.scale.deviation);
    return model;
  }

 private:
  std::string text(const std::string& key) const {
    const auto found = file_.metadata().find(key);
    if (found == file_.metadata().end()) {
      fail_model_content(place_, "its metadata has no " + key);
    }
    return found->second;
  }

  template <typename Read>
  auto parse(const std::string& key, Read&& read) const {
    const nlohmann::json parsed = parse_strict_json(text(key), place_, key);
    return read(JsonFields(parsed, place_, key));
  }

  /// What RatingScale's conversions rely on, whatever the likelihood.
  void check_scale(const Model& model) const {
    const RatingScale& scale = model.scale;
    const bool standardised = is_standardised(model.spec.likelihood);
    if (is_bayes(model.spec) && standardised) return;
    if (standardised ? scale.score_mean == 0 : scale.mean == 0 && scale.deviation == 1) return;
    fail_model_content(
        place_, fmt::format("alsatian.scale: mean {}, deviation {} and score_mean {} are no scale "
                            "of likelihood {}, which {}",
                            scale.mean, scale.deviation, scale.score_mean,
                            likelihood_name(model.spec.likelihood),
                            standardised ? "needs score_mean 0" : "needs mean 0 and deviation 1"));
  }

  void read_metadata(Model& model) const {
    model.spec = parse("alsatian.spec", spec_from_json);
    model.scale = parse("alsatian.scale", scale_from_json);
    check_scale(model);
    model.split = parse("alsatian.split", split_from_json);
    model.cleaning = parse("alsatian.cleaning", cleaning_from_json);
    model.positive = parse("alsatian.cleaning", positive_from_json);
    model.account = parse("alsatian.account", account_from_json);
    model.statistics = parse("alsatian.statistics", statistics_from_json);
    if (file_.metadata().contains(features_key)) read_features(model);
    model.fingerprint = text("alsatian.fingerprint");
    if (model.fingerprint.size() > longest_fingerprint) {
      fail_model_content(place_, "its fingerprint " + quoted(model.fingerprint) + " is too long");
    }
  }

  void read_features(Model& model) const {
    const auto read_side = [&](const std::string& side) {
      return parse(features_key, [&](const JsonFields& fields) {
        return feature_source_from_json(fields.object(side), place_);
      });
    };
    model.user_features = read_side("users");
    model.item_features = read_side("items");
  }

  /// The only size of a tensor of one dimension.
  std::int64_t length(const std::string& name) const {
    const std::vector<std::int64_t>& shape = file_.shape(name);
    if (shape.size() != 1) fail_model_content(place_, "tensor " + name + " is no list");
    return shape[0];
  }

  std::int64_t rows(const std::string& name, std::int64_t count) const {
    if (count < 0 || count > most_rows) {
      fail_model_content(place_,
                         fmt::format("tensor {} has {} rows, most are {}", name, count, most_rows));
    }
    return count;
  }

  StringTable read_strings(const std::string& bytes_name, const std::string& offsets_name) const {
    StringTable strings;
    const std::int64_t bytes = length(bytes_name);
    rows(offsets_name, length(offsets_name) - 1);
    strings.bytes = file_.read<char>(bytes_name, {bytes});
    strings.offsets = file_.read<std::int64_t>(offsets_name, {length(offsets_name)});
    if (strings.offsets.front() != 0 || strings.offsets.back() != bytes ||
        !std::ranges::is_sorted(strings.offsets)) {
      fail_model_content(place_, fmt::format("tensor {} does not rise from 0 to the {} bytes of {}",
                                             offsets_name, bytes, bytes_name));
    }
    return strings;
  }

  IdIndex read_ids(const std::string& side) const {
    const std::string name = side + "_ids";
    const std::string offsets_name = side + "_id_offsets";
    if (file_.has(offsets_name)) {
      StringTable strings = read_strings(name, offsets_name);
      for (std::int64_t i = 1; i < strings.size(); ++i) {
        if (!(strings[i - 1] < strings[i])) fail_order(name, i);
      }
      return IdIndex(std::move(strings));
    }
    const std::int64_t count = rows(name, length(name));
    std::vector<std::int64_t> integers = file_.read<std::int64_t>(name, {count});
    const auto falling = std::ranges::adjacent_find(integers, std::ranges::greater_equal());
    if (falling != integers.end()) fail_order(name, falling - integers.begin() + 1);
    return IdIndex(std::move(integers));
  }

  [[noreturn]] void fail_order(const std::string& name, std::int64_t row) const {
    fail_model_content(place_, fmt::format("{} is not ascending at row {}", name, row));
  }

  /// How many draws of bayes stand side by side; 1 elsewhere.
  std::int32_t draws_of(const ModelSpec& spec) const {
    if (!is_bayes(spec)) return 1;
    const std::int64_t draws = length("constant_draws");
    if (draws < 1 || draws > largest_keep) {
      fail_model_content(place_,
                         fmt::format("has {} draws, must be from 1 to {}", draws, largest_keep));
    }
    return static_cast<std::int32_t>(draws);
  }

  std::vector<float> read_halves(const std::string& name, std::int64_t rows, std::int64_t columns,
                                 double unit) const {
    const std::vector<Half> halves = file_.read<Half>(name, {rows, columns});
    std::vector<float> values(halves.size());
    std::ranges::transform(halves, values.begin(),
                           [&](Half half) { return static_cast<float>(to_float(half) * unit); });
    return values;
  }

  void read_draw_biases(Model& model) const {
    DrawBiases& biases = model.draw_biases;
    biases.constants = file_.read<double>("constant_draws", {model.draws});
    biases.users = read_halves("user_bias_draws", model.users.size(), model.draws, 1);
    biases.items = read_halves("item_bias_draws", model.items.size(), model.draws, 1);
  }

  /// Files of earlier versions have none.
  bool has_priors() const {
    return std::ranges::any_of(
        std::array{"noise_precision_draws", "user_precision_draws", "user_mean_draws",
                   "item_mean_draws", "user_weight_draws"},
        [&](const char* tensor) { return file_.has(tensor); });
  }

  void read_draw_priors(Model& model) const {
    DrawPriors& priors = model.draw_priors;
    const std::int64_t order = prior_order(model.spec);
    priors.noise_precisions = file_.read<double>("noise_precision_draws", {model.draws});
    priors.precisions = file_.read<double>("user_precision_draws", {model.draws, order, order});
    priors.user_means = file_.read<double>("user_mean_draws", {model.draws, order});
    priors.item_means = file_.read<double>("item_mean_draws", {model.draws, order});
    if (has_weights(model.spec)) {
      priors.weights = read_halves("user_weight_draws", model.items.size(), model.draws * order, 1);
    }
  }

  /// Draws are halves and standardised, factors floats in the ratings' units.
  std::vector<float> read_factors(const std::string& side, const Model& model, std::int64_t rows,
                                  std::int32_t columns) const {
    if (!is_bayes(model.spec)) return file_.read<float>(side + "_factors", {rows, columns});
    return read_halves(side + "_draws", rows, columns, model.scale.factor_unit());
  }

  void read_side(const std::string& side, const Model& model, SideFactors& factors, IdIndex& ids,
                 std::vector<std::int32_t>& counts) const {
    ids = read_ids(side);
    factors.rows = ids.size();
    factors.rank = model.spec.rank * model.draws;
    factors.factors = read_factors(side, model, factors.rows, factors.rank);
    factors.biases = file_.read<float>(side + "_biases", {factors.rows});
    counts = file_.read<std::int32_t>(side + "_counts", {factors.rows});
    const auto negative = std::ranges::find_if(counts, [](std::int32_t n) { return n < 0; });
    if (negative != counts.end()) {
      fail_model_content(place_, fmt::format("{}_counts is {} at row {}", side, *negative,
                                             negative - counts.begin()));
    }
  }

  /// mean and deviation are there twice: exact in the metadata, and as tensors for other readers.
  void check_derived(const std::string& name, double expected) const {
    const double found = file_.read<double>(name, {1})[0];
    if (found != expected) {
      fail_model_content(
          place_, fmt::format("tensor {} is {}, the metadata says {}", name, found, expected));
    }
  }

  std::string place_;
  const SafetensorsFile& file_;
};

/// Before the checksum: a file of a later format may have another.
void check_format(const std::string& place, const SafetensorsFile& file) {
  const auto found = file.metadata().find(format_key);
  if (found == file.metadata().end()) {
    throw Error(ExitCode::bad_data, place, "is a safetensors file, but not an alsatian model",
                "pass a file that alsatian train --out wrote");
  }
  const std::string& text = found->second;
  int version = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), version);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || version < 1) {
    fail_model_content(place, format_key + " " + quoted(text) + " is not a version number");
  }
  if (version > format_version) {
    throw Error(ExitCode::bad_data, place,
                fmt::format("format {}, this build reads {}", version, format_version),
                "use the version of alsatian that wrote it, or a newer one");
  }
}

}  // namespace

void save_model(const Model& model, const std::string& path) {
  check_savable(model, path);
  const double mean[] = {model.mean_score()};
  const double deviation[] = {model.scale.deviation};
  std::vector<TensorView> tensors;
  tensors.push_back(tensor_view<double>("mean", {1}, mean));
  tensors.push_back(tensor_view<double>("deviation", {1}, deviation));
  std::optional<std::vector<Half>> user_draws;
  std::optional<std::vector<Half>> item_draws;
  const std::vector<Half> user_biases = halves_of(model.draw_biases.users, 1);
  const std::vector<Half> item_biases = halves_of(model.draw_biases.items, 1);
  const std::vector<Half> prior_weights = halves_of(model.draw_priors.weights, 1);
  if (is_bayes(model.spec)) {
    user_draws = halves_of(model.factors.users.factors, model.scale.factor_unit());
    item_draws = halves_of(model.factors.items.factors, model.scale.factor_unit());
    tensors.push_back(
        tensor_view<double>("constant_draws", {model.draws}, model.draw_biases.constants));
    tensors.push_back(
        tensor_view<Half>("user_bias_draws", {model.users.size(), model.draws}, user_biases));
    tensors.push_back(
        tensor_view<Half>("item_bias_draws", {model.items.size(), model.draws}, item_biases));
    add_priors(model, prior_weights, tensors);
  }
  add_side("user", model.factors.users, user_draws, model.users, model.user_counts, tensors);
  add_side("item", model.factors.items, item_draws, model.items, model.item_counts, tensors);
  if (model.titles.size() > 0) {
    add_strings("item_titles", "item_title_offsets", model.titles, tensors);
  }
  write_safetensors(path, model_metadata(model), checksum_key, std::move(tensors));
}

Model load_model(const std::string& path) {
  const SafetensorsFile file(path);
  check_format(printable(path), file);
  file.verify_checksum(checksum_key);
  return ModelReader(path, file).read();
}

}  // namespace alsatian
