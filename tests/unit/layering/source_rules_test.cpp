// Holds the project's sources to their rules, and each rule to a planted violation.
// A rule that finds nothing in the tree proves little until it is seen to find something.
#include "tests/unit/layering/source_rules.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <ostream>
#include <string>
#include <vector>

namespace alsatian::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

using Rule = std::vector<std::string> (*)(const SourceFile&);

std::vector<std::string> violations_of_the_project(Rule rule) {
  std::vector<std::string> found;
  for (const SourceFile& file : project_sources(ALSATIAN_SOURCE_DIR)) {
    for (std::string& violation : rule(file)) found.push_back(std::move(violation));
  }
  return found;
}

TEST(ProjectSources, HoldEveryLayer) {
  const auto sources = project_sources(ALSATIAN_SOURCE_DIR);
  for (const char* folder : {"kernels/math/", "kernels/cpu/", "host/ratings/", "host/train/"}) {
    EXPECT_TRUE(std::ranges::any_of(sources, [&](const SourceFile& file) {
      return file.path.starts_with(folder);
    })) << folder;
  }
}

TEST(ProjectSources, IncludeOnlyDownwards) {
  EXPECT_THAT(violations_of_the_project(include_violations), IsEmpty());
}
TEST(ProjectSources, AskForCudaInTwoHeadersOnly) {
  EXPECT_THAT(violations_of_the_project(conditional_violations), IsEmpty());
}
TEST(ProjectSources, EndTheProcessInMainAndItsSignalHandlersOnly) {
  EXPECT_THAT(violations_of_the_project(exit_violations), IsEmpty());
}
TEST(ProjectSources, OwnMemoryByTypes) {
  EXPECT_THAT(violations_of_the_project(ownership_violations), IsEmpty());
}
TEST(ProjectSources, ReadNumbersWithoutTheLocale) {
  EXPECT_THAT(violations_of_the_project(locale_violations), IsEmpty());
}
TEST(ProjectSources, BeginWithTwoLinesOfComment) {
  EXPECT_THAT(violations_of_the_project(heading_violations), IsEmpty());
}
TEST(TestSources, BeginWithTwoLinesOfComment) {
  static constexpr std::array folders = {"tests"};
  const std::vector<SourceFile> sources = sources_below(ALSATIAN_SOURCE_DIR, folders);
  EXPECT_FALSE(sources.empty());
  for (const SourceFile& file : sources) EXPECT_THAT(heading_violations(file), IsEmpty());
}

struct PlantedInclude {
  const char* path;
  const char* include;
};

void PrintTo(const PlantedInclude& planted, std::ostream* stream) {
  *stream << planted.path << " including " << planted.include;
}

class IncludeRule : public ::testing::TestWithParam<PlantedInclude> {};

TEST_P(IncludeRule, FindsThePlantedInclude) {
  const SourceFile file{GetParam().path, std::string("\n#include ") + GetParam().include + "\n"};
  EXPECT_THAT(include_violations(file),
              ElementsAre(StartsWith(std::string(GetParam().path) + ":2: includes ")));
}

INSTANTIATE_TEST_SUITE_P(
    UpwardsSidewaysAndForeign, IncludeRule,
    ::testing::Values(PlantedInclude{"kernels/math/score.hpp", "\"kernels/cpu/als.hpp\""},
                      PlantedInclude{"kernels/math/score.hpp", "<fmt/format.h>"},
                      PlantedInclude{"kernels/math/score.hpp", "<tbb/task_group.h>"},
                      PlantedInclude{"kernels/cpu/als.cpp", "\"kernels/reference/als.hpp\""},
                      PlantedInclude{"kernels/cpu/als.cpp", "<Eigen/Dense>"},
                      PlantedInclude{"kernels/reference/als.cpp", "\"kernels/cpu/als.hpp\""},
                      PlantedInclude{"host/ratings/reader.cpp", "\"host/model/model.hpp\""},
                      PlantedInclude{"host/model/model.cpp", "\"host/train/trainer.hpp\""},
                      PlantedInclude{"host/evaluate/scorer.cpp", "\"host/train/trainer.hpp\""},
                      PlantedInclude{"host/train/trainer.cpp", "\"host/evaluate/scorer.hpp\""},
                      PlantedInclude{"host/train/trainer.cpp", "\"cli/options.hpp\""},
                      PlantedInclude{"host/train/trainer.cpp", "\"kernels/cuda/context.hpp\""},
                      PlantedInclude{"host/device/cuda_module.cpp", "\"host/train/backend.hpp\""},
                      PlantedInclude{"host/evaluate/top_n.cpp", "\"kernels/cuda/top_n.hpp\""},
                      PlantedInclude{"host/train/trainer.cpp", "<CLI/CLI.hpp>"},
                      PlantedInclude{"host/train/trainer.cpp", "\"tests/support/data.hpp\""},
                      PlantedInclude{"cli/main.cpp", "\"tests/support/data.hpp\""},
                      PlantedInclude{"cli/main.cpp", "\"kernels/reference/als.hpp\""}));

