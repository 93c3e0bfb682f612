// Files that are damaged, hostile or something else: refused with 65, before any of it is used.
// Every byte and every length is tried: a list of likely damages is what nature ignores.
#include "host/model/model_file.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/fault_injection.hpp"
#include "tests/support/models.hpp"
#include "tests/support/safetensors_rewriter.hpp"
#include "tests/support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <random>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace alsatian {
namespace {

using testing::error_of;
using testing::fails_with;
using testing::Fault;
using testing::FaultInjection;
using testing::FaultKind;
using testing::put_together;
using testing::read_bytes;
using testing::SafetensorsParts;
using testing::sample_model;
using testing::set_field;
using testing::set_value;
using testing::take_apart;
using testing::TemporaryFolder;
using testing::write_bytes;

class DamagedModel : public ::testing::Test {
 protected:
  /// The bytes of a small model with integer users or with string ids and titles.
  std::string good_file(IdKind ids = IdKind::integer) {
    save_model(sample_model({.users = 3, .items = 4, .rank = 2, .ids = ids, .titles = true}),
               path_);
    return read_bytes(path_);
  }
  /// Loading these bytes fails with 65 and says `text`.
  ::testing::AssertionResult refuses(const std::string& bytes, const std::string& text) {
    write_bytes(path_, bytes);
    return fails_with(ExitCode::bad_data, text, [&] { load_model(path_); });
  }
  /// The same after a change of a good file whose checksum is made right again.
  ::testing::AssertionResult refuses_change(const std::function<void(SafetensorsParts&)>& change,
                                            const std::string& text, IdKind ids = IdKind::integer) {
    SafetensorsParts parts = take_apart(good_file(ids));
    change(parts);
    return refuses(put_together(parts), text);
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.file("model.safetensors");
};

TEST_F(DamagedModel, IsDetectedAtEveryByte) {
  for (const IdKind ids : {IdKind::integer, IdKind::string}) {
    const std::string good = good_file(ids);
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    const auto set = [&](std::size_t i, char value) {
      file.seekp(static_cast<std::streamoff>(i)).put(value).flush();
    };
    for (std::size_t i = 0; i < good.size(); ++i) {
      for (const int flip : {1, 0x20}) {  // the latter changes the case of letters
        set(i, static_cast<char>(good[i] ^ flip));
        ASSERT_TRUE(fails_with(ExitCode::bad_data, "", [&] { load_model(path_); }))
            << "byte " << i << " of " << good.size() << " ^ " << flip;
      }
      set(i, good[i]);
    }
    EXPECT_NO_THROW(load_model(path_));
  }
}

TEST_F(DamagedModel, IsDetectedAtEveryLength) {
  const std::string good = good_file();
  for (std::size_t length = good.size() - 1; length > 0; --length) {
    std::filesystem::resize_file(path_, length);
    ASSERT_TRUE(fails_with(ExitCode::bad_data, "", [&] { load_model(path_); }))
        << length << " of " << good.size();
  }
  EXPECT_TRUE(refuses(good.substr(0, good.size() - 1),
                      "truncated: " + std::to_string(good.size() - 1) + " of " +
                          std::to_string(good.size()) + " bytes"));
  EXPECT_TRUE(refuses(good.substr(0, 100), "truncated: 100 bytes"));
  EXPECT_TRUE(refuses(good + "x", "1 bytes too many"));
  EXPECT_TRUE(refuses("", "is empty"));
}

TEST_F(DamagedModel, IsDetectedWhereWholePartsAreZero) {
  const std::string good = good_file();
  for (std::size_t first = 0; first < good.size(); first += 64) {
    std::string bad = good;
    std::fill(bad.begin() + static_cast<std::ptrdiff_t>(first),
              bad.begin() + static_cast<std::ptrdiff_t>(std::min(first + 64, bad.size())), '\0');
    EXPECT_TRUE(bad == good || refuses(bad, "")) << first;
  }
}

TEST_F(DamagedModel, NamesTheChecksum) {
  std::string bad = good_file();
  bad.back() = static_cast<char>(bad.back() ^ 4);
  EXPECT_TRUE(refuses(bad, "checksum mismatch: the file says "));
  EXPECT_TRUE(refuses_change(
      [](SafetensorsParts& parts) { parts.header["__metadata__"].erase("alsatian.checksum"); },
      "no checksum"));
}

TEST_F(DamagedModel, StaysLoadableWhenRewrittenUnchanged) {
  const std::string good = good_file();
  EXPECT_EQ(put_together(take_apart(good)), good) << "the rewriter of these tests is right";
}

TEST_F(DamagedModel, WithoutUpdatesAndStorageIsOneOfBlocksInFloatsAndWithOthersIsRefused) {
  Model model = sample_model({.users = 3, .items = 4, .rank = 2});
  model.spec.algorithm = Mle{.updates = Updates::hogwild, .storage = FactorStorage::halves};
  save_model(model, path_);
  SafetensorsParts parts = take_apart(read_bytes(path_));
  nlohmann::ordered_json& entry = parts.header["__metadata__"]["alsatian.spec"];
  nlohmann::ordered_json fields = nlohmann::ordered_json::parse(entry.get<std::string>());
  EXPECT_EQ(fields.at("reproducible"), false);
  fields["updates"] = "locked";
  entry = fields.dump();
  EXPECT_TRUE(refuses(put_together(parts), "must be one of blocks hogwild"));
  for (const char* name : {"updates", "storage", "reproducible"}) fields.erase(name);
  entry = fields.dump();
  write_bytes(path_, put_together(parts));
  const auto mle = std::get<Mle>(load_model(path_).spec.algorithm);
  EXPECT_EQ(mle.updates, Updates::blocks);
  EXPECT_EQ(mle.storage, FactorStorage::floats);
}

TEST_F(DamagedModel, OfANewerFormatSaysSo) {
  const auto with_format = [](const std::string& format) {
    return [format](SafetensorsParts& parts) {
      parts.header["__metadata__"]["alsatian.format"] = format;
    };
  };
  EXPECT_TRUE(refuses_change(with_format("3"), "format 3, this build reads 1"));
  for (const char* format : {"", "0", "-1", "1x", "99999999999999999999"}) {
    EXPECT_TRUE(refuses_change(with_format(format), "not a version number")) << format;
  }
  EXPECT_TRUE(refuses_change(
      [](SafetensorsParts& parts) { parts.header["__metadata__"].erase("alsatian.format"); },
      "is a safetensors file, but not an alsatian model"));
}

TEST_F(DamagedModel, WithShapesThatLieIsRefusedBeforeAllocation) {
  const auto shape = [](const std::string& tensor, std::vector<std::uint64_t> sizes) {
    return [=](SafetensorsParts& parts) { parts.header[tensor]["shape"] = sizes; };
  };
  EXPECT_TRUE(refuses_change(shape("user_factors", {2'000'000'000, 2}), "do not match the shape"));
  EXPECT_TRUE(refuses_change(shape("user_factors", {3, 3}), "do not match the shape"));
  // 2^62 × 2^3 × 4 bytes wraps around to 0.
  EXPECT_TRUE(refuses_change(shape("user_factors", {std::uint64_t{1} << 61, 8}), "shape"));
  EXPECT_TRUE(refuses_change(shape("user_factors", {6}), "must be F32 [3,2]"));
  EXPECT_TRUE(refuses_change(shape("user_factors", {2, 3}), "must be F32 [3,2]"));
  EXPECT_TRUE(refuses_change(shape("user_ids", {3, 1}), "is no list"));
  EXPECT_TRUE(refuses_change(
      [](SafetensorsParts& parts) {
        parts.header["user_factors"]["shape"] = {-3, -2};
      },
      "list of integers from 0"));
  EXPECT_TRUE(refuses_change(
      [](SafetensorsParts& parts) { parts.header["user_factors"]["dtype"] = "F8_E4M3"; }, "dtype"));
  EXPECT_TRUE(
      refuses_change([](SafetensorsParts& parts) { parts.header["user_factors"]["dtype"] = "I32"; },
                     "must be F32 [3,2]"));
}

TEST_F(DamagedModel, WithHolesOverlapsOrMissingTensorsIsRefused) {
  const auto offsets = [](std::uint64_t first, std::uint64_t last) {
    return [=](SafetensorsParts& parts) {
      parts.header["user_biases"]["data_offsets"] = {first, last};
    };
  };
  EXPECT_TRUE(refuses_change(offsets(0, 12), "overlap or leave a hole"));
  EXPECT_TRUE(refuses_change(offsets(1'000'000, 1'000'012), "overlap or leave a hole"));
  EXPECT_TRUE(refuses_change(offsets(12, 0), "ascending"));
  EXPECT_TRUE(refuses_change(offsets(std::numeric_limits<std::uint64_t>::max() - 11,
                                     std::numeric_limits<std::uint64_t>::max()),
                             "list of integers"));
  EXPECT_TRUE(refuses_change(
      [](SafetensorsParts& parts) { parts.header["user_biases"]["data_offsets"] = {0}; },
      "two ascending"));
  EXPECT_TRUE(
      refuses_change([](SafetensorsParts& parts) { parts.header.erase("user_biases"); }, "hole"));
  EXPECT_TRUE(refuses_change([](SafetensorsParts& parts) { parts.data += "12345678"; },
                             "8 bytes too many"));
  EXPECT_TRUE(refuses_change(
      [](SafetensorsParts& parts) {
        parts.header["renamed"] = parts.header["user_biases"];
        parts.header.erase("user_biases");
      },
      "no tensor \"user_biases\""));
}

TEST_F(DamagedModel, WithValuesThatAreNotFiniteIsRefusedWithTheirNumber) {
  EXPECT_TRUE(refuses_change(
      [](SafetensorsParts& parts) {
        set_value(parts, "item_factors", 7, std::numeric_limits<float>::quiet_NaN());
        set_value(parts, "user_biases", 0, -std::numeric_limits<float>::infinity());
      },
      "has 2 values that are not finite, first in item_factors row 3"));
  EXPECT_TRUE(refuses_change(
      [](SafetensorsParts& parts) {
        set_value(parts, "mean", 0, std::numeric_limits<double>::quiet_NaN());
      },
      "tensor mean is nan"));
  EXPECT_TRUE(refuses_change([](SafetensorsParts& parts) { set_value(parts, "deviation", 0, 2.0); },
                             "tensor deviation is 2"));
}

TEST_F(DamagedModel, WithIdsOutOfOrderIsRefused) {
  EXPECT_TRUE(refuses_change(
      [](SafetensorsParts& parts) { set_value<std::int64_t>(parts, "user_ids", 1, -3); },
      "user_ids is not ascending at row 1"));
  EXPECT_TRUE(
      refuses_change([](SafetensorsParts& parts) { set_value(parts, "user_ids", 0, '\x7f'); },
                     "user_ids is not ascending at row 1", IdKind::string));
  const auto offset = [](std::size_t index, std::int64_t value) {
    return [=](SafetensorsParts& parts) { set_value(parts, "item_id_offsets", index, value); };
  };
  for (const auto& [index, value] : std::vector<std::pair<std::size_t, std::int64_t>>{
           {0, 1}, {0, -1}, {2, 1'000'000}, {2, -5}, {4, 3}}) {
    EXPECT_TRUE(refuses_change(offset(index, value), "does not rise from 0", IdKind::string));
  }
  EXPECT_TRUE(refuses_change(
      [](SafetensorsParts& parts) {
        set_value<std::int64_t>(parts, "item_title_offsets", 1, 1'000'000);
      },
      "item_title_offsets does not rise"));
  EXPECT_TRUE(refuses_change(
      [](SafetensorsParts& parts) { set_value<std::int32_t>(parts, "item_counts", 2, -1); },
      "item_counts is -1 at row 2"));
}

TEST_F(DamagedModel, WithASpecOutOfRangeIsRefusedByField) {
  const auto spec = [](const std::string& field, const nlohmann::ordered_json& value) {
    return [=](SafetensorsParts& parts) { set_field(parts, "alsatian.spec", field, value); };
  };
  EXPECT_TRUE(
      refuses_change(spec("/rank", -3), R"(rank is "-3": must be an integer from 0 to 1024)"));
  EXPECT_TRUE(refuses_change(spec("/rank", 1025), "must be an integer from 0 to 1024"));
  EXPECT_TRUE(refuses_change(spec("/rank", 2.5), "must be an integer"));
  EXPECT_TRUE(refuses_change(spec("/rank", std::numeric_limits<std::uint64_t>::max()), "integer"));
  EXPECT_TRUE(refuses_change(spec("/rank", 3), "must be F32 [3,3]"));
  EXPECT_TRUE(refuses_change(spec("/algorithm", "svd"), "not known to this build"));
  EXPECT_TRUE(refuses_change(spec("/algorithm", 1), "must be a string"));
  EXPECT_TRUE(refuses_change(spec("/likelihood", "cauchy"), "not known to this build"));
  EXPECT_TRUE(refuses_change(spec("/solver", "qr"), "must be one of cholesky cg"));
  EXPECT_TRUE(refuses_change(spec("/biases", 1), "must be true or false"));
  EXPECT_TRUE(refuses_change(spec("/seed", -1), "2^64"));
  EXPECT_TRUE(refuses_change(spec("/regularization", 1), "is not a JSON object"));
  EXPECT_TRUE(refuses_change(spec("/regularization/scaling", 1.5), "from 0 to 1"));
  EXPECT_TRUE(refuses_change(spec("/regularization/factors", -1), "regularization: factors"));
}

TEST_F(DamagedModel, WithOtherMetadataOutOfRangeIsRefusedByField) {
  const auto field = [](const char* entry, const char* name, const nlohmann::ordered_json& value) {
    return [=](SafetensorsParts& parts) { set_field(parts, entry, name, value); };
  };
  EXPECT_TRUE(refuses_change(field("alsatian.scale", "/deviation", 0), "deviation"));
  EXPECT_TRUE(refuses_change(field("alsatian.scale", "/deviation", nullptr), "deviation"));
  EXPECT_TRUE(refuses_change(field("alsatian.scale", "/highest", 0.1), "highest"));
  EXPECT_TRUE(refuses_change(field("alsatian.scale", "/score_mean", 0.5),
                             "score_mean 0.5 are no scale of likelihood gaussian, which needs "
                             "score_mean 0"));
  EXPECT_TRUE(refuses_change(field("alsatian.spec", "/likelihood", "poisson"),
                             "are no scale of likelihood poisson, which needs mean 0 and "
                             "deviation 1"));
  EXPECT_TRUE(refuses_change(field("alsatian.split", "/kind", "random"), "must be one of"));
  EXPECT_TRUE(refuses_change(field("alsatian.split", "/share", 1.5), "share"));
  EXPECT_TRUE(refuses_change(field("alsatian.account", "/read", -1), "read"));
  EXPECT_TRUE(refuses_change(field("alsatian.statistics", "/dispersion", -1), "dispersion"));
  EXPECT_TRUE(refuses_change(field("alsatian.statistics", "/test_rmse", "low"), "finite number"));
  EXPECT_TRUE(refuses_change(field("alsatian.cleaning", "/duplicates", "first"), "duplicates"));
  const auto text = [](const char* entry, const nlohmann::ordered_json& value) {
    return [=](SafetensorsParts& parts) { parts.header["__metadata__"][entry] = value; };
  };
  EXPECT_TRUE(refuses_change(text("alsatian.spec", "{"), "not valid JSON"));
  EXPECT_TRUE(refuses_change(text("alsatian.spec", "[]"), "not a JSON object"));
  EXPECT_TRUE(refuses_change(text("alsatian.spec", "{}"), "has no \"algorithm\""));
  EXPECT_TRUE(refuses_change(text("alsatian.scale", R"({"mean":1e999})"), "not valid JSON"));
  EXPECT_TRUE(refuses_change(text("alsatian.spec", std::string(100'000, '[')), "nests deeper"));
  EXPECT_TRUE(refuses_change(text("alsatian.spec", 1), "is not a string"));
  EXPECT_TRUE(refuses_change(text("alsatian.fingerprint", std::string(65, 'f')), "too long"));
  EXPECT_TRUE(refuses_change(
      [](SafetensorsParts& parts) { parts.header["__metadata__"].erase("alsatian.spec"); },
      "has no alsatian.spec"));
}

TEST_F(DamagedModel, WithAMalformedHeaderIsRefused) {
  const SafetensorsParts parts = take_apart(good_file());
  const std::string header = parts.header.dump();
  const auto with_header = [&](const std::string& text) { return put_together(text, parts.data); };
  EXPECT_TRUE(refuses(with_header(R"({"a)"), "not valid JSON"));
  EXPECT_TRUE(refuses(with_header(R"({"a":)" + std::string(100'000, '[')), "nests deeper"));
  EXPECT_TRUE(refuses(with_header(R"({"a":1})"), "is not a JSON object"));
  EXPECT_TRUE(refuses(with_header(R"({"__metadata__":1})"), "is not a JSON object"));
  EXPECT_TRUE(refuses(with_header(R"({"a":{"dtype":"U8","shape":1,"data_offsets":[0,0]}})"),
                      "must be a list"));
  const std::string twice = header.substr(0, header.size() - 1) +
                            R"(,"mean":{"dtype":"F64","shape":[1],"data_offsets":[8,16]}})";
  EXPECT_TRUE(refuses(with_header(twice), "has the key \"mean\" twice"));
}

TEST_F(DamagedModel, WithAHeaderLengthThatLiesIsRefused) {
  const std::string good = good_file();
  const auto with_length = [&](std::uint64_t length) {
    std::string bad = good;
    std::memcpy(bad.data(), &length, sizeof(length));
    return bad;
  };
  EXPECT_TRUE(refuses(with_length(std::numeric_limits<std::uint64_t>::max()), "claims a header"));
  EXPECT_TRUE(refuses(with_length(100'000'001), "claims a header"));
  EXPECT_TRUE(refuses(with_length(good.size()), "truncated"));
  EXPECT_TRUE(refuses(with_length(0), "not valid JSON"));
}

/// A byte or a whole number of the text or data becomes another one, as a hostile writer might.
void change_at_random(std::string& bytes, std::mt19937_64& random) {
  const std::uint64_t extremes[] = {0, std::numeric_limits<std::uint64_t>::max(),
                                    std::uint64_t{1} << 63, (std::uint64_t{1} << 31) - 1,
                                    std::uint64_t{1} << 32};
  const std::size_t at = random() % bytes.size();
  if (random() % 2 == 0) {
    bytes[at] = static_cast<char>(random());
  } else {
    const std::uint64_t value = extremes[random() % std::size(extremes)];
    std::memcpy(bytes.data() + at, &value, std::min(sizeof(value), bytes.size() - at));
  }
}

// The checksum refuses accidents before anything is read; this is about what comes after it.
TEST_F(DamagedModel, WithARightChecksumIsRefusedOrWholeWhateverWasChanged) {
  std::mt19937_64 random(20);
  int refused = 0;
  for (const IdKind ids : {IdKind::integer, IdKind::string}) {
    const SafetensorsParts good = take_apart(good_file(ids));
    for (int time = 0; time < 1000; ++time) {
      std::string header = good.header.dump();
      std::string data = good.data;
      for (std::uint64_t changes = 1 + random() % 3; changes > 0; --changes) {
        change_at_random(random() % 2 == 0 ? header : data, random);
      }
      write_bytes(path_, put_together(header, data));
      const auto error = error_of([&] {
        const Model model = load_model(path_);
        ASSERT_EQ(model.factors.users.biases.size(), static_cast<std::size_t>(model.users.size()));
        ASSERT_TRUE(std::ranges::all_of(model.factors.items.factors,
                                        [](float value) { return std::isfinite(value); }));
        for (std::int32_t user = 0; user < model.users.size(); ++user) {
          ASSERT_EQ(model.users.find(model.users.text(user)), user);
        }
      });
      if (!error) continue;
      ++refused;
      ASSERT_EQ(error->code(), ExitCode::bad_data) << error->what();
    }
  }
  EXPECT_GT(refused, 1000) << "most changes are seen";
  EXPECT_LT(refused, 2000) << "some changes only make another model";
}

TEST_F(DamagedModel, OfAnotherKindIsNamed) {
  const std::string text = "is not an alsatian model";
  EXPECT_TRUE(
      refuses("userId,movieId,rating\n1,2,3.5\n", text + " (it looks like a ratings file)"));
  EXPECT_TRUE(refuses("1\t2\t3\t881250949\n", "arguments swapped"));
  EXPECT_TRUE(refuses("1::2::3\n", "arguments swapped"));
  EXPECT_TRUE(refuses(std::string("PK\x03\x04") + "npz", "a zip archive"));
  EXPECT_TRUE(refuses("\x80\x04\x95 pickle", "a Python pickle"));
  EXPECT_TRUE(refuses("\x93NUMPY\x01", "a NumPy array"));
  EXPECT_TRUE(refuses("\x1f\x8b\x08", "gzip"));
  EXPECT_TRUE(refuses("\x89HDF\r\n", "HDF5"));
  EXPECT_TRUE(refuses(std::string(20'000, '\xa7'), text));
  EXPECT_TRUE(refuses("x", text));
  EXPECT_TRUE(refuses("justoneword", text));
}

TEST_F(DamagedModel, MissingOrForbiddenIsToldApart) {
  const auto load = [](const std::string& path) { return [path] { load_model(path); }; };
  EXPECT_TRUE(fails_with(ExitCode::missing_input, "No such file", load(folder_.file("none"))));
  EXPECT_TRUE(
      fails_with(ExitCode::missing_input, "not a regular file", load(folder_.path().string())));
  ASSERT_EQ(::mkfifo(folder_.file("pipe").c_str(), 0600), 0);
  EXPECT_TRUE(
      fails_with(ExitCode::missing_input, "not a regular file", load(folder_.file("pipe"))));
  good_file();
  ::chmod(path_.c_str(), 0);
  ::chmod(folder_.path().c_str(), 0755);
  const pid_t child = ::fork();
  if (child == 0) {
    const bool dropped = ::getuid() != 0 || (::setgid(65534) == 0 && ::setuid(65534) == 0);
    ::_exit(dropped && fails_with(ExitCode::no_permission, "denied", load(path_)) ? 0 : 1);
  }
  int status = 1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST_F(DamagedModel, ReadsThatFailAreInputErrorsAndInterruptedOnesAreNone) {
  good_file();
  std::size_t reads = 0;
  {
    const FaultInjection injection({});
    load_model(path_);
    reads = injection.calls().size();
  }
  for (int call = 1; call < static_cast<int>(reads); ++call) {  // the last one is close
    const auto load_with = [&](FaultKind kind) {
      const FaultInjection injection({kind, call, false});
      return error_of([&] { load_model(path_); });
    };
    const auto failed = load_with(FaultKind::io_error);
    ASSERT_TRUE(failed) << "call " << call;
    EXPECT_EQ(failed->code(), call == 1 ? ExitCode::missing_input : ExitCode::input_output);
    EXPECT_FALSE(load_with(FaultKind::interrupted)) << "call " << call;
    EXPECT_FALSE(load_with(FaultKind::partial)) << "call " << call;
  }
}

}  // namespace
}  // namespace alsatian
