// Implements problem_folder.hpp.
// The program makes its own test data.
#include "tests/integration/problem_folder.hpp"

#include <regex>
#include <stdexcept>

namespace alsatian::testing {

const ProblemFolder& ProblemFolder::shared() {
  static const ProblemFolder folder;
  return folder;
}

ProblemFolder::ProblemFolder() {
  const RunResult generated =
      run({"generate", "--users", "211", "--items", "157", "--ratings", "9001", "--rank", "4",
           "--noise", "0.3", "--seed", "7", "--out", ratings(), "--movies", movies()});
  if (generated.code != 0) throw std::runtime_error(generated.error);
}

std::string ProblemFolder::model() const {
  training();
  return folder_.file("als.safetensors");
}

const RunResult& ProblemFolder::training() const {
  if (!training_) {
    training_ =
        run(with(training_arguments(ratings()), {"--out", folder_.file("als.safetensors")}));
    if (training_->code != 0) throw std::runtime_error(training_->error);
  }
  return *training_;
}

std::vector<std::string> ProblemFolder::training_arguments(const std::string& ratings) {
  return {"train", "--data", ratings, "--k", "8", "--holdout", "0.1"};
}

std::vector<std::string> with(std::vector<std::string> arguments,
                              const std::vector<std::string>& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

std::vector<std::string> train_arguments(const std::vector<std::string>& more) {
  return with(ProblemFolder::training_arguments(ProblemFolder::shared().ratings()), more);
}

std::string small_ratings(int users, int items) {
  std::string text;
  for (int user = 1; user <= users; ++user) {
    for (int item = 1; item <= items; ++item) {
      text += std::to_string(user) + "," + std::to_string(item) + "," +
              std::to_string(1 + (user * 7 + item * 3) % 5) + "\n";
    }
  }
  return text;
}

bool has_temporary(const std::string& folder) {
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().filename().string().find(".tmp") != std::string::npos) return true;
  }
  return false;
}

bool is_error_text(const std::string& text) {
  static const std::regex first_line("^alsatian: error: [^:]+(:[0-9]+(:[0-9]+)?)?: .+");
  bool error = false;
  bool help = false;
  const std::vector<std::string> lines = lines_of(text);
  for (const std::string& line : lines) {
    if (line.starts_with("alsatian: error: ")) error = std::regex_match(line, first_line);
    if (line.starts_with("  help: ") && line.size() > 8) help = true;
  }
  return error && help && lines.size() <= 20;
}

}  // namespace alsatian::testing
