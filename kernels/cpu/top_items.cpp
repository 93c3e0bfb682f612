// Packs items and users for the kernels of a tile, and goes over the panels for some users.
// A panel stays in the first-level cache while all users pass by; the users stay in the second.
#include "kernels/cpu/top_items.hpp"

#include "kernels/cpu/chunked_sum.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/math/score.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

namespace alsatian::cpu {
namespace {

/// Panels after which it is looked at which users can be given up.
constexpr std::int64_t panels_between_looks = 4;
static_assert(panel_items <= 64, "a word marks the items of a panel");

std::int64_t whole(std::int64_t size, std::int64_t part) { return (size + part - 1) / part * part; }

std::vector<double> norms_of(SideView<const float> rows) {
  std::vector<double> norms(static_cast<std::size_t>(rows.rows));
  for_each_chunk(rows.rows, [&](std::int64_t, std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row) {
      norms[static_cast<std::size_t>(row)] =
          std::sqrt(dot<double>(rows.row(row), rows.row(row), rows.rank));
    }
  });
  return norms;
}

}  // namespace

ItemPanels::ItemPanels(SideView<const float> items, double user_norm) : rank_(items.rank) {
  if (items.rows > std::numeric_limits<std::int32_t>::max() - panel_items) {
    throw std::length_error("more items than 32 bits can number");
  }
  set_order(items, user_norm);
  const std::int64_t places = whole(items.rows, panel_items);
  factors_.resize(static_cast<std::size_t>(places * rank_));
  biases_.assign(static_cast<std::size_t>(places), std::numeric_limits<float>::quiet_NaN());
  constexpr std::int64_t grain = 16;
  parallel_for(
      count(),
      [&](std::int64_t index) {
        const std::int64_t first = index * panel_items;
        const std::int64_t size = std::min<std::int64_t>(panel_items, items.rows - first);
        float* target = factors_.data() + first * rank_;
        for (std::int64_t i = 0; i < size; ++i) {
          const std::int64_t item = items_[static_cast<std::size_t>(first + i)];
          const float* source = items.row(item);
          for (std::int32_t j = 0; j < rank_; ++j) target[j * panel_items + i] = source[j];
          biases_[static_cast<std::size_t>(first + i)] = items.biases[item];
        }
      },
      grain);
}

void ItemPanels::set_order(SideView<const float> items, double user_norm) {
  const std::vector<double> norms = norms_of(items);
  std::vector<double> most(norms.size());
  for (std::size_t item = 0; item < most.size(); ++item) {
    most[item] = static_cast<double>(items.biases[item]) + user_norm * norms[item];
    // What is not a number has no place in an order.
    if (std::isnan(most[item])) most[item] = std::numeric_limits<double>::infinity();
  }
  items_.resize(norms.size());
  std::iota(items_.begin(), items_.end(), 0);
  std::sort(items_.begin(), items_.end(), [&](std::int32_t left, std::int32_t right) {
    const double first = most[static_cast<std::size_t>(left)];
    const double second = most[static_cast<std::size_t>(right)];
    return first != second ? first > second : left < right;
  });
  positions_.resize(norms.size());
  for (std::size_t position = 0; position < items_.size(); ++position) {
    positions_[static_cast<std::size_t>(items_[position])] = static_cast<std::int32_t>(position);
  }
  set_bounds(norms, items);
}

void ItemPanels::set_bounds(std::span<const double> norms, SideView<const float> items) {
  Bound bound{0, -std::numeric_limits<double>::infinity()};
  bounds_.resize(static_cast<std::size_t>(whole(items.rows, panel_items) / panel_items));
  for (std::size_t position = items_.size(); position-- > 0;) {
    const auto item = static_cast<std::size_t>(items_[position]);
    bound.norm = std::max(bound.norm, norms[item]);
    bound.bias = std::max(bound.bias, static_cast<double>(items.biases[item]));
    bounds_[position / panel_items] = bound;
  }
}

ItemPanel ItemPanels::panel(std::int64_t index) const {
  const std::int64_t first = index * panel_items;
  return {factors_.data() + first * rank_, biases_.data() + first,
          static_cast<std::int32_t>(first)};
}

TopSelector::TopSelector(const KernelTable& kernels, const ItemPanels& panels, std::int64_t count)
    : kernels_(kernels), panels_(panels), count_(count) {}

