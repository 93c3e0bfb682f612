// `alsatian generate`: ratings of a known structure, for tests, demonstrations and benchmarks.
// Streams into a file that appears whole or not at all.
#include "host/ratings/generate.hpp"

#include "cli/commands.hpp"
#include "cli/device_options.hpp"
#include "cli/log.hpp"
#include "cli/process.hpp"
#include "cli/spared_files.hpp"
#include "host/atomic_file.hpp"
#include "host/error.hpp"
#include "host/ratings/gzip_output.hpp"

#include <fmt/format.h>

#include <limits>
#include <optional>

namespace alsatian {
namespace {

struct GenerateRequest {
  std::string out;
  std::string movies;
  std::string shape;
  std::optional<std::int64_t> users;
  std::optional<std::int64_t> items;
  std::optional<std::int64_t> ratings;
  std::optional<std::int32_t> rank;
  std::optional<double> noise;
  std::optional<std::uint64_t> seed;
  bool real_values = false;
  bool quiet = false;
};

bool parse_options(Arguments arguments, GenerateRequest& request) {
  CommandLine line("generate", "Writes made-up ratings: planted factors, biases and noise.");
  line.text(
      "--out", "FILE", request.out,
      "Where the ratings go, as userId,movieId,rating,timestamp; packed where the name ends in "
      ".gz [required]");
  line.text("--movies", "FILE", request.movies,
            "Where made-up titles go, as movieId,title,genres, packed in the same way [default "
            "nowhere]");
  line.group("Shape");
  line.text("--shape", "NAME", request.shape,
            "Users, items and ratings of a public data set: ml-100k, ml-latest-small, ml-1m, "
            "ml-10m, ml-20m, ml-25m, ml-32m, netflix [default ml-latest-small]");
  const std::int64_t largest_side = std::numeric_limits<std::int32_t>::max();
  line.whole("--users", request.users, {.lowest = 1, .highest = largest_side, .example = "610"},
             "Users [1 to 2147483647, default of the shape]");
  line.whole("--items", request.items, {.lowest = 1, .highest = largest_side, .example = "9742"},
             "Items [1 to 2147483647, default of the shape]");
  line.whole("--ratings", request.ratings, {.lowest = 1, .example = "100836"},
             "Ratings, each for another pair [1 to 9223372036854775807, default of the shape]");
  line.whole("--rank", request.rank, {.lowest = 0, .highest = 1024, .example = "20"},
             "Planted factors [0 to 1024, default 20]");
  line.real("--noise", request.noise, {.lowest = 0, .highest = 1e6, .example = "0.7"},
            "Standard deviation of the noise, in stars [0 to 1e6, default 0.7]");
  line.flag("--real-values", request.real_values,
            "Real numbers as they come, not half stars from 0.5 to 5");
  line.whole("--seed", request.seed, {.lowest = 0, .example = "42"},
             "Everything follows from it [0 to 9223372036854775807, default 42]");
  line.group("Run");
  line.flag("--quiet", request.quiet, "Nothing on standard error but warnings and errors");
  add_threads_option(line);
  line.examples("Example:\n  alsatian generate --shape ml-1m --out ratings.csv\n");
  if (!line.parse(arguments)) return false;
  require_option("generate", "--out", request.out, "ratings.csv");
  return true;
}

/// Throws Error 64 for a name that promises a packing that is not written.
void check_packing(const std::string& option, const std::string& path) {
  for (const char* ending : {".zip", ".bz2", ".xz", ".zst", ".7z"}) {
    if (!path.ends_with(ending)) continue;
    const std::string plain = path.substr(0, path.size() - std::string_view(ending).size());
    throw Error(ExitCode::usage, fmt::format("{} {}", option, quoted(path)),
                fmt::format("{} files are not written, only plain text and .gz", ending),
                fmt::format("try {} {}.gz", option, printable(plain)));
  }
}

GenerateOptions make_options(const GenerateRequest& request) {
  GenerateOptions options =
      request.shape.empty() ? GenerateOptions{} : generate_shape(request.shape);
  if (request.users) options.users = *request.users;
  if (request.items) options.items = *request.items;
  if (request.ratings) options.ratings = *request.ratings;
  if (request.rank) options.rank = *request.rank;
  if (request.noise) options.noise = *request.noise;
  if (request.seed) options.seed = *request.seed;
  options.half_stars = !request.real_values;
  return options;
}

}  // namespace

void generate_command(Arguments arguments) {
  GenerateRequest request;
  if (!parse_options(arguments, request)) return;
  const GenerateOptions options = make_options(request);
  const Log log(request.quiet);
  check_packing("--out", request.out);
  check_packing("--movies", request.movies);
  spare_model("--out", request.out);
  spare_model("--movies", request.movies);
  if (!request.movies.empty()) probe_output(request.movies, "");
  keep_apart("--movies", request.movies, "--out", request.out);
  const StopSignals stop;
  const auto write = [&](const std::string& path, auto&& produce) {
    AtomicFile file(path);
    const TextSink to_file = [&](std::string_view bytes) {
      stop.check();
      file.write(bytes);
    };
    if (path.ends_with(".gz")) {
      GzipWriter packed(to_file);
      produce(options, [&](std::string_view text) { packed.write(text); });
      packed.finish();
    } else {
      produce(options, to_file);
    }
    file.commit();
    log.field("wrote", printable(path));
  };
  write(request.out, generate_ratings);
  if (!request.movies.empty()) write(request.movies, generate_titles);
  log.field("data", fmt::format("{}, {}, {}, planted rank {}, noise {}, seed {}",
                                counted(options.users, "user"), counted(options.items, "item"),
                                counted(options.ratings, "rating"), options.rank, options.noise,
                                options.seed));
}

}  // namespace alsatian
