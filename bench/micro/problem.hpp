// Ratings of a shape that `alsatian generate` knows, and what pieces of the program start from.
// Made once each, when a benchmark first asks for it.
#pragma once

#include "host/model/model.hpp"
#include "host/ratings/dataset.hpp"
#include "host/ratings/generate.hpp"
#include "host/ratings/reader.hpp"
#include "host/train/backend.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace alsatian::bench {

struct Settings {
  std::string shape = "ml-25m";
  std::optional<std::int64_t> ratings;  // another number of ratings than the shape's
  std::string ranks = "64,128";
  std::string threads = "1,2";
  std::string scratch;  // the folder for generated ratings
  bool small = false;   // limits measured with tiny sizes: for tests
};

/// As train reads where no split asks for times: they are checked, and not kept.
ReadOptions without_times();

class Problem {
 public:
  explicit Problem(const Settings& settings);
  ~Problem();
  Problem(const Problem&) = delete;
  Problem& operator=(const Problem&) = delete;

  /// The generated file of ratings, in the page cache.
  const std::filesystem::path& file();
  std::int64_t file_bytes();
  const Dataset& dataset();
  /// Trained by two epochs of als, so that scores are spread as those of users are.
  const Model& model(std::int32_t rank);
  /// Of bayes: a draw of each of so many sweeps, all of them kept.
  const Model& model_of_draws(int keep);
  /// Made up, one an item.
  const StringTable& titles();
  std::unique_ptr<Backend> backend(const Algorithm& algorithm, std::int32_t rank);

 private:
  GenerateOptions options_;
  std::filesystem::path folder_;
  std::filesystem::path file_;
  bool written_ = false;
  std::optional<Dataset> dataset_;
  std::map<std::int32_t, Model> models_;
  std::map<int, Model> models_of_draws_;
  std::optional<StringTable> titles_;
};

}  // namespace alsatian::bench
