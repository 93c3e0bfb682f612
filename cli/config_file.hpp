// Config files: one `name = value` a line, in the part that TOML and INI share.
// Read by hand, because every error must name its line.
#pragma once

#include <string>
#include <vector>

namespace alsatian {

/// One line that sets something.
struct ConfigEntry {
  std::string name;
  std::vector<std::string> values;  // several where they stand in [brackets]
  int line = 0;                     // from 1
};

/// The entries in the order of the file. Values are "strings" with escapes, 'strings' without,
/// [lists] of either, or plain words to the end of the line; a # behind a blank begins a comment,
/// and so do # and ; at the start of a line. Throws Error 66 where there is no file, 77 where it
/// may not be read, 74 where reading fails, and 64 with FILE:LINE for what is none of this.
std::vector<ConfigEntry> read_config_file(const std::string& path);

/// FILE:LINE.
std::string config_place(const std::string& path, int line);

}  // namespace alsatian
