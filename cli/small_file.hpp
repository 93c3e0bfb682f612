// Small text files that options name: config files and lists of ids, read whole.
// Their errors name the option, so that the remedy is at hand.
#pragma once

#include "host/error.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace alsatian {

/// A kind of small file.
struct SmallFile {
  std::string_view option;     // that names it: "--config"
  std::string_view kind;       // "a config file"
  std::size_t largest_mib;     // its bytes
  ExitCode code_of_too_long;   // where it has more
  std::string_view one_entry;  // remedy then: "write one `name = value` a line"
};

/// The text of a file or pipe, without a byte order mark. Throws Error 66 where there is none or
/// the path is a folder or a device, 77 where it may not be read, 74 where reading fails, and the
/// kind's own where it is too long.
std::string read_small_file(const std::string& path, const SmallFile& file);

/// Takes the first line off `rest`, and returns it without its ending and the blanks around it.
std::string_view take_line(std::string_view& rest);

}  // namespace alsatian
