// What an atomic file promises where nothing fails, and what it refuses before anything is lost.
// What it promises where something fails is in atomic_file_fault_test.cpp.
#include "host/atomic_file.hpp"

#include "tests/support/expect_error.hpp"
#include "tests/support/sanitizers.hpp"
#include "tests/support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <signal.h>
#include <string>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace alsatian {
namespace {

using testing::fails_with;
using testing::read_bytes;
using testing::TemporaryFolder;
using testing::write_bytes;

void save(const std::string& path, const std::string& content) {
  AtomicFile file(path);
  file.write(content);
  file.commit();
}

mode_t mode_of(const std::string& path) {
  struct stat found;
  EXPECT_EQ(::stat(path.c_str(), &found), 0);
  return found.st_mode & 0777;
}

/// The id of a process that has ended.
pid_t dead_process() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ::waitpid(child, nullptr, 0);
  return child;
}

/// Runs an action as nobody, since permissions mean nothing to root; true if it did what it
/// should.
template <typename Action>
bool holds_for_an_ordinary_user(Action&& action) {
  const pid_t child = ::fork();
  if (child == 0) {
    const bool dropped = ::getuid() != 0 || (::setgid(65534) == 0 && ::setuid(65534) == 0);
    ::_exit(dropped && action() ? 0 : 1);
  }
  int status = 1;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(AtomicFile, WithoutAFreeDescriptorNamesTheLimit) {
  if (testing::address_sanitizer || testing::thread_sanitizer) {
    GTEST_SKIP() << "the sanitizer opens files to look at an exception";
  }
  const TemporaryFolder folder;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{0, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto error = testing::error_of([&] { const AtomicFile file(folder.file("model")); });
  ::setrlimit(RLIMIT_NOFILE, &before);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ExitCode::cannot_create);
  EXPECT_EQ(error->help(), "raise the limit of open files (ulimit -n)");
}

TEST(AtomicFile, AppearsOnlyAtCommit) {
  const TemporaryFolder folder;
  AtomicFile file(folder.file("model"));
  file.write("one ");
  file.write("two");
  EXPECT_FALSE(std::filesystem::exists(folder.file("model")));
  file.commit();
  EXPECT_EQ(read_bytes(folder.file("model")), "one two");
  EXPECT_EQ(folder.entries(), 1U);
}

TEST(AtomicFile, LeavesTheOldFileAndNoTemporaryWithoutCommit) {
  const TemporaryFolder folder;
  write_bytes(folder.file("model"), "old");
  {
    AtomicFile file(folder.file("model"));
    file.write("new");
  }
  EXPECT_EQ(read_bytes(folder.file("model")), "old");
  EXPECT_EQ(folder.entries(), 1U);
}

TEST(AtomicFile, WritesContentLargerThanItsBufferInOrder) {
  const TemporaryFolder folder;
  std::string content;
  AtomicFile file(folder.file("model"));
  for (int i = 0; i < 70; ++i) {
    const std::string part(static_cast<std::size_t>(i * 1009), static_cast<char>('0' + i));
    content += part;
    file.write(part);
  }
  const std::string large(3'000'001, 'x');
  file.write(large);
  file.commit();
  EXPECT_TRUE(read_bytes(folder.file("model")) == content + large);
}

TEST(AtomicFile, GivesANewFileTheModeOfTheUmask) {
  const TemporaryFolder folder;
  const mode_t before = ::umask(027);
  save(folder.file("model"), "new");
  ::umask(before);
  EXPECT_EQ(mode_of(folder.file("model")), 0640U);
}

TEST(AtomicFile, KeepsTheModeOfTheOldFile) {
  const TemporaryFolder folder;
  for (const mode_t mode : {0600U, 0664U}) {
    write_bytes(folder.file("model"), "old");
    ::chmod(folder.file("model").c_str(), mode);
    save(folder.file("model"), "new");
    EXPECT_EQ(read_bytes(folder.file("model")), "new");
    EXPECT_EQ(mode_of(folder.file("model")), mode);
  }
}

TEST(AtomicFile, ReplacesTheTargetOfASymbolicLinkAndKeepsTheLink) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder.path() / "store");
  write_bytes(folder.file("store/model-3"), "old");
  std::filesystem::create_symlink("model-3", folder.path() / "store/latest");
  std::filesystem::create_symlink("store/latest", folder.path() / "model");
  save(folder.file("model"), "new");
  EXPECT_TRUE(std::filesystem::is_symlink(folder.path() / "model"));
  EXPECT_TRUE(std::filesystem::is_symlink(folder.path() / "store/latest"));
  EXPECT_EQ(read_bytes(folder.file("store/model-3")), "new");
}

