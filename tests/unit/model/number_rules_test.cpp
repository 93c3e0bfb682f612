// Model files whose numbers are finite and yet none that training gives: refused by name and value.
// Every bound is tried on both of its sides.
#include "host/error.hpp"
#include "host/model/model_file.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/models.hpp"
#include "tests/support/safetensors_rewriter.hpp"
#include "tests/support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

namespace alsatian {
namespace {

using testing::fails_with;
using testing::put_together;
using testing::read_bytes;
using testing::SafetensorsParts;
using testing::sample_model;
using testing::set_field;
using testing::set_value;
using testing::take_apart;
using testing::TemporaryFolder;
using testing::write_bytes;

constexpr std::int32_t order = 4;  // of Λ: the rank and one

/// Changes the file of a small model of bayes, whose checksum is made right again.
class NumbersOfDraws : public ::testing::Test {
 protected:
  using Change = std::function<void(SafetensorsParts&)>;

  NumbersOfDraws() {
    save_model(sample_model({.users = 5, .items = 7, .rank = order - 1, .draws = 3}), path_);
    good_ = take_apart(read_bytes(path_));
  }

  template <typename Value>
  static Change value(const std::string& tensor, std::size_t index, Value value) {
    return [=](SafetensorsParts& parts) { set_value(parts, tensor, index, value); };
  }
  static Change field(const std::string& entry, const std::string& name, double value) {
    return [=](SafetensorsParts& parts) { set_field(parts, entry, name, value); };
  }

