// A folder with generated ratings, titles and a model trained on them, made once a test program.
// Small enough that a training takes a fraction of a second; trained where a test needs the model.
#pragma once

#include "tests/integration/run_program.hpp"
#include "tests/support/temporary_folder.hpp"

#include <optional>
#include <string>

namespace alsatian::testing {

/// 211 users, 157 items, 9,001 ratings of planted rank 4 with noise 0.3.
class ProblemFolder {
 public:
  /// The one of this program.
  static const ProblemFolder& shared();

  std::string ratings() const { return folder_.file("ratings.csv"); }
  std::string movies() const { return folder_.file("titles.csv"); }
  /// Trained by als with --k 8 --holdout 0.1, titles not in it.
  std::string model() const;
  /// What that training printed.
  const RunResult& training() const;
  /// Arguments of that training, but for --out.
  static std::vector<std::string> training_arguments(const std::string& ratings);

 private:
  ProblemFolder();
  TemporaryFolder folder_;
  mutable std::optional<RunResult> training_;
};

/// The arguments followed by more.
std::vector<std::string> with(std::vector<std::string> arguments,
                              const std::vector<std::string>& more);

/// Arguments of the training of the shared folder's model, and more.
std::vector<std::string> train_arguments(const std::vector<std::string>& more);

/// `user,item,rating` lines for every pair, with ratings 1-5 that follow from the ids.
std::string small_ratings(int users, int items);

/// Whether a temporary of an unfinished write is left in the folder.
bool has_temporary(const std::string& folder);

/// I2 of the error format: first line, quoted value or option, help line, at most 20 lines.
bool is_error_text(const std::string& text);

}  // namespace alsatian::testing
