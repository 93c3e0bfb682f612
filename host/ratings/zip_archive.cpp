// Reads .zip through minizip, from memory.
// What minizip leaves unchecked is checked here: bytes behind the archive, sizes that lie.
#include "host/ratings/zip_archive.hpp"

#include "host/error.hpp"

#include <fmt/format.h>
#include <minizip/unzip.h>

#include <algorithm>
#include <cstring>
#include <sys/stat.h>
#include <utility>

namespace alsatian {
namespace {

constexpr std::string_view end_signature = "PK\5\6";
constexpr std::size_t end_record_size = 22;
constexpr std::size_t longest_comment = 65535;
constexpr std::size_t piece = std::size_t{1} << 20;
constexpr uLong encrypted_flag = 1;
constexpr uLong stored = 0;
constexpr uLong deflated = 8;
constexpr int made_on_unix = 3;

[[noreturn]] void throw_bad_zip(const std::string& place, const std::string& what,
                                std::string help = "download or copy the file again") {
  throw Error(ExitCode::bad_data, place, what, std::move(help));
}

/// The archive as a file for minizip.
struct MemoryFile {
  std::string_view bytes;
  std::uint64_t position = 0;
};

voidpf open_memory(voidpf file, const void*, int) { return file; }

uLong read_memory(voidpf, voidpf stream, void* buffer, uLong size) {
  auto& file = *static_cast<MemoryFile*>(stream);
  const std::string_view rest = file.bytes.substr(std::min(file.position, file.bytes.size()));
  const std::size_t count = std::min<std::size_t>(size, rest.size());
  std::memcpy(buffer, rest.data(), count);
  file.position += count;
  return count;
}

uLong write_memory(voidpf, voidpf, const void*, uLong) { return 0; }

ZPOS64_T tell_memory(voidpf, voidpf stream) { return static_cast<MemoryFile*>(stream)->position; }

long seek_memory(voidpf, voidpf stream, ZPOS64_T offset, int origin) {
  auto& file = *static_cast<MemoryFile*>(stream);
  const std::uint64_t base = origin == ZLIB_FILEFUNC_SEEK_CUR   ? file.position
                             : origin == ZLIB_FILEFUNC_SEEK_END ? file.bytes.size()
                                                                : 0;
  if (base > file.bytes.size() || offset > file.bytes.size() - base) return -1;
  file.position = base + offset;
  return 0;
}

int close_memory(voidpf, voidpf) { return 0; }

int no_error(voidpf, voidpf) { return 0; }

/// Throws unless the archive's end record stands exactly at the end of the bytes.
void check_end(std::string_view bytes, const std::string& place) {
  const std::size_t reach = std::min(bytes.size(), end_record_size + longest_comment);
  const std::string_view tail = bytes.substr(bytes.size() - reach);
  bool found = false;
  for (std::size_t at = tail.rfind(end_signature); at != std::string_view::npos;
       at = at == 0 ? std::string_view::npos : tail.rfind(end_signature, at - 1)) {
    if (tail.size() - at < end_record_size) continue;
    found = true;
    const auto low = static_cast<unsigned char>(tail[at + 20]);
    const auto high = static_cast<unsigned char>(tail[at + 21]);
    if (at + end_record_size + low + 256U * high == tail.size()) return;
  }
  if (found) throw_bad_zip(place, "is a zip archive followed by something else, or cut short");
  throw_bad_zip(place, fmt::format("is a truncated zip archive: its directory is not at the end, "
                                   "byte {}",
                                   bytes.size()));
}

/// Throws where a member is no plain packed file.
void check_readable(const unz_file_info64& info, const std::string& place) {
  const bool is_link = (info.version >> 8) == made_on_unix && S_ISLNK(info.external_fa >> 16);
  if (is_link) throw_bad_zip(place, "is a symbolic link", "pack the file it leads to");
  if ((info.flag & encrypted_flag) != 0) {
    throw_bad_zip(place, "is encrypted", "unpack it with its password and pass the plain file");
  }
  if (info.compression_method != stored && info.compression_method != deflated) {
    throw_bad_zip(place,
                  fmt::format("is packed by method {}, only 0 and 8 (deflate) can be read",
                              info.compression_method),
                  "unpack it and pass the plain file");
  }
}

/// Closes the member that minizip has open.
class OpenMember {
 public:
  explicit OpenMember(unzFile file) : file_(file) {}
  ~OpenMember() {
    if (file_ != nullptr) unzCloseCurrentFile(file_);
  }
  OpenMember(const OpenMember&) = delete;
  OpenMember& operator=(const OpenMember&) = delete;

  /// minizip's status, which tells of a wrong checksum.
  int close() { return unzCloseCurrentFile(std::exchange(file_, nullptr)); }

