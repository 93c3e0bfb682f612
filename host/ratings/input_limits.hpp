// How far an input that is held in memory may grow, and when it is looked at first.
// Sizes in the headers of .gz and .zip are never trusted; only bytes that came out are counted.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>

namespace alsatian {

/// What an input may take, and what it must begin like.
struct InputLimits {
  /// `--max-input`: the bytes that an input may have or expand to.
  std::int64_t max_bytes = std::numeric_limits<std::int64_t>::max();
  /// Memory that is free. Packed and piped input may take half of it: what is read from the text
  /// takes about as much again. A plain file is mapped and takes none.
  std::int64_t free_bytes = std::numeric_limits<std::int64_t>::max();
  /// Looks at the first bytes of packed or piped text, at least 1 MiB of them, before more is held;
  /// throws where they are nothing to go on with. Not called for shorter texts; may be empty.
  std::function<void(std::string_view beginning, const std::string& place)> judge;
};

/// Watches the text of an input as it comes into memory.
class HeldInput {
 public:
  /// place: the input in errors; held_bytes: memory that the input takes already.
  HeldInput(const InputLimits& limits, std::string place, std::int64_t held_bytes = 0);

  /// text: all that has come so far. Throws Error 71 where it takes too much of the free memory,
  /// and what the judge throws.
  void check(std::string_view text);

 private:
  std::int64_t largest_;
  std::function<void(std::string_view, const std::string&)> judge_;
  std::string place_;
};

/// The same for packed input, which may expand only so far before it counts as an attack or an
/// accident.
class ExpansionLimit {
 public:
  /// packed_bytes: of the input; held_bytes: how many of them are in memory.
  ExpansionLimit(std::int64_t packed_bytes, std::int64_t held_bytes, const InputLimits& limits,
                 const std::string& place);

  /// text: all that has come so far. Throws Error 65 where it is longer than --max-input, or than
  /// 64 MiB and 200 times the packed bytes; and what HeldInput throws.
  void check(std::string_view text);

 private:
  std::int64_t packed_;
  std::int64_t largest_;
  std::string place_;
  HeldInput held_;
};

}  // namespace alsatian
