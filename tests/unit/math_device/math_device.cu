// Calls all of kernels/math from device code.
// What is only valid on the host fails here, before any kernel depends on it.
#include "kernels/math/likelihood.hpp"
#include "kernels/math/random.hpp"
#include "kernels/math/regularization.hpp"
#include "kernels/math/score.hpp"
#include "kernels/math/views.hpp"

#include <cstdint>

namespace alsatian {
namespace {

template <typename Real, typename OneLikelihood>
__device__ Real loss_slope_and_mean(Real score, Real rating) {
  const LossAndSlope<Real> at_score = OneLikelihood::loss_and_slope(score, rating);
  return at_score.loss + at_score.slope + OneLikelihood::mean(score);
}

template <typename Real>
__device__ Real every_likelihood(Real score, Real rating) {
  return loss_slope_and_mean<Real, Gaussian>(score, rating) +
         loss_slope_and_mean<Real, Laplace>(score, rating) +
         loss_slope_and_mean<Real, Poisson>(score, rating) +
         loss_slope_and_mean<Real, Bernoulli>(score, rating);
}

}  // namespace

/// results [ratings.rows()], one sum of everything for each row.
__global__ void all_of_kernels_math(CsrView<float> ratings, SideView<const float> users,
                                    SideView<const float> items, SgdScheduleView schedule,
                                    Regularization regularization, View<double> results) {
  const std::int64_t user = blockIdx.x * std::int64_t{blockDim.x} + threadIdx.x;
  if (user >= ratings.rows()) return;
  const double scale =
      row_scale(static_cast<double>(ratings.row_size(user)), regularization.scaling);
  double sum = row_penalty(scale, regularization, 1.0, users.biases[user]);
  const View<const std::int32_t> columns = ratings.row_columns(user);
  for (std::int64_t entry = 0; entry < columns.size(); ++entry) {
    const std::int32_t item = columns[entry];
    const float predicted = score(0.0F, users.biases[user], items.biases[item],
                                  dot<float>(users.row(user), items.row(item), users.rank));
    const float rating = ratings.row_values(user)[entry];
    sum += every_likelihood<float>(predicted, rating) + every_likelihood<double>(predicted, rating);
  }
  const Random4 words = philox(1, RandomStream::user_start, static_cast<std::uint64_t>(user), 0);
  sum += normal(words.word[0], words.word[1]).value[0] + uniform(words.word[2]) +
         uniform_below(words.word[3], 7);
  results[user] = sum + static_cast<double>(schedule.ratings.size());
}

}  // namespace alsatian
