// Best items of some users by float scores: panels of items that all threads share, and the
// selections of one thread. What float cannot decide is left in, for the caller to rank.
#pragma once

#include "kernels/cpu/aligned.hpp"
#include "kernels/cpu/kernel_table.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace alsatian::cpu {

/// Items packed into panels, once for any number of users: those first that can score most, so that
/// thresholds rise soon and what is left can be given up.
class ItemPanels {
 public:
  /// items: factors [rows, stride] and biases. user_norm: a usual norm of a user's factors; it
  /// decides the order of the items and no result. Throws std::length_error where there are more
  /// items than 32 bits can number.
  ItemPanels(SideView<const float> items, double user_norm);

  std::int64_t count() const { return static_cast<std::int64_t>(biases_.size()) / panel_items; }
  std::int32_t rank() const { return rank_; }
  ItemPanel panel(std::int64_t index) const;
  /// The item at a position of the panels, and the position of an item.
  std::int32_t item(std::int32_t position) const {
    return items_[static_cast<std::size_t>(position)];
  }
  std::int32_t position(std::int32_t item) const {
    return positions_[static_cast<std::size_t>(item)];
  }
  /// At least c_i + ‖p‖‖q_i‖ of every item from a panel on, for a user of such a norm.
  double largest_from(std::int64_t panel, double user_norm) const {
    const Bound& bound = bounds_[static_cast<std::size_t>(panel)];
    return bound.bias + user_norm * bound.norm;
  }

 private:
  struct Bound {
    double norm;
    double bias;
  };

  void set_order(SideView<const float> items, double user_norm);
  void set_bounds(std::span<const double> norms, SideView<const float> items);

  std::int32_t rank_ = 0;
  std::vector<std::int32_t> items_;      // by position
  std::vector<std::int32_t> positions_;  // by item
  std::vector<Bound> bounds_;            // of each panel and all behind it
  AlignedFloats factors_;
  AlignedFloats biases_;
};

/// What is asked for one user.
struct TopUser {
  const float* factors = nullptr;  // [rank]; nullptr: zeros
  double norm = 0;                 // of the factors
  /// How far a float score c_i + ⟨p_u, q_i⟩ may be from the true one; not a number: nothing is
  /// kept.
  double error = 0;
  std::span<const std::int32_t> seen;  // items to leave out
};

/// Scratch of one thread: selects for some users at a time.
class TopSelector {
 public:
  TopSelector(const KernelTable& kernels, const ItemPanels& panels, std::int64_t count);

  /// Keeps for each user all items that may be among the best `count` of those not seen. Work at
  /// most users·items·rank.
  void select(std::span<const TopUser> users);
  /// Positions of what was kept for a user of the last call, in any order: of `count` items where
  /// there are as many, and of those too close to call.
  std::span<const std::int32_t> kept(std::size_t user) const;

 private:
  /// Where a selection's items are, with room for one panel more than its limit.
  struct Room {
    std::vector<float> scores;
    std::vector<std::int32_t> positions;
  };

  void start(std::span<const TopUser> users);
  void set_factors(std::size_t place, const TopUser& user);
  void mark_seen(std::size_t place, std::span<const std::int32_t> items);
  void make_room(std::size_t place, std::int64_t limit);
  void thin(std::size_t place);
  void drop_finished_groups(std::span<const TopUser> users, std::int64_t panel);

  const KernelTable& kernels_;
  const ItemPanels& panels_;
  std::int64_t count_;
  AlignedFloats factors_;  // as TopTask wants them
  std::vector<TopSelection> selections_;
  std::vector<Room> rooms_;
  std::vector<std::int32_t> groups_;  // those that are not finished
  std::vector<std::uint64_t> seen_;   // [places of users, panels]: a bit for each item
};

}  // namespace alsatian::cpu
