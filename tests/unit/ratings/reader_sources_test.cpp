// Where ratings come from: files, folders, gzip, zip, pipes; and everything that can be wrong with
// them before a line is looked at. Nothing is ever written.
#include "host/ratings/input_source.hpp"
#include "host/ratings/missing_input.hpp"
#include "host/ratings/reader.hpp"
#include "host/ratings/zip_archive.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/unit/ratings/packed.hpp"
#include "tests/unit/ratings/read_rows.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace alsatian {
namespace {

using testing::fails_with;
using testing::gzipped;
using ::testing::HasSubstr;
using testing::read_bytes;
using testing::ReadRow;
using testing::rows_of;
using ::testing::StartsWith;
using testing::TemporaryFolder;
using testing::write_bytes;
using testing::write_zip;

const std::string text = "user,item,rating\n1,10,4.5\n2,20,3\n";
const std::string other = "user,item,rating\n7,70,1\n";

std::vector<ReadRow> expected_rows() { return {{"1", "10", 4.5F, 0, 2}, {"2", "20", 3.0F, 0, 3}}; }

auto reading(const std::string& path, const ReadOptions& options = {}) {
  return [path, options] { read_ratings(path, options); };
}

class ReaderSources : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& bytes) const {
    write_bytes(folder_.file(name), bytes);
    return folder_.file(name);
  }
  std::string zip(const std::string& name, const testing::Members& members) const {
    write_zip(folder_.file(name), members);
    return folder_.file(name);
  }

  TemporaryFolder folder_;
};

TEST_F(ReaderSources, GzipIsKnownByItsFirstBytesWhateverItsName) {
  const RawRatings ratings = read_ratings(write("ratings.csv", gzipped(text)), {});
  EXPECT_EQ(rows_of(ratings), expected_rows());
  EXPECT_THAT(ratings.layout, StartsWith("gzip, comma-separated"));
}

TEST_F(ReaderSources, ConcatenatedGzipMembersAreAllRead) {
  const std::string packed =
      gzipped(text.substr(0, 20)) + gzipped("") + gzipped(text.substr(20), 0);
  EXPECT_EQ(rows_of(read_ratings(write("ratings.gz", packed), {})), expected_rows());
}

TEST_F(ReaderSources, GzipTruncatedAnywhereIsNeverReadInPart) {
  const std::string packed = gzipped(text);
  for (std::size_t length = 3; length < packed.size(); ++length) {
    EXPECT_TRUE(fails_with(ExitCode::bad_data, "truncated gzip: it ends at byte",
                           reading(write("ratings.gz", packed.substr(0, length)))))
        << length;
  }
}

/// Good lines, `megabytes` of them, which pack about a thousand times.
std::string many_lines(std::size_t megabytes) {
  std::string lines;
  lines.reserve(megabytes << 20);
  while (lines.size() + 8 <= megabytes << 20) lines += "1,10,45\n";
  return lines;
}

/// Reading where this much memory is free.
ReadOptions with_free_bytes(std::int64_t bytes) {
  ReadOptions options;
  options.free_bytes = bytes;
  return options;
}

TEST_F(ReaderSources, GzipBombIsRefusedBeforeItFillsTheMemory) {
  const std::string bomb = gzipped(many_lines(200), 9);
  EXPECT_TRUE(
      fails_with(ExitCode::bad_data, "expands more than 200x", reading(write("bomb.gz", bomb))));
  ReadOptions options;
  options.max_input_bytes = 1 << 20;
  EXPECT_TRUE(fails_with(ExitCode::bad_data,
                         "expands to more than the 1048576 bytes of --max-input",
                         reading(write("bomb.gz", bomb), options)));
}

TEST_F(ReaderSources, PackedInputIsJudgedOnItsBeginning) {
  // Any more than the beginning would not fit.
  const ReadOptions options = with_free_bytes(8 << 20);
  const std::vector<std::pair<std::string, std::string>> beginnings{
      {std::string(1, '\0'), "is not text"},
      {"{\"user\": 1}\n", "is JSON"},
      {"a", ":1: the line is longer than 1 MiB"},
      {"\n", "has no ratings, only blank lines and comments"},
      {"1,2\n", ":1: \"1,2\" has 2 columns and no rating"}};
  for (const auto& [piece, message] : beginnings) {
    std::string bytes;
    while (bytes.size() < 50 << 20) bytes += piece;
    EXPECT_TRUE(fails_with(ExitCode::bad_data, message,
                           reading(write("ratings.csv.gz", gzipped(bytes)), options)));
    EXPECT_TRUE(fails_with(ExitCode::bad_data, message,
                           reading(zip("ratings.zip", {{"ratings.csv", bytes}}), options)));
    std::filesystem::remove(folder_.file("ratings.zip"));
  }
}

