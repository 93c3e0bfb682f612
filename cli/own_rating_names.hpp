// Whose ratings a column of somebody's own table holds, by its name.
// Sites export the averages of others beside one's own ratings: none may be taken for them.
#pragma once

#include <optional>
#include <string_view>

namespace alsatian {

/// oneself: by a name that says so ("my score", "you rated"). oneself_or_film: "stars" and "rated",
/// which are the actors and the certificate of a film as well. whoever: "rating", "film rating".
/// others: of critics, of all who use a site, or of the age that a film is for.
enum class RatingsOf { nothing, oneself, oneself_or_film, whoever, others };

/// name: in small letters, words apart by single spaces.
RatingsOf ratings_under(std::string_view name);

/// Whether such a name is "mine" or begins with "my" or the like, and does not only end so.
bool names_oneself(std::string_view name);

/// A name without the scale in brackets at its end, and the highest rating of it: "my rating" and
/// 10 of "my rating (out of 10)" or "my rating [1-10]".
struct ScaledName {
  std::string_view name;
  std::optional<double> highest = std::nullopt;
};
ScaledName cut_scale(std::string_view name);

}  // namespace alsatian