TEST(IncludeRule, AllowsTheLayersBelow) {
  const SourceFile file{"host/train/trainer.cpp",
                        "#include \"host/train/trainer.hpp\"\n#include \"host/model/model.hpp\"\n"
                        "#include \"kernels/reference/als.hpp\"\n#include <fmt/format.h>\n"};
  EXPECT_THAT(include_violations(file), IsEmpty());
}

TEST(ConditionalRule, FindsCudaOutsideItsTwoHeaders) {
  const std::string text =
      "#if defined(__CUDACC__)\n#endif\n#ifdef ALSATIAN_BUILT_WITH_CUDA\n#endif\n";
  EXPECT_THAT(conditional_violations({"host/train/backend.cpp", text}),
              ElementsAre(StartsWith("host/train/backend.cpp:1: "),
                          StartsWith("host/train/backend.cpp:3: ")));
  EXPECT_THAT(conditional_violations({"kernels/math/host_device.hpp", text}), IsEmpty());
}

TEST(ExitRule, FindsCallsOutsideMain) {
  const std::string text = "void f() {\n  std::exit(1);\n  abort();\n}\n";
  EXPECT_THAT(exit_violations({"cli/train.cpp", text}),
              ElementsAre(HasSubstr(":2: exit("), HasSubstr(":3: abort(")));
  EXPECT_THAT(exit_violations({"cli/main.cpp", text}), IsEmpty());
}

TEST(ExitRule, KnowsWordsThatOnlyEndLikeOne) {
  EXPECT_THAT(exit_violations({"cli/train.cpp", "on_exit(f); at_abort (g);\n"}), IsEmpty());
}

TEST(OwnershipRule, FindsMemoryHeldByHand) {
  const std::string text =
      "auto* a = new int;\ndelete a;\nvoid* b = std::malloc(3);\nfree(b);\n  delete[] c;\n";
  EXPECT_THAT(ownership_violations({"kernels/cpu/als.cpp", text}),
              ElementsAre(HasSubstr(":1:"), HasSubstr(":2:"), HasSubstr(":3:"), HasSubstr(":4:"),
                          HasSubstr(":5:")));
}

TEST(OwnershipRule, LeavesDeletedFunctionsAlone) {
  EXPECT_THAT(ownership_violations({"host/a.hpp", "A(const A&) = delete;\nA(A&&) =delete;\n"}),
              IsEmpty());
}

TEST(OwnershipRule, LeavesAllocatorsAlone) {
  EXPECT_THAT(
      ownership_violations({"host/a.hpp", "#include <new>\nreturn ::operator new(count);\n"}),
      IsEmpty());
}

TEST(LocaleRule, FindsEveryFamily) {
  const std::string text =
      "strtod(a, b);\natoi(a);\nstd::stod(a);\nsscanf(a, b);\nstd::from_chars(a, b, c);\n";
  EXPECT_THAT(locale_violations({"host/a.cpp", text}),
              ElementsAre(HasSubstr(":1:"), HasSubstr(":2:"), HasSubstr(":3:"), HasSubstr(":4:")));
}

TEST(HeadingRule, FindsFilesThatDoNotSayWhatTheyAre) {
  EXPECT_THAT(heading_violations({"host/a.hpp", "#pragma once\n"}), ElementsAre(HasSubstr(":1:")));
  EXPECT_THAT(heading_violations({"host/a.hpp", ""}), ElementsAre(HasSubstr(":1:")));
  for (const char* text : {"// What.\n#pragma once\n", "// What.\n\n// Why.\n", "// What.\n//\n"}) {
    EXPECT_THAT(heading_violations({"host/a.hpp", text}), ElementsAre(HasSubstr(":1:"))) << text;
  }
  EXPECT_THAT(heading_violations({"host/a.hpp", "// What.\n// Why.\n"}), IsEmpty());
}

TEST(CodeOnly, BlanksCommentsAndLiteralsAndKeepsLines) {
  const auto blanks = [](std::size_t count) { return std::string(count, ' '); };
  EXPECT_EQ(code_only("a;// new\nb;"), "a;" + blanks(6) + "\nb;");
  EXPECT_EQ(code_only("a;/* new\nnew */b;"), "a;" + blanks(6) + "\n" + blanks(6) + "b;");
  EXPECT_EQ(code_only(R"(f("\"new");)"), "f(" + blanks(7) + ");");
  EXPECT_EQ(code_only("f('\\'', '\"');"), "f(" + blanks(4) + ", " + blanks(3) + ");");
  EXPECT_EQ(code_only("f(R\"x(new)\" new)x\");"), "f(" + blanks(16) + ");");
  EXPECT_EQ(code_only("f(1'000, 2);"), "f(1'000, 2);");
}

}  // namespace
}  // namespace alsatian::testing