TEST_F(ReaderSources, PackedInputIsReadWhereTwiceItsSizeIsFree) {
  const std::string bytes = many_lines(2);
  const std::string packed = write("ratings.csv.gz", gzipped(bytes));
  const std::string archive = zip("ratings.zip", {{"ratings.csv", bytes}});
  const std::string message =
      "takes more than 2097152 bytes of memory, half of what is free / pass it as a plain file";
  const std::string longer = bytes + "1,10,45\n";
  EXPECT_TRUE(fails_with(ExitCode::out_of_memory, message,
                         reading(write("longer.gz", gzipped(longer)), with_free_bytes(4 << 20))));
  EXPECT_TRUE(
      fails_with(ExitCode::out_of_memory, "longer.zip/ratings.csv: " + message,
                 reading(zip("longer.zip", {{"ratings.csv", longer}}), with_free_bytes(4 << 20))));
  for (const std::string& path : {packed, archive}) {
    EXPECT_EQ(read_ratings(path, with_free_bytes(4 << 20)).account.used, 2 << 17);
  }
  EXPECT_EQ(read_ratings(write("ratings.csv", longer), with_free_bytes(0)).account.used,
            (2 << 17) + 1);
}

TEST_F(ReaderSources, PlainFileBeyondTheLargestInputIsRefused) {
  ReadOptions options;
  options.max_input_bytes = 10;
  EXPECT_TRUE(fails_with(ExitCode::bad_data, "more than the 10 of --max-input",
                         reading(write("ratings.csv", text), options)));
}

TEST_F(ReaderSources, ZipBombIsRefusedBeforeItFillsTheMemory) {
  const std::string path = zip("bomb.zip", {{"ratings.csv", many_lines(200)}});
  EXPECT_TRUE(
      fails_with(ExitCode::bad_data, "/ratings.csv: expands more than 200x", reading(path)));
}

TEST_F(ReaderSources, ZipMemberIsFoundByNameInAnyFolder) {
  for (const char* name : {"ratings.csv", "ml/ratings.csv", "a/b/ratings.dat", "ml-100k/u.data"}) {
    const std::string path = zip("data.zip", {{"ml/README.txt", "read me"}, {name, text}});
    const RawRatings ratings = read_ratings(path, {});
    EXPECT_EQ(rows_of(ratings), expected_rows());
    EXPECT_EQ(ratings.path, path + "/" + name);
    EXPECT_THAT(ratings.layout, StartsWith("zip, comma-separated"));
    std::filesystem::remove(path);
  }
}

TEST_F(ReaderSources, ZipMemberIsChosenByOption) {
  const std::string path =
      zip("data.zip", {{"a/ratings.csv", other}, {"b/ratings.csv", text}, {"b/u1.base", text}});
  ReadOptions options;
  for (const char* member : {"b/ratings.csv", "u1.base"}) {
    options.member = member;
    EXPECT_EQ(rows_of(read_ratings(path, options)), expected_rows());
  }
  options.member = "ratings.csv";
  EXPECT_TRUE(fails_with(ExitCode::bad_data, "several candidates", reading(path, options)));
  options.member = "b/";
  EXPECT_TRUE(fails_with(ExitCode::bad_data, "no member \"b/\"", reading(path, options)));
  EXPECT_TRUE(fails_with(ExitCode::usage, "is not a zip archive",
                         reading(write("plain.csv", text), options)));
}

TEST_F(ReaderSources, OnlyMemberOfAZipIsReadWhateverItsName) {
  EXPECT_EQ(rows_of(read_ratings(zip("data.zip", {{"whatever.txt", text}}), {})), expected_rows());
  const std::string shadowed =
      zip("mac.zip", {{"ratings.csv", text}, {"__MACOSX/._ratings.csv", "junk"}});
  EXPECT_EQ(rows_of(read_ratings(shadowed, {})), expected_rows());
}

