// Whether somebody's own ratings are on the scale of the model, by the header and by all of them.
// A file of another scale has ratings on the model's too, which mean something else there.
#pragma once

#include "kernels/math/rating_scale.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace alsatian {

/// Of a column whose name says up to where its ratings go: a warning where that is not the model's
/// highest, "" where it is. Throws Error 65 at `place` where it is half as high again, or more, or
/// as much lower: every rating would count as another. column: its name, quoted.
std::string judge_named_scale(const std::string& place, const std::string& column, double highest,
                              const RatingScale& scale);

/// Looks at all ratings of a file.
class OwnScale {
 public:
  /// scale: of the model, which must outlive this.
  explicit OwnScale(const RatingScale& scale) : scale_(scale) {}

  void take(double rating, std::int64_t line);

  /// Throws Error 65 at the first rating above the model's scale where two or more are, and these
  /// are more than half of all, or a twentieth of them and the highest is about twice the scale's.
  /// place: the file.
  void judge(const std::string& place) const;

 private:
  bool is_another() const;

  const RatingScale& scale_;
  std::int64_t ratings_ = 0;
  std::int64_t above_ = 0;
  std::int64_t first_above_ = 0;  // line
  std::optional<double> lowest_ = std::nullopt;
  std::optional<double> highest_ = std::nullopt;
};

}  // namespace alsatian
