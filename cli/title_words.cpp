// Implements title_words.hpp.
// Nearly all titles are plain ASCII, which utf8proc and its tables are spared.
#include "cli/title_words.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <utf8proc.h>

namespace alsatian {
namespace {

/// What utf8proc makes of plain ASCII, without its tables: nearly all titles are that.
bool fold_ascii(std::string_view text, std::string& folded) {
  folded.resize(text.size());
  unsigned char all = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char letter = text[at];
    all |= static_cast<unsigned char>(letter);
    folded[at] = letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter;
  }
  return all < 0x80;
}

/// The first letter or digit of a text, of whatever script, which is moved behind it.
std::string_view take_letter(std::string_view& rest) {
  while (!rest.empty()) {
    utf8proc_int32_t point = static_cast<unsigned char>(rest.front());
    std::size_t length = 1;
    bool counts = point < 0x80 && std::isalnum(point) != 0;
    if (point >= 0x80) {
      const utf8proc_ssize_t read =
          utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(rest.data()),
                           static_cast<utf8proc_ssize_t>(rest.size()), &point);
      length = read > 0 ? static_cast<std::size_t>(read) : 1;
      const utf8proc_category_t kind =
          read > 0 ? utf8proc_category(point) : UTF8PROC_CATEGORY_LO;  // bytes that are no UTF-8
      counts = kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_NO;
    }
    const std::string_view letter = rest.substr(0, length);
    rest.remove_prefix(length);
    if (counts) return letter;
  }
  return "";
}

}  // namespace

std::string fold(std::string_view text) {
  std::string ascii;
  if (fold_ascii(text, ascii)) return ascii;
  constexpr auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE |
                                                          UTF8PROC_CASEFOLD | UTF8PROC_STRIPMARK);
  utf8proc_uint8_t* mapped = nullptr;
  const utf8proc_ssize_t length =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &mapped, options);
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(mapped, &std::free);
  if (length == UTF8PROC_ERROR_NOMEM) throw std::bad_alloc();
  if (length < 0) return std::string(text);
  return {reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(length)};
}

bool is_of_a_word(char byte) {
  const auto value = static_cast<unsigned char>(byte);
  return value >= 0x80 || std::isalnum(value) != 0;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = static_cast<std::size_t>(
        std::find_if_not(text.begin() + static_cast<std::ptrdiff_t>(at), text.end(), is_of_a_word) -
        text.begin());
    if (end > at) words.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  std::ranges::sort(words);
  return words;
}

std::string_view without_article(std::string_view title) {
  constexpr auto in_front = std::to_array<std::string_view>({"the ", "a ", "an "});
  constexpr auto behind = std::to_array<std::string_view>(
      {", the", ", a",   ", an",  ", le",   ", la", ", les", ", l'",  ", un", ", une", ", der",
       ", die", ", das", ", ein", ", eine", ", el", ", los", ", las", ", il", ", lo",  ", i"});
  constexpr std::size_t longest = 6;  // of those behind: nearly all titles have no comma there
  const bool has_comma =
      title.find(',', title.size() - std::min(title.size(), longest)) != std::string_view::npos;
  for (const std::string_view article : behind) {
    if (!has_comma) break;
    if (title.size() > article.size() && title.ends_with(article)) {
      return title.substr(0, title.size() - article.size());
    }
  }
  for (const std::string_view article : in_front) {
    if (title.size() > article.size() && title.starts_with(article)) {
      return title.substr(article.size());
    }
  }
  return title;
}

std::string letters_of(std::string_view text) {
  std::string letters;
  while (!text.empty()) letters += take_letter(text);
  return letters;
}

bool has_letters(std::string_view text, std::string_view letters) {
  while (true) {
    const std::string_view letter = take_letter(text);
    if (letter.empty()) return letters.empty();
    if (!letters.starts_with(letter)) return false;
    letters.remove_prefix(letter.size());
  }
}

}  // namespace alsatian