TEST_F(ReaderSources, ZipMembersOfOneNameAreNeverGuessed) {
  const std::string path =
      zip("data.zip", {{"ratings.csv", text}, {"notes.txt", "-"}, {"ratings.csv", other}});
  const std::string message =
      "data.zip: is a zip archive with several members called \"ratings.csv\" / --member cannot "
      "tell them apart: unpack the one you mean and pass that file";
  ReadOptions options;
  EXPECT_TRUE(fails_with(ExitCode::bad_data, message, reading(path, options)));
  options.member = "ratings.csv";
  EXPECT_TRUE(fails_with(ExitCode::bad_data, message, reading(path, options)));
  const std::string titles =
      zip("titles.zip", {{"movies.csv", "movieId,title\n10,X\n"}, {"movies.csv", "10,Y\n"}});
  EXPECT_TRUE(fails_with(ExitCode::bad_data, "several members called \"movies.csv\"",
                         [&] { find_titles(titles); }));
}

TEST_F(ReaderSources, NamesThatLeadOutOfTheArchiveWriteNothing) {
  const std::size_t before = folder_.entries();
  for (const char* name : {"../../etc/ratings.csv", "/abs/ratings.csv", "C:\\x\\u", "a\\..\\b"}) {
    const std::string path = zip("data.zip", {{name, text}});
    EXPECT_EQ(rows_of(read_ratings(path, {})), expected_rows());
    std::filesystem::remove(path);
  }
  const std::string path = zip("data.zip", {{std::string(60000, 'n'), text}});
  EXPECT_EQ(rows_of(read_ratings(path, {})), expected_rows());
  EXPECT_EQ(folder_.entries(), before + 1);
}

TEST_F(ReaderSources, ZipTruncatedAnywhereIsNeverReadInPart) {
  const std::string packed = read_bytes(zip("data.zip", {{"ratings.csv", text}}));
  for (std::size_t length = 5; length < packed.size(); ++length) {
    EXPECT_TRUE(fails_with(ExitCode::bad_data, "zip archive",
                           reading(write("cut.zip", packed.substr(0, length)))))
        << length;
  }
}

TEST_F(ReaderSources, ZipWithOneByteChangedIsReadRightOrRefused) {
  const std::string packed = read_bytes(zip("data.zip", {{"ratings.csv", text}}));
  for (std::size_t at = 4; at < packed.size(); ++at) {
    std::string damaged = packed;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x5a);
    const std::string path = write("damaged.zip", damaged);
    const auto error = testing::error_of(
        [&] { EXPECT_EQ(rows_of(read_ratings(path, {})), expected_rows()) << "byte " << at; });
    if (error) {
      EXPECT_EQ(error->code(), ExitCode::bad_data) << error->what();
    }
  }
}

/// The archive with the offsets in its directory made by `offset_of(member's number, its offset)`.
template <typename OffsetOf>
std::string with_offsets(std::string archive, const OffsetOf& offset_of) {
  constexpr std::size_t offset_place = 42;
  int number = 0;
  for (std::size_t at = archive.find("PK\1\2"); at != std::string::npos;
       at = archive.find("PK\1\2", at + 1)) {
    std::uint32_t offset = 0;
    std::memcpy(&offset, &archive[at + offset_place], sizeof(offset));
    offset = static_cast<std::uint32_t>(offset_of(number++, offset));
    std::memcpy(&archive[at + offset_place], &offset, sizeof(offset));
  }
  return archive;
}

TEST_F(ReaderSources, ZipMembersThatOverlapGiveTheirOwnBytesOrAreRefused) {
  const std::string packed =
      read_bytes(zip("data.zip", {{"a/ratings.csv", text}, {"b/ratings.csv", text}}));
  const std::size_t second = packed.rfind("PK\3\4");
  ReadOptions options;
  options.member = "b/ratings.csv";
  for (std::size_t offset = 0; offset < packed.size(); ++offset) {
    const std::string path =
        write("overlap.zip", with_offsets(packed, [&](int number, std::uint32_t own) {
                return number == 1 ? offset : std::size_t{own};
              }));
    // The bytes of the first member are the same, and the directory has the second's name.
    if (offset == 0 || offset == second) {
      EXPECT_EQ(rows_of(read_ratings(path, options)), expected_rows());
    } else {
      EXPECT_TRUE(fails_with(ExitCode::bad_data, "overlap.zip/b/ratings.csv: is damaged",
                             reading(path, options)))
          << offset;
    }
  }
}

