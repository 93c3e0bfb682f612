// How values, paths and ids look in messages.
// What a file or a person wrote must never move the cursor or colour the terminal.
#include "host/error.hpp"

#include <fmt/format.h>

#include <cstddef>
#include <iterator>

namespace alsatian {
namespace {

constexpr std::size_t longest_shown = 60;  // characters

/// Bytes of the well-formed UTF-8 sequence at the start of text; 0 if there is none.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t index) { return static_cast<unsigned char>(text[index]); };
  const unsigned char lead = byte(0);
  const std::size_t length = lead < 0x80                    ? 1
                             : lead >= 0xC2 && lead <= 0xDF ? 2
                             : lead >= 0xE0 && lead <= 0xEF ? 3
                             : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                            : 0;
  if (length == 0 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  if (length < 3) return length;
  // Overlong forms, surrogates and values beyond U+10FFFF differ in the second byte.
  const unsigned char second = byte(1);
  const bool malformed = (lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
                         (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F);
  return malformed ? 0 : length;
}

/// One character of text, escaped where it is a control character (U+0080 to U+009F too), no
/// UTF-8, or one of `special`; removes it from text.
std::string take_character(std::string_view& text, std::string_view special) {
  const std::size_t length = sequence_length(text);
  const auto lead = static_cast<unsigned char>(text[0]);
  const bool control =
      lead < 0x20 || lead == 0x7F || (lead == 0xC2 && static_cast<unsigned char>(text[1]) < 0xA0);
  std::string shown;
  if (length == 0) {
    shown = fmt::format("\\x{:02x}", lead);
  } else if (lead == '\n') {
    shown = "\\n";
  } else if (lead == '\t') {
    shown = "\\t";
  } else if (lead == '\r') {
    shown = "\\r";
  } else if (control) {
    for (const char byte : text.substr(0, length)) {
      shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
    }
  } else if (special.find(text[0]) != std::string_view::npos) {
    shown = {'\\', text[0]};
  } else {
    shown = text.substr(0, length);
  }
  text.remove_prefix(length == 0 ? 1 : length);
  return shown;
}

/// The first characters of a value, and dots where there are more.
std::string beginning_of(std::string_view value, std::string_view special) {
  std::string shown;
  for (std::size_t characters = 0; !value.empty() && characters < longest_shown; ++characters) {
    shown += take_character(value, special);
  }
  return value.empty() ? shown : shown + "...";
}

}  // namespace

std::string Quoted::operator()(std::string_view value) const {
  return "\"" + beginning_of(value, "\"\\") + "\"";
}

std::string shortened(std::string_view value) { return beginning_of(value, ""); }

std::string printable(std::string_view value) {
  std::string shown;
  while (!value.empty()) shown += take_character(value, "");
  return shown;
}

std::string human_bytes(std::int64_t bytes) {
  constexpr std::string_view units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return fmt::format("{} bytes", bytes);
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (value /= 1024; value >= 1024 && unit + 1 < std::size(units); value /= 1024) ++unit;
  return fmt::format("{:.1f} {}", value, units[unit]);
}

}  // namespace alsatian