void TopSelector::make_room(std::size_t place, std::int64_t limit) {
  const auto size = static_cast<std::size_t>(limit + panel_items + padding);
  Room& room = rooms_[place];
  if (room.scores.size() < size) {
    room.scores.resize(size);
    room.positions.resize(size);
  }
  TopSelection& selection = selections_[place];
  selection.scores = room.scores.data();
  selection.positions = room.positions.data();
  selection.limit = limit;
}

void TopSelector::thin(std::size_t place) {
  TopSelection& selection = selections_[place];
  kernels_.thin_selection(selection, count_);
  // Many near ties: let the list grow, or every further item would have it thinned in vain.
  if (2 * selection.kept > selection.limit) make_room(place, 2 * selection.kept);
}

void TopSelector::set_factors(std::size_t place, const TopUser& user) {
  if (user.factors == nullptr) return;
  const auto group = static_cast<std::int64_t>(place / group_users);
  float* target = factors_.data() + group * group_users * panels_.rank() + place % group_users;
  for (std::int32_t j = 0; j < panels_.rank(); ++j) target[j * group_users] = user.factors[j];
}

void TopSelector::mark_seen(std::size_t place, std::span<const std::int32_t> items) {
  std::uint64_t* words = seen_.data() + static_cast<std::int64_t>(place) * panels_.count();
  for (const std::int32_t item : items) {
    const std::int32_t position = panels_.position(item);
    words[position / panel_items] |= std::uint64_t{1} << (position % panel_items);
  }
}

void TopSelector::start(std::span<const TopUser> users) {
  const std::int64_t places = whole(std::ssize(users), group_users);
  factors_.assign(static_cast<std::size_t>(places * panels_.rank()), 0.0F);
  selections_.assign(static_cast<std::size_t>(places), {});
  rooms_.resize(std::max(rooms_.size(), selections_.size()));
  seen_.assign(static_cast<std::size_t>(places * panels_.count()), 0);
  groups_.resize(static_cast<std::size_t>(places / group_users));
  std::iota(groups_.begin(), groups_.end(), 0);
  for (std::size_t place = 0; place < selections_.size(); ++place) {
    constexpr std::int64_t spare = 64;
    make_room(place, 2 * count_ + spare);
    TopSelection& selection = selections_[place];
    // Nothing reaches what is not a number.
    selection.threshold = std::numeric_limits<float>::quiet_NaN();
    if (place >= users.size() || std::isnan(users[place].error)) continue;
    selection.threshold = -std::numeric_limits<float>::infinity();
    selection.slack = 2 * users[place].error;
    set_factors(place, users[place]);
    mark_seen(place, users[place].seen);
  }
}

/// Gives up the groups of whose users none can find anything in this panel or behind it.
void TopSelector::drop_finished_groups(std::span<const TopUser> users, std::int64_t panel) {
  std::erase_if(groups_, [&](std::int32_t group) {
    const auto first = static_cast<std::size_t>(group) * group_users;
    const std::size_t end = std::min(first + group_users, users.size());
    for (std::size_t user = first; user < end; ++user) {
      const double most = panels_.largest_from(panel, users[user].norm) + users[user].error;
      if (most >= static_cast<double>(selections_[user].threshold)) return false;
    }
    return true;
  });
}

void TopSelector::select(std::span<const TopUser> users) {
  start(users);
  for (std::int64_t panel = 0; panel < panels_.count(); ++panel) {
    if (panel % panels_between_looks == 0) drop_finished_groups(users, panel);
    const TopTask task{factors_.data(), selections_.data(), groups_, panels_.rank()};
    if (!kernels_.score_panel(task, panels_.panel(panel), seen_.data() + panel, panels_.count())) {
      continue;
    }
    for (std::size_t user = 0; user < users.size(); ++user) {
      if (selections_[user].kept >= selections_[user].limit) thin(user);
    }
  }
  for (std::size_t user = 0; user < users.size(); ++user) {
    if (selections_[user].kept > count_) kernels_.thin_selection(selections_[user], count_);
  }
}

std::span<const std::int32_t> TopSelector::kept(std::size_t user) const {
  const TopSelection& selection = selections_[user];
  return {selection.positions, static_cast<std::size_t>(selection.kept)};
}

}  // namespace alsatian::cpu
