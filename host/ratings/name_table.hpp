// Distinct names with their indices, in order of first appearance.
// One per chunk while parsing, merged in the order of chunks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace alsatian {

/// A hash table by open addressing. Names are views that must outlive it.
class NameTable {
 public:
  /// Index of the name, or -1.
  std::int64_t find(std::string_view name) const {
    if (slots_.empty()) return -1;
    return slots_[slot_of(name, hash_of(name))].index;
  }

  /// Index of the name, added where it is new.
  std::int64_t add(std::string_view name) {
    if (2 * (names_.size() + 1) > slots_.size()) grow();
    const std::size_t hash = hash_of(name);
    Slot& slot = slots_[slot_of(name, hash)];
    if (slot.index < 0) {
      slot = {hash, size()};
      names_.push_back(name);
    }
    return slot.index;
  }

  /// The same for a name that does not outlive the table: a copy is kept.
  std::int64_t add_copy(std::string name) { return add(copies_.emplace_back(std::move(name))); }

  std::int64_t size() const { return static_cast<std::int64_t>(names_.size()); }
  std::string_view operator[](std::int64_t index) const {
    return names_[static_cast<std::size_t>(index)];
  }

 private:
  struct Slot {
    std::size_t hash = 0;  // kept so that other names are passed over without looking at them
    std::int64_t index = -1;
  };

  static std::size_t hash_of(std::string_view name) { return std::hash<std::string_view>{}(name); }

  /// The slot of the name, or the free one where it belongs.
  std::size_t slot_of(std::string_view name, std::size_t hash) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = hash & mask;
    while (slots_[at].index >= 0 &&
           !(slots_[at].hash == hash && (*this)[slots_[at].index] == name)) {
      at = (at + 1) & mask;
    }
    return at;
  }

  void grow() {
    const std::vector<Slot> old =
        std::exchange(slots_, std::vector<Slot>(slots_.empty() ? 1024 : 4 * slots_.size()));
    const std::size_t mask = slots_.size() - 1;
    for (const Slot& slot : old) {
      if (slot.index < 0) continue;
      std::size_t at = slot.hash & mask;
      while (slots_[at].index >= 0) at = (at + 1) & mask;
      slots_[at] = slot;
    }
  }

  std::vector<Slot> slots_;  // as many as a power of two
  std::vector<std::string_view> names_;
  std::deque<std::string> copies_;
};

}  // namespace alsatian
