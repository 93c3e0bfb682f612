// Errors for inputs that are not there, with what is there instead.
// Most missing files are misspelt ones.
#pragma once

#include <string>

namespace alsatian {

/// Throws Error 66, 77 or 74 by the system's error number for a path that could not be opened.
[[noreturn]] void throw_cannot_open(const std::string& path, int error);

/// Throws Error 77 or 74 where the files of a folder cannot be listed or opened.
void check_folder_readable(const std::string& folder);

/// Names of files in `folder`, a few of them, as part of a help text; "" where there are none.
std::string some_files_of(const std::string& folder);

}  // namespace alsatian
