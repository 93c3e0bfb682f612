// Opens, maps and unpacks.
// A file is mapped, never read twice; packed and piped input is held in memory once.
#include "host/ratings/input_source.hpp"

#include "host/error.hpp"
#include "host/ratings/gzip_input.hpp"
#include "host/ratings/missing_input.hpp"
#include "host/ratings/name_list.hpp"
#include "host/ratings/zip_archive.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <system_error>
#include <unistd.h>
#include <vector>

namespace alsatian {
namespace {

constexpr std::string_view standard_input = "-";
constexpr std::size_t piece = std::size_t{1} << 20;

/// Files of the folder that are called as one of the names, plain or with .gz.
std::vector<std::string> named_files(const std::filesystem::path& folder,
                                     const InputOptions& options) {
  std::vector<std::string> found;
  std::error_code error;
  for (const std::string_view name : options.names) {
    for (const std::string_view ending : {"", ".gz"}) {
      const std::filesystem::path file = folder / (std::string(name) + std::string(ending));
      if (!std::filesystem::exists(file, error)) continue;
      if (!std::filesystem::is_directory(file, error)) found.push_back(file.string());
    }
  }
  return found;
}

/// The one file of the folder to read; throws where there is none or more.
std::string file_in_folder(const std::string& folder, const InputOptions& options) {
  const std::vector<std::string> found = named_files(folder, options);
  const std::string place = printable(folder);
  if (found.empty()) {
    check_folder_readable(folder);
    const std::string files = some_files_of(folder);
    throw Error(ExitCode::missing_input, place, "is a folder without " + listed(options.names),
                files.empty() ? "the folder is empty" : "pass a file; it holds " + files);
  }
  if (found.size() > 1) {
    throw Error(ExitCode::bad_data, place, "is a folder with several of them: " + listed(found),
                "pass the one you mean");
  }
  return found.front();
}

void refuse_documents(const ZipArchive& archive, const std::string& place) {
  for (const auto& member : archive.members()) {
    if (member.name == "[Content_Types].xml" || member.name == "content.xml") {
      throw Error(ExitCode::bad_data, place,
                  "is a spreadsheet (.xlsx, .ods), not a text file of ratings",
                  "save it as CSV from the spreadsheet program");
    }
  }
}

[[noreturn]] void throw_unclear_member(const MemberChoice& choice, const InputOptions& options,
                                       const std::string& place) {
  const std::string unpack = "unpack the one you mean and pass that file";
  const bool has_option = options.choosing == MemberChoosing::by_option;
  const std::string remedy = has_option ? "name one with --member" : unpack;
  const auto repeated = std::ranges::adjacent_find(choice.candidates);
  if (repeated != choice.candidates.end()) {
    throw Error(ExitCode::bad_data, place,
                fmt::format("is a zip archive with several members called {}", quoted(*repeated)),
                has_option ? "--member cannot tell them apart: " + unpack : unpack);
  }
  if (!choice.candidates.empty()) {
    throw Error(ExitCode::bad_data, place,
                "is a zip archive with several candidates: " + listed(choice.candidates), remedy);
  }
  const std::string help = choice.files.empty()
                               ? "the archive has only folders"
                               : fmt::format("{}: {}", remedy, listed(choice.files));
  if (!options.member.empty()) {
    throw Error(ExitCode::bad_data, place, fmt::format("has no member {}", quoted(options.member)),
                help);
  }
  throw Error(ExitCode::bad_data, place, "is a zip archive without " + listed(options.names), help);
}

/// The first member of an archive that is called as one of the names, earlier names first; "" if
/// none is.
std::string first_named_member(std::string_view bytes, const std::string& place,
                               std::span<const std::string_view> names) {
  const ZipArchive archive(bytes, place);
  for (const std::string_view name : names) {
    for (const auto& member : archive.members()) {
      if (base_name(member.name) == name) return member.name;
    }
  }
  return "";
}

bool same_moment(const timespec& left, const timespec& right) {
  return left.tv_sec == right.tv_sec && left.tv_nsec == right.tv_nsec;
}

}  // namespace

FileDescriptor::~FileDescriptor() {
  if (value_ >= 0) ::close(value_);
}

std::string_view Input::text() const {
  return memory_ ? memory_->text() : std::string_view(mapped_.data(), mapped_.size());
}

void Input::check_unchanged() const {
  if (file_.get() < 0 || !S_ISREG(status_.st_mode)) return;
  struct stat now {};
  const bool known = ::fstat(file_.get(), &now) == 0;
  if (known && now.st_size == status_.st_size && same_moment(now.st_mtim, status_.st_mtim)) return;
  throw Error(ExitCode::input_output, place_, "changed while reading",
              "wait until it is written completely, then run again");
}

void Input::read_stream(int descriptor, const InputLimits& limits) {
  memory_.emplace(place_);
  InputLimits own = limits;
  // What is packed is judged when it is unpacked.
  if (own.judge) {
    own.judge = [&](std::string_view beginning, const std::string& place) {
      if (!is_gzip(beginning) && !is_zip(beginning)) limits.judge(beginning, place);
    };
  }
  HeldInput held(own, place_);
  for (;;) {
    const auto spare = memory_->spare(piece);
    const ssize_t count = ::read(descriptor, spare.data(), spare.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      throw Error(ExitCode::input_output, place_,
                  fmt::format("reading failed ({})", std::generic_category().message(errno)),
                  "try again, or pass a file");
    }
    if (count == 0) return;
    memory_->append_spare(static_cast<std::size_t>(count));
    if (static_cast<std::int64_t>(memory_->size()) > limits.max_bytes) {
      throw Error(ExitCode::bad_data, place_,
                  fmt::format("is longer than the {} bytes of --max-input", limits.max_bytes),
                  "raise --max-input if the input is meant to be that large");
    }
    held.check(memory_->text());
  }
}

void Input::open_file(const std::string& path, const InputOptions& options) {
  path_ = input_name(path);
  place_ = printable(path_);
  file_ = FileDescriptor(path == standard_input
                             ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                             : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (file_.get() < 0 || ::fstat(file_.get(), &status_) != 0) throw_cannot_open(path, errno);
  if (S_ISDIR(status_.st_mode)) {
    throw Error(ExitCode::missing_input, place_, "is a folder", "pass a file");
  }
  // A regular file behind stdin may have been read in part by somebody else.
  const bool from_start = path != standard_input || ::lseek(file_.get(), 0, SEEK_CUR) == 0;
  if (S_ISREG(status_.st_mode) && from_start) {
    if (status_.st_size > options.limits.max_bytes) {
      throw Error(ExitCode::bad_data, place_,
                  fmt::format("is {} bytes, more than the {} of --max-input", status_.st_size,
                              options.limits.max_bytes),
                  "raise --max-input");
    }
    if (status_.st_size > 0) {
      mapped_ = Pages::of_file(file_.get(), static_cast<std::size_t>(status_.st_size), place_);
    }
  } else if (path == standard_input || S_ISFIFO(status_.st_mode) || S_ISREG(status_.st_mode)) {
    read_stream(file_.get(), options.limits);
  } else {
    throw Error(ExitCode::missing_input, place_, "is a device, not a file",
                "pass a file, or - for standard input");
  }
}

void Input::unpack(const InputOptions& options) {
  const std::int64_t held_bytes = memory_ ? static_cast<std::int64_t>(memory_->size()) : 0;
  if (is_gzip(text())) {
    const auto packed_bytes = static_cast<std::int64_t>(text().size());
    memory_ = unpack_gzip(text(), {packed_bytes, held_bytes, options.limits, place_}, place_);
    packing_ = "gzip";
  } else if (is_zip(text())) {
    const ZipArchive archive(text(), place_);
    if (options.member.empty()) refuse_documents(archive, place_);
    const MemberChoice choice = choose_member(archive, options.member, options.names);
    if (choice.member == nullptr) throw_unclear_member(choice, options, place_);
    GrowingBytes unpacked = archive.read(*choice.member, options.limits, held_bytes);
    path_ += "/" + choice.member->name;
    place_ = printable(path_);
    memory_ = std::move(unpacked);
    packing_ = "zip";
  } else if (!options.member.empty()) {
    throw Error(ExitCode::usage, "--member " + printable(options.member),
                fmt::format("{} is not a zip archive", place_), "leave out --member");
  }
}

std::string input_name(const std::string& path) { return path == standard_input ? "stdin" : path; }

Input open_input(const std::string& path, const InputOptions& options) {
  std::error_code error;
  const bool is_folder = path != standard_input && std::filesystem::is_directory(path, error);
  Input input;
  input.open_file(is_folder ? file_in_folder(path, options) : path, options);
  try {
    input.unpack(options);
  } catch (const Error&) {
    // An archive that is still being written looks damaged.
    input.check_unchanged();
    throw;
  }
  return input;
}

std::optional<Input> find_input(const std::string& path, const InputOptions& options) {
  std::error_code error;
  if (path == standard_input || !std::filesystem::exists(path, error)) return std::nullopt;
  Input input;
  if (std::filesystem::is_directory(path, error)) {
    const std::vector<std::string> found = named_files(path, options);
    if (found.empty()) return std::nullopt;
    input.open_file(found.front(), options);
    input.unpack(options);
    return input;
  }
  if (!std::filesystem::is_regular_file(path, error)) return std::nullopt;
  input.open_file(path, options);
  if (!is_zip(input.text())) return std::nullopt;
  const std::string member = first_named_member(input.text(), input.place(), options.names);
  if (member.empty()) return std::nullopt;
  input.unpack({options.names, member, options.limits, options.choosing});
  return input;
}

}  // namespace alsatian
