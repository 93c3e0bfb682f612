// Drives zlib's inflate over the packed range.
// The checksum and length at the end of each member are checked by zlib before a byte is used.
#include "host/ratings/gzip_input.hpp"

#include "host/error.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace alsatian {
namespace {

constexpr std::string_view magic = "\x1f\x8b";
constexpr int gzip_window = 15 + 16;  // the largest window; 16 asks for the gzip wrapper
constexpr std::size_t piece = std::size_t{1} << 20;

/// zlib's inflate state with its input, which may be larger than zlib's 32-bit counter.
class Inflater {
 public:
  Inflater(std::string_view packed, const std::string& place) : rest_(packed) {
    if (inflateInit2(&stream_, gzip_window) != Z_OK) {
      throw Error(ExitCode::out_of_memory, place, "no memory to unpack gzip", "free memory");
    }
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  /// Unpacks into the spare bytes of output; returns zlib's status.
  int advance(GrowingBytes& output) {
    const std::size_t input =
        std::min<std::size_t>(rest_.size(), std::numeric_limits<uInt>::max() / 2);
    const auto spare = output.spare(piece).first(piece);
    // zlib's interface predates const; it does not write to its input.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(rest_.data()));
    stream_.avail_in = static_cast<uInt>(input);
    stream_.next_out = reinterpret_cast<Bytef*>(spare.data());
    stream_.avail_out = static_cast<uInt>(spare.size());
    const int status = inflate(&stream_, Z_NO_FLUSH);
    rest_.remove_prefix(input - stream_.avail_in);
    output.append_spare(spare.size() - stream_.avail_out);
    return status;
  }

  void start_next_member() { inflateReset(&stream_); }

  std::string_view rest() const { return rest_; }
  std::string_view message() const { return stream_.msg != nullptr ? stream_.msg : "bad data"; }

 private:
  z_stream stream_{};
  std::string_view rest_;
};

}  // namespace

bool is_gzip(std::string_view bytes) { return bytes.starts_with(magic); }

GrowingBytes unpack_gzip(std::string_view packed, ExpansionLimit limit, const std::string& place) {
  GrowingBytes output(place);
  Inflater inflater(packed, place);
  const auto fail = [&](const std::string& what, std::string help) {
    const std::size_t byte = packed.size() - inflater.rest().size();
    throw Error(ExitCode::bad_data, place, fmt::format("{} at byte {}", what, byte),
                std::move(help));
  };
  for (;;) {
    const int status = inflater.advance(output);
    limit.check(output.text());
    if (status == Z_STREAM_END) {
      if (inflater.rest().empty()) return output;
      if (!is_gzip(inflater.rest())) {
        fail("is gzip followed by something else", "download or pack the file again");
      }
      inflater.start_next_member();
    } else if (status == Z_BUF_ERROR) {
      // There is always room for output, so it is the input that has run out.
      fail("is truncated gzip: it ends", "download or copy the file again");
    } else if (status != Z_OK) {
      fail(fmt::format("is damaged gzip ({})", inflater.message()),
           "download or copy the file again");
    }
  }
}

}  // namespace alsatian
