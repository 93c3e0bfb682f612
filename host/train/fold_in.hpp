// A user whom a model was not trained on: their row from their own ratings, and what each rating
// has to do with a prediction.
// In double by the reference: one row, exact, in a few milliseconds at most.
#pragma once

#include "host/model/model.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace alsatian {

/// A rating of an item of the model, in the rating's units.
struct OwnRating {
  std::int32_t item = 0;
  float rating = 0;
};

/// Solves the row as a half-sweep of als does, in standardised units with the items fixed:
///   A w = Σ_j z_j (r_j − μ − c_j) + P m,  z = [q; 1]
/// Of als A = Σ_j z_j z_jᵀ + s(n)·diag(λ, …, λ, λ_b) and m = 0. Of bayes there is a row for each
/// draw that the model keeps, the mean of its conditional distribution: A = Σ_j z_j z_jᵀ + P,
/// P = Λ/α and m = Bᵀf (see DrawPriors); predictions are means over them.
class FoldIn {
 public:
  /// Throws Error 64 for draws of `bayes` without priors, and unless the model's likelihood is
  /// Gaussian. Keeps a reference to the model.
  FoldIn(const Model& model, std::vector<OwnRating> ratings);
  ~FoldIn();

  const std::vector<OwnRating>& ratings() const { return ratings_; }

  /// What was rated, as one row: for leaving it out of recommendations.
  CompressedMatrix rated_items() const;

  /// Leaves a model no user but this one, whose index is 0. model: the constructor's, or a copy of
  /// it; its items stay where they are, so that others can be solved with it afterwards.
  void replace_users(Model& model) const;
  /// Of bayes, the same with two users who both are this one: 0 has a draw of each row, so that
  /// what draws differ by is all that is not known of the user, and 1 the mean of each.
  void replace_users_by_draw(Model& model, std::uint64_t seed) const;

  /// A prediction is base + Σ contributions, in the rating's units: base is what is predicted for
  /// a user without ratings (of bayes: who has rated the same items, by what that alone says), and
  /// rating j adds zᵀA⁻¹z_j (r_j − μ − c_j).
  struct Explanation {
    double base = 0;
    std::vector<double> contributions;  // [ratings]

    double prediction() const;
  };
  Explanation explain(std::int32_t item) const;

 private:
  struct Equations;

  void make_room(Model& model, std::int32_t users) const;
  void set_user(Model& model, std::int32_t user, std::optional<std::uint64_t> seed) const;

  const Model& model_;
  std::vector<OwnRating> ratings_;
  std::vector<Equations> equations_;  // one, of bayes one a draw
};

}  // namespace alsatian
