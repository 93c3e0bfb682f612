// Every system call of a save made to fail in every way: old or new, whole, and honest about it.
// A naive writer goes through the same sweep and must be caught, or the sweep proves nothing.
#include "host/atomic_file.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/fault_injection.hpp"
#include "tests/support/temporary_folder.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fcntl.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace alsatian {
namespace {

using testing::error_of;
using testing::Fault;
using testing::FaultInjection;
using testing::FaultKind;
using testing::read_bytes;
using testing::TemporaryFolder;
using testing::write_bytes;

const std::string old_content(5'000, 'o');
// More than two buffers, so that there are several writes.
const std::string new_content(2'500'001, 'n');

/// Saves content as `AtomicFile` does; true if it says that it succeeded.
bool save_atomically(const std::string& path, const std::string& content) {
  return !error_of([&] {
    AtomicFile file(path);
    for (std::size_t first = 0; first < content.size(); first += 100'003) {
      file.write(std::string_view(content).substr(first, 100'003));
    }
    file.commit();
  });
}

/// What most programs do: truncate, write, never look.
bool save_naively(const std::string& path, const std::string& content) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  const ssize_t written = ::write(descriptor, content.data(), content.size());
  ::close(descriptor);
  return written >= 0 || descriptor >= 0;
}

using Save = bool (*)(const std::string&, const std::string&);

std::vector<std::string> calls_of(Save save) {
  const TemporaryFolder folder;
  write_bytes(folder.file("model"), old_content);
  const FaultInjection injection({});
  EXPECT_TRUE(save(folder.file("model"), new_content));
  return injection.calls();
}

/// Saves over an old file with one fault; describes what is wrong with the outcome, if anything.
std::string outcome_of(Save save, const Fault& fault, const std::vector<std::string>& calls) {
  const TemporaryFolder folder;
  write_bytes(folder.file("model"), old_content);
  bool succeeded = false;
  {
    const FaultInjection injection(fault);
    succeeded = save(folder.file("model"), new_content);
  }
  const std::string found = read_bytes(folder.file("model"));
  const bool is_new = found == new_content;
  if (!is_new && found != old_content) return fmt::format("torn: {} bytes", found.size());
  if (succeeded && !is_new) return "says it saved, but did not";
  if (folder.entries() != 1) return "left a temporary";
  // Only the fsync of the folder may fail after the new file has its name.
  const auto renamed = std::ranges::find(calls, "rename") - calls.begin() + 1;
  if (!succeeded && is_new && fault.call <= renamed) return "says it failed, but saved";
  return "";
}

/// Sweeps over every call and every kind of fault; returns a line per violation.
std::vector<std::string> sweep(Save save) {
  const std::vector<std::string> calls = calls_of(save);
  std::vector<std::string> violations;
  for (const FaultKind kind : {FaultKind::no_space, FaultKind::io_error, FaultKind::no_access,
                               FaultKind::interrupted, FaultKind::partial}) {
    for (const bool sticky : {false, true}) {
      if (sticky && kind == FaultKind::interrupted) continue;  // no program gets past that
      for (int call = 1; call <= static_cast<int>(calls.size()); ++call) {
        const std::string wrong = outcome_of(save, {kind, call, sticky}, calls);
        if (wrong.empty()) continue;
        violations.push_back(fmt::format("fault {} at call {} ({}){}: {}", static_cast<int>(kind),
                                         call, calls[static_cast<std::size_t>(call - 1)],
                                         sticky ? ", sticky" : "", wrong));
      }
    }
  }
  return violations;
}

TEST(AtomicFileFaults, LeaveOldOrNewWholeAtEveryCall) {
  EXPECT_THAT(sweep(save_atomically), ::testing::IsEmpty());
}

TEST(AtomicFileFaults, CatchANaiveWriter) {
  EXPECT_THAT(sweep(save_naively), ::testing::Contains(::testing::HasSubstr("torn")));
}

TEST(AtomicFileFaults, OfInterruptionAndShortWritesAreNoFailures) {
  const std::vector<std::string> calls = calls_of(save_atomically);
  for (const FaultKind kind : {FaultKind::interrupted, FaultKind::partial}) {
    for (int call = 1; call <= static_cast<int>(calls.size()); ++call) {
      const TemporaryFolder folder;
      const FaultInjection injection({kind, call, false});
      EXPECT_TRUE(save_atomically(folder.file("model"), new_content)) << "call " << call;
    }
  }
}

TEST(AtomicFile, FlushesTheFileBeforeTheRenameAndTheFolderAfter) {
  const std::vector<std::string> calls = calls_of(save_atomically);
  const auto renamed = std::ranges::find(calls, "rename");
  ASSERT_NE(renamed, calls.end());
  const std::vector<std::string> before(calls.begin(), renamed);
  const std::vector<std::string> after(renamed, calls.end());
  const std::vector<std::string> last_before(before.end() - 3, before.end());
  EXPECT_THAT(last_before, ::testing::ElementsAre("write", "fsync", "close"));
  EXPECT_THAT(after, ::testing::ElementsAre("rename", "fsync", "close"));
}

TEST(AtomicFile, SurvivesBeingKilledAtEveryCallAndCleansUpNextTime) {
  const std::vector<std::string> calls = calls_of(save_atomically);
  for (int call = 1; call <= static_cast<int>(calls.size()); ++call) {
    const TemporaryFolder folder;
    write_bytes(folder.file("model"), old_content);
    const pid_t child = ::fork();
    if (child == 0) {
      const FaultInjection injection({FaultKind::kill, call, false});
      save_atomically(folder.file("model"), new_content);
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "call " << call;
    const std::string found = read_bytes(folder.file("model"));
    EXPECT_TRUE(found == old_content || found == new_content) << "torn at call " << call;
    EXPECT_TRUE(save_atomically(folder.file("model"), new_content));
    EXPECT_EQ(folder.entries(), 1U) << "a stale temporary stayed at call " << call;
  }
}

}  // namespace
}  // namespace alsatian
