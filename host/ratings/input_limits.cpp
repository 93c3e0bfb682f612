// Stops unpacking where the output is nothing to read, too much to hold, or out of proportion.
// Real ratings pack 4 to 8 times; a bomb packs a thousand times.
#include "host/ratings/input_limits.hpp"

#include "host/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace alsatian {
namespace {

constexpr std::int64_t largest_ratio = 200;
constexpr std::int64_t always_allowed = std::int64_t{64} << 20;
/// The layout is decided on the first MiB of whole lines: twice that holds it for certain.
constexpr std::size_t judged_bytes = std::size_t{2} << 20;

}  // namespace

HeldInput::HeldInput(const InputLimits& limits, std::string place, std::int64_t held_bytes)
    : largest_(std::max<std::int64_t>(0, limits.free_bytes - held_bytes) / 2),
      judge_(limits.judge),
      place_(std::move(place)) {}

void HeldInput::check(std::string_view text) {
  if (static_cast<std::int64_t>(text.size()) > largest_) {
    throw Error(ExitCode::out_of_memory, place_,
                fmt::format("takes more than {} bytes of memory, half of what is free", largest_),
                "pass it as a plain file, which takes none, or free memory");
  }
  if (judge_ && text.size() >= judged_bytes) std::exchange(judge_, nullptr)(text, place_);
}

ExpansionLimit::ExpansionLimit(std::int64_t packed_bytes, std::int64_t held_bytes,
                               const InputLimits& limits, const std::string& place)
    : packed_(packed_bytes),
      largest_(limits.max_bytes),
      place_(place),
      held_(limits, place, held_bytes) {}

void ExpansionLimit::check(std::string_view text) {
  const auto bytes = static_cast<std::int64_t>(text.size());
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
  held_.check(text);
}

}  // namespace alsatian
