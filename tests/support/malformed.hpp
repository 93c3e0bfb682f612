// The files of data/malformed and the error that each has to give, for tests of the reader alone
// and of the program around it. manifest.tsv is the one place where they are listed.
#pragma once

#include "tests/support/temporary_folder.hpp"

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace alsatian::testing {

/// A line of data/malformed/manifest.tsv.
struct Malformed {
  std::string file;
  std::string options;  // in the words of the command line
  std::string code;
  std::string place;  // behind the path
  std::string message;
  std::string help;
};

inline std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    parts.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

inline std::filesystem::path malformed_folder() {
  return std::filesystem::path(ALSATIAN_SOURCE_DIR) / "data" / "malformed";
}

inline std::vector<Malformed> malformed_files() {
  std::vector<Malformed> entries;
  const std::string manifest = read_bytes((malformed_folder() / "manifest.tsv").string());
  for (const std::string& line : split(manifest, '\n')) {
    const std::vector<std::string> parts = split(line, '\t');
    if (parts.size() != 6 || parts[0] == "file") continue;
    entries.push_back({parts[0], parts[1], parts[2], parts[3], parts[4], parts[5]});
  }
  return entries;
}

/// A file's name as the name of a test.
inline std::string name_of(const Malformed& entry) {
  std::string name = entry.file;
  std::ranges::replace(name, '.', '_');
  return name;
}

}  // namespace alsatian::testing
