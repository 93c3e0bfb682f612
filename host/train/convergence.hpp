// Whether chains of draws have met, and how many independent draws theirs are worth.
// Rank-normalised split-R̂ and bulk effective sample size of Vehtari, Gelman, Simpson, Carpenter
// and Bürkner (2021), "Rank-normalization, folding, and localization: an improved R̂".
#pragma once

#include "host/model/model.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace alsatian {

/// R̂ above which draws are not to be trusted to be of one distribution. The paper's 1.01 asks for
/// more than a mean of predictions needs.
inline constexpr double largest_r_hat = 1.05;

/// Fewest draws of a chain that say anything: its halves are compared.
inline constexpr std::size_t fewest_draws = 8;

/// chains [chains][draws], all of one length. Nothing where that is below fewest_draws, or where
/// all values are the same or one is not finite.
///   r_hat            the larger of split-R̂ of the values' normal scores and of those of their
///                    distances from the median: chains that differ in place or in spread
///   effective_draws  S / (1 + 2 Σ ρ_t) over the split chains' normal scores, ρ summed in pairs
///                    while they are positive and never rising (Geyer 1992), at most S·log₁₀ S
/// normal scores: Φ⁻¹((rank − 3/8)/(S + 1/4)) over all S values, ties sharing their mean rank.
std::optional<TraceStatistics> summarise_trace(std::string name,
                                               const std::vector<std::vector<double>>& chains);

/// Numbers by name that each chain has one of for each draw.
class Traces {
 public:
  /// The next value of a chain, from 0.
  void add(std::string_view name, std::size_t chain, double value);

  /// Of each trace that says something, in the order in which their names came first.
  std::vector<TraceStatistics> summary() const;

 private:
  struct Trace {
    std::string name;
    std::vector<std::vector<double>> chains;
  };
  std::vector<Trace> traces_;
};

}  // namespace alsatian
