// Padded factor tables: conversion, alignment, padding and the sizes they refuse.
// Kernels read whole vectors: padding that is not zero would be in every score.
#include "kernels/cpu/factor_table.hpp"

#include "tests/support/cpu_tables.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <stdexcept>
#include <vector>

namespace alsatian::cpu {
namespace {

using ::alsatian::testing::padding_is_zero;

/// 1, 2, 3, …: no two places hold the same number.
std::vector<float> counting(std::size_t size, float first) {
  std::vector<float> values(size);
  for (std::size_t j = 0; j < size; ++j) values[j] = first + static_cast<float>(j);
  return values;
}

class FactorTableOfRank : public ::testing::TestWithParam<int> {};

TEST_P(FactorTableOfRank, GivesBackWhatItWasAssigned) {
  constexpr std::int64_t rows = 7;
  const auto factors = counting(static_cast<std::size_t>(rows * GetParam()), 1);
  const auto biases = counting(rows, -100);
  FactorTable table(rows, GetParam());
  table.assign(factors, biases);
  std::vector<float> factors_back(factors.size());
  std::vector<float> biases_back(biases.size());
  table.copy_to(factors_back, biases_back);
  EXPECT_EQ(factors_back, factors);
  EXPECT_EQ(biases_back, biases);
  EXPECT_TRUE(padding_is_zero(table));
}

TEST_P(FactorTableOfRank, KeepsRowsOnCacheLines) {
  FactorTable table(5, GetParam());
  EXPECT_EQ(table.stride() % padding, 0);
  EXPECT_GE(table.stride(), table.rank());
  EXPECT_LT(table.stride(), table.rank() + padding);
  for (std::int64_t row = 0; row < table.rows(); ++row) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(table.view().row(row)) % 64, 0U);
  }
}

TEST_P(FactorTableOfRank, StartsAtZero) {
  const FactorTable table(3, GetParam());
  for (const float value : table.flat()) EXPECT_EQ(value, 0);
}

INSTANTIATE_TEST_SUITE_P(Ranks, FactorTableOfRank, ::testing::Values(0, 1, 15, 16, 17, 64, 100),
                         ::testing::PrintToStringParamName());

TEST(FactorTable, ViewsShareItsMemory) {
  FactorTable table(3, 2);
  table.view().row(1)[1] = 5;
  table.view().biases[2] = 6;
  const FactorTable& same = table;
  EXPECT_EQ(same.view().row(1)[1], 5);
  EXPECT_EQ(same.view().biases[2], 6);
}

TEST(FactorTable, OfNoRowsIsEmpty) {
  FactorTable table(0, 8);
  table.assign({}, {});
  EXPECT_EQ(table.view().rows, 0);
  EXPECT_TRUE(table.flat().empty());
}

TEST(FactorTable, RefusesFactorsOfAnotherShape) {
  FactorTable table(3, 2);
  const std::vector<float> six(6);
  const std::vector<float> three(3);
  const std::vector<float> five(5);
  EXPECT_THROW(table.assign(five, three), std::invalid_argument);
  EXPECT_THROW(table.assign(six, five), std::invalid_argument);
  std::vector<float> too_short(2);
  std::vector<float> factors(6);
  EXPECT_THROW(table.copy_to(factors, too_short), std::invalid_argument);
}

TEST(FactorTable, RefusesNegativeSizes) {
  EXPECT_THROW(FactorTable(-1, 4), std::invalid_argument);
  EXPECT_THROW(FactorTable(4, -1), std::invalid_argument);
}

TEST(FactorTable, RefusesSizesBeyondTheAddressSpaceInsteadOfWrapping) {
  constexpr std::int64_t most_rows = std::numeric_limits<std::int64_t>::max();
  constexpr std::int32_t most_rank = std::numeric_limits<std::int32_t>::max();
  EXPECT_THROW(FactorTable(most_rows, 0), std::length_error);
  EXPECT_THROW(FactorTable(most_rows / 64, 64), std::length_error);
  EXPECT_THROW(FactorTable(std::int64_t{1} << 32, 1 << 30), std::length_error);
  EXPECT_THROW(FactorTable(1, most_rank), std::length_error);
}

}  // namespace
}  // namespace alsatian::cpu