TEST_F(ReaderSources, Zip64AndManyMembersAreRead) {
  write_zip(folder_.file("large.zip"), {{"ratings.csv", text}}, true);
  EXPECT_EQ(rows_of(read_ratings(folder_.file("large.zip"), {})), expected_rows());
  testing::Members members;
  for (int index = 0; index < 65536; ++index) members.emplace_back(std::to_string(index), "");
  members.emplace_back("deep/ratings.csv", text);
  EXPECT_EQ(rows_of(read_ratings(zip("many.zip", members), {})), expected_rows());
}

TEST_F(ReaderSources, FolderOfADistributionIsReadByItsRatingsFile) {
  write("movies.csv", "movieId,title\n10,X\n");
  const std::string folder = folder_.path().string();
  EXPECT_TRUE(fails_with(ExitCode::missing_input,
                         "is a folder without ratings.csv, ratings.dat, u.data", reading(folder)));
  write("ratings.csv", text);
  const RawRatings ratings = read_ratings(folder, {});
  EXPECT_EQ(rows_of(ratings), expected_rows());
  EXPECT_EQ(ratings.path, folder + "/ratings.csv");
  write("u.data", text);
  EXPECT_TRUE(fails_with(ExitCode::bad_data, "several of them", reading(folder)));
}

TEST_F(ReaderSources, FolderWithAPackedRatingsFileIsRead) {
  write("ratings.csv.gz", gzipped(text));
  EXPECT_EQ(rows_of(read_ratings(folder_.path().string(), {})), expected_rows());
}

TEST_F(ReaderSources, MissingFileSuggestsSimilarNames) {
  write("ratings.csv", text);
  write("movies.csv", "x");
  EXPECT_TRUE(fails_with(ExitCode::missing_input, "no such file / did you mean ratings.csv?",
                         reading(folder_.file("ratngs.csv"))));
  EXPECT_TRUE(fails_with(ExitCode::missing_input, "there is movies.csv, ratings.csv",
                         reading(folder_.file("completely-different"))));
  EXPECT_TRUE(fails_with(ExitCode::missing_input, "there is no folder",
                         reading(folder_.file("nowhere/ratings.csv"))));
  EXPECT_TRUE(fails_with(ExitCode::missing_input, "cannot be opened",
                         reading(folder_.file("ratings.csv/inside"))));
}

TEST_F(ReaderSources, MissingFolderOfADataSetIsFoundOneFolderDownOrWithHowToFetchIt) {
  std::filesystem::create_directories(folder_.file("data/ml-1m"));
  write(".hidden", "x");
  EXPECT_TRUE(fails_with(ExitCode::missing_input,
                         "did you mean " + folder_.file("data/ml-1m") + "?",
                         reading(folder_.file("ml-1m"))));
  EXPECT_TRUE(fails_with(ExitCode::missing_input,
                         "data/fetch ml-latest-small of alsatian's sources downloads it",
                         reading(folder_.file("ml-latest-small"))));
  EXPECT_TRUE(fails_with(ExitCode::missing_input, "check the path; there is data",
                         reading(folder_.file("something-else"))));
}

TEST_F(ReaderSources, FileThatMayNotBeReadIsAPermissionError) {
  const std::string path = write("ratings.csv", text);
  EXPECT_TRUE(fails_with(ExitCode::no_permission, "permission denied",
                         [&] { throw_cannot_open(path, EACCES); }));
  EXPECT_TRUE(fails_with(ExitCode::input_output, "cannot be opened",
                         [&] { throw_cannot_open(path, EIO); }));
  // The system asks nothing of root.
  if (::geteuid() == 0) return;
  ::chmod(path.c_str(), 0);
  EXPECT_TRUE(fails_with(ExitCode::no_permission, "permission denied", reading(path)));
}

TEST_F(ReaderSources, DeviceIsNoInput) {
  EXPECT_TRUE(fails_with(ExitCode::missing_input, "is a device", reading("/dev/null")));
  EXPECT_TRUE(fails_with(ExitCode::missing_input, "is a device", reading("/dev/zero")));
}

TEST_F(ReaderSources, NamedPipeIsReadToItsEnd) {
  const std::string path = folder_.file("pipe");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  std::thread writer([&] { write_bytes(path, text); });
  EXPECT_EQ(rows_of(read_ratings(path, {})), expected_rows());
  writer.join();
}