TEST(AtomicFile, CreatesTheTargetOfADanglingLink) {
  const TemporaryFolder folder;
  std::filesystem::create_symlink("model-4", folder.path() / "model");
  save(folder.file("model"), "new");
  EXPECT_EQ(read_bytes(folder.file("model-4")), "new");
}

TEST(AtomicFile, RefusesACircleOfLinks) {
  const TemporaryFolder folder;
  std::filesystem::create_symlink("b", folder.path() / "a");
  std::filesystem::create_symlink("a", folder.path() / "b");
  EXPECT_TRUE(fails_with(ExitCode::cannot_create, "circle", [&] { save(folder.file("a"), "x"); }));
}

TEST(AtomicFile, TakesPathsWithSpacesNewlinesAndNoFolder) {
  const TemporaryFolder folder;
  save(folder.file("a b\nc:-"), "new");
  EXPECT_EQ(read_bytes(folder.file("a b\nc:-")), "new");
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  save("-model", "bare");
  std::filesystem::current_path(before);
  EXPECT_EQ(read_bytes(folder.file("-model")), "bare");
}

TEST(AtomicFile, RemovesTemporariesOfDeadProcessesOnly) {
  const TemporaryFolder folder;
  const std::string dead = folder.file("model.tmp." + std::to_string(dead_process()));
  const std::string alive = folder.file("model.tmp." + std::to_string(::getppid()));
  const std::string other = folder.file("model.tmp.old");
  const std::string others = folder.file("model2.tmp." + std::to_string(dead_process()));
  for (const std::string& path : {dead, alive, other, others}) write_bytes(path, "part");
  save(folder.file("model"), "new");
  EXPECT_FALSE(std::filesystem::exists(dead));
  EXPECT_TRUE(std::filesystem::exists(alive));
  EXPECT_TRUE(std::filesystem::exists(other));
  EXPECT_TRUE(std::filesystem::exists(others));
}

TEST(AtomicFile, IsNeverCalledLikeStandardInput) {
  EXPECT_TRUE(fails_with(ExitCode::usage, "is no output", [] { AtomicFile file("-"); }));
  EXPECT_FALSE(std::filesystem::exists("-"));
}

TEST(AtomicFile, TakesOverALeftTemporaryOfItsOwnProcessId) {
  const TemporaryFolder folder;
  write_bytes(folder.file("model.tmp." + std::to_string(::getpid())), "left by an earlier process");
  save(folder.file("model"), "new");
  EXPECT_EQ(read_bytes(folder.file("model")), "new");
  EXPECT_EQ(folder.entries(), 1U);
}

TEST(AtomicFile, IsBusyWhileTheSameProcessWritesToThePath) {
  const TemporaryFolder folder;
  AtomicFile first(folder.file("model"));
  EXPECT_TRUE(
      fails_with(ExitCode::busy, "being written", [&] { save(folder.file("model"), "x"); }));
  first.write("first");
  first.commit();
  EXPECT_EQ(read_bytes(folder.file("model")), "first");
}

