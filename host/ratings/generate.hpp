// Generated ratings of a known structure: planted low rank plus biases plus noise.
// For tests, demonstrations and benchmarks at sizes that are not at hand as real data.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace alsatian {

struct GenerateOptions {
  std::int64_t users = 610;
  std::int64_t items = 9724;
  std::int64_t ratings = 100836;
  std::int32_t rank = 20;
  double noise = 0.7;      // standard deviation, in stars
  bool half_stars = true;  // 0.5 to 5; else real values, not clipped
  std::uint64_t seed = 42;
};

/// Where text goes, piece by piece in order; may throw.
using TextSink = std::function<void(std::string_view)>;

/// The numbers of users, items and ratings of a public data set: ml-100k, ml-latest-small, ml-1m,
/// ml-10m, ml-20m, ml-25m, ml-32m, netflix. Throws Error 64 for another name, listing them.
GenerateOptions generate_shape(std::string_view name);

/// Writes `userId,movieId,rating,timestamp` lines by user and item: exactly as many ratings as
/// asked for, each pair at most once, every user and item at least once where there are enough
/// ratings. Ids have gaps. Real values have the digits that give the same float again.
///   rating = 3.5 + b_u + c_i + ⟨p_u, q_i⟩ + noise, of standard deviations .4, .45, .4 and `noise`
/// Activity: 20 ratings or more (a fifth of the mean, if that is less), log-normal beyond;
/// popularity: Zipf-Mandelbrot. Depends on the options alone, not on threads; memory does not grow
/// with the number of ratings. Throws Error 64 for options that make no sense, naming them.
void generate_ratings(const GenerateOptions& options, const TextSink& sink);

/// Writes `movieId,title,genres` lines for the items of the same options, as MovieLens writes
/// them: made-up titles, different ones for different items, some of them quoted.
void generate_titles(const GenerateOptions& options, const TextSink& sink);

}  // namespace alsatian
