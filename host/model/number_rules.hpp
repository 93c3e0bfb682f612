// What numbers a model may hold: finite is not enough, where what is computed from them is not.
// Held to before a model is saved and after it was loaded, so that what is saved can be loaded.
#pragma once

#include "host/model/model.hpp"

#include <optional>
#include <string>

namespace alsatian {

/// In standardised units a rating is at most √n deviations from the mean of n ratings, and so is
/// what is added up to one: this is that of 2³⁰ ratings all but one of which are equal. Halves end
/// at twice as much.
inline constexpr double largest_standardised = 32768;

/// 1/α is the variance of what a draw leaves open of a standardised rating, whose own is 1. α and
/// the pivots of Λ are drawn with a rate, or a scatter, of at least 1 and a shape of about half the
/// number of ratings, or rows.
inline constexpr double least_precision = 1e-12;
inline constexpr double largest_precision = 1e12;

/// The first number that no training gives, as "what it is and where: the rule"; nothing for a
/// model that can be used. Sizes have been checked. Of every model whose ratings are standardised:
///   mean                    from the least to the largest rating, but for rounding
///   deviation               from 2⁻²¹ of what is between these, which 2⁴⁰ ratings can have all but
///                           two of which are equal, to all of it, more than any can have; 1 where
///                           all ratings are equal
/// Of models of bayes, in standardised units:
///   α [draws], mean 1/α     from least_precision to largest_precision
///   Λ [draws, order, order] symmetric and positive definite, diagonal and pivots in the same range
///   constants, biases, means, weights and rows of draws: at most largest_standardised from 0
std::optional<std::string> broken_number_rule(const Model& model);

}  // namespace alsatian
