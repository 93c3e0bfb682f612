// Texts as titles are compared: without case and accents, by words or by letters alone.
// People write titles with other marks, spaces and articles than a list of them has.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace alsatian {

/// Text as it is compared: letters of every script without case and accents. What is no UTF-8 stays
/// as it is. Throws std::bad_alloc where memory runs out.
std::string fold(std::string_view text);

/// Letters and digits, and every byte of a character beyond ASCII.
bool is_of_a_word(char byte);

/// The words of a folded text in alphabetical order, so that "Matrix, The" is "the matrix".
std::vector<std::string> words_of(std::string_view text);

/// A folded title without year, and without the article that people write in front of it and
/// MovieLens behind it. In front English ones alone: "Die Hard" has none.
std::string_view without_article(std::string_view title);

/// The letters and digits of a text alone, of whatever script.
std::string letters_of(std::string_view text);

/// Whether letters_of(text) is this: without making it, since nearly all texts end at the first.
bool has_letters(std::string_view text, std::string_view letters);

}  // namespace alsatian
