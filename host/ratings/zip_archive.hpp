// Members of a .zip, read in memory: nothing is ever extracted to disk.
// A member is chosen by name, and refused with its name where it is not plain packed text.
#pragma once

#include "host/ratings/input_limits.hpp"
#include "host/ratings/mapped_bytes.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace alsatian {

bool is_zip(std::string_view bytes);

class ZipArchive {
 public:
  struct Member {
    std::string name;  // with folders, as the archive has it
    std::uint64_t directory_offset;
    std::uint64_t index;
    bool is_folder;
  };

  /// Lists the members. bytes stay valid while the archive is used; place names it in errors.
  /// Throws Error 65 where its directory is missing, truncated or damaged.
  ZipArchive(std::string_view bytes, std::string place);
  ~ZipArchive();
  ZipArchive(const ZipArchive&) = delete;
  ZipArchive& operator=(const ZipArchive&) = delete;

  const std::vector<Member>& members() const { return members_; }

  /// Unpacks one member; its checksum and length are checked. Throws Error 65 naming it where it
  /// is a folder, a link, encrypted, packed by a method other than deflate, or damaged, and as
  /// ExpansionLimit does. held_bytes: how many of the archive's are in memory.
  GrowingBytes read(const Member& member, const InputLimits& limits,
                    std::int64_t held_bytes = 0) const;

 private:
  struct Handle;

  std::string_view bytes_;
  std::string place_;
  std::unique_ptr<Handle> handle_;
  std::vector<Member> members_;
};

/// The part of a member's name behind its folders.
std::string_view base_name(std::string_view name);

/// Which member to read; where that is not clear, what there is to choose from.
struct MemberChoice {
  const ZipArchive::Member* member = nullptr;
  std::vector<std::string> candidates;  // where several have a name that was looked for
  std::vector<std::string> files;       // all of the archive
};

/// The member called `wanted` (its whole name, or what is behind the last slash); where that is
/// empty the one called as one of `names` in any folder, else the only file there is.
MemberChoice choose_member(const ZipArchive& archive, std::string_view wanted,
                           std::span<const std::string_view> names);

}  // namespace alsatian
