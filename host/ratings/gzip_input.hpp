// Unpacks gzip in memory, every concatenated member of it, with checksums.
// Recognised by its first bytes, whatever the file is called.
#pragma once

#include "host/ratings/mapped_bytes.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace alsatian {

bool is_gzip(std::string_view bytes);

/// The unpacked bytes. Throws Error 65 naming place and the byte where the input is truncated,
/// damaged, followed by something else, or expands too far (expansion_limit.hpp).
GrowingBytes unpack_gzip(std::string_view packed, std::int64_t max_bytes, const std::string& place);

}  // namespace alsatian