  void write(const Change& change) {
    SafetensorsParts parts = good_;
    change(parts);
    write_bytes(path_, put_together(parts));
  }
  /// Loading fails with 65 at the file, says `text`, and what to do.
  ::testing::AssertionResult refuses(const Change& change, const std::string& text) {
    write(change);
    const auto error = testing::error_of([&] { load_model(path_); });
    if (error && (error->place() != path_ || !error->help().starts_with("the file is damaged"))) {
      return ::testing::AssertionFailure() << error->place() << ": " << error->help();
    }
    return fails_with(ExitCode::bad_data, text, [&] { load_model(path_); });
  }
  ::testing::AssertionResult takes(const Change& change) {
    write(change);
    const auto error = testing::error_of([&] { load_model(path_); });
    return error ? ::testing::AssertionFailure() << error->what() : ::testing::AssertionSuccess();
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.file("model.safetensors");
  SafetensorsParts good_;
};

TEST_F(NumbersOfDraws, StandardisedAreAtMost32768FromZero) {
  const std::string rule = ": must be between -32768 and 32768";
  EXPECT_TRUE(takes(value("constant_draws", 2, 32768.0)));
  EXPECT_TRUE(refuses(value("constant_draws", 2, 32769.0),
                      "tensor constant_draws is 32769 at row 2" + rule));
  EXPECT_TRUE(refuses(value("constant_draws", 0, std::numeric_limits<double>::quiet_NaN()),
                      "tensor constant_draws is nan at row 0" + rule));
  for (const std::string tensor :
       {"user_draws", "item_draws", "user_bias_draws", "item_bias_draws", "user_weight_draws"}) {
    EXPECT_TRUE(takes(value(tensor, 2, to_half(-32768)))) << tensor;
    // The next half.
    EXPECT_TRUE(refuses(value(tensor, 2, to_half(-32800)),
                        "tensor " + tensor + " is -32800 at row 0, column 2" + rule));
    EXPECT_TRUE(refuses(value(tensor, 2, Half{0x7c00}),
                        "tensor " + tensor + " is inf at row 0, column 2" + rule));
  }
  for (const std::string tensor : {"user_mean_draws", "item_mean_draws"}) {
    EXPECT_TRUE(takes(value(tensor, order + 1, -32768.0))) << tensor;
    EXPECT_TRUE(refuses(value(tensor, order + 1, -1e300),
                        "tensor " + tensor + " is -1e+300 at row 1, column 1" + rule));
  }
  EXPECT_TRUE(takes(field("alsatian.scale", "/score_mean", -0.125)));
  EXPECT_TRUE(refuses(field("alsatian.scale", "/score_mean", 1e30),
                      "alsatian.scale: score_mean is 1e+30" + rule));
}

TEST_F(NumbersOfDraws, BiasesAreHeldToTheSameInTheRatingsUnits) {
  // 32768 deviations of 1.1256.
  EXPECT_TRUE(takes(value("user_biases", 1, 36883.0F)));
  EXPECT_TRUE(refuses(value("user_biases", 1, 36885.0F),
                      "tensor user_biases is 36885 at row 1: must be between -36883.7 and "));
  EXPECT_TRUE(refuses(value("item_biases", 6, -3e38F), "tensor item_biases is -3e+38 at row 6: "));
}

TEST_F(NumbersOfDraws, PrecisionsOfNoiseAreFromATrillionthToATrillion) {
  // Times the likelihood's power, 0.9.
  const std::string rule = ": must be between 9e-13 and 9e+11";
  EXPECT_TRUE(takes(value("noise_precision_draws", 1, 9.1e-13)));
  EXPECT_TRUE(takes(value("noise_precision_draws", 1, 8.9e11)));
  EXPECT_TRUE(refuses(value("noise_precision_draws", 1, 8.9e-13),
                      "tensor noise_precision_draws is 8.9e-13 at row 1" + rule));
  EXPECT_TRUE(refuses(value("noise_precision_draws", 2, 9.1e11),
                      "tensor noise_precision_draws is 9.1e+11 at row 2" + rule));
  EXPECT_TRUE(refuses(value("noise_precision_draws", 0, 0.0),
                      "tensor noise_precision_draws is 0 at row 0" + rule));
  EXPECT_TRUE(takes(field("alsatian.statistics", "/dispersion", 1e-12)));
  EXPECT_TRUE(refuses(field("alsatian.statistics", "/dispersion", 0),
                      "alsatian.statistics: dispersion is 0: must be between 1e-12 and 1e+12"));
}

/// An entry of Λ of the second draw.
std::size_t entry(std::size_t row, std::size_t column) {
  return order * order + row * order + column;
}

TEST_F(NumbersOfDraws, PrecisionsOfRowsArePositiveDefinite) {
  // 8, 9, 10 and 11 on the diagonal, 0.5 elsewhere.
  const auto mirrored = [](std::size_t row, std::size_t column, double both) {
    return [=](SafetensorsParts& parts) {
      set_value(parts, "user_precision_draws", entry(row, column), both);
      set_value(parts, "user_precision_draws", entry(column, row), both);
    };
  };
  EXPECT_TRUE(takes(mirrored(0, 1, 8.0)));
  // 8.5² is above 8·9, though every number on the diagonal is above 0.
  EXPECT_TRUE(refuses(mirrored(0, 1, 8.5),
                      "tensor user_precision_draws is 9 at draw 1, row 1, column 1: must be "
                      "positive definite, with pivots of at least 1e-12"));
  EXPECT_TRUE(refuses(mirrored(2, 2, -1.0),
                      "tensor user_precision_draws is -1 at draw 1, row 2, column 2: must be "
                      "between 1e-12 and 1e+12"));
  EXPECT_TRUE(refuses(mirrored(3, 3, 1e13), "is 1e+13 at draw 1, row 3, column 3"));
  EXPECT_TRUE(refuses(value("user_precision_draws", entry(2, 0), 0.25),
                      "tensor user_precision_draws of draw 1 is not symmetric"));
  EXPECT_TRUE(refuses(mirrored(2, 0, std::numeric_limits<double>::infinity()),
                      "tensor user_precision_draws "));
}

TEST_F(NumbersOfDraws, OfPriorsAreThereTogetherOrNotAtAll) {
  for (const std::string tensor : {"noise_precision_draws", "user_precision_draws",
                                   "user_mean_draws", "item_mean_draws", "user_weight_draws"}) {
    EXPECT_TRUE(refuses(
        [&](SafetensorsParts& parts) {
          parts.header["other"] = parts.header[tensor];
          parts.header.erase(tensor);
        },
        "has no tensor \"" + tensor + "\""));
  }
}

TEST_F(NumbersOfDraws, OfTheScaleAreThoseOfRatingsBetweenItsEnds) {
  // From 0.5 to 5.
  const std::string rule = ": must be between lowest and highest, 0.5 and 5";
  EXPECT_TRUE(refuses(field("alsatian.scale", "/mean", 5.1), "alsatian.scale: mean is 5.1" + rule));
  EXPECT_TRUE(
      refuses(field("alsatian.scale", "/mean", -1e38), "alsatian.scale: mean is -1e+38" + rule));
  EXPECT_TRUE(refuses(field("alsatian.scale", "/deviation", 4.6),
                      "alsatian.scale: deviation is 4.6: must be between 2.14577e-06 and 4.5"));
  EXPECT_TRUE(refuses(field("alsatian.scale", "/deviation", 2e-6), "deviation is 2e-06: must be"));
  EXPECT_TRUE(refuses(field("alsatian.scale", "/highest", 1e39), "scale: highest is \"1e+39\""));
  EXPECT_TRUE(refuses(
      [](SafetensorsParts& parts) {
        set_field(parts, "alsatian.scale", "/lowest", 5);
        set_field(parts, "alsatian.scale", "/mean", 5);
      },
      "deviation is 1.1256: must be between 1 and 1"));
}

TEST(NumbersOfAModel, ThatCouldNotBeLoadedAreNotSaved) {
  const TemporaryFolder folder;
  Model model = sample_model({.draws = 3});
  model.draw_priors.noise_precisions[1] = 1e-13;
  EXPECT_TRUE(fails_with(ExitCode::diverged,
                         "the model cannot be used: tensor noise_precision_draws is 1e-13 at row 1",
                         [&] { save_model(model, folder.file("model")); }));
}

TEST(NumbersOfAModel, OfEqualRatingsHaveADeviationOfOne) {
  const TemporaryFolder folder;
  Model model = sample_model({});
  model.scale = {.mean = 3, .deviation = 1, .score_mean = 0, .lowest = 3, .highest = 3};
  save_model(model, folder.file("model"));
  EXPECT_EQ(load_model(folder.file("model")).scale.deviation, 1);
}

}  // namespace
}  // namespace alsatian
