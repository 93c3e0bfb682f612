// Options that say which figures test ratings give, the same for every command that measures
// models. Their checks are here too: what --top needs is the same everywhere.
#pragma once

#include "cli/command_line.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace alsatian {

struct FigureOptions {
  std::optional<std::int32_t> top;
  std::optional<double> relevant;
  bool clip = false;
};

/// --top, --relevant, --clip.
void add_figure_options(CommandLine& line, FigureOptions& options);

/// Throws Error 64 where there is neither a test file nor --data, or an option without what it
/// needs. subject: "model was" or "models were", for the remedy.
void check_figure_options(const FigureOptions& options, bool has_tests, const std::string& data,
                          std::string_view subject);

}  // namespace alsatian