TEST(AtomicFile, LastOfTwoProcessesWinsWhole) {
  const TemporaryFolder folder;
  AtomicFile first(folder.file("model"));
  first.write("first");
  const pid_t child = ::fork();
  if (child == 0) {
    save(folder.file("model"), "second");
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(read_bytes(folder.file("model")), "second");
  first.commit();
  EXPECT_EQ(read_bytes(folder.file("model")), "first");
  EXPECT_EQ(folder.entries(), 1U);
}

TEST(AtomicFile, RefusesFoldersPipesAndMissingFolders) {
  const TemporaryFolder folder;
  ASSERT_EQ(::mkfifo(folder.file("pipe").c_str(), 0600), 0);
  const auto attempt = [&](const std::string& path) { return [path] { save(path, "x"); }; };
  EXPECT_TRUE(fails_with(ExitCode::cannot_create, "is a folder", attempt(folder.file(""))));
  EXPECT_TRUE(fails_with(ExitCode::cannot_create, "regular file", attempt(folder.file("pipe"))));
  EXPECT_TRUE(
      fails_with(ExitCode::cannot_create, "No such file", attempt(folder.file("none/model"))));
  EXPECT_TRUE(fails_with(ExitCode::cannot_create, "", attempt("")));
  EXPECT_TRUE(
      fails_with(ExitCode::cannot_create, "too long", attempt(folder.file(std::string(250, 'x')))));
  EXPECT_EQ(folder.entries(), 1U);
}

TEST(AtomicFile, RefusesWhatAnOrdinaryUserMayNotWrite) {
  const TemporaryFolder folder;
  ::chmod(folder.path().c_str(), 0777);
  write_bytes(folder.file("read-only"), "old");
  ::chmod(folder.file("read-only").c_str(), 0444);
  std::filesystem::create_directory(folder.path() / "closed");
  ::chmod(folder.file("closed").c_str(), 0555);
  for (const char* name : {"read-only", "closed/model"}) {
    EXPECT_TRUE(holds_for_an_ordinary_user([&] {
      return static_cast<bool>(
          fails_with(ExitCode::cannot_create, "denied", [&] { save(folder.file(name), "new"); }));
    })) << name;
  }
  EXPECT_EQ(read_bytes(folder.file("read-only")), "old");
}

TEST(AtomicFile, RefusesToTakeAFileFromItsOwner) {
  if (::getuid() != 0) GTEST_SKIP() << "only root can make a file of another user";
  const TemporaryFolder folder;
  ::chmod(folder.path().c_str(), 0777);
  write_bytes(folder.file("shared"), "old");
  ::chmod(folder.file("shared").c_str(), 0666);
  EXPECT_TRUE(holds_for_an_ordinary_user([&] {
    return static_cast<bool>(fails_with(ExitCode::cannot_create, "another user",
                                        [&] { save(folder.file("shared"), "new"); }));
  }));
  EXPECT_EQ(read_bytes(folder.file("shared")), "old");
}

TEST(AtomicFile, WritesThroughToCharacterDevices) {
  EXPECT_NO_THROW(save("/dev/null", "gone"));
  EXPECT_TRUE(fails_with(ExitCode::input_output, "No space left", [] { save("/dev/full", "x"); }));
}

TEST(AtomicFile, NamesWhatIsNeededAndFreeOnAFullDevice) {
  const TemporaryFolder folder;
  struct rlimit before;
  ::getrlimit(RLIMIT_FSIZE, &before);
  // A limit on file sizes stands for a full disk; its signal is ignored, as by the program.
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit small { 8192, before.rlim_max };
  ::setrlimit(RLIMIT_FSIZE, &small);
  write_bytes(folder.file("model"), "old");
  const auto result = fails_with(ExitCode::input_output, "(needs 23.6 kB, ", [&] {
    AtomicFile file(folder.file("model"), 23573);
    file.write(std::string(23573, 'x'));
    file.commit();
  });
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_TRUE(result);
  EXPECT_EQ(read_bytes(folder.file("model")), "old");
  EXPECT_EQ(folder.entries(), 1U);
}

TEST(ProbeOutput, LeavesNothingAndFailsEarly) {
  const TemporaryFolder folder;
  probe_output(folder.file("model"), "");
  EXPECT_EQ(folder.entries(), 0U);
  write_bytes(folder.file("model"), "old");
  probe_output(folder.file("model"), folder.file("ratings"));
  EXPECT_EQ(read_bytes(folder.file("model")), "old");
  EXPECT_TRUE(fails_with(ExitCode::cannot_create, "folder",
                         [&] { probe_output(folder.file("none/model"), ""); }));
  EXPECT_NO_THROW(probe_output("/dev/full", "", 1'000'000'000'000'000'000));
}

TEST(ProbeOutput, RefusesAnOutputThatNeedsMoreThanIsFree) {
  const TemporaryFolder folder;
  EXPECT_TRUE(fails_with(ExitCode::input_output, "needs 1000.0 PB", [&] {
    probe_output(folder.file("model"), "", 1'000'000'000'000'000'000);
  }));
  EXPECT_NO_THROW(probe_output(folder.file("model"), "", 1));
}

TEST(ProbeOutput, RefusesToOverwriteTheInputUnderAnyName) {
  const TemporaryFolder folder;
  const std::string ratings = folder.file("ratings.csv");
  write_bytes(ratings, "1,2,3\n");
  std::filesystem::create_symlink("ratings.csv", folder.path() / "link");
  std::filesystem::create_hard_link(ratings, folder.path() / "hard");
  for (const char* name : {"ratings.csv", "./ratings.csv", "link", "hard"}) {
    EXPECT_TRUE(fails_with(ExitCode::usage, "overwrite the input", [&] {
      probe_output(folder.file(name), ratings);
    })) << name;
  }
  EXPECT_TRUE(fails_with(ExitCode::usage, "ratings.csv", [&] {
    probe_output(ratings, folder.path().string());
  })) << "a file in the input folder";
  EXPECT_NO_THROW(probe_output("/dev/null", "/dev/null"));
  EXPECT_EQ(read_bytes(ratings), "1,2,3\n");
}

}  // namespace
}  // namespace alsatian
