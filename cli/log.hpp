// What the program says about its work, on standard error.
// Results never go here; a standard error that is closed or gone never stops the work.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace alsatian {

/// "1 user", "2 users".
std::string counted(std::int64_t count, std::string_view noun);

/// Whether a terminal is to show colours: it can (TERM is not dumb), and nobody minds (NO_COLOR).
bool colours_wanted();

/// Whether the locale's text is UTF-8 (LC_ALL, LC_CTYPE, LANG: the first that is set).
bool locale_is_utf8();

class Log {
 public:
  /// quiet: nothing but warnings.
  explicit Log(bool quiet = false);

  bool quiet() const { return quiet_; }
  /// Whether what was written can be rubbed out: a terminal, and no dumb one.
  bool is_terminal() const { return terminal_; }
  /// Columns of the terminal; where there is none those of COLUMNS, or 80.
  int width() const;
  /// Lines of the terminal; 24 where there is none.
  int height() const;
  /// Whether what is written may be colored.
  bool colours() const { return colours_; }

  /// One line, or several.
  void line(std::string_view text) const;
  /// A line beginning with a short name for what it is about, names aligned.
  void field(std::string_view name, std::string_view text) const;
  /// `alsatian: warning: TEXT`, also when quiet.
  void warning(std::string_view text) const;
  /// Text as it is, for the progress bar.
  void raw(std::string_view text) const;

 private:
  bool quiet_;
  bool terminal_;
  bool colours_;
};

}  // namespace alsatian
