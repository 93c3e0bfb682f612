// Feature files: which line is a header, which side a file is of, names of columns, packing.
// Each file is a few lines written out here, and what it should mean follows from its ids.
#include "tests/support/expect_error.hpp"
#include "tests/unit/ratings/feature_rows.hpp"
#include "tests/unit/ratings/packed.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

namespace alsatian {
namespace {

using ::testing::ElementsAre;
using testing::fails_with;
using testing::features_of;
using testing::gzipped;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kinds_of;
using testing::lines;
using testing::row_of;
using testing::TemporaryFolder;
using testing::write_bytes;
using testing::write_zip;

/// Ids of a file, in their order.
std::vector<std::string> ids_of(const FeatureFile& file) {
  std::vector<std::string> ids;
  for (std::int64_t row = 0; row < file.ids.size(); ++row) ids.emplace_back(file.ids[row]);
  return ids;
}

std::string first_id_of(const std::string& bytes) { return ids_of(features_of(bytes)).front(); }

/// Ten lines of string ids with a number, and a flag behind it.
std::string string_lines() {
  std::string text;
  for (char letter = 'a'; letter < 'k'; ++letter) {
    text += std::string(3, letter) + "," + std::to_string(letter * 7) + ".5," +
            (letter % 2 == 0 ? "yes" : "no") + "\n";
  }
  return text;
}

TEST(FeatureHeader, IsNoLineThatBeginsWithANumber) {
  const auto states = [](int id) { return std::string(id % 2 == 0 ? ",OR" : ",ID"); };
  EXPECT_EQ(first_id_of(lines(12, states)), "1");  // ID is Idaho
  const auto kinds = [](int id) { return std::string(id % 2 == 0 ? ",1,item" : ",2,user"); };
  EXPECT_EQ(first_id_of(lines(12, kinds)), "1");
  const auto stray = [](int id) {
    return (id == 1 ? ",unknown" : "," + std::to_string(id) + ".5") + (id % 2 == 0 ? ",a" : ",b");
  };
  EXPECT_EQ(first_id_of(lines(12, stray)), "1");
}

TEST(FeatureHeader, OfAFirstFieldThatIsANumberNamesTheIdsAboveNumbers) {
  const FeatureFile file =
      features_of("0,itemId,price\n" + lines(12, [](int id) {
                    return "," + std::to_string(100 + id) + "," + std::to_string(id) + ".5";
                  }));
  EXPECT_EQ(ids_of(file).front(), "101");
  EXPECT_THAT(file.names, ::testing::Contains("price"));
}

TEST(FeatureHeader, IsNoLineWithNumbersAboveNumbersWhateverItsIdIsCalled) {
  const FeatureFile file = features_of("book,19.5,yes\n" + string_lines());
  EXPECT_EQ(ids_of(file).front(), "book");
  ASSERT_EQ(file.warnings.size(), 1U);
  EXPECT_THAT(file.warnings[0], HasSubstr("its first line (\"book\", \"19.5\", \"yes\") is taken "
                                          "for data"));
}

TEST(FeatureHeader, IsNoLineOfWordsThatComeAgain) {
  std::string text = "ann,user,b\n";
  for (const char* name : {"bob", "cid", "dan", "eve", "fay", "gus", "hal", "ivy", "jim"}) {
    text += std::string(name) + (name[1] % 2 == 0 ? ",user,a\n" : ",admin,b\n");
  }
  EXPECT_EQ(ids_of(features_of(text, "people.csv", FeatureSide::users)).front(), "ann");
}

TEST(FeatureHeader, StandsAboveNumbersOrNamesTheIds) {
  EXPECT_EQ(first_id_of("what,price,big\n" + string_lines()), "aaa");
  std::string words = "itemId,colour\n";
  std::string doubtful = "ID,colour\n";
  for (char letter = 'a'; letter < 'm'; ++letter) {
    const std::string line = std::string(2, letter) + (letter % 2 == 0 ? ",red\n" : ",blue\n");
    words += line;
    doubtful += line;
  }
  EXPECT_EQ(first_id_of(words), "aa");
  EXPECT_THAT(features_of(words).warnings, IsEmpty());
  const FeatureFile file = features_of(doubtful);
  EXPECT_EQ(ids_of(file).front(), "aa");
  ASSERT_EQ(file.warnings.size(), 1U);
  EXPECT_THAT(file.warnings[0],
              HasSubstr("its first line (\"ID\", \"colour\") is taken for a header"));
}

TEST(FeatureHeader, MayBeLatin1AsItsValues) {
  const FeatureFile file = features_of(
      "itemId,Ann\xe9"
      "e\n" +
      lines(12, [](int id) { return "," + std::to_string(id) + ".5"; }));
  EXPECT_THAT(file.names, ElementsAre("Ann\u00e9"
                                      "e"));
  EXPECT_EQ(file.columns[0].name,
            "Ann\u00e9"
            "e");
}

TEST(FeatureHeader, NamesEachColumnOnce) {
  EXPECT_THAT(features_of("itemId,,price,\n" + lines(12,
                                                     [](int id) {
                                                       return "," + std::to_string(id) + ".5," +
                                                              std::to_string(id) + ".25,";
                                                     }))
                  .names,
              ElementsAre("column 2", "price"));
  EXPECT_TRUE(fails_with(ExitCode::bad_data, "has two columns called \"price\" / rename one",
                         [] { features_of("id,price,price\n1,2,3\n"); }));
}

TEST(FeatureFile, WhoseNameIsNotUtf8HasAPrintableOne) {
  const FeatureFile file = features_of(
      "id,kind\n" + lines(12, [](int id) { return id % 2 == 0 ? ",a" : ",b"; }), "caf\xe9.csv");
  EXPECT_EQ(file.source, "caf\\xe9.csv");
}

TEST(FeatureFile, OfMovieLensIsRefusedOnTheOtherSide) {
  const std::string person = "1|24|M|technician|85711\n2|53|F|other|94043\n";
  std::string film = "1|Toy Story (1995)|01-Jan-1995||http://x";
  for (int genre = 0; genre < 19; ++genre) film += "|0";
  const std::string movie_dat = "1::Toy Story (1995)::Comedy\n2::Heat (1995)::Action\n";
  const std::string user_dat = "1::F::1::10::48067\n2::M::56::16::70072\n";
  const auto refuses = [](const std::string& name, const std::string& bytes, FeatureSide side,
                          const std::string& remedy) {
    return fails_with(ExitCode::bad_data, remedy, [&] { features_of(bytes, name, side); });
  };
  const std::string as_items = "has features of items, as MovieLens' ";
  const std::string as_users = "has features of users, as MovieLens' ";
  EXPECT_TRUE(refuses("u.item", film + "\n", FeatureSide::users,
                      as_items +
                          "u.item, and --user-features takes features of users / give it with "
                          "--item-features"));
  EXPECT_TRUE(refuses("movies.dat", movie_dat, FeatureSide::users, as_items));
  EXPECT_TRUE(refuses("u.user", person, FeatureSide::items,
                      as_users +
                          "u.user, and --item-features takes features of items / give it with "
                          "--user-features"));
  EXPECT_TRUE(refuses("users.dat", user_dat, FeatureSide::items, as_users));
  EXPECT_TRUE(refuses("users.dat.gz", gzipped(user_dat), FeatureSide::items, as_users));
}

TEST(FeatureFile, OfMovieLensIsKnownWherePacked) {
  const auto bytes = gzipped(lines(12, [](int id) {
    return std::string(id % 2 == 0 ? "::F" : "::M") + "::1::" + std::to_string(id % 3) + "::1";
  }));
  EXPECT_EQ(kinds_of(features_of(bytes, "users.dat.gz", FeatureSide::users)).at("gender"),
            "category");
}

TEST(FeatureFile, WithCarriageReturnsAloneIsRefusedWithTheRemedy) {
  EXPECT_TRUE(fails_with(ExitCode::bad_data,
                         "has lines that end in a carriage return (old Mac) only / convert it: "
                         "tr '\\r' '\\n' < FILE > features.csv",
                         [] { features_of("id,kind\r1,a\r2,b\r"); }));
}

TEST(FeatureFile, InAnArchiveThatLeavesTheChoiceIsToBeUnpacked) {
  const TemporaryFolder folder;
  const std::string path = folder.file("many.zip");
  const auto refuses = [&](const testing::Members& members, const std::string& text) {
    std::filesystem::remove(path);
    write_zip(path, members);
    const auto error = testing::error_of([&] { read_features(path, FeatureSide::items); });
    if (!error) return ::testing::AssertionFailure() << "nothing was thrown";
    EXPECT_THAT(error->what() + error->help(), ::testing::Not(HasSubstr("--member")));
    return fails_with(ExitCode::bad_data, text, [&] { throw *error; });
  };
  EXPECT_TRUE(refuses({{"a.csv", "id,b\n1,2\n"}, {"b.csv", "id,b\n1,2\n"}},
                      " / unpack the one you mean and pass that file: a.csv, b.csv"));
  EXPECT_TRUE(refuses({{"x/u.item", "1|a\n"}, {"y/u.item", "1|a\n"}},
                      "several candidates: x/u.item, y/u.item / unpack the one you mean"));
  EXPECT_TRUE(refuses({{"u.item", "1|a\n"}, {"u.item", "2|a\n"}},
                      "several members called \"u.item\" / unpack the one you mean"));
}

TEST(FeatureFile, ThatTakesMoreMemoryThanIsFreeIsRefusedWithBothSizes) {
  const TemporaryFolder folder;
  write_bytes(folder.file("long.csv"),
              "id,kind\n" + lines(20000, [](int id) { return id % 2 == 0 ? ",a" : ",b"; }));
  const auto reading = [&](std::int64_t free_bytes) {
    return [&folder, free_bytes] {
      read_features(folder.file("long.csv"), FeatureSide::items, free_bytes);
    };
  };
  EXPECT_TRUE(
      fails_with(ExitCode::out_of_memory, " of memory, 1.0 MiB are free", reading(1 << 20)));
  EXPECT_NO_THROW(reading(64 << 20)());
}

}  // namespace
}  // namespace alsatian
