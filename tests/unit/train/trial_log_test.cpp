// The log of a search: what was written is read again, a torn end is dropped, and what is of
// another search or damaged is refused with the line.
#include "host/train/trial_log.hpp"

#include "host/train/log_observer.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/temporary_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <iterator>

namespace alsatian {
namespace {

using testing::fails_with;
using testing::read_bytes;
using testing::TemporaryFolder;
using testing::write_bytes;

class TrialLogFile : public ::testing::Test {
 protected:
  TrialLogFile() {
    ModelSpec spec;
    spec.algorithm = Mle{};
    specs_ = {spec, spec, spec};
    specs_[1].regularization.factors = 1.0 / 3;
    options_.rungs = {{3, 2}, {1, 6}};
    options_.folds = 2;
    options_.start = TrialStart::cold;
    options_.rules.counted = CountedEpoch::best;
  }

  nlohmann::ordered_json first_line() const {
    return search_line(specs_, options_, "0123456789abcdef", {}, "cpu: avx2");
  }
  TrialLog open() const { return {path_, first_line(), specs_, options_}; }

  /// A log with three runs.
  std::string written() const {
    TrialLog log = open();
    for (const auto& [run, figures] : runs_) log.add(run, figures);
    log.finish("");
    return read_bytes(path_);
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.file("trials.jsonl");
  std::vector<ModelSpec> specs_;
  TunerOptions options_;
  // Numbers that only their full digits give back.
  const TrialRuns runs_{{{0, 0, 0},
                         {.ratings = 7,
                          .rmse = 0.1 + 0.2,
                          .loss = 1.0 / 3,
                          .best_epoch = 2,
                          .epochs = 2,
                          .seconds = 0.7}},
                        {{0, 1, 1},
                         {.ratings = 8,
                          .rmse = 2.0 / 3,
                          .loss = 1e-17,
                          .best_epoch = 1,
                          .epochs = 2,
                          .seconds = 1e-9}},
                        {{1, 0, 2}, {.epochs = 3, .seconds = 0.25, .diverged = true}}};
};

TEST_F(TrialLogFile, GivesBackEveryNumberThatWasWritten) {
  written();
  EXPECT_EQ(open().known(), runs_);
}

TEST_F(TrialLogFile, HasALineForTheSearchAndOneForEveryRun) {
  const std::string text = written();
  EXPECT_EQ(std::ranges::count(text, '\n'), 4);
  EXPECT_TRUE(text.starts_with("{\"search\":{\"version\":1,\"data\":\"0123456789abcdef\""));
  EXPECT_THAT(text, ::testing::HasSubstr("\n{\"trial\":2,\"rung\":1,\"fold\":2,\"k\":64,\"reg\":"
                                         "0.3333333333333333,"));
  EXPECT_THAT(text, ::testing::HasSubstr("\"diverged\":true"));
}

TEST_F(TrialLogFile, DropsALastLineWithoutItsEndWhereverItIsTorn) {
  const std::string whole = written();
  const std::size_t last = whole.rfind('\n', whole.size() - 2) + 1;
  TrialRuns earlier = runs_;
  earlier.erase(std::prev(earlier.end()));
  for (std::size_t bytes = last; bytes < whole.size(); ++bytes) {
    write_bytes(path_, whole.substr(0, bytes));
    TrialLog log = open();
    EXPECT_EQ(log.known(), earlier) << bytes;
    EXPECT_EQ(read_bytes(path_), whole.substr(0, last)) << bytes;
  }
}

TEST_F(TrialLogFile, BeginsAnewWhereTheFirstLineIsTorn) {
  const std::string whole = written();
  const std::string first = whole.substr(0, whole.find('\n') + 1);
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, first.size() - 1}) {
    write_bytes(path_, first.substr(0, bytes));
    EXPECT_TRUE(open().known().empty());
    EXPECT_EQ(read_bytes(path_), first);
  }
}

TEST_F(TrialLogFile, RefusesAnotherSearchAndNamesInWhat) {
  const std::string before = written();
  const auto refused = [&](const std::string& names) {
    return fails_with(ExitCode::usage, "is the log of another search: it differs in " + names + " ",
                      [&] { open(); });
  };
  options_.rungs = {{3, 4}, {1, 6}};
  EXPECT_TRUE(refused("rungs"));
  specs_[2].rank = 5;
  EXPECT_TRUE(refused("rungs, trials"));
  options_.rungs = {{3, 2}, {1, 6}};
  specs_[2].rank = 64;
  options_.rules.early_stop = EarlyStop{.patience = 9};
  EXPECT_TRUE(refused("early_stop"));
  EXPECT_EQ(read_bytes(path_), before);
}

TEST_F(TrialLogFile, RefusesWhatIsNoLogOfASearchAndLeavesItAsItIs) {
  for (const std::string text : {"userId,movieId,rating\n1,2,3\n", "{\"epoch\":1}\n", "[]\n", "\n",
                                 "no line end", "{\"search\":[]}\n"}) {
    write_bytes(path_, text);
    EXPECT_TRUE(testing::error_of([&] { open(); })) << text;
    EXPECT_EQ(read_bytes(path_), text);
  }
}

TEST_F(TrialLogFile, RefusesADamagedLineWithItsNumber) {
  const std::string whole = written();
  const std::size_t second = whole.find('\n') + 1;
  const std::string first = whole.substr(0, second);
  const std::string run = whole.substr(second, whole.find('\n', second) + 1 - second);
  const auto damaged = [&](const std::string& from, const std::string& to) {
    std::string line = run;
    line.replace(line.find(from), from.size(), to);
    return first + line;
  };
  const std::vector<std::pair<std::string, std::string>> cases{
      {first + "{\n", ":2"},
      {first + "\n", ":2"},
      {first + run + run, ":3"},
      {damaged("\"trial\":1", "\"trial\":4"), ":2"},
      {damaged("\"fold\":1", "\"fold\":0"), ":2"},
      {damaged("\"epochs\":2", "\"epochs\":null"), ":2"},
      {damaged("\"validation_loss\"", "\"validation_lost\""), ":2"}};
  for (const auto& [text, place] : cases) {
    write_bytes(path_, text);
    const auto error = testing::error_of([&] { open(); });
    ASSERT_TRUE(error) << text;
    EXPECT_EQ(error->code(), ExitCode::bad_data);
    EXPECT_TRUE(error->place().ends_with(place)) << error->place();
    EXPECT_EQ(read_bytes(path_), text);
  }
}

TEST_F(TrialLogFile, RefusesALineWhoseErrorContradictsItsLoss) {
  specs_.push_back(specs_.front());
  options_.folds = 1;
  const auto open_with = [&](std::vector<std::pair<double, double>> figures) {
    std::string text = first_line().dump() + "\n";
    for (std::size_t trial = 0; trial < figures.size(); ++trial) {
      const auto& [rmse, loss] = figures[trial];
      TemporaryFolder folder;
      {
        TrialLog log(folder.file("one"), first_line(), specs_, options_);
        log.add({0, 0, trial},
                {.ratings = 7, .rmse = rmse, .loss = loss, .best_epoch = 1, .epochs = 2});
        log.finish("");
      }
      const std::string one = read_bytes(folder.file("one"));
      text += one.substr(one.find('\n') + 1);
    }
    write_bytes(path_, text);
    return testing::error_of([&] { open(); });
  };
  // Twice the variance of the ratings, 2.1904, is what they have in common.
  const auto loss_of = [](double rmse) { return rmse * rmse / 2.1904; };
  EXPECT_FALSE(open_with({{0.9, loss_of(0.9)}, {0.87, loss_of(0.87)}, {0, 0}}));
  for (const double loss : {0.1, 0.0, -loss_of(0.95), loss_of(0.95) * (1 - 1e-4)}) {
    const auto error =
        open_with({{0.9, loss_of(0.9)}, {0.87, loss_of(0.87)}, {0.95, loss}, {0.8, loss_of(0.8)}});
    ASSERT_TRUE(error) << loss;
    EXPECT_EQ(error->code(), ExitCode::bad_data);
    EXPECT_TRUE(error->place().ends_with(":4")) << error->place();
    EXPECT_THAT(error->what(), ::testing::HasSubstr("validation_rmse 0.95 and validation_loss "));
  }
  EXPECT_TRUE(open_with({{0.9, loss_of(0.9)}, {0.87, 0.1}}));
  // Another loss says nothing of squares.
  for (ModelSpec& spec : specs_) spec.likelihood = Laplace{};
  EXPECT_FALSE(open_with({{0.9, 0.7}, {0.87, 0.1}}));
}

TEST_F(TrialLogFile, RefusesALineWithOtherSettingsThanItsTrial) {
  const std::string whole = written();
  const auto refused = [&](const std::string& from, const std::string& to,
                           const std::string& text) {
    // Of the line of the second trial.
    std::string changed = whole;
    changed.replace(changed.find(from, changed.find("\n{\"trial\":2,")), from.size(), to);
    write_bytes(path_, changed);
    const auto error = testing::error_of([&] { open(); });
    if (!error) return ::testing::AssertionFailure() << "is taken";
    if (error->code() != ExitCode::bad_data || error->place() != path_ + ":3" ||
        std::string(error->what()) != text) {
      return ::testing::AssertionFailure() << error->place() << ": " << error->what();
    }
    return ::testing::AssertionSuccess();
  };
  EXPECT_TRUE(refused("\"k\":64", "\"k\":32", "k is \"32\", trial 2 of this search has 64"));
  EXPECT_TRUE(refused("\"reg\":0.3333333333333333", "\"reg\":0.3333333333333334",
                      "reg is \"0.3333333333333334\", trial 2 of this search has "
                      "0.3333333333333333"));
  EXPECT_TRUE(
      refused("\"decay\":", "\"decoy\":", "decay is not there, trial 2 of this search has 0.95"));
}

TEST_F(TrialLogFile, RefusesMoreEpochsThanATrialHas) {
  const std::string whole = written();
  const auto refused = [&](const std::string& from, const std::string& to) {
    std::string changed = whole;
    changed.replace(changed.find(from), from.size(), to);
    write_bytes(path_, changed);
    return fails_with(ExitCode::bad_data, path_ + ":2: ", [&] { open(); });
  };
  EXPECT_TRUE(refused("\"epochs\":2,\"seconds\"", "\"epochs\":3,\"seconds\""));
  EXPECT_TRUE(refused("\"best_epoch\":2", "\"best_epoch\":3"));
}

class TrialLogOfRuns : public TrialLogFile {
 protected:
  /// What is said of the log of one rung of 9 epochs whose trials gave these, where it is refused.
  std::optional<Error> error_of(const std::vector<TrialFigures>& figures) {
    options_.rungs = {{3, 9}};
    options_.folds = 1;
    std::filesystem::remove(path_);
    {
      TrialLog log = open();
      for (std::size_t trial = 0; trial < figures.size(); ++trial) {
        log.add({0, 0, trial}, figures[trial]);
      }
      log.finish("");
    }
    return testing::error_of([&] { open(); });
  }

