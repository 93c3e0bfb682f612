// Implements own_encoding.hpp.
// The text is short: it is looked through whole, so that no late line is found in no title.
#include "cli/own_encoding.hpp"

#include "host/error.hpp"
#include "host/ratings/file_kind.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utf8proc.h>

namespace alsatian {
namespace {

std::string conversion_from(std::string_view encoding) {
  return fmt::format("convert the file: iconv -f {} -t UTF-8 FILE > utf8.csv", encoding);
}

/// The byte order of UTF-16 without a mark: letters below U+0100 have a byte of 0 each, all in odd
/// or all in even places, and every table has delimiters, digits and line ends.
std::optional<std::string_view> unmarked_utf16(std::string_view text) {
  constexpr std::size_t least_share = 20;
  std::array<std::size_t, 2> zeros{};
  for (std::size_t at = 0; at < text.size(); ++at) zeros[at % 2] += text[at] == '\0';
  const bool all_alike = zeros[0] == 0 || zeros[1] == 0;
  if (!all_alike || (zeros[0] + zeros[1]) * least_share < text.size()) return std::nullopt;
  return zeros[0] == 0 ? "UTF-16LE" : "UTF-16BE";
}

void refuse_wide_letters(std::string_view text, const std::string& place) {
  const auto refuse = [&](const std::string& what, const std::string& help) {
    throw Error(ExitCode::bad_data, place, what, help);
  };
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
    const bool is_utf32 = text.substr(2).starts_with(std::string_view("\0\0", 2));
    const char* const encoding = is_utf32 ? "UTF-32" : "UTF-16";
    refuse(fmt::format("is {}, not UTF-8", encoding), conversion_from(encoding));
  }
  if (text.find('\0') == std::string_view::npos) return;
  if (const auto encoding = unmarked_utf16(text)) {
    refuse(fmt::format("is {} without a byte order mark, not UTF-8", *encoding),
           conversion_from(*encoding));
  }
  refuse("has bytes of 0: it is no text", "save it as CSV in UTF-8");
}

/// What Windows has where Latin-1 has control characters; 0 where it has nothing.
constexpr std::array<std::uint16_t, 32> windows_letters = {
    0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017d, 0,      0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,      0x017e, 0x0178};

bool is_windows_letter(char letter) {
  const auto byte = static_cast<unsigned char>(letter);
  return byte >= 0x80 && byte < 0xa0 && windows_letters[byte - 0x80U] != 0;
}

std::string windows_to_utf8(std::string_view text) {
  std::string utf8;
  for (const char letter : text) {
    if (!is_windows_letter(letter)) {
      utf8 += latin1_to_utf8({&letter, 1});
      continue;
    }
    utf8proc_uint8_t bytes[4];
    const utf8proc_ssize_t size =
        utf8proc_encode_char(windows_letters[static_cast<unsigned char>(letter) - 0x80U], bytes);
    utf8.append(bytes, bytes + size);
  }
  return utf8;
}

/// The next line, which is moved out of the text; a line break ends no character's bytes but its
/// own.
std::string_view take_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

}  // namespace

void refuse_other_encodings(std::string_view text, const std::string& place) {
  if (text.starts_with("\x1f\x8b") || text.starts_with("PK\3\4")) {
    throw Error(ExitCode::bad_data, place, "is packed", "unpack it first: gunzip or unzip FILE");
  }
  refuse_wide_letters(text, place);
  if (is_utf8(text)) return;
  std::int64_t first = 0;
  std::string_view shown;
  bool is_windows = false;
  for (std::int64_t number = 1; !text.empty(); ++number) {
    const std::string_view line = take_line(text);
    if (is_utf8(line)) continue;
    if (first == 0) shown = line;
    if (first == 0) first = number;
    is_windows = is_windows || std::ranges::any_of(line, is_windows_letter);
  }
  throw Error(ExitCode::bad_data, fmt::format("{}:{}", place, first),
              fmt::format("is not UTF-8 (in {} it is {})", is_windows ? "Windows-1252" : "Latin-1",
                          quoted(is_windows ? windows_to_utf8(shown) : latin1_to_utf8(shown))),
              conversion_from(is_windows ? "CP1252" : "LATIN1"));
}

}  // namespace alsatian
