// Implements figure_options.hpp.
// Help and errors are those of one command word for word, whichever prints them.
#include "cli/figure_options.hpp"

#include "host/error.hpp"

#include <fmt/format.h>

#include <limits>

namespace alsatian {

void add_figure_options(CommandLine& line, FigureOptions& options) {
  line.group("Figures");
  line.whole("--top", options.top, {.lowest = 1, .highest = 1'000'000, .example = "10"},
             "Ranking figures of the N best items of each user [1 to 1000000, default none]");
  line.real("--relevant", options.relevant,
            {.lowest = -std::numeric_limits<double>::infinity(), .example = "4"},
            "With --top: a test rating at or above X is relevant, in the rating's unit [any "
            "finite number, default 4, 1 with the 0 and 1 of --likelihood bernoulli]");
  line.flag("--clip", options.clip,
            "Limit predictions to the range of the training ratings before every figure but those "
            "of --top");
}

void check_figure_options(const FigureOptions& options, bool has_tests, const std::string& data,
                          std::string_view subject) {
  if (!has_tests && data.empty()) {
    throw Error(ExitCode::usage, "--test", "is missing, and --data too",
                fmt::format("give --test FILE, or --data with the ratings that the {} trained on",
                            subject));
  }
  if (options.top && data.empty()) {
    throw Error(ExitCode::usage, "--top",
                "needs --data: items that a user rated in training are no candidates",
                fmt::format("give --data with the ratings that the {} trained on", subject));
  }
  if (options.relevant && !options.top) {
    throw Error(ExitCode::usage, "--relevant", "applies to --top alone", "give --top 10 too");
  }
}

}  // namespace alsatian
