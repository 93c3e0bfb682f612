// Guesses what a file is that was given as a model and is none.
// Swapped arguments and models of other programs are the usual reasons.
#pragma once

#include <string>
#include <string_view>

namespace alsatian {

struct ForeignFile {
  std::string what;  // "a zip archive (npz, PyTorch)"; empty where nothing is recognised
  std::string help;
};

/// From the first bytes of a file; more than 4 kB make no difference.
ForeignFile guess_foreign_file(std::string_view first_bytes);

}  // namespace alsatian
