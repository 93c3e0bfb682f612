// How far packed input may expand before it counts as an attack or an accident.
// Sizes in the headers of .gz and .zip are never trusted; only bytes that came out are counted.
#pragma once

#include <cstdint>
#include <string>

namespace alsatian {

/// The largest size that packed bytes may unpack to.
class ExpansionLimit {
 public:
  /// packed: bytes of packed input; largest: of `--max-input`; place: the input in errors.
  ExpansionLimit(std::int64_t packed, std::int64_t largest, std::string place);

  /// Throws Error 65 where `unpacked` bytes are more than --max-input, or more than 64 MiB and
  /// 200 times the packed ones.
  void check(std::size_t unpacked) const;

 private:
  std::int64_t packed_;
  std::int64_t largest_;
  std::string place_;
};

}  // namespace alsatian
