// Packs text as gzip while it is written, for files whose name ends in .gz.
// The counterpart of gzip_input.hpp.
#pragma once

#include "host/ratings/generate.hpp"

#include <memory>
#include <string_view>

namespace alsatian {

/// A gzip stream without name and time: the same text gives the same bytes.
class GzipWriter {
 public:
  /// sink gets the packed bytes, piece by piece in order; it may throw.
  explicit GzipWriter(TextSink sink);
  ~GzipWriter();
  GzipWriter(const GzipWriter&) = delete;
  GzipWriter& operator=(const GzipWriter&) = delete;

  void write(std::string_view text);
  /// Ends the stream; call it last, or the file is truncated.
  void finish();

 private:
  struct Stream;
  void deflate_all(std::string_view text, int flush);

  TextSink sink_;
  std::unique_ptr<Stream> stream_;
};

}  // namespace alsatian
