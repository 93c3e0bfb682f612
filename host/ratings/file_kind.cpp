// A table of first bytes, and a few looks at the first page of text.
// Only the first bytes are looked at: what follows is judged by the reader of that kind.
#include "host/ratings/file_kind.hpp"

#include "host/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <utility>

namespace alsatian {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t looked_at = 64 << 10;

struct Kind {
  std::size_t offset;  // of the bytes that tell
  std::string_view bytes;
  std::string_view name;
  std::string_view help;
};

constexpr std::string_view unpack_first = "unpack it and pass the plain file, a .gz or a .zip";
constexpr std::string_view pandas_help =
    "convert it with Python: import pandas as pd; "
    "pd.read_parquet(\"FILE\").to_csv(\"ratings.csv\", "
    "index=False)";
constexpr std::string_view spreadsheet_help = "save it as CSV from the spreadsheet program";
constexpr std::string_view numpy_help = "write its columns as CSV from Python";
constexpr std::string_view utf16_help = "convert it: iconv -f UTF-16 -t UTF-8 FILE > utf8.csv";
constexpr std::string_view utf32_help = "convert it: iconv -f UTF-32 -t UTF-8 FILE > utf8.csv";

constexpr auto kinds = std::to_array<Kind>({
    {0, "\xff\xfe\0\0"sv, "UTF-32", utf32_help},
    {0, "\0\0\xfe\xff"sv, "UTF-32", utf32_help},
    {0, "\xff\xfe"sv, "UTF-16", utf16_help},
    {0, "\xfe\xff"sv, "UTF-16", utf16_help},
    {0, "PAR1"sv, "Parquet", pandas_help},
    {0, "ARROW1"sv, "an Arrow file", "convert it with Python: pandas.read_feather, to_csv"},
    {0, "FEA1"sv, "a Feather file", "convert it with Python: pandas.read_feather, to_csv"},
    {0, "\xd0\xcf\x11\xe0"sv, "an old Office document (.xls)", spreadsheet_help},
    {0, "%PDF-"sv, "a PDF", "pass the data that the PDF describes, as CSV"},
    {0, "\x1f\x8b"sv, "gzip inside an archive", unpack_first},
    {0, "PK\3\4"sv, "a zip archive inside an archive", unpack_first},
    {0, "BZh"sv, "bzip2", unpack_first},
    {0,
     "\xfd"
     "7zXZ"sv,
     "xz", unpack_first},
    {0, "\x28\xb5\x2f\xfd"sv, "zstd", unpack_first},
    {0, "7z\xbc\xaf"sv, "a 7z archive", unpack_first},
    {0, "Rar!"sv, "a RAR archive", unpack_first},
    {257, "ustar"sv, "a tar archive", unpack_first},
    {0, "\x89HDF"sv, "an HDF5 file", numpy_help},
    {0, "\x93NUMPY"sv, "a NumPy file", numpy_help},
    {0, "\x80\x04\x95"sv, "a Python pickle", numpy_help},
    {0, "\x80\x05\x95"sv, "a Python pickle", numpy_help},
    {0, "SQLite format 3"sv, "an SQLite database",
     "export it: sqlite3 -header -csv FILE \"select user, item, rating from ratings\""},
    // The header of a safetensors file is shorter than 16 MiB and opens with a brace.
    {7, "\0{\""sv, "a model file", "pass a text file here; were two arguments swapped?"},
});

[[noreturn]] void throw_kind(const std::string& place, std::string_view name, std::string_view help,
                             const Contents& contents) {
  throw Error(ExitCode::bad_data, place,
              fmt::format("is {}, not a text file of {}", name, contents.name), std::string(help));
}

bool starts_like(std::string_view text, std::string_view lower_case) {
  return text.size() >= lower_case.size() &&
         std::equal(lower_case.begin(), lower_case.end(), text.begin(),
                    [](char wanted, char found) {
                      return wanted == std::tolower(static_cast<unsigned char>(found));
                    });
}

void refuse_markup(std::string_view text, const std::string& place, const Contents& contents) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return;
  text.remove_prefix(first);
  if (starts_like(text, "<!doctype html") || starts_like(text, "<html")) {
    throw_kind(place, "HTML (a saved error page?)", "download the file again and look at it",
               contents);
  }
  if (text[0] == '<') throw_kind(place, "XML", "export it as CSV", contents);
  if (text[0] == '{' || text[0] == '[') {
    throw_kind(place, "JSON", "write it as CSV, for example with jq -r @csv", contents);
  }
}

