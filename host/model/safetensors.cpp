// Writing and checking the container. Nothing is allocated by a size that a file merely claims.
// What the tensors mean is left to model_file.cpp; this knows names, types, shapes and bytes.
#include "host/model/safetensors.hpp"

#include "host/atomic_file.hpp"
#include "host/error.hpp"
#include "host/model/foreign_file.hpp"
#include "host/model/json.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace alsatian {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

static_assert(std::endian::native == std::endian::little,
              "tensors are written as they lie in memory, and the format is little-endian");

constexpr std::int64_t length_bytes = 8;
constexpr std::int64_t alignment = 8;
// The format allows 100 MB. A header of ours has a few kilobytes; parsed, it takes several times
// its size, which must stay below the size of the file plus a little.
constexpr std::int64_t longest_header = std::int64_t{1} << 20;
constexpr std::string_view no_checksum = "00000000";

struct TypeName {
  TensorType type;
  std::string_view name;
  std::int64_t bytes;
};
constexpr std::array type_names{
    TypeName{TensorType::f64, "F64", 8}, TypeName{TensorType::i64, "I64", 8},
    TypeName{TensorType::f32, "F32", 4}, TypeName{TensorType::i32, "I32", 4},
    TypeName{TensorType::f16, "F16", 2}, TypeName{TensorType::u8, "U8", 1},
};

const TypeName& type_name(TensorType type) {
  return *std::ranges::find(type_names, type, &TypeName::type);
}

/// Bytes of a tensor of that shape; nothing where they overflow or a size is negative.
std::optional<std::int64_t> tensor_bytes(TensorType type, const std::vector<std::int64_t>& shape) {
  std::int64_t bytes = type_name(type).bytes;
  for (const std::int64_t size : shape) {
    if (size < 0 || __builtin_mul_overflow(bytes, size, &bytes)) return std::nullopt;
  }
  return bytes;
}

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

uLong extend_crc(uLong crc, std::string_view bytes) {
  if (bytes.empty()) return crc;  // zlib takes a null pointer as the wish to start anew
  return ::crc32_z(crc, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
}

std::string crc_digits(uLong crc) { return fmt::format("{:08x}", crc); }

/// Where the checksum's digits stand in a header; npos where it has none, or not exactly one.
/// A string in the header cannot hold the text: its quotes would be escaped.
std::size_t find_checksum(std::string_view header, const std::string& key) {
  const std::string start = fmt::format("\"{}\":\"", key);
  const std::size_t found = header.find(start);
  if (found == std::string_view::npos) return found;
  if (header.find(start, found + 1) != std::string_view::npos) return std::string_view::npos;
  const std::size_t digits = found + start.size();
  const bool whole =
      digits + no_checksum.size() < header.size() && header[digits + no_checksum.size()] == '"';
  return whole ? digits : std::string_view::npos;
}

std::string encode_length(std::size_t length) {
  const auto value = static_cast<std::uint64_t>(length);
  std::string bytes(sizeof(value), '\0');
  std::memcpy(bytes.data(), &value, sizeof(value));
  return bytes;
}

/// The JSON header, padded with blanks so that the tensors begin aligned.
std::string encode_header(const std::map<std::string, std::string>& metadata,
                          const std::vector<TensorView>& tensors) {
  ordered_json header;
  header["__metadata__"] = ordered_json(metadata);
  std::int64_t first = 0;
  for (const TensorView& tensor : tensors) {
    const std::int64_t last = first + static_cast<std::int64_t>(tensor.bytes.size());
    header[tensor.name] = {{"dtype", type_name(tensor.type).name},
                           {"shape", tensor.shape},
                           {"data_offsets", {first, last}}};
    first = last;
  }
  std::string text = header.dump();
  const auto excess = static_cast<std::int64_t>(text.size()) % alignment;
  if (excess != 0) text.append(static_cast<std::size_t>(alignment - excess), ' ');
  return text;
}

[[noreturn]] void fail_foreign(const std::string& place, std::string_view first_bytes) {
  const ForeignFile kind = guess_foreign_file(first_bytes);
  const std::string guess = kind.what.empty() ? "" : fmt::format(" (it looks like {})", kind.what);
  throw Error(ExitCode::bad_data, place, "is not an alsatian model" + guess, kind.help);
}

}  // namespace

