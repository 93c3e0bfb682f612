// Exact best items for many users without a matrix of users × items.
// Scores tiles in float, keeps what may still be among the best, and ranks that in double.
#pragma once

#include "host/model/model.hpp"
#include "kernels/cpu/isa.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace alsatian {

/// An item with its score in double, the order that decides.
struct RankedItem {
  std::int32_t index = 0;
  double score = 0;
};

/// Higher score first, then the smaller index.
inline bool ranks_before(const RankedItem& left, const RankedItem& right) {
  return left.score != right.score ? left.score > right.score : left.index < right.index;
}

/// Sorted by ranks_before, at most `count`, without scores that are not finite.
std::vector<RankedItem> best_of(std::vector<RankedItem> items, std::int32_t count);

/// The items that a user has seen, ascending: a row of `seen`; nullptr: none.
std::span<const std::int32_t> seen_items(const CompressedMatrix* seen, std::int64_t row);

/// The items that may be recommended.
class CandidateItems {
 public:
  /// allowed: ascending item indices, or nullptr for all; items without training ratings are left
  /// out of either.
  CandidateItems(const Model& model, const std::vector<std::int32_t>* allowed);

  std::int64_t size() const { return static_cast<std::int64_t>(indices_.size()); }
  std::int32_t index(std::int64_t position) const {
    return indices_[static_cast<std::size_t>(position)];
  }
  /// Position of each of so many items of the model, -1 for those that are no candidates.
  std::vector<std::int32_t> positions(std::int64_t items) const;

 private:
  std::vector<std::int32_t> indices_;
};

/// The factors of candidates side by side: for many users, as making them reads them all. Keeps a
/// reference to the model, and copies unless every item is a candidate.
class CandidateFactors {
 public:
  CandidateFactors(const Model& model, const CandidateItems& candidates);

  /// [candidates, rank] row-major.
  const float* factors() const { return factors_; }
  /// [candidates]
  const float* biases() const { return biases_; }
  /// Largest Euclidean norm of a candidate's factors, and largest |bias|.
  double largest_norm() const { return largest_norm_; }
  double largest_bias() const { return largest_bias_; }

 private:
  std::vector<float> copied_factors_;
  std::vector<float> copied_biases_;
  const float* factors_ = nullptr;
  const float* biases_ = nullptr;
  double largest_norm_ = 0;
  double largest_bias_ = 0;
};

namespace cpu {
class ItemPanels;
}

/// Finds best items on the CPU. Packs the candidates once for all questions, and keeps references
/// to them and to the model.
class TopItemsFinder {
 public:
  /// Throws std::invalid_argument where the instruction set is not available.
  TopItemsFinder(const Model& model, const CandidateItems& candidates, Isa isa = best_isa());
  ~TopItemsFinder();

  /// The best `count` candidates of each user by Σ in double of the score, best first; fewer where
  /// fewer are left. users: indices, -1 for an unknown user. seen: as for Scorer::recommend. Scores
  /// that are not finite are never returned. Neither threads, tiles nor the instruction set change
  /// the result.
  std::vector<std::vector<RankedItem>> find(std::span<const std::int32_t> users, std::int32_t count,
                                            const CompressedMatrix* seen) const;

 private:
  const Model& model_;
  const CandidateItems& candidates_;
  Isa isa_;
  CandidateFactors factors_;
  std::vector<std::int32_t> positions_;  // of each item of the model; -1: no candidate
  std::unique_ptr<const cpu::ItemPanels> panels_;
};

/// The same for one user, without packing anything, by all threads: as long as users are few, less
/// work than packing for them. seen: ascending items to leave out.
std::vector<RankedItem> top_items_of(const Model& model, const CandidateItems& candidates,
                                     std::int32_t user, std::int32_t count,
                                     std::span<const std::int32_t> seen);

/// As many users as a TopItemsFinder takes longer to pack for than top_items_of to answer.
inline constexpr std::size_t few_users = 4;

/// The same for one question.
std::vector<std::vector<RankedItem>> top_items(const Model& model, const CandidateItems& candidates,
                                               std::span<const std::int32_t> users,
                                               std::int32_t count, const CompressedMatrix* seen);

}  // namespace alsatian
