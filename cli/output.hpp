// Standard output, where results go: buffered, and every failure to write noticed.
// Progress, notes and errors go to standard error, see log.hpp.
#pragma once

#include <string>
#include <string_view>

namespace alsatian {

/// Thrown when the reader of standard output has gone (`recommend | head`): the program ends
/// quietly, because nobody is left to tell.
struct OutputClosed {};

class Output {
 public:
  /// Throws Error 74 where standard output was closed from the start.
  Output();

  /// Appends. Throws Error 74 with the system's reason, or OutputClosed.
  void write(std::string_view text);
  /// Everything written is with the system after this; call it last. Throws as write() does.
  void flush();
  bool is_terminal() const;

 private:
  std::string buffer_;
};

}  // namespace alsatian