  ::testing::AssertionResult is_refused(const std::vector<TrialFigures>& figures, int line,
                                        const std::string& text) {
    const auto error = error_of(figures);
    if (!error) return ::testing::AssertionFailure() << "is taken";
    const std::string place = path_ + ":" + std::to_string(line);
    if (error->code() == ExitCode::bad_data && error->place() == place &&
        std::string(error->what()).starts_with(text)) {
      return ::testing::AssertionSuccess();
    }
    return ::testing::AssertionFailure() << error->place() << ": " << error->what();
  }

  /// With an RMSE and a loss that agree in all.
  static TrialFigures after(int epochs, int best, std::int64_t ratings = 7) {
    return {.ratings = ratings, .rmse = 0.5, .loss = 0.25, .best_epoch = best, .epochs = epochs};
  }
};

TEST_F(TrialLogOfRuns, RefusesALineWithOtherManyRatingsThanMost) {
  const TrialFigures diverged{.epochs = 1, .diverged = true};
  EXPECT_FALSE(error_of({after(9, 9), diverged, after(9, 9)}));
  EXPECT_TRUE(is_refused({after(9, 9), after(9, 9, 8), after(9, 9)}, 3,
                         "validation_ratings is 8, and 7 in " + path_ + ":2"));
  EXPECT_TRUE(is_refused({after(9, 9, 8), after(9, 9), after(9, 9)}, 2,
                         "validation_ratings is 8, and 7 in " + path_ + ":3"));
  EXPECT_TRUE(is_refused({after(9, 9), after(9, 9, 0)}, 3, "validation_ratings is 0, and 7 in "));
}

TEST_F(TrialLogOfRuns, RefusesEpochsThatItsSearchDoesNotGive) {
  EXPECT_FALSE(error_of({after(9, 2)}));
  EXPECT_TRUE(is_refused({after(9, 2), after(8, 2)}, 3,
                         "epochs is 8, and every trial of this search runs for 9"));
  options_.rules.counted = CountedEpoch::last;
  EXPECT_TRUE(is_refused({after(9, 8)}, 2, "best_epoch is 8 of 9 epochs, and the last counts"));
  options_.rules.early_stop = EarlyStop{.patience = 3, .change = 1e-3};
  EXPECT_FALSE(error_of({after(5, 5)}));
  options_.rules.counted = CountedEpoch::best;
  const std::string contradicting = "best_epoch 2 and epochs ";
  for (const int epochs : {4, 6, 9}) {
    EXPECT_TRUE(is_refused({after(epochs, 2)}, 2, contradicting + std::to_string(epochs)));
  }
  for (const auto& figures : {after(5, 2), after(9, 6), after(9, 7), after(9, 9)}) {
    EXPECT_FALSE(error_of({figures}));
  }
  // Steps of ls end where none lowers what they minimise.
  for (ModelSpec& spec : specs_) spec.algorithm = LeastSquares{};
  EXPECT_FALSE(error_of({after(4, 2)}));
  options_.rules = {};
  EXPECT_FALSE(error_of({after(4, 4)}));
}

TEST_F(TrialLogFile, IsReadWhereAnEditorHasChangedTheEndsOfItsLines) {
  std::string whole = written();
  std::string changed;
  for (const char letter : whole)
    changed += letter == '\n' ? std::string("\r\n") : std::string(1, letter);
  write_bytes(path_, changed);
  TrialLog log = open();
  EXPECT_EQ(log.known(), runs_);
  const TrialRun more{0, 1, 0};
  log.add(more, std::next(runs_.begin())->second);
  log.finish("");
  EXPECT_EQ(open().known().count(more), 1U);
}

TEST_F(TrialLogFile, KnowsTheLineOfARun) {
  written();
  const TrialLog log = open();
  EXPECT_EQ(log.place_of({0, 1, 1}), path_ + ":3");
  EXPECT_EQ(log.place_of({1, 0, 2}), path_ + ":4");
}

TEST_F(TrialLogFile, IsNotOverwrittenByATraining) {
  const std::string whole = written();
  EXPECT_TRUE(fails_with(ExitCode::usage, "is the log of a search by alsatian tune",
                         [&] { LogObserver observer(path_, {}); }));
  EXPECT_EQ(read_bytes(path_), whole);
  write_bytes(path_, "{\"epoch\":1}\n");
  LogObserver observer(path_, {});
  EXPECT_EQ(read_bytes(path_), "");
}

TEST_F(TrialLogFile, IsOfOneRunAtATime) {
  TrialLog log = open();
  EXPECT_TRUE(fails_with(ExitCode::busy, "is being written by another run", [&] { open(); }));
}

TEST_F(TrialLogFile, TellsOfAFullDiskOnlyAtTheEnd) {
  TrialLog log("/dev/full", first_line(), specs_, options_);
  for (const auto& [run, figures] : runs_) log.add(run, figures);
  EXPECT_TRUE(fails_with(ExitCode::input_output, "make room, or choose another file; the rest",
                         [&] { log.finish("the rest"); }));
}

}  // namespace
}  // namespace alsatian
