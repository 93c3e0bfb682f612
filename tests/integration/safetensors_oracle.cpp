// Implements safetensors_oracle.hpp.
// Assumes a little-endian machine, as the format is.
#include "tests/integration/safetensors_oracle.hpp"

#include "tests/support/temporary_folder.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace alsatian::testing {
namespace {

template <typename Value>
std::vector<Value> tensor(const std::string& bytes, const nlohmann::json& header,
                          std::size_t data_at, const std::string& name) {
  const auto& offsets = header.at(name).at("data_offsets");
  const auto first = data_at + offsets.at(0).get<std::size_t>();
  const auto last = data_at + offsets.at(1).get<std::size_t>();
  std::vector<Value> values((last - first) / sizeof(Value));
  if (!values.empty()) std::memcpy(values.data(), bytes.data() + first, last - first);
  return values;
}

}  // namespace

SafetensorsOracle::SafetensorsOracle(const std::string& path) {
  const std::string bytes = read_bytes(path);
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof(length));
  const auto header = nlohmann::json::parse(bytes.substr(8, length));
  const std::size_t data_at = 8 + length;
  mean_ = tensor<double>(bytes, header, data_at, "mean").at(0);
  user_ids_ = tensor<std::int64_t>(bytes, header, data_at, "user_ids");
  item_ids_ = tensor<std::int64_t>(bytes, header, data_at, "item_ids");
  user_factors_ = tensor<float>(bytes, header, data_at, "user_factors");
  item_factors_ = tensor<float>(bytes, header, data_at, "item_factors");
  user_biases_ = tensor<float>(bytes, header, data_at, "user_biases");
  item_biases_ = tensor<float>(bytes, header, data_at, "item_biases");
  user_counts_ = tensor<std::int32_t>(bytes, header, data_at, "user_counts");
  rank_ = user_factors_.size() / user_ids_.size();
}

int SafetensorsOracle::row_of(const std::vector<std::int64_t>& ids, std::int64_t id) {
  const auto found = std::find(ids.begin(), ids.end(), id);
  return found == ids.end() ? -1 : static_cast<int>(found - ids.begin());
}

double SafetensorsOracle::predict(int user, int item) const {
  double score = mean_;
  if (user >= 0) score += static_cast<double>(user_biases_.at(static_cast<std::size_t>(user)));
  if (item >= 0) score += static_cast<double>(item_biases_.at(static_cast<std::size_t>(item)));
  if (user < 0 || item < 0) return score;
  for (std::size_t k = 0; k < rank_; ++k) {
    score += static_cast<double>(user_factors_.at(static_cast<std::size_t>(user) * rank_ + k)) *
             static_cast<double>(item_factors_.at(static_cast<std::size_t>(item) * rank_ + k));
  }
  return score;
}

double SafetensorsOracle::cosine(int left, int right) const {
  double product = 0;
  double left_squares = 0;
  double right_squares = 0;
  for (std::size_t k = 0; k < rank_; ++k) {
    const double a = item_factors_.at(static_cast<std::size_t>(left) * rank_ + k);
    const double b = item_factors_.at(static_cast<std::size_t>(right) * rank_ + k);
    product += a * b;
    left_squares += a * a;
    right_squares += b * b;
  }
  return product / std::sqrt(left_squares * right_squares);
}

}  // namespace alsatian::testing
