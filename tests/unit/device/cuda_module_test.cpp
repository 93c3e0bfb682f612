// What the program says where the CUDA module cannot be used, and what the module shows of itself.
// All of it runs without a GPU.
#include "host/device/cuda_module.hpp"

#include "tests/support/expect_error.hpp"
#include "tests/support/temporary_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>

namespace alsatian {
namespace {

using testing::error_of;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using testing::TemporaryFolder;

/// What load_cuda_module throws with that file as the module. A module stays loaded, but one that
/// was refused is looked for again.
Error refusal_with(const std::string& module) {
  ::setenv("ALSATIAN_CUDA_MODULE", module.c_str(), 1);
  const auto error = error_of([] { load_cuda_module(); });
  ::unsetenv("ALSATIAN_CUDA_MODULE");
  EXPECT_TRUE(error) << module;
  EXPECT_EQ(error->code(), ExitCode::device_unavailable);
  EXPECT_EQ(error->place(), "--device cuda");
  EXPECT_THAT(error->help(), HasSubstr("--device cpu"));
  return *error;
}

TEST(CudaModule, ThatIsNotThereIsRefusedWithItsPath) {
  const TemporaryFolder folder;
  EXPECT_EQ(refusal_with(folder.file("absent.so")).what(),
            "this build has no CUDA module: there is no " + folder.file("absent.so"));
}

TEST(CudaModule, ThatIsNoLibraryIsRefused) {
  const TemporaryFolder folder;
  std::ofstream(folder.file("text.so")) << "not a library";
  EXPECT_THAT(refusal_with(folder.file("text.so")).what(),
              StartsWith("the CUDA module cannot be loaded: "));
}

TEST(CudaModule, ThatIsAnotherLibraryOrVersionIsRefused) {
  EXPECT_THAT(refusal_with(ALSATIAN_OTHER_MODULE).what(),
              HasSubstr("belongs to another version of the program"));
}

TEST(CudaModule, IsLookedForBesideTheProgram) {
  const auto error = error_of([] { load_cuda_module(); });
  ASSERT_TRUE(error) << "no module lies beside this test";
  EXPECT_THAT(error->what(), HasSubstr("tests/libalsatian_cuda.so"));
  EXPECT_EQ(cuda_unavailable(), error->what());
}

#if defined(ALSATIAN_MODULE)
std::string output_of(const std::string& command) {
  const auto close = [](std::FILE* pipe) { ::pclose(pipe); };
  const std::unique_ptr<std::FILE, decltype(close)> pipe(::popen(command.c_str(), "r"), close);
  std::string output;
  std::array<char, 4096> buffer{};
  while (std::fgets(buffer.data(), static_cast<int>(buffer.size()), pipe.get()) != nullptr) {
    output += buffer.data();
  }
  return output;
}

TEST(CudaModule, ShowsOneFunctionAndNeedsNoLibraryOfCuda) {
  const std::string shown = output_of(ALSATIAN_NM " -D --defined-only " ALSATIAN_MODULE);
  EXPECT_THAT(shown, HasSubstr(" T alsatian_cuda_table\n"));
  EXPECT_EQ(std::count(shown.begin(), shown.end(), '\n'), 1) << shown;
  const std::string needed = output_of(ALSATIAN_READELF " -d " ALSATIAN_MODULE " | grep NEEDED");
  EXPECT_EQ(needed.find("cuda"), std::string::npos) << needed;
  EXPECT_EQ(needed.find("stdc++"), std::string::npos) << needed;
}
#endif

}  // namespace
}  // namespace alsatian
