// Implements own_scale.hpp.
// A rating or two above the scale are slips; where they are many it is the scale that is another.
#include "cli/own_scale.hpp"

#include "host/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace alsatian {
namespace {

constexpr double least_ratio = 1.5;  // nobody may have given a 5 of 5, but somebody gave a 4

/// The end of a scale in use that these ratings are of; nothing where that is not clear.
std::optional<double> usual_end(double highest, const RatingScale& scale) {
  constexpr auto ends = std::to_array<double>({5, 10, 20, 100});
  const auto* const end = std::ranges::find_if(ends, [&](double candidate) {
    return candidate >= highest && candidate >= least_ratio * scale.highest;
  });
  return end == ends.end() ? std::nullopt : std::optional(*end);
}

/// How ratings up to `end`, the lowest of which is `lowest`, are brought to the model's scale.
std::string conversion(double end, double lowest, const RatingScale& scale) {
  const std::string model = fmt::format("the model's, {} to {}", scale.lowest, scale.highest);
  if (scale.lowest < 0 || scale.highest <= 0 || end <= 0) return "convert them to " + model;
  if (end < scale.highest) {
    return fmt::format("multiply each by {:.6g} to bring them to {}", scale.highest / end, model);
  }
  const double divisor = end / scale.highest;
  return fmt::format("divide each by {:.6g}{} to bring them to {}", divisor,
                     lowest / divisor < scale.lowest
                         ? fmt::format(", and write {} for what is less,", scale.lowest)
                         : "",
                     model);
}

}  // namespace

std::string judge_named_scale(const std::string& place, const std::string& column, double highest,
                              const RatingScale& scale) {
  if (highest == scale.highest) return "";
  const std::string what = fmt::format("{} has a scale up to {}, the model's is {} to {}", column,
                                       highest, scale.lowest, scale.highest);
  const bool is_near =
      highest < least_ratio * scale.highest && scale.highest < least_ratio * highest;
  if (is_near || scale.highest <= 0) {
    return fmt::format("{}: {}: ratings count as they are", place, what);
  }
  throw Error(ExitCode::bad_data, place, what,
              fmt::format("{}; where they are on it already, call the column rating",
                          conversion(highest, 1, scale)));
}

void OwnScale::take(double rating, std::int64_t line) {
  ++ratings_;
  lowest_ = std::min(lowest_.value_or(rating), rating);
  highest_ = std::max(highest_.value_or(rating), rating);
  if (rating > scale_.highest && ++above_ == 1) first_above_ = line;
}

bool OwnScale::is_another() const {
  if (above_ < 2) return false;
  const bool is_double =
      *highest_ >= least_ratio * scale_.highest && *highest_ <= 2 * scale_.highest;
  return 2 * above_ > ratings_ || (is_double && 20 * above_ >= ratings_);
}

void OwnScale::judge(const std::string& place) const {
  if (!is_another()) return;
  const std::optional<double> end = usual_end(*highest_, scale_);
  throw Error(
      ExitCode::bad_data, fmt::format("{}:{}", place, first_above_),
      fmt::format("is the first of {} ratings, of {}, above the model's scale, {} to {}: the file "
                  "is on another scale, up to {}",
                  above_, ratings_, scale_.lowest, scale_.highest, end.value_or(*highest_)),
      end ? conversion(*end, *lowest_, scale_)
          : fmt::format("convert them to the model's, {} to {}", scale_.lowest, scale_.highest));
}

}  // namespace alsatian
