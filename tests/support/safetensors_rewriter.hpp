// Takes a safetensors file apart and puts it together again with a right checksum.
// Independent of the code under test, to make files that lie about what they hold.
#pragma once

#include <nlohmann/json.hpp>
#include <zlib.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

namespace alsatian::testing {

struct SafetensorsParts {
  nlohmann::ordered_json header;
  std::string data;
};

inline SafetensorsParts take_apart(const std::string& file) {
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), sizeof(length));
  return {nlohmann::ordered_json::parse(file.substr(8, length)), file.substr(8 + length)};
}

/// The file of a header as text, with its length and a checksum that holds.
inline std::string put_together(std::string header, const std::string& data) {
  const std::string key = "\"alsatian.checksum\":\"";
  header.append((8 - header.size() % 8) % 8, ' ');
  const std::size_t digits = header.find(key);
  if (digits != std::string::npos) header.replace(digits + key.size(), 8, "00000000");
  const std::uint64_t length = header.size();
  std::string file(sizeof(length), '\0');
  std::memcpy(file.data(), &length, sizeof(length));
  file += header + data;
  if (digits != std::string::npos) {
    const uLong crc =
        crc32(0, reinterpret_cast<const Bytef*>(file.data()), static_cast<uInt>(file.size()));
    char text[9];
    std::snprintf(text, sizeof(text), "%08lx", crc);
    file.replace(8 + digits + key.size(), 8, text);
  }
  return file;
}

inline std::string put_together(const SafetensorsParts& parts) {
  return put_together(parts.header.dump(), parts.data);
}

/// Overwrites value number `index` of a tensor.
template <typename T>
void set_value(SafetensorsParts& parts, const std::string& tensor, std::size_t index, T value) {
  const auto first = parts.header.at(tensor).at("data_offsets").at(0).get<std::size_t>();
  std::memcpy(parts.data.data() + first + index * sizeof(T), &value, sizeof(T));
}

/// Changes one field of a metadata entry that is JSON itself.
inline void set_field(SafetensorsParts& parts, const std::string& entry, const std::string& field,
                      const nlohmann::ordered_json& value) {
  auto fields =
      nlohmann::ordered_json::parse(parts.header["__metadata__"][entry].get<std::string>());
  fields[nlohmann::ordered_json::json_pointer(field)] = value;
  parts.header["__metadata__"][entry] = fields.dump();
}

}  // namespace alsatian::testing
