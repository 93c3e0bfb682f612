// The rules that the project's own sources keep, as functions over a file's text.
// Apart from the test over the real tree, so that planted violations can be shown to be found.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace alsatian::testing {

/// A source file by its path from the root of the project, such as "host/train/trainer.cpp".
struct SourceFile {
  std::string path;
  std::string text;
};

/// All C++ and CUDA sources below kernels/, host/ and cli/ of the project, sorted by path.
std::vector<SourceFile> project_sources(std::string_view root);

/// The same below any folders, such as "tests".
std::vector<SourceFile> sources_below(std::string_view root, std::span<const char* const> folders);

/// The text with comments and the contents of string and character literals blanked; lines stay.
std::string code_only(std::string_view text);

/// Each function returns its violations as "path:line: what"; an empty list means a clean file.

/// A file includes only its own layer and those below; Eigen and CLI11 stay in theirs.
std::vector<std::string> include_violations(const SourceFile& file);
/// Conditional compilation on CUDA occurs in the two headers made for it.
std::vector<std::string> conditional_violations(const SourceFile& file);
/// Only cli/main.cpp ends the process, and the signal handlers in cli/process.cpp.
std::vector<std::string> exit_violations(const SourceFile& file);
/// Memory has an owner: no new, delete, malloc or free; operator new is an allocator's.
std::vector<std::string> ownership_violations(const SourceFile& file);
/// Numbers are read without the locale: no strtod, atof, std::stod, sscanf and their kin.
std::vector<std::string> locale_violations(const SourceFile& file);
/// A file begins with two lines of comment or more: what it is, why it is so or what it is not.
std::vector<std::string> heading_violations(const SourceFile& file);

}  // namespace alsatian::testing
