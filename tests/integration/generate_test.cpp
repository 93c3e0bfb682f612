// `generate`: what a name promises is what is written.
// What the ratings are is tested where they are made, in tests/unit/ratings/.
#include "tests/integration/problem_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace alsatian::testing {
namespace {

using ::testing::HasSubstr;

std::vector<std::string> generate(const std::vector<std::string>& more) {
  return with({"generate", "--users", "97", "--items", "61", "--ratings", "1999", "--quiet"}, more);
}

TEST(Generate, PacksWhereTheNameEndsInGz) {
  const TemporaryFolder folder;
  for (const std::string ending : {"", ".gz"}) {
    const RunResult result = run(generate({"--out", folder.file("ratings.csv" + ending), "--movies",
                                           folder.file("movies.csv" + ending)}));
    ASSERT_EQ(result.code, 0) << result.error;
  }
  for (const std::string name : {"ratings.csv", "movies.csv"}) {
    const std::string packed = read_bytes(folder.file(name + ".gz"));
    EXPECT_TRUE(packed.starts_with("\x1f\x8b"));
    EXPECT_LT(packed.size(), read_bytes(folder.file(name)).size() / 2);
  }
  const auto model_of = [&](const std::string& ending) {
    const std::string out = folder.file("model" + ending);
    const RunResult result = run({"train", "--data", folder.file("ratings.csv" + ending), "--k",
                                  "2", "--epochs", "2", "--out", out});
    EXPECT_EQ(result.code, 0) << result.error;
    return read_bytes(out);
  };
  EXPECT_EQ(model_of(".gz"), model_of(""));
  const auto titles_by = [&](const std::string& ending) {
    return run({"recommend", folder.file("model"), "--all-users", "--include-seen", "--movies",
                folder.file("movies.csv" + ending)})
        .output;
  };
  EXPECT_EQ(titles_by(".gz"), titles_by(""));
}

TEST(Generate, RefusesNamesOfPackingsThatItDoesNotWrite) {
  const TemporaryFolder folder;
  for (const std::string ending : {".zip", ".bz2", ".xz", ".zst", ".7z"}) {
    const std::string name = folder.file("ratings.csv");
    const RunResult result = run(generate({"--out", name + ending}));
    EXPECT_EQ(result.code, 64);
    EXPECT_EQ(result.error, "alsatian: error: --out \"" + name + ending + "\": " + ending +
                                " files are not written, only plain text and .gz\n  help: try "
                                "--out " +
                                name + ".gz\n");
  }
  const RunResult movies = run(generate({"--out", folder.file("r"), "--movies", "movies.zip"}));
  EXPECT_EQ(movies.code, 64);
  EXPECT_THAT(movies.error, HasSubstr("alsatian: error: --movies \"movies.zip\": .zip files"));
  EXPECT_EQ(folder.entries(), 0U);
}

TEST(Generate, RefusesStandardInputsNameForAnOutput) {
  const RunResult result = run(generate({"--out", "-"}));
  EXPECT_EQ(result.code, 64);
  EXPECT_EQ(result.error,
            "alsatian: error: -: is no output: files are written, not standard output\n"
            "  help: name a file; ./- is one called -\n");
}

TEST(Generate, RefusesOneFileForRatingsAndTitlesByAnyName) {
  const TemporaryFolder folder;
  const std::string out = folder.file("made.csv");
  write_bytes(out, "before");
  std::filesystem::create_symlink(out, folder.file("link"));
  for (const std::string& movies :
       {out, folder.path().string() + "/./made.csv", folder.file("link")}) {
    const RunResult result = run(generate({"--out", out, "--movies", movies}));
    EXPECT_EQ(result.code, 64);
    EXPECT_EQ(result.error,
              "alsatian: error: --movies: is the same file as --out\n"
              "  help: give it another name\n");
  }
  EXPECT_EQ(read_bytes(out), "before");
}

}  // namespace
}  // namespace alsatian::testing
