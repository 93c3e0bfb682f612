// Claims about ids: what counts as an integer, and how an index finds and writes them.
// Expected values are written by hand.
#include "host/ratings/ids.hpp"

#include "host/ratings/id_indexing.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace alsatian {
namespace {

constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t highest = std::numeric_limits<std::int64_t>::max();

StringTable table(const std::vector<std::string>& texts) {
  StringTable result;
  for (const std::string& text : texts) result.push_back(text);
  return result;
}

TEST(IdColumn, KeepsItsIdsWhenOneNeeds64Bits) {
  IdColumn ids{2147483647, -2147483648};
  EXPECT_FALSE(ids.is_wide());
  ids.push_back(2147483648);
  ASSERT_TRUE(ids.is_wide());
  ASSERT_EQ(ids.size(), 3U);
  EXPECT_EQ(ids[0], 2147483647);
  EXPECT_EQ(ids[1], -2147483648);
  EXPECT_EQ(ids[2], 2147483648);
}

TEST(IntegerId, IsAnOptionalMinusAndDigits) {
  EXPECT_EQ(parse_integer_id("0"), 0);
  EXPECT_EQ(parse_integer_id("-17"), -17);
  EXPECT_EQ(parse_integer_id("007"), 7);
  EXPECT_EQ(parse_integer_id("9223372036854775807"), highest);
  EXPECT_EQ(parse_integer_id("-9223372036854775808"), lowest);
}

TEST(IntegerId, IsNothingElse) {
  for (const char* text : {"", "-", "+5", " 5", "5 ", "5.0", "1e3", "0x10", "5a", "--5",
                           "9223372036854775808", "-9223372036854775809"}) {
    EXPECT_EQ(parse_integer_id(text), std::nullopt) << text;
  }
}

TEST(StringTable, HoldsEmptyAndBinaryTexts) {
  const StringTable texts = table({"", std::string("a\0b", 3), "Ünïcödé", ""});
  ASSERT_EQ(texts.size(), 4);
  EXPECT_EQ(texts[0], "");
  EXPECT_EQ(texts[1], std::string_view("a\0b", 3));
  EXPECT_EQ(texts[2], "Ünïcödé");
  EXPECT_EQ(texts[3], "");
}

TEST(IdIndex, FindsEveryIntegerItHoldsAndNoOther) {
  const IdIndex ids({lowest, -3, 0, 12, highest});
  EXPECT_EQ(ids.kind(), IdKind::integer);
  EXPECT_EQ(ids.size(), 5);
  for (std::int32_t index = 0; index < ids.size(); ++index) {
    EXPECT_EQ(ids.find(ids.integers()[static_cast<std::size_t>(index)]), index);
    EXPECT_EQ(ids.find(ids.text(index)), index);
  }
  EXPECT_EQ(ids.text(1), "-3");
  for (const char* text : {"012", "+12", "-0", "12.0", " 12"}) {
    EXPECT_EQ(ids.find(text), std::nullopt) << text;
  }
  EXPECT_EQ(ids.find(13), std::nullopt);
  EXPECT_EQ(ids.find("twelve"), std::nullopt);
}

TEST(IdIndex, FindsEveryStringItHoldsAndNoOther) {
  const IdIndex ids(table({"", "12", "B", "a", "ab"}));
  EXPECT_EQ(ids.kind(), IdKind::string);
  EXPECT_EQ(ids.size(), 5);
  for (std::int32_t index = 0; index < ids.size(); ++index) {
    EXPECT_EQ(ids.find(ids.text(index)), index);
  }
  EXPECT_EQ(ids.find(12), 1);
  EXPECT_EQ(ids.find("012"), std::nullopt);
  EXPECT_EQ(ids.find("abc"), std::nullopt);
  EXPECT_EQ(ids.find("A"), std::nullopt);
}

TEST(IdIndex, OfNothingFindsNothing) {
  EXPECT_EQ(IdIndex().size(), 0);
  EXPECT_EQ(IdIndex().find("1"), std::nullopt);
  EXPECT_EQ(IdIndex(StringTable{}).find("a"), std::nullopt);
}

TEST(IdIndex, SubsetKeepsTheOrder) {
  const std::vector<bool> keep{true, false, true};
  EXPECT_EQ(IdIndex({2, 3, 5}).subset(keep).integers(), (std::vector<std::int64_t>{2, 5}));
  const IdIndex strings = IdIndex(table({"a", "b", "c"})).subset(keep);
  ASSERT_EQ(strings.size(), 2);
  EXPECT_EQ(strings.text(0), "a");
  EXPECT_EQ(strings.text(1), "c");
}

/// Every row's index must lead back to the row's id, and the ids be the distinct ones in order.
void expect_indexed(const std::vector<std::int64_t>& values) {
  RawIds raw;
  raw.values = IdColumn(values);
  const IndexedIds indexed = index_ids(std::move(raw), "ratings.csv");
  const std::set<std::int64_t> distinct(values.begin(), values.end());
  EXPECT_EQ(indexed.index.integers(), std::vector<std::int64_t>(distinct.begin(), distinct.end()));
  ASSERT_EQ(indexed.rows.size(), values.size());
  for (std::size_t row = 0; row < values.size(); ++row) {
    ASSERT_EQ(indexed.index.integers()[static_cast<std::size_t>(indexed.rows[row])], values[row]);
  }
}

TEST(IndexIds, NumbersIntegersInAscendingOrderWhateverTheirRange) {
  expect_indexed({});
  expect_indexed({7});
  expect_indexed({highest, lowest, 0, lowest, -1, highest});
  expect_indexed({highest, highest - 2, highest - 1, highest - 2});
  expect_indexed({lowest + 5, lowest, lowest + 2});
  std::mt19937_64 random(3);
  std::vector<std::int64_t> dense(300'007);
  std::vector<std::int64_t> scattered(300'007);
  for (std::int64_t& value : dense) value = static_cast<std::int64_t>(random() % 1000) - 500;
  for (std::int64_t& value : scattered) {
    value = static_cast<std::int64_t>((random() % 1000) * 0x9E3779B97F4A7C15U);
  }
  expect_indexed(dense);
  expect_indexed(scattered);
}

TEST(IndexIds, NumbersStringsInOrderOfTheirBytes) {
  RawIds raw;
  raw.kind = IdKind::string;
  raw.names = table({"b", "\xC3\xA9", "B", "", "ba"});
  raw.values = {0, 1, 2, 3, 4, 0, 2};
  const IndexedIds indexed = index_ids(std::move(raw), "ratings.csv");
  EXPECT_EQ(indexed.rows, (std::vector<std::int32_t>{2, 4, 1, 0, 3, 2, 1}));
  EXPECT_EQ(indexed.index.text(4), "\xC3\xA9");
}

TEST(IdHashes, DependOnTheIdAloneAndDiffer) {
  const std::vector<std::uint64_t> few = id_hashes(IdIndex({5, 9}));
  const std::vector<std::uint64_t> more = id_hashes(IdIndex({-5, 5, 9}));
  EXPECT_EQ(few[0], more[1]);
  EXPECT_EQ(few[1], more[2]);
  EXPECT_NE(few[0], few[1]);
  // FNV-1a of "" is its offset basis, of "a" 0xaf63dc4c8601ec8c (the authors' test values).
  const std::vector<std::uint64_t> strings = id_hashes(IdIndex(table({"", "a"})));
  EXPECT_EQ(strings[0], mix_bits(0xcbf29ce484222325U));
  EXPECT_EQ(strings[1], mix_bits(0xaf63dc4c8601ec8cU));
}

TEST(MixBits, IsSplitMix64) {
  // The first outputs of SplitMix64 from state 0 and 1234567, as its users publish them.
  EXPECT_EQ(mix_bits(0), 0xE220A8397B1DCDAFU);
  EXPECT_EQ(mix_bits(1234567), 6457827717110365317U);
}

TEST(IdMapping, ComparesIdsOfDifferentKindsAsText) {
  const IdIndex integers({-1, 7, 12});
  const IdIndex strings(table({"-1", "007", "12", "x"}));
  EXPECT_EQ(id_mapping(integers, strings), (std::vector<std::int32_t>{0, -1, 2}));
  EXPECT_EQ(id_mapping(strings, integers), (std::vector<std::int32_t>{0, -1, 2, -1}));
}

}  // namespace
}  // namespace alsatian