void write_safetensors(const std::string& path, std::map<std::string, std::string> metadata,
                       const std::string& checksum_key, std::vector<TensorView> tensors) {
  // Largest alignment first: no tensor of a size that is no multiple of 8 bytes stands before one
  // that readers map as 8-byte values.
  std::ranges::sort(tensors, {}, [](const TensorView& tensor) {
    return std::pair(-type_name(tensor.type).bytes, tensor.name);
  });
  metadata[checksum_key] = no_checksum;
  std::string header = encode_header(metadata, tensors);
  const std::string length = encode_length(header.size());
  uLong crc = extend_crc(extend_crc(0, length), header);
  auto total = static_cast<std::int64_t>(length.size() + header.size());
  for (const TensorView& tensor : tensors) {
    crc = extend_crc(crc, as_text(tensor.bytes));
    total += static_cast<std::int64_t>(tensor.bytes.size());
  }
  header.replace(find_checksum(header, checksum_key), no_checksum.size(), crc_digits(crc));

  AtomicFile file(path, total);
  file.write(length);
  file.write(header);
  for (const TensorView& tensor : tensors) file.write(as_text(tensor.bytes));
  file.commit();
}

SafetensorsFile::SafetensorsFile(const std::string& path) : path_(path), place_(printable(path)) {
  try {
    open();
    read_header();
    check_layout();
  } catch (...) {
    if (descriptor_ >= 0) ::close(descriptor_);
    throw;
  }
}

SafetensorsFile::~SafetensorsFile() { ::close(descriptor_); }

void SafetensorsFile::open() {
  // Without O_NONBLOCK opening a pipe would wait for a writer.
  do {
    descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  } while (descriptor_ < 0 && errno == EINTR);
  struct stat found;
  if (descriptor_ < 0 || ::fstat(descriptor_, &found) != 0) {
    const bool forbidden = errno == EACCES || errno == EPERM;
    throw Error(forbidden ? ExitCode::no_permission : ExitCode::missing_input, place_,
                "the model cannot be opened: " + std::generic_category().message(errno),
                "check the path and its permissions");
  }
  if (!S_ISREG(found.st_mode)) {
    throw Error(ExitCode::missing_input, place_, "the model is not a regular file",
                "pass a file that alsatian train --out wrote");
  }
  file_bytes_ = found.st_size;
  if (file_bytes_ == 0) {
    throw Error(ExitCode::bad_data, place_, "the model file is empty",
                "train again: whatever wrote it was interrupted");
  }
}

void SafetensorsFile::read_at(std::int64_t first, std::span<std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t count = ::pread(descriptor_, bytes.data(), bytes.size(), first);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      throw Error(ExitCode::input_output, place_,
                  count < 0 ? "reading failed: " + std::generic_category().message(errno)
                            : "the file became shorter while it was read",
                  "check the disk, and that nothing else writes the file");
    }
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    first += count;
  }
}

std::string SafetensorsFile::read_text(std::int64_t first, std::int64_t size) const {
  std::string text(static_cast<std::size_t>(std::min(size, file_bytes_ - first)), '\0');
  read_at(first, std::as_writable_bytes(std::span(text)));
  return text;
}

void SafetensorsFile::read_header() {
  const std::string start = read_text(0, 4096);
  if (!std::string_view(start)
           .substr(std::min<std::size_t>(length_bytes, start.size()))
           .starts_with("{\"")) {
    fail_foreign(place_, start);
  }
  std::uint64_t claimed = 0;
  std::memcpy(&claimed, start.data(), sizeof(claimed));
  if (claimed > static_cast<std::uint64_t>(longest_header)) {
    fail_model_content(place_, fmt::format("claims a header of {} bytes; at most {} are allowed",
                                           claimed, longest_header));
  }
  const auto header_bytes = static_cast<std::int64_t>(claimed);
  if (header_bytes > file_bytes_ - length_bytes) {
    fail_model_content(place_, fmt::format("truncated: {} bytes, and the header alone needs {}",
                                           file_bytes_, length_bytes + header_bytes));
  }
  header_ = read_text(length_bytes, header_bytes);
  const json parsed = parse_strict_json(header_, place_, "the header");
  if (!parsed.is_object()) fail_model_content(place_, "the header is not a JSON object");
  for (const auto& [name, value] : parsed.items()) {
    if (name != "__metadata__") {
      add_tensor(name, value);
      continue;
    }
    if (!value.is_object()) fail_model_content(place_, "__metadata__ is not a JSON object");
    for (const auto& [key, text] : value.items()) {
      if (!text.is_string()) {
        fail_model_content(place_, fmt::format("metadata {} is not a string", quoted(key)));
      }
      metadata_[key] = text.get<std::string>();
    }
  }
}