 private:
  unzFile file_;
};

}  // namespace

struct ZipArchive::Handle {
  explicit Handle(std::string_view bytes) : memory{bytes} {
    zlib_filefunc64_def functions{};
    functions.zopen64_file = open_memory;
    functions.zread_file = read_memory;
    functions.zwrite_file = write_memory;
    functions.ztell64_file = tell_memory;
    functions.zseek64_file = seek_memory;
    functions.zclose_file = close_memory;
    functions.zerror_file = no_error;
    functions.opaque = &memory;
    file = unzOpen2_64("", &functions);
  }
  ~Handle() {
    if (file != nullptr) unzClose(file);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  /// Makes the member minizip's current one.
  unz_file_info64 go_to(const Member& member, const std::string& place) const;

  MemoryFile memory;
  unzFile file = nullptr;
};

bool is_zip(std::string_view bytes) {
  return bytes.starts_with("PK\3\4") || bytes.starts_with(end_signature);
}

ZipArchive::ZipArchive(std::string_view bytes, std::string place)
    : bytes_(bytes), place_(std::move(place)) {
  check_end(bytes_, place_);
  // An archive without members begins with its end; minizip does not open it.
  if (bytes_.starts_with(end_signature)) throw_bad_zip(place_, "is an empty zip archive");
  handle_ = std::make_unique<Handle>(bytes_);
  if (handle_->file == nullptr) throw_bad_zip(place_, "is a damaged zip archive");
  const unzFile file = handle_->file;
  std::string name(longest_comment + 1, '\0');
  int status = unzGoToFirstFile(file);
  while (status == UNZ_OK) {
    unz_file_info64 info{};
    unz64_file_pos position{};
    status = unzGetCurrentFileInfo64(file, &info, name.data(), name.size(), nullptr, 0, nullptr, 0);
    if (status == UNZ_OK) status = unzGetFilePos64(file, &position);
    if (status != UNZ_OK) break;
    std::string found = name.substr(0, std::min<std::size_t>(info.size_filename, name.size()));
    const bool is_folder = found.ends_with('/');
    members_.push_back(
        {std::move(found), position.pos_in_zip_directory, position.num_of_file, is_folder});
    status = unzGoToNextFile(file);
  }
  // minizip writes, and reads, 65,535 where there are more members; the list then ends in an error.
  unz_global_info64 global{};
  unzGetGlobalInfo64(file, &global);
  const bool is_uncounted = global.number_entry == 0xffff && members_.size() >= 0xffff;
  if (status != UNZ_END_OF_LIST_OF_FILE && !is_uncounted) {
    throw_bad_zip(place_, fmt::format("is a damaged zip archive: its directory breaks off after {} "
                                      "members",
                                      members_.size()));
  }
}

ZipArchive::~ZipArchive() = default;

unz_file_info64 ZipArchive::Handle::go_to(const Member& member, const std::string& place) const {
  const unz64_file_pos position{member.directory_offset, member.index};
  unz_file_info64 info{};
  if (unzGoToFilePos64(file, &position) != UNZ_OK ||
      unzGetCurrentFileInfo64(file, &info, nullptr, 0, nullptr, 0, nullptr, 0) != UNZ_OK) {
    throw_bad_zip(place, "is damaged");
  }
  return info;
}

GrowingBytes ZipArchive::read(const Member& member, const InputLimits& limits,
                              std::int64_t held_bytes) const {
  const std::string place = place_ + "/" + printable(member.name);
  if (member.is_folder) throw_bad_zip(place, "is a folder", "--member names a file");
  const unz_file_info64 info = handle_->go_to(member, place);
  check_readable(info, place);
  if (unzOpenCurrentFile(handle_->file) != UNZ_OK) {
    throw_bad_zip(place, "is damaged: its headers disagree");
  }
  OpenMember open(handle_->file);
  // No more of the archive than its header says is unpacked for a member.
  const std::uint64_t packed = std::min<std::uint64_t>(info.compressed_size, bytes_.size());
  ExpansionLimit limit(static_cast<std::int64_t>(packed), held_bytes, limits, place);
  GrowingBytes output(place);
  for (int count = 1; count != 0;) {
    const auto spare = output.spare(piece).first(piece);
    count = unzReadCurrentFile(handle_->file, spare.data(), static_cast<unsigned>(spare.size()));
    if (count < 0) {
      throw_bad_zip(place,
                    fmt::format("is truncated or damaged at byte {} of its text", output.size()));
    }
    output.append_spare(static_cast<std::size_t>(count));
    limit.check(output.text());
  }
  if (open.close() != UNZ_OK) throw_bad_zip(place, "is damaged: its checksum is wrong");
  if (output.size() != info.uncompressed_size) {
    throw_bad_zip(place, fmt::format("is damaged: {} bytes, but its header says {}", output.size(),
                                     info.uncompressed_size));
  }
  return output;
}

std::string_view base_name(std::string_view name) {
  const std::size_t slash = name.find_last_of('/');
  return slash == std::string_view::npos ? name : name.substr(slash + 1);
}

MemberChoice choose_member(const ZipArchive& archive, std::string_view wanted,
                           std::span<const std::string_view> names) {
  std::vector<const ZipArchive::Member*> files;
  std::vector<const ZipArchive::Member*> named;
  std::vector<const ZipArchive::Member*> exact;
  for (const auto& member : archive.members()) {
    if (!wanted.empty() && member.name == wanted) exact.push_back(&member);
    const std::string_view base = base_name(member.name);
    // Resource forks that macOS adds beside every file.
    const bool is_shadow = member.name.starts_with("__MACOSX/") || base.starts_with("._");
    if (member.is_folder || is_shadow) continue;
    files.push_back(&member);
    const bool is_named =
        wanted.empty() ? std::ranges::find(names, base) != names.end() : base == wanted;
    if (is_named) named.push_back(&member);
  }
  if (!exact.empty()) named = exact;
  if (named.empty() && wanted.empty() && files.size() == 1) named = files;
  if (named.size() == 1) return {named.front(), {}, {}};
  MemberChoice unclear;
  for (const auto* member : named) unclear.candidates.push_back(member->name);
  for (const auto* member : files) unclear.files.push_back(member->name);
  std::ranges::sort(unclear.candidates);
  return unclear;
}

}  // namespace alsatian
