// Recognises what is no text of ratings by its first bytes, so that the error says what it is.
// Each kind comes with the command that turns it into something the reader takes.
#pragma once

#include <string>
#include <string_view>

namespace alsatian {

/// Throws Error 65 naming place where the bytes are empty, UTF-16 or UTF-32, a spreadsheet,
/// Parquet, PDF, HTML, JSON, packed by something else than gzip or zip, a model, or no text.
void refuse_other_kinds(std::string_view bytes, const std::string& place);

/// Whether all bytes are UTF-8, without overlong forms and surrogates.
bool is_utf8(std::string_view bytes);

}  // namespace alsatian
