// How sure a figure is: the same figure of resampled users, again and again (Efron 1979).
// Draws are keyed by (seed, resample), so that threads never change a digit and models that are
// resampled alike are compared on the same users.
#pragma once

#include "host/evaluate/predictive.hpp"
#include "kernels/cpu/parallel.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace alsatian {

struct BootstrapOptions {
  std::int32_t resamples = 2000;
  std::uint64_t seed = 42;
  double confidence = 0.95;
};

/// How often each of counts.size() things is among as many drawn with replacement.
void draw_counts(std::uint64_t seed, std::int64_t resample, std::span<std::uint32_t> counts);

/// values [things, width] row-major; Sum has a zero value and add(Sum, times). For each resample
/// the sums over the things drawn: [resamples, width]. Things that are drawn together stay
/// together: what depends on each other within a thing, such as the ratings of a user or the
/// errors of two models on one rating, does so in every resample.
template <typename Sum>
std::vector<Sum> bootstrap_sums(std::span<const Sum> values, std::size_t width,
                                const BootstrapOptions& options) {
  const std::size_t things = values.size() / width;
  std::vector<Sum> sums(static_cast<std::size_t>(options.resamples) * width);
  parallel_for_with(
      options.resamples, [&] { return std::vector<std::uint32_t>(things); },
      [&](std::int64_t resample, std::vector<std::uint32_t>& counts) {
        draw_counts(options.seed, resample, counts);
        Sum* sum = sums.data() + static_cast<std::size_t>(resample) * width;
        for (std::size_t thing = 0; thing < things; ++thing) {
          if (counts[thing] == 0) continue;
          for (std::size_t column = 0; column < width; ++column) {
            sum[column].add(values[thing * width + column], counts[thing]);
          }
        }
      });
  return sums;
}

/// The central part of a figure's values over resamples that holds `confidence` of them (Efron's
/// percentile interval). Not numbers where a value is not one.
Interval percentile_interval(std::vector<double> values, double confidence);

}  // namespace alsatian
