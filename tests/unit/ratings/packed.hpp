// Packs bytes as .gz and .zip for tests, so that no other program is needed to make them.
// Archives are made by minizip, except where a test damages one on purpose.
#pragma once

#include <gtest/gtest.h>
#include <minizip/zip.h>
#include <zlib.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace alsatian::testing {

/// One gzip member.
inline std::string gzipped(std::string_view bytes, int level = 6) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string packed(deflateBound(&stream, bytes.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

using Members = std::vector<std::pair<std::string, std::string>>;

/// Writes an archive with these members; zip64 as minizip does it for files beyond 4 GiB.
inline void write_zip(const std::string& path, const Members& members, bool zip64 = false) {
  const zipFile file = zipOpen64(path.c_str(), APPEND_STATUS_CREATE);
  ASSERT_NE(file, nullptr);
  const zip_fileinfo information{};
  for (const auto& [name, bytes] : members) {
    ASSERT_EQ(zipOpenNewFileInZip64(file, name.c_str(), &information, nullptr, 0, nullptr, 0,
                                    nullptr, Z_DEFLATED, 6, zip64 ? 1 : 0),
              ZIP_OK);
    ASSERT_EQ(zipWriteInFileInZip(file, bytes.data(), static_cast<unsigned>(bytes.size())), ZIP_OK);
    ASSERT_EQ(zipCloseFileInZip(file), ZIP_OK);
  }
  ASSERT_EQ(zipClose(file, nullptr), ZIP_OK);
}

}  // namespace alsatian::testing
