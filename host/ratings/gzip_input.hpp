// Unpacks gzip in memory, every concatenated member of it, with checksums.
// Recognised by its first bytes, whatever the file is called.
#pragma once

#include "host/ratings/input_limits.hpp"
#include "host/ratings/mapped_bytes.hpp"

#include <string>
#include <string_view>

namespace alsatian {

bool is_gzip(std::string_view bytes);

/// The unpacked bytes, checked by `limit` as they come. Throws Error 65 naming place and the byte
/// where the input is truncated, damaged or followed by something else, and what the limit throws.
GrowingBytes unpack_gzip(std::string_view packed, ExpansionLimit limit, const std::string& place);

}  // namespace alsatian
