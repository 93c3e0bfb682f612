// Texts that the build puts into the program: Chart.js, its license, and our own script and style.
// Chart.js is the system's, read at build time; no copy of it is kept with the sources.
#pragma once

#include <string_view>

namespace alsatian {

/// "" where the build found no Chart.js.
std::string_view chart_library();
std::string_view chart_license();
std::string_view page_script();
std::string_view page_style();

}  // namespace alsatian
