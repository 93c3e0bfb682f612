// Lists of names as they stand in messages.
// Short however many names there are.
#pragma once

#include "host/error.hpp"

#include <cstddef>
#include <ranges>
#include <string>
#include <string_view>

namespace alsatian {

/// The first five names as `show` has them, separated by commas; how many there are in all where
/// there are more.
template <std::ranges::sized_range Names, typename Show>
std::string listed(const Names& names, const Show& show) {
  constexpr std::size_t most = 5;
  std::string text;
  std::size_t index = 0;
  for (const std::string_view name : names) {
    if (index == most) break;
    if (index++ > 0) text += ", ";
    text += show(name);
  }
  const std::size_t count = std::ranges::size(names);
  return count > most ? text + ", ... (" + std::to_string(count) + " in all)" : text;
}

/// The same with control characters escaped.
template <std::ranges::sized_range Names>
std::string listed(const Names& names) {
  return listed(names, printable);
}

}  // namespace alsatian
