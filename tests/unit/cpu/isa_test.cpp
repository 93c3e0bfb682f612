// Instruction sets: their names, what this machine has, and that their objects keep to themselves.
// An object that defines a shared function may give its vector code to a machine without it.
#include "kernels/cpu/isa.hpp"

#include "kernels/cpu/kernel_table.hpp"
#include "tests/support/cpu_tables.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace alsatian {
namespace {

using ::alsatian::testing::available_isas;
using ::testing::Contains;
using ::testing::HasSubstr;

constexpr std::array all_isas = {Isa::portable, Isa::avx2, Isa::avx512};

TEST(Isa, IsParsedFromItsName) {
  for (const Isa isa : all_isas) EXPECT_EQ(parse_isa(isa_name(isa)), isa);
}

TEST(Isa, OfAnotherNameIsNothing) {
  for (const char* name : {"", "avx", "AVX2", "avx512 ", "neon"}) {
    EXPECT_EQ(parse_isa(name), std::nullopt) << name;
  }
}

TEST(Isa, PortableIsAlwaysAvailable) { EXPECT_TRUE(isa_available(Isa::portable)); }

TEST(Isa, BestIsTheLastAvailable) { EXPECT_EQ(best_isa(), available_isas().back()); }

TEST(Kernels, AreThoseOfTheInstructionSetAskedFor) {
  for (const Isa isa : all_isas) {
    if (isa_available(isa)) {
      EXPECT_EQ(cpu::kernels(isa).isa, isa);
    } else {
      EXPECT_THROW(cpu::kernels(isa), std::invalid_argument);
    }
  }
}

/// What a shell command prints.
std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::string output;
  std::array<char, 4096> buffer;
  while (const std::size_t size = std::fread(buffer.data(), 1, buffer.size(), pipe.get())) {
    output.append(buffer.data(), size);
  }
  return output;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  for (const char letter : text) {
    if (letter == separator) {
      parts.emplace_back();
    } else {
      parts.back() += letter;
    }
  }
  return parts;
}

/// A weak function compiled for AVX-512 could be the copy that the linker keeps for everybody, and
/// would then stop the program on a machine without it.
TEST(IsaObjects, DefineNoWeakSymbol) {
  for (const std::string& object : split(ALSATIAN_ISA_OBJECTS, ':')) {
    const std::string symbols =
        output_of(fmt::format("{} --defined-only -C '{}'", ALSATIAN_NM, object));
    ASSERT_THAT(symbols, HasSubstr("alsatian::cpu::kernels_")) << object;
    for (const std::string& line : split(symbols, '\n')) {
      for (const char* kind : {" W ", " w ", " V ", " v ", " u "}) {
        EXPECT_EQ(line.find(kind), std::string::npos) << object << ": " << line;
      }
    }
  }
}

TEST(IsaObjects, DefineNoFunctionForOthersToCall) {
  for (const std::string& object : split(ALSATIAN_ISA_OBJECTS, ':')) {
    const std::string symbols =
        output_of(fmt::format("{} --defined-only -C '{}'", ALSATIAN_NM, object));
    for (const std::string& line : split(symbols, '\n')) {
      EXPECT_EQ(line.find(" T "), std::string::npos) << object << ": " << line;
    }
  }
}

}  // namespace
}  // namespace alsatian
