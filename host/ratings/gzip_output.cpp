// Drives zlib's deflate, a piece at a time.
// The fastest level: ratings pack well, and generating must keep its speed.
#include "host/ratings/gzip_output.hpp"

#include "host/error.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace alsatian {
namespace {

constexpr int gzip_window = 15 + 16;  // the largest window; 16 asks for the gzip wrapper
constexpr int memory_level = 8;       // zlib's default
constexpr std::size_t piece = std::size_t{1} << 16;

}  // namespace

struct GzipWriter::Stream {
  z_stream state{};
  std::array<char, piece> packed;
};

GzipWriter::GzipWriter(TextSink sink)
    : sink_(std::move(sink)), stream_(std::make_unique<Stream>()) {
  if (deflateInit2(&stream_->state, Z_BEST_SPEED, Z_DEFLATED, gzip_window, memory_level,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    throw Error(ExitCode::out_of_memory, "gzip", "no memory to pack", "free memory");
  }
}

GzipWriter::~GzipWriter() { deflateEnd(&stream_->state); }

void GzipWriter::write(std::string_view text) {
  // zlib counts its input in 32 bits.
  constexpr std::size_t most = std::numeric_limits<uInt>::max() / 2;
  for (; !text.empty(); text.remove_prefix(std::min(most, text.size()))) {
    deflate_all(text.substr(0, most), Z_NO_FLUSH);
  }
}

void GzipWriter::finish() { deflate_all("", Z_FINISH); }

void GzipWriter::deflate_all(std::string_view text, int flush) {
  z_stream& state = stream_->state;
  // zlib's interface predates const; it does not write to its input.
  state.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  state.avail_in = static_cast<uInt>(text.size());
  do {
    state.next_out = reinterpret_cast<Bytef*>(stream_->packed.data());
    state.avail_out = static_cast<uInt>(piece);
    deflate(&state, flush);
    sink_({stream_->packed.data(), piece - state.avail_out});
    // Room that is left means that zlib has given all that it had.
  } while (state.avail_out == 0);
}

}  // namespace alsatian
