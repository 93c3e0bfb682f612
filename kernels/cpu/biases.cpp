// Ridge biases by conjugate gradients on the Schur complement of the longer side, in double.
// In double: the solve stops at a trillionth of the first gradient, which float cannot reach.
#include "kernels/cpu/biases.hpp"

#include "kernels/cpu/chunked_sum.hpp"
#include "kernels/math/likelihood.hpp"
#include "kernels/math/score.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace alsatian::cpu {
namespace {

using Doubles = std::vector<double>;

constexpr double wanted_ratio = 1e-12;
constexpr int most_restarts = 8;
constexpr int most_steps = 1000;  // of conjugate gradients, between restarts

double dot(const Doubles& left, const Doubles& right) {
  return chunked_sum<double>(
      static_cast<std::int64_t>(left.size()), [&](std::int64_t first, std::int64_t last) {
        return interleaved_sum(first, last, [&](std::int64_t j) {
          return left[static_cast<std::size_t>(j)] * right[static_cast<std::size_t>(j)];
        });
      });
}

/// Calls body(row) for every element of a vector, in parallel.
template <typename Body>
void for_each_row(const Doubles& rows, const Body& body) {
  for_each_chunk(static_cast<std::int64_t>(rows.size()), [&](std::int64_t, std::int64_t first,
                                                             std::int64_t last) {
    for (auto row = static_cast<std::size_t>(first); row < static_cast<std::size_t>(last); ++row) {
      body(row);
    }
  });
}

struct BiasSide {
  CsrView<float> ratings;
  Doubles ridges;    // s(n) λ_b
  Doubles inverses;  // 1 / (n + s(n) λ_b), 0 for an empty row
  Doubles biases;
  Doubles gradient;

  BiasSide(CsrView<float> rows_of_ratings, const Regularization& regularization)
      : ratings(rows_of_ratings),
        ridges(static_cast<std::size_t>(ratings.rows())),
        inverses(ridges.size()),
        biases(ridges.size()),
        gradient(ridges.size()) {
    for (std::size_t row = 0; row < ridges.size(); ++row) {
      const auto count = static_cast<double>(ratings.row_size(static_cast<std::int64_t>(row)));
      ridges[row] = row_ridge<double>(count, regularization).biases;
      inverses[row] = count > 0 ? 1 / (count + ridges[row]) : 0;
    }
  }

  /// Σ of `opposite` over the ratings of a row.
  double sum_opposite(std::size_t row, const Doubles& opposite) const {
    double total = 0;
    for (const std::int32_t column : ratings.row_columns(static_cast<std::int64_t>(row))) {
      total += opposite[static_cast<std::size_t>(column)];
    }
    return total;
  }

  void compute_gradient(const Doubles& opposite) {
    for_each_row(biases, [&](std::size_t row) {
      const auto index = static_cast<std::int64_t>(row);
      const View<const std::int32_t> columns = ratings.row_columns(index);
      const View<const float> values = ratings.row_values(index);
      double total = ridges[row] * biases[row];
      for (std::int64_t j = 0; j < columns.size(); ++j) {
        const double eta =
            score(0.0, biases[row], opposite[static_cast<std::size_t>(columns[j])], 0.0);
        total += Gaussian::loss_and_slope(eta, double{values[j]}).slope;
      }
      gradient[row] = total;
    });
  }
};

/// The normal equations of both sides, those of `eliminated` solved in terms of `kept`.
class SchurSystem {
 public:
  SchurSystem(BiasSide& kept, BiasSide& eliminated)
      : kept_(kept), eliminated_(eliminated), inner_(eliminated.biases.size()) {}

  double gradient_norm() {
    kept_.compute_gradient(eliminated_.biases);
    eliminated_.compute_gradient(kept_.biases);
    return std::sqrt(dot(kept_.gradient, kept_.gradient) +
                     dot(eliminated_.gradient, eliminated_.gradient));
  }

  /// Adds to the biases what conjugate gradients find against the present gradient.
  void improve() {
    const Doubles change = solve(right_side());
    for_each_row(kept_.biases, [&](std::size_t row) { kept_.biases[row] += change[row]; });
    for_each_row(eliminated_.biases, [&](std::size_t row) {
      eliminated_.biases[row] -=
          eliminated_.inverses[row] *
          (eliminated_.gradient[row] + eliminated_.sum_opposite(row, change));
    });
  }

 private:
  Doubles right_side() {
    for_each_row(inner_, [&](std::size_t row) {
      inner_[row] = eliminated_.inverses[row] * eliminated_.gradient[row];
    });
    Doubles right(kept_.biases.size());
    for_each_row(right, [&](std::size_t row) {
      right[row] = kept_.sum_opposite(row, inner_) - kept_.gradient[row];
    });
    return right;
  }

  /// (diag(n + ridge) − A diag(inverses) Aᵀ)·x, with A the pattern of the ratings.
  void multiply(const Doubles& x, Doubles& product) {
    for_each_row(inner_, [&](std::size_t row) {
      inner_[row] = eliminated_.inverses[row] * eliminated_.sum_opposite(row, x);
    });
    for_each_row(product, [&](std::size_t row) {
      const double inverse = kept_.inverses[row];
      product[row] = inverse > 0 ? x[row] / inverse - kept_.sum_opposite(row, inner_) : 0;
    });
  }

  /// Hestenes and Stiefel (1952), preconditioned by diag(n + ridge).
  Doubles solve(Doubles residual) {
    Doubles solution(residual.size());
    Doubles preconditioned(residual.size());
    Doubles product(residual.size());
    const auto precondition = [&] {
      for_each_row(residual, [&](std::size_t row) {
        preconditioned[row] = kept_.inverses[row] * residual[row];
      });
      return dot(residual, preconditioned);
    };
    double remaining = precondition();
    const double enough = remaining * wanted_ratio * wanted_ratio / 100;
    Doubles search = preconditioned;
    for (int step = 0; step < most_steps && remaining > enough; ++step) {
      multiply(search, product);
      const double curvature = dot(search, product);
      if (!(curvature > 0)) break;
      const double length = remaining / curvature;
      for_each_row(solution, [&](std::size_t row) {
        solution[row] += length * search[row];
        residual[row] -= length * product[row];
      });
      const double next = precondition();
      const double turn = next / remaining;
      for_each_row(
          search, [&](std::size_t row) { search[row] = preconditioned[row] + turn * search[row]; });
      remaining = next;
    }
    return solution;
  }

  BiasSide& kept_;
  BiasSide& eliminated_;
  Doubles inner_;
};

}  // namespace

Biases solve_biases(CsrView<float> by_user, CsrView<float> by_item,
                    const Regularization& regularization) {
  BiasSide users(by_user, regularization);
  BiasSide items(by_item, regularization);
  const bool more_users = users.biases.size() > items.biases.size();
  SchurSystem system(more_users ? items : users, more_users ? users : items);
  const double first = system.gradient_norm();
  double norm = first;
  for (int restart = 0; restart < most_restarts && norm > wanted_ratio * first; ++restart) {
    system.improve();
    norm = system.gradient_norm();
  }
  return {std::move(users.biases), std::move(items.biases), first > 0 ? norm / first : 0};
}

}  // namespace alsatian::cpu
