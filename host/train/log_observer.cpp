// Implements log_observer.hpp on write(2), one call a line, so that a reader never sees half.
// Keys are in the order in which they are documented.
#include "host/train/log_observer.hpp"

#include "host/error.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace alsatian {
namespace {

using Json = nlohmann::ordered_json;

void put(Json& line, const char* key, const std::optional<double>& value) {
  if (value) line[key] = *value;
}

/// The first set under `key`; all of them by name under `key`_by_set where there are several.
void put_tests(Json& line, const std::string& key, const std::vector<double>& values,
               const std::vector<std::string>& names) {
  if (values.empty()) return;
  line[key] = values.front();
  if (values.size() < 2) return;
  Json by_set = Json::object();
  for (std::size_t set = 0; set < values.size() && set < names.size(); ++set) {
    by_set[names[set]] = values[set];
  }
  line[key + "_by_set"] = by_set;
}

Json to_json(const EpochStats& stats, const std::vector<std::string>& test_names,
             const std::optional<int>& fold) {
  Json line = Json::object();
  if (fold) line["fold"] = *fold;
  line["epoch"] = stats.epoch;
  line["epochs"] = stats.epochs;
  if (stats.learning_rate > 0) line["learning_rate"] = stats.learning_rate;
  put(line, "sigma", stats.sigma);
  put(line, "user_weight_precision", stats.user_weight_precision);
  put(line, "item_weight_precision", stats.item_weight_precision);
  if (stats.user_weight_steps > 0) line["user_weight_steps"] = stats.user_weight_steps;
  if (stats.item_weight_steps > 0) line["item_weight_steps"] = stats.item_weight_steps;
  if (stats.sigma) line["draws"] = stats.draws;
  put(line, "objective", stats.objective);
  put(line, "train_rmse", stats.train_rmse);
  put(line, "train_nll", stats.train_nll);
  put(line, "validation_rmse", stats.validation_rmse);
  put(line, "validation_nll", stats.validation_nll);
  put_tests(line, "test_rmse", stats.test_rmse, test_names);
  put_tests(line, "test_nll", stats.test_nll, test_names);
  put_tests(line, "test_covered_90", stats.test_covered_90, test_names);
  line["training_seconds"] = stats.training_seconds;
  line["evaluation_seconds"] = stats.evaluation_seconds;
  line["total_seconds"] = stats.total_seconds;
  line["ratings_per_second"] = stats.ratings_per_second;
  line["repaired_pivots"] = stats.repaired_pivots;
  return line;
}

/// Held until the file is closed, also by a killed process. False where another run holds it; some
/// file systems have no locks, and a log there is as it was: of the last who writes.
bool lock(int descriptor) {
  return ::flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

}  // namespace

LogObserver::LogObserver(std::string path, std::vector<std::string> test_names)
    : path_(std::move(path)), test_names_(std::move(test_names)) {
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) refuse(errno);
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) return;
  // Emptied only once it is ours: the lines of a run that goes on must stay.
  if (!lock(descriptor_)) {
    ::close(std::exchange(descriptor_, -1));
    throw Error(ExitCode::busy, printable(path_), "is being written by another run",
                "wait until that has ended, or choose another --log");
  }
  if (::ftruncate(descriptor_, 0) != 0) {
    const int error_number = errno;
    ::close(std::exchange(descriptor_, -1));
    refuse(error_number);
  }
}

void LogObserver::refuse(int error_number) const {
  throw Error(ExitCode::cannot_create, printable(path_),
              fmt::format("cannot create: {}", std::strerror(error_number)),
              error_number == EMFILE ? "raise the limit of open files (ulimit -n)"
                                     : "check the folder after --log");
}

LogObserver::~LogObserver() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void LogObserver::on_start(const std::string&, const ModelSpec& spec, std::int64_t) {
  reproducible_ = is_reproducible(spec);
}

void LogObserver::on_epoch(const EpochStats& stats) {
  if (error_number_ != 0) return;
  Json line = to_json(stats, test_names_, fold_);
  if (!reproducible_) line["reproducible"] = false;
  const std::string text = line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t written = ::write(descriptor_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      error_number_ = errno;
      return;
    }
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

void LogObserver::finish(const std::string& model) {
  if (descriptor_ >= 0 && ::close(descriptor_) != 0 && error_number_ == 0) error_number_ = errno;
  descriptor_ = -1;
  if (error_number_ == 0) return;
  throw Error(ExitCode::input_output, printable(path_),
              fmt::format("cannot write: {}", std::strerror(error_number_)),
              (error_number_ == EFBIG ? "raise the limit of a file's size (ulimit -f)"
                                      : "make room, or choose another file") +
                  ("; " + model));
}

}  // namespace alsatian