/// Puts a file or pipe in the place of standard input for a while.
class StandardInput {
 public:
  explicit StandardInput(int descriptor) : saved_(::dup(STDIN_FILENO)) {
    ::dup2(descriptor, STDIN_FILENO);
    ::close(descriptor);
  }
  ~StandardInput() {
    ::dup2(saved_, STDIN_FILENO);
    ::close(saved_);
  }
  StandardInput(const StandardInput&) = delete;
  StandardInput& operator=(const StandardInput&) = delete;

 private:
  int saved_;
};

TEST_F(ReaderSources, StandardInputIsReadFromAPipeOrAFile) {
  {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    const StandardInput input(ends[0]);
    ASSERT_EQ(::write(ends[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
    ::close(ends[1]);
    const RawRatings ratings = read_ratings("-", {});
    EXPECT_EQ(rows_of(ratings), expected_rows());
    EXPECT_EQ(ratings.path, "stdin");
  }
  for (const std::string& bytes : {text, gzipped(text)}) {
    const StandardInput input(::open(write("ratings.csv", bytes).c_str(), O_RDONLY));
    EXPECT_EQ(rows_of(read_ratings("-", {})), expected_rows());
  }
  {
    const StandardInput input(::open(write("bad.csv", text + "x,1,1\n").c_str(), O_RDONLY));
    EXPECT_TRUE(fails_with(ExitCode::bad_data, "stdin:4:1: user \"x\"", reading("-")));
  }
}

TEST_F(ReaderSources, PipedInputIsJudgedOnItsBeginningAndBoundByFreeMemory) {
  // The reader goes away before the writer has written everything.
  std::signal(SIGPIPE, SIG_IGN);
  const auto expect_refusal = [&](const std::string& bytes, ExitCode code,
                                  const std::string& message, std::int64_t free_bytes) {
    const std::string path = folder_.file("pipe");
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    std::thread writer([&] { write_bytes(path, bytes); });
    EXPECT_TRUE(fails_with(code, message, reading(path, with_free_bytes(free_bytes))));
    writer.join();
    std::filesystem::remove(path);
  };
  expect_refusal(std::string(9 << 20, '\0'), ExitCode::bad_data, "is not text", 16 << 20);
  expect_refusal(many_lines(9), ExitCode::out_of_memory,
                 "takes more than 8388608 bytes of memory, half of what is free", 16 << 20);
  // What is packed is held beside what comes out of it.
  const std::string packed = gzipped(many_lines(5), 0);
  expect_refusal(packed, ExitCode::out_of_memory, "bytes of memory, half of what is free",
                 14 << 20);
}

TEST_F(ReaderSources, FileThatChangesWhileItIsReadIsAnInputError) {
  const std::string path = write("ratings.csv", text);
  const Input grown = open_input(path, {});
  grown.check_unchanged();
  write_bytes(path, text + "3,30,1\n");
  EXPECT_TRUE(fails_with(ExitCode::input_output, "changed while reading",
                         [&] { grown.check_unchanged(); }));
  const Input touched = open_input(path, {});
  std::filesystem::last_write_time(
      path, std::filesystem::last_write_time(path) + std::chrono::seconds(2));
  EXPECT_TRUE(fails_with(ExitCode::input_output, "changed while reading",
                         [&] { touched.check_unchanged(); }));
}

TEST_F(ReaderSources, PathsAreEscapedInMessages) {
  const std::string path = write("a\nb.csv", "");
  EXPECT_TRUE(fails_with(ExitCode::bad_data, "a\\nb.csv: is empty", reading(path)));
}

TEST_F(ReaderSources, ArchiveListsItsMembers) {
  const std::string bytes = read_bytes(zip("data.zip", {{"a/", ""}, {"a/x", "1"}, {"y", "22"}}));
  const ZipArchive archive(bytes, "data.zip");
  ASSERT_EQ(archive.members().size(), 3U);
  EXPECT_TRUE(archive.members()[0].is_folder);
  EXPECT_EQ(archive.members()[1].name, "a/x");
  EXPECT_EQ(archive.read(archive.members()[2], {}).text(), "22");
  EXPECT_EQ(archive.read(archive.members()[1], {}).text(), "1");
  EXPECT_TRUE(fails_with(ExitCode::bad_data, "data.zip/a/: is a folder",
                         [&] { archive.read(archive.members()[0], {}); }));
}

}  // namespace
}  // namespace alsatian