void SafetensorsFile::add_tensor(const std::string& name, const json& description) {
  const JsonFields fields(description, place_, "tensor " + quoted(name));
  const std::string dtype = fields.text("dtype");
  const auto type = std::ranges::find(type_names, dtype, &TypeName::name);
  if (type == type_names.end()) fields.fail("dtype", "must be one of F64 I64 F32 I32 U8");
  const auto integers = [&](const std::string& key) {
    std::vector<std::int64_t> values;
    for (const json& value : fields.array(key)) {
      const bool valid =
          value.is_number_unsigned() && value.get<std::uint64_t>() < (std::uint64_t{1} << 62);
      if (!valid) fields.fail(key, "must be a list of integers from 0");
      values.push_back(value.get<std::int64_t>());
    }
    return values;
  };
  Tensor tensor{type->type, integers("shape"), 0, 0};
  const std::vector<std::int64_t> offsets = integers("data_offsets");
  if (offsets.size() != 2 || offsets[0] > offsets[1]) {
    fields.fail("data_offsets", "must be two ascending numbers");
  }
  if (tensor_bytes(tensor.type, tensor.shape) != offsets[1] - offsets[0]) {
    fields.fail("data_offsets", "do not match the shape " + fields.array("shape").dump());
  }
  const std::int64_t data = length_bytes + static_cast<std::int64_t>(header_.size());
  tensor.first = data + offsets[0];
  tensor.last = data + offsets[1];
  tensors_.emplace(name, std::move(tensor));
}

void SafetensorsFile::check_layout() const {
  std::vector<std::pair<std::int64_t, std::int64_t>> ranges;
  for (const auto& [name, tensor] : tensors_) ranges.emplace_back(tensor.first, tensor.last);
  std::ranges::sort(ranges);
  std::int64_t end = length_bytes + static_cast<std::int64_t>(header_.size());
  for (const auto& [first, last] : ranges) {
    if (first != end) fail_model_content(place_, "its tensors overlap or leave a hole");
    end = last;
  }
  if (end > file_bytes_) {
    fail_model_content(place_, fmt::format("truncated: {} of {} bytes", file_bytes_, end));
  }
  if (end < file_bytes_) {
    fail_model_content(place_, fmt::format("{} bytes too many at the end", file_bytes_ - end));
  }
}

const SafetensorsFile::Tensor& SafetensorsFile::tensor(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) fail_model_content(place_, "has no tensor " + quoted(name));
  return found->second;
}

const std::vector<std::int64_t>& SafetensorsFile::shape(const std::string& name) const {
  return tensor(name).shape;
}

void SafetensorsFile::verify_checksum(const std::string& key) const {
  const std::size_t digits = find_checksum(header_, key);
  if (digits == std::string::npos) fail_model_content(place_, "has no checksum");
  const std::string recorded = header_.substr(digits, no_checksum.size());
  std::string header = header_;
  header.replace(digits, no_checksum.size(), no_checksum);
  uLong crc = extend_crc(0, read_text(0, length_bytes));
  crc = extend_crc(crc, header);

  constexpr std::int64_t chunk_bytes = std::int64_t{1} << 20;
  std::int64_t position = length_bytes + static_cast<std::int64_t>(header_.size());
  while (position < file_bytes_) {
    const std::string chunk = read_text(position, chunk_bytes);
    crc = extend_crc(crc, chunk);
    position += static_cast<std::int64_t>(chunk.size());
  }
  if (crc_digits(crc) != recorded) {
    fail_model_content(place_, fmt::format("checksum mismatch: the file says {}, its content is {}",
                                           quoted(recorded), crc_digits(crc)));
  }
}

std::size_t SafetensorsFile::checked_bytes(const std::string& name, TensorType type,
                                           const std::vector<std::int64_t>& shape) const {
  const Tensor& found = tensor(name);
  const auto describe = [](TensorType described, const std::vector<std::int64_t>& sizes) {
    return fmt::format("{} {}", type_name(described).name, json(sizes).dump());
  };
  if (found.type != type || found.shape != shape) {
    fail_model_content(
        place_, fmt::format("tensor {} is {}, must be {}", name, describe(found.type, found.shape),
                            describe(type, shape)));
  }
  return static_cast<std::size_t>(found.last - found.first);
}

void SafetensorsFile::read_tensor(const std::string& name, std::span<std::byte> bytes) const {
  read_at(tensor(name).first, bytes);
}

}  // namespace alsatian
