// Magic bytes of the files that people pass as models, and the look of a ratings file.
// Only for the remedy of an error: what is no model is refused before this is asked.
#include "host/model/foreign_file.hpp"

#include <algorithm>
#include <array>

namespace alsatian {
namespace {

using namespace std::string_view_literals;

struct Magic {
  std::string_view bytes;
  std::string_view what;
};

constexpr std::array magics{
    Magic{"PK\x03\x04"sv, "a zip archive (.npz, PyTorch, a data set)"},
    Magic{"\x93NUMPY"sv, "a NumPy array"},
    Magic{"\x89HDF"sv, "an HDF5 file"},
    Magic{"\x1f\x8b"sv, "gzip compressed"},
    Magic{"\x80\x02"sv, "a Python pickle"},
    Magic{"\x80\x03"sv, "a Python pickle"},
    Magic{"\x80\x04"sv, "a Python pickle"},
    Magic{"\x80\x05"sv, "a Python pickle"},
};

/// Whether the first line holds at least two fields, and the first lines only text and a digit.
bool looks_like_ratings(std::string_view text) {
  const auto is_text = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 ? byte != 0x7F : c == '\n' || c == '\r' || c == '\t';
  };
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const std::string_view line = text.substr(0, text.find('\n'));
  return std::ranges::all_of(text, is_text) && std::ranges::any_of(text, is_digit) &&
         line.find_first_of(",;:|\t ") != std::string_view::npos;
}

}  // namespace

ForeignFile guess_foreign_file(std::string_view first_bytes) {
  const std::string help = "pass a file that alsatian train --out wrote";
  const std::string_view start = first_bytes.substr(0, 4096);
  for (const Magic& magic : magics) {
    if (start.starts_with(magic.bytes)) return {std::string(magic.what), help};
  }
  if (looks_like_ratings(start)) {
    return {"a ratings file",
            "pass a file that alsatian train --out wrote; are two arguments swapped?"};
  }
  return {"", help};
}

}  // namespace alsatian
