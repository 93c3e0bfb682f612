// Reads a model file with nothing of the program's: eight bytes of length, JSON, raw tensors.
// Predictions computed from it are the oracle of the commands that use a model.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace alsatian::testing {

class SafetensorsOracle {
 public:
  explicit SafetensorsOracle(const std::string& path);

  /// Row of an id; -1 where there is none.
  int user(std::int64_t id) const { return row_of(user_ids_, id); }
  int item(std::int64_t id) const { return row_of(item_ids_, id); }
  const std::vector<std::int64_t>& item_ids() const { return item_ids_; }
  const std::vector<std::int64_t>& user_ids() const { return user_ids_; }

  /// Training ratings of a user.
  std::size_t count(int user) const {
    return static_cast<std::size_t>(user_counts_.at(static_cast<std::size_t>(user)));
  }
  /// mean + b_u + c_i + ⟨p_u, q_i⟩ in double; a row of -1 contributes nothing.
  double predict(int user, int item) const;
  double mean() const { return mean_; }
  std::size_t rank() const { return rank_; }
  /// [rows, rank], row-major.
  const std::vector<float>& user_factors() const { return user_factors_; }
  const std::vector<float>& item_factors() const { return item_factors_; }
  const std::vector<float>& user_biases() const { return user_biases_; }
  const std::vector<float>& item_biases() const { return item_biases_; }
  /// Cosine of the factors of two items.
  double cosine(int left, int right) const;

 private:
  static int row_of(const std::vector<std::int64_t>& ids, std::int64_t id);

  double mean_ = 0;
  std::size_t rank_ = 0;
  std::vector<std::int64_t> user_ids_, item_ids_;
  std::vector<std::int32_t> user_counts_;
  std::vector<float> user_factors_, item_factors_, user_biases_, item_biases_;
};

}  // namespace alsatian::testing
