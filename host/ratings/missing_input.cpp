// Finds similar names by edit distance.
// Folders with very many files are looked at in part only.
#include "host/ratings/missing_input.hpp"

#include "host/error.hpp"
#include "host/ratings/input_source.hpp"
#include "host/ratings/name_list.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <fcntl.h>
#include <filesystem>
#include <numeric>
#include <string_view>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

namespace alsatian {
namespace {

constexpr std::size_t most_files = 10000;
constexpr std::size_t longest_compared = 100;

/// The smallest number of letters inserted, removed or replaced to turn one text into the other.
std::size_t edit_distance(std::string_view left, std::string_view right) {
  left = left.substr(0, longest_compared);
  right = right.substr(0, longest_compared);
  std::vector<std::size_t> row(right.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= left.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= right.size(); ++j) {
      const std::size_t replaced = diagonal + (left[i - 1] == right[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
    }
  }
  return row[right.size()];
}

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator entry(folder, error);
  for (; !error && entry != std::filesystem::directory_iterator() && names.size() < most_files;
       entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  std::ranges::sort(names);
  return names;
}

/// Those that people put there: hidden ones are no ratings.
std::vector<std::string> shown_names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names = names_in(folder);
  std::erase_if(names, [](const std::string& name) { return name.starts_with('.'); });
  return names;
}

/// FOLDER/NAME of a folder beside it that has a file of that name, "" for none.
std::string one_folder_down(const std::filesystem::path& path,
                            const std::filesystem::path& parent) {
  for (const std::string& folder : shown_names_in(parent)) {
    const std::filesystem::path candidate =
        (path.has_parent_path() ? parent : std::filesystem::path()) / folder / path.filename();
    std::error_code error;
    if (std::filesystem::exists(candidate, error)) return candidate.string();
  }
  return "";
}

bool is_movielens(const std::string& name) {
  constexpr std::array names{"ml-100k", "ml-latest-small", "ml-1m", "ml-10m",
                             "ml-20m",  "ml-25m",          "ml-32m"};
  return std::ranges::find(names, name) != names.end();
}

/// The system's error number where a folder cannot be listed or searched, else 0.
int error_of_listing(const std::filesystem::path& folder) {
  return ::faccessat(AT_FDCWD, folder.c_str(), R_OK | X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

std::vector<std::string> similar_names(const std::string& name,
                                       const std::filesystem::path& folder) {
  std::vector<std::pair<std::size_t, std::string>> found;
  const std::size_t farthest = std::max<std::size_t>(2, name.size() / 3);
  for (std::string& other : names_in(folder)) {
    const std::size_t distance = edit_distance(name, other);
    if (distance <= farthest) found.emplace_back(distance, std::move(other));
  }
  std::ranges::sort(found);
  std::vector<std::string> names;
  for (auto& [distance, other] : found) {
    if (names.size() < 3) names.push_back(std::move(other));
  }
  return names;
}

std::string help_for_missing(const std::filesystem::path& path) {
  const std::filesystem::path parent = path.has_parent_path() ? path.parent_path() : ".";
  std::error_code error;
  if (!std::filesystem::is_directory(parent, error)) {
    return fmt::format("there is no folder {} either; check the path", quoted(parent.string()));
  }
  const auto similar = similar_names(path.filename().string(), parent);
  if (!similar.empty()) return fmt::format("did you mean {}?", listed(similar));
  const std::string below = one_folder_down(path, parent);
  if (!below.empty()) return fmt::format("did you mean {}?", printable(below));
  const std::string name = path.filename().string();
  if (is_movielens(name)) {
    return fmt::format(
        "check the path; data/fetch {} of alsatian's sources downloads it to data/{}", name, name);
  }
  if (error_of_listing(parent) != 0) return "check the path; its folder may not be listed";
  const std::string files = some_files_of(parent.string());
  return files.empty() ? "check the path; its folder is empty"
                       : "check the path; there is " + files;
}

}  // namespace

void check_folder_readable(const std::string& folder) {
  const int error = error_of_listing(folder);
  if (error == 0) return;
  const bool denied = error == EACCES || error == EPERM;
  throw Error(denied ? ExitCode::no_permission : ExitCode::input_output, printable(folder),
              fmt::format("is a folder that may not be read ({})",
                          denied ? "permission denied" : std::generic_category().message(error)),
              denied ? "change its permissions (chmod +rx), or run as a user who may read it"
                     : "try again, or copy its files to a local disk");
}

std::string some_files_of(const std::string& folder) { return listed(shown_names_in(folder)); }

void throw_cannot_open(const std::string& path, int error) {
  const std::string place = printable(input_name(path));
  const std::string reason = std::generic_category().message(error);
  switch (error) {
    case ENOENT:
      throw Error(ExitCode::missing_input, place, "no such file", help_for_missing(path));
    case EACCES:
    case EPERM:
      throw Error(ExitCode::no_permission, place, "may not be read (permission denied)",
                  "change its permissions (chmod +r), or run as a user who may read it");
    case ENOTDIR:
    case ELOOP:
    case ENAMETOOLONG:
    case ENXIO:
    case ENODEV:
      throw Error(ExitCode::missing_input, place, fmt::format("cannot be opened ({})", reason),
                  "check the path");
    default:
      throw Error(ExitCode::input_output, place, fmt::format("cannot be opened ({})", reason),
                  "try again, or copy the file to a local disk");
  }
}

}  // namespace alsatian
