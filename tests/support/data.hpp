// Finds the real rating data that tests use where it is present.
// The data is never part of the project; a test that misses it skips and says so.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string_view>

namespace alsatian::testing {

/// The file or folder `name` below $ALSATIAN_DATA, data/ of the checkout, or shared/data beside it.
inline std::optional<std::filesystem::path> find_data(std::string_view name) {
  const std::filesystem::path source = ALSATIAN_SOURCE_DIR;
  const char* variable = std::getenv("ALSATIAN_DATA");
  for (const std::filesystem::path& folder :
       {std::filesystem::path(variable != nullptr ? variable : ""), source / "data",
        source / ".." / "shared" / "data"}) {
    if (!folder.empty() && std::filesystem::exists(folder / name)) return folder / name;
  }
  return std::nullopt;
}

}  // namespace alsatian::testing

#define ALSATIAN_REQUIRE_DATA(variable, name)                                     \
  const auto variable = ::alsatian::testing::find_data(name);                     \
  if (!variable) {                                                                \
    GTEST_SKIP() << name << " is not in $ALSATIAN_DATA, data/ or ../shared/data"; \
  }
