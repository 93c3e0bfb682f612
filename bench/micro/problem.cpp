// Implements problem.hpp.
// Everything goes the way of the program: a file, the reader, a data set, a trainer.
#include "bench/micro/problem.hpp"

#include "host/ratings/prepared_ratings.hpp"
#include "host/ratings/reader.hpp"
#include "host/train/trainer.hpp"

#include <fmt/format.h>

#include <fstream>
#include <stdexcept>
#include <unistd.h>
#include <utility>

namespace alsatian::bench {

ReadOptions without_times() {
  ReadOptions options;
  options.keep_times = false;
  return options;
}

Problem::Problem(const Settings& settings) : options_(generate_shape(settings.shape)) {
  if (settings.ratings) options_.ratings = *settings.ratings;
  std::filesystem::path parent = settings.scratch;
  if (parent.empty()) parent = std::filesystem::temp_directory_path();
  std::string pattern = parent / "alsatian-micro-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) {
    throw std::runtime_error(fmt::format("cannot make a folder in {}", parent.string()));
  }
  folder_ = pattern;
  file_ = folder_ / "ratings.csv";
}

Problem::~Problem() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

const std::filesystem::path& Problem::file() {
  if (!written_) {
    std::ofstream out(file_, std::ios::binary);
    generate_ratings(options_, [&](std::string_view text) {
      out.write(text.data(), static_cast<std::streamsize>(text.size()));
    });
    out.close();
    if (!out) throw std::runtime_error(fmt::format("cannot write {}", file_.string()));
    written_ = true;
  }
  return file_;
}

std::int64_t Problem::file_bytes() {
  return static_cast<std::int64_t>(std::filesystem::file_size(file()));
}

const Dataset& Problem::dataset() {
  if (!dataset_) {
    dataset_ = PreparedRatings(read_ratings(file(), without_times()), {}).split({});
  }
  return *dataset_;
}

const Model& Problem::model(std::int32_t rank) {
  const auto found = models_.find(rank);
  if (found != models_.end()) return found->second;
  ModelSpec spec;
  spec.rank = rank;
  spec.epochs = 2;
  TrainerOptions options;
  options.device.kind = DeviceOptions::Kind::cpu;
  options.evaluate_every = spec.epochs;
  return models_.emplace(rank, train(dataset(), spec, options).model).first->second;
}

const Model& Problem::model_of_draws(int keep) {
  const auto found = models_of_draws_.find(keep);
  if (found != models_of_draws_.end()) return found->second;
  ModelSpec spec;
  spec.algorithm = Bayes{.burn_in = 0, .keep = keep};
  spec.rank = Bayes::default_rank;
  spec.epochs = keep;
  TrainerOptions options;
  options.device.kind = DeviceOptions::Kind::cpu;
  options.evaluate_every = spec.epochs;
  return models_of_draws_.emplace(keep, train(dataset(), spec, options).model).first->second;
}

const StringTable& Problem::titles() {
  if (titles_) return *titles_;
  const std::filesystem::path file = folder_ / "movies.csv";
  std::ofstream out(file, std::ios::binary);
  generate_titles(options_, [&](std::string_view text) {
    out.write(text.data(), static_cast<std::streamsize>(text.size()));
  });
  out.close();
  if (!out) throw std::runtime_error(fmt::format("cannot write {}", file.string()));
  return titles_.emplace(read_titles(file).titles);
}

std::unique_ptr<Backend> Problem::backend(const Algorithm& algorithm, std::int32_t rank) {
  ModelSpec spec;
  spec.algorithm = algorithm;
  spec.rank = rank;
  DeviceOptions device;
  device.kind = DeviceOptions::Kind::cpu;
  return make_cpu_backend(make_problem(dataset(), spec, nullptr), device);
}

}  // namespace alsatian::bench
