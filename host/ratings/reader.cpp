// Where ratings come from meets how they are read.
// A file that changed while it was read is reported as that, whatever else went wrong.
#include "host/ratings/reader.hpp"

#include "host/error.hpp"
#include "host/ratings/input_source.hpp"
#include "host/ratings/text_reader.hpp"

#include <array>
#include <string_view>

namespace alsatian {
namespace {

constexpr auto rating_files =
    std::to_array<std::string_view>({"ratings.csv", "ratings.dat", "u.data"});

}  // namespace

RawRatings read_ratings(const std::string& path, const ReadOptions& options) {
  const InputLimits limits{.max_bytes = options.max_input_bytes,
                           .free_bytes = options.free_bytes,
                           .judge = [&](std::string_view beginning, const std::string& place) {
                             judge_beginning(beginning, place, options);
                           }};
  const Input input = open_input(path, {rating_files, options.member, limits});
  try {
    RawRatings ratings = read_ratings_text(input.text(), input.place(), options);
    input.check_unchanged();
    ratings.path = input.path();
    check_balanced(ratings.account, ratings.path);
    if (!input.packing().empty()) {
      ratings.layout = std::string(input.packing()) + ", " + ratings.layout;
    }
    return ratings;
  } catch (const Error&) {
    input.check_unchanged();
    throw;
  }
}

}  // namespace alsatian