/// Whether every second byte of plain text is missing, as in UTF-16 without a mark at its start.
bool looks_like_utf16(std::string_view text) {
  std::array<std::size_t, 2> zeros{};
  for (std::size_t index = 0; index < text.size(); ++index) {
    if (text[index] == '\0') ++zeros[index % 2];
  }
  const auto [few, many] = std::minmax(zeros[0], zeros[1]);
  return text.size() >= 8 && many > text.size() * 2 / 5 && few < text.size() / 50;
}

/// Text may have a stray byte (which the parser names by its line); binary has many.
bool looks_binary(std::string_view text) {
  const auto strange = std::ranges::count_if(text, [](char letter) {
    const auto byte = static_cast<unsigned char>(letter);
    return byte == 0x7f || (byte < 0x20 && !(byte >= '\t' && byte <= '\r'));
  });
  return static_cast<std::size_t>(strange) > text.size() / 50 + 1;
}

}  // namespace

void refuse_other_kinds(std::string_view bytes, const std::string& place,
                        const Contents& contents) {
  if (bytes.empty()) {
    throw Error(ExitCode::bad_data, place, "is empty", std::string(contents.remedy));
  }
  for (const Kind& kind : kinds) {
    if (bytes.size() > kind.offset && bytes.substr(kind.offset).starts_with(kind.bytes)) {
      throw_kind(place, kind.name, kind.help, contents);
    }
  }
  const std::string_view page = bytes.substr(0, looked_at);
  refuse_markup(page, place, contents);
  if (looks_like_utf16(page)) throw_kind(place, "UTF-16", utf16_help, contents);
  if (looks_binary(page)) {
    throw Error(
        ExitCode::bad_data, place, "is not text",
        fmt::format("pass {} as text, one per line, or as .gz or .zip of it", contents.name));
  }
}

void refuse_carriage_returns(std::string_view text, const std::string& place,
                             const Contents& contents) {
  if (text.find('\n') != std::string_view::npos) return;
  const std::size_t at = text.find('\r');
  if (at == std::string_view::npos || at + 1 == text.size()) return;
  throw Error(ExitCode::bad_data, place, "has lines that end in a carriage return (old Mac) only",
              fmt::format("convert it: tr '\\r' '\\n' < FILE > {}.csv", contents.name));
}

void throw_only_blanks(const std::string& place, const Contents& contents) {
  throw Error(ExitCode::bad_data, place,
              fmt::format("has no {}, only blank lines and comments", contents.name),
              std::string(contents.remedy));
}

bool is_utf8(std::string_view bytes) {
  std::size_t at = 0;
  const auto byte = [&](std::size_t index) { return static_cast<unsigned char>(bytes[index]); };
  while (at < bytes.size()) {
    const unsigned lead = byte(at);
    const std::size_t length = lead < 0x80   ? 1
                               : lead < 0xc2 ? 0
                               : lead < 0xe0 ? 2
                               : lead < 0xf0 ? 3
                               : lead < 0xf5 ? 4
                                             : 0;
    if (length == 0 || length > bytes.size() - at) return false;
    for (std::size_t next = 1; next < length; ++next) {
      if ((byte(at + next) & 0xc0) != 0x80) return false;
    }
    const unsigned second = length > 2 ? byte(at + 1) : 0;
    const bool overlong = (lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90);
    const bool no_character = (lead == 0xed && second > 0x9f) || (lead == 0xf4 && second > 0x8f);
    if (overlong || no_character) return false;
    at += length;
  }
  return true;
}

std::string latin1_to_utf8(std::string_view text) {
  std::string utf8;
  for (const char letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    if (byte < 0x80) {
      utf8 += letter;
    } else {
      utf8 += static_cast<char>(0xc0 | (byte >> 6));
      utf8 += static_cast<char>(0x80 | (byte & 0x3f));
    }
  }
  return utf8;
}

}  // namespace alsatian
