// Heat maps as SVG: Chart.js draws none.
// Colors come from the page's style, so that light, dark and paper need no second picture.
#pragma once

#include <string>
#include <vector>

namespace alsatian {

/// shares [rows][columns] in [0, 1], the first row at the top; 0 is left empty. label: what the
/// picture shows, for those who do not see it.
std::string heat_map_svg(const std::vector<std::vector<double>>& shares, const std::string& label);

}  // namespace alsatian
