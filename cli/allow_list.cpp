// Implements allow_list.hpp.
// Unknown ids are counted, not refused: a list may serve models of several samples of the data.
#include "cli/allow_list.hpp"

#include "cli/small_file.hpp"
#include "host/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace alsatian {
namespace {

constexpr SmallFile list_of_ids{.option = "--items",
                                .kind = "a list of ids",
                                .largest_mib = 256,
                                .code_of_too_long = ExitCode::bad_data,
                                .one_entry = "write one item id a line, as in the ratings"};

}  // namespace

std::vector<std::int32_t> read_allow_list(const std::string& path, const IdIndex& items,
                                          const Log& log) {
  const std::string text = read_small_file(path, list_of_ids);
  std::vector<std::int32_t> allowed;
  std::int64_t ids = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view id = take_line(rest);
    if (id.empty() || id.front() == '#') continue;
    ++ids;
    if (const auto item = items.find(id)) allowed.push_back(*item);
  }
  if (ids == 0) {
    throw Error(ExitCode::bad_data, printable(path), "has no ids",
                "write one item id a line, or leave out --items to recommend from all items");
  }
  const std::int64_t unknown = ids - static_cast<std::int64_t>(allowed.size());
  if (allowed.empty()) {
    throw Error(ExitCode::bad_data, printable(path),
                fmt::format("no id of {} is in the model", quoted(path)),
                std::string(list_of_ids.one_entry));
  }
  if (unknown > 0) {
    log.field("note",
              fmt::format("{} of {} not in the model", counted(unknown, "id"), printable(path)));
  }
  std::sort(allowed.begin(), allowed.end());
  allowed.erase(std::unique(allowed.begin(), allowed.end()), allowed.end());
  return allowed;
}

}  // namespace alsatian
