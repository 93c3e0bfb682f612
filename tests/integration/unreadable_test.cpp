// Inputs that are there and cannot be read: forbidden folders, files larger than the address space.
// A folder that may not be read is not called empty, and a lack of memory is not called a fault.
#include "tests/integration/problem_folder.hpp"
#include "tests/support/sanitizers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace alsatian::testing {
namespace {

/// As a user to whom permissions apply: root may read every file but for these two capabilities.
RunOptions without_privileges() {
  RunOptions options;
  options.in_child = [] {
    for (const int capability : {CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH}) {
      if (::getuid() == 0 && ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) ::_exit(125);
    }
  };
  return options;
}

TEST(DataFolder, ThatMayNotBeReadIs77AndNotCalledEmpty) {
  const TemporaryFolder folder;
  const std::string data = folder.file("ml");
  std::filesystem::create_directory(data);
  write_bytes(data + "/numbers.csv", small_ratings(3, 3));
  for (const mode_t mode : {0000, 0100, 0400}) {
    ::chmod(data.c_str(), mode);
    expect_refusal(run({"train", "--data", data}, without_privileges()), 77,
                   data + ": is a folder that may not be read (permission denied)",
                   "change its permissions (chmod +rx), or run as a user who may read it");
    if (mode == 0100) {
      expect_refusal(run({"train", "--data", data + "/ratings.csv"}, without_privileges()), 66,
                     data + "/ratings.csv: no such file",
                     "check the path; its folder may not be listed");
    }
  }
  ::chmod(data.c_str(), 0700);
  EXPECT_EQ(run({"train", "--data", data}, without_privileges()).code, 66);
}

TEST(RatingsFile, LargerThanTheAddressSpaceIs71) {
  if (address_sanitizer || thread_sanitizer) {
    GTEST_SKIP() << "the sanitizer's shadow memory does not fit a limited address space";
  }
  const TemporaryFolder folder;
  const std::string data = folder.file("ratings.csv");
  write_bytes(data, small_ratings(3, 3));
  const auto size = std::int64_t{8} << 30;
  std::filesystem::resize_file(data, size);  // with a hole: it takes no disk
  RunOptions options;
  options.in_child = [] {
    const rlimit most{rlim_t{2} << 30, rlim_t{2} << 30};
    ::setrlimit(RLIMIT_AS, &most);
  };
  expect_refusal(
      run({"train", "--data", data}, options), 71,
      data + ": no address space for its " + std::to_string(size) + " bytes, or too many mappings",
      "raise the limit (ulimit -v), or train on a smaller file");
}

}  // namespace
}  // namespace alsatian::testing
