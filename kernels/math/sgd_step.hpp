// One rating's step of stochastic gradient descent, but for the sums over factors, which every
// backend has its own way of taking.
#pragma once

#include "kernels/math/host_device.hpp"

#include <cmath>

namespace alsatian {

/// ‖slope·other + shrink·own‖², from the dot products of the rows.
ALSATIAN_HD inline float squared_gradient(float slope, float shrink, float own_squared,
                                          float other_squared, float own_other) {
  const float square = slope * slope * other_squared + 2 * slope * shrink * own_other +
                       shrink * shrink * own_squared;
  return square < 0 ? 0 : square;  // rounding of a sum that cancels; NaN stays NaN
}

/// The slope of one rating's penalized loss in a bias.
ALSATIAN_HD inline float bias_gradient(float slope, float shrink, float bias) {
  return slope + shrink * bias;
}

/// Step of one bias; `sum` is its AdaGrad accumulator, left alone without AdaGrad. The step uses
/// the accumulator before this rating is added to it.
ALSATIAN_HD inline void update_bias(bool adagrad, float& bias, float& sum, float slope,
                                    float shrink, float rate) {
  const float gradient = bias_gradient(slope, shrink, bias);
  if (adagrad) {
    rate /= std::sqrt(sum);
    sum += gradient * gradient;
  }
  bias -= rate * gradient;
}

}  // namespace alsatian
