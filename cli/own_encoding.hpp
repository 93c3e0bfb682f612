// Refuses files of own ratings that are in another encoding than UTF-8, or packed.
// Spreadsheets save what their system has: each encoding comes with the command that converts it.
#pragma once

#include <string>
#include <string_view>

namespace alsatian {

/// Throws Error 65 for what is no UTF-8, whose titles would be found in no title: UTF-16 and
/// UTF-32, the former also without a byte order mark, Windows-1252 and Latin-1, all with how they
/// are converted; what has bytes of 0 otherwise; and what gzip or zip packed. place: the file.
void refuse_other_encodings(std::string_view text, const std::string& place);

}  // namespace alsatian
