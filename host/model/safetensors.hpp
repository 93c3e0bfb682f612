// The safetensors container: 8 bytes of length, a JSON header, tensors one after the other.
// With a checksum in the metadata, since the format has none; nothing here knows models.
#pragma once

#include "host/model/half.hpp"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace alsatian {

enum class TensorType { f64, i64, f32, i32, f16, u8 };

template <typename T>
constexpr TensorType tensor_type() {
  if constexpr (std::is_same_v<T, double>) return TensorType::f64;
  if constexpr (std::is_same_v<T, std::int64_t>) return TensorType::i64;
  if constexpr (std::is_same_v<T, float>) return TensorType::f32;
  if constexpr (std::is_same_v<T, std::int32_t>) return TensorType::i32;
  if constexpr (std::is_same_v<T, Half>) return TensorType::f16;
  if constexpr (std::is_same_v<T, char>) return TensorType::u8;
}

/// A tensor to be written; does not own its values. Row-major, little-endian.
struct TensorView {
  std::string name;
  TensorType type = TensorType::u8;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
};

template <typename T>
TensorView tensor_view(std::string name, std::vector<std::int64_t> shape,
                       std::span<const T> values) {
  return {std::move(name), tensor_type<T>(), std::move(shape), std::as_bytes(values)};
}

/// Writes the file atomically, tensors in order of falling alignment, then by name. The metadata
/// gets one more key, checksum_key: the CRC-32 of the whole file (as zlib's crc32, 8 lower-case
/// hexadecimal digits) with the checksum's own digits as zeros. Same content, same bytes. Throws
/// Error 73 or 74.
void write_safetensors(const std::string& path, std::map<std::string, std::string> metadata,
                       const std::string& checksum_key, std::vector<TensorView> tensors);

/// A file opened for reading. Only what was asked for is in memory; every size was checked
/// against the size of the file before.
class SafetensorsFile {
 public:
  /// Opens and checks the header: sizes, offsets without holes or overlaps up to the last byte,
  /// shapes that match them. Throws Error 66 missing or no regular file, 77 not permitted, 74
  /// reading failed, 65 content, naming what the file looks like where it is no safetensors file.
  explicit SafetensorsFile(const std::string& path);
  ~SafetensorsFile();
  SafetensorsFile(const SafetensorsFile&) = delete;
  SafetensorsFile& operator=(const SafetensorsFile&) = delete;

  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  bool has(const std::string& name) const { return tensors_.contains(name); }
  /// The shape of a tensor. Throws Error 65 where there is none of that name.
  const std::vector<std::int64_t>& shape(const std::string& name) const;

  /// Reads the whole file once. Throws Error 65 where its checksum under the key is another or
  /// absent.
  void verify_checksum(const std::string& key) const;

  /// The values of a tensor. Throws Error 65 where its type or shape is another, 74 where reading
  /// fails.
  template <typename T>
  std::vector<T> read(const std::string& name, const std::vector<std::int64_t>& wanted) const {
    const std::size_t bytes = checked_bytes(name, tensor_type<T>(), wanted);
    std::vector<T> values(bytes / sizeof(T));
    read_tensor(name, std::as_writable_bytes(std::span(values)));
    return values;
  }

 private:
  struct Tensor {
    TensorType type;
    std::vector<std::int64_t> shape;
    std::int64_t first;  // byte in the file
    std::int64_t last;
  };

  void open();
  void read_header();
  void add_tensor(const std::string& name, const nlohmann::json& description);
  void check_layout() const;
  const Tensor& tensor(const std::string& name) const;
  std::size_t checked_bytes(const std::string& name, TensorType type,
                            const std::vector<std::int64_t>& shape) const;
  void read_tensor(const std::string& name, std::span<std::byte> bytes) const;
  /// Reads bytes.size() bytes from `first` on. Throws Error 74.
  void read_at(std::int64_t first, std::span<std::byte> bytes) const;
  std::string read_text(std::int64_t first, std::int64_t size) const;

  std::string path_;
  std::string place_;  // path for messages
  int descriptor_ = -1;
  std::int64_t file_bytes_ = 0;
  std::string header_;
  std::map<std::string, std::string> metadata_;
  std::map<std::string, Tensor> tensors_;
};

}  // namespace alsatian
