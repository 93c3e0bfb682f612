// Everything that `alsatian train` can be told.
// Parsing and the checks that need no data are here; the work is in train.cpp.
#pragma once

#include "cli/device_options.hpp"
#include "cli/model_options.hpp"
#include "cli/reading_options.hpp"
#include "cli/report_options.hpp"
#include "cli/split_options.hpp"
#include "cli/table.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace alsatian {

struct TrainOptions {
  std::string data;
  ReadingOptions reading;
  CleaningOptions cleaning;
  SplitOptions split;
  ModelOptions model;
  DeviceChoice device;
  ReportOptions report;
  std::string user_features;
  std::string item_features;
  std::string out;
  std::string init;
  std::string log;
  std::string config;
  int evaluate_every = 1;
  bool clip = false;
  bool plot = false;
  bool dry_run = false;
  bool quiet = false;
  Format format = Format::automatic;
  std::optional<std::int64_t> max_memory;
};

/// --data.
void add_data_option(CommandLine& line, TrainOptions& options);

/// --device, --isa, --threads, --max-memory, --config.
void add_machine_options(CommandLine& line, TrainOptions& options);

/// Checks what is said of the data before any of it is read, and hands on what reading needs.
void check_data_options(std::string_view command, TrainOptions& options);

/// False where --help was asked for and printed.
bool parse_train_options(Arguments arguments, TrainOptions& options);

/// Fails now where an output could not be written later, or is one of the inputs, which it returns,
/// or a model that is not to be trained anew.
std::vector<std::string> probe_outputs(const TrainOptions& options);

}  // namespace alsatian
