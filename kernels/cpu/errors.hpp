// How wrong the current factors are: errors, loss and penalty, summed in double.
// Sums are cut into fixed chunks and added in a fixed order: the same for any number of threads.
#pragma once

#include "kernels/cpu/kernel_table.hpp"
#include "kernels/math/likelihood.hpp"
#include "kernels/math/regularization.hpp"

#include <cstdint>
#include <optional>

namespace alsatian::cpu {

/// Sums over a set of ratings.
struct ErrorSums {
  std::int64_t count = 0;
  double squared_error = 0;  // of mean(score) − rating
  double absolute_error = 0;
  double loss = 0;  // of the likelihood at unit dispersion

  ErrorSums& operator+=(const ErrorSums& other);
};

/// What scores are made of: η = mean + b_u + c_i + ⟨p_u, q_i⟩, and the likelihood that judges
/// them. Padded tables, as those of FactorTable.
struct ScoreTask {
  SideView<const float> users;
  SideView<const float> items;
  double mean = 0;
  Likelihood likelihood;
};

/// Over all ratings of the compressed rows of users. Dot products in float, sums in double.
ErrorSums training_errors(const KernelTable& table, const ScoreTask& task, CsrView<float> by_user);

/// Σ (r − b − c − ⟨p, q⟩)² over all ratings: what training_errors has of the Gaussian with mean 0,
/// but for errors in float, in a third of the time.
double squared_error(const KernelTable& table, const SquaredErrorTask& task);

/// Over listed ratings; users, items and ratings [count]. An index of −1 is an unknown row, which
/// adds neither bias nor dot product. Throws std::invalid_argument where the lengths differ.
ErrorSums listed_errors(const KernelTable& table, const ScoreTask& task,
                        View<const std::int32_t> users, View<const std::int32_t> items,
                        View<const float> ratings);

/// ½ Σ s(n)(λ‖w‖² + λ_b b²) over the rows of one side; offsets [rows + 1] give n.
double penalty(SideView<const float> side, View<const std::int64_t> offsets,
               const Regularization& regularization);

/// The first row with a factor or bias that is not finite.
std::optional<std::int64_t> first_non_finite_row(SideView<const float> side);

}  // namespace alsatian::cpu
