// Stops unpacking where the output is out of proportion to the input.
// Real ratings pack 4 to 8 times; a bomb packs a thousand times.
#include "host/ratings/expansion_limit.hpp"

#include "host/error.hpp"

#include <fmt/format.h>

#include <utility>

namespace alsatian {
namespace {

constexpr std::int64_t largest_ratio = 200;
constexpr std::int64_t always_allowed = std::int64_t{64} << 20;

}  // namespace

ExpansionLimit::ExpansionLimit(std::int64_t packed, std::int64_t largest, std::string place)
    : packed_(packed), largest_(largest), place_(std::move(place)) {}

void ExpansionLimit::check(std::size_t unpacked) const {
  const auto bytes = static_cast<std::int64_t>(unpacked);
  if (bytes > largest_) {
    throw Error(ExitCode::bad_data, place_,
                fmt::format("expands to more than the {} bytes of --max-input", largest_),
                "raise --max-input if the file is meant to be that large");
  }
  if (bytes > always_allowed && bytes / largest_ratio > packed_) {
    throw Error(ExitCode::bad_data, place_,
                fmt::format("expands more than {}x, from {} bytes to over {}", largest_ratio,
                            packed_, bytes),
                "unpack it on disk and pass the plain file if you trust it");
  }
}

}  // namespace alsatian
