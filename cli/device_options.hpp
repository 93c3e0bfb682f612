// `--device`, `--isa`, `--threads`: where the work runs. They never change the result's meaning.
// Shared by every command that computes.
#pragma once

#include "cli/command_line.hpp"
#include "host/device/device_options.hpp"

#include <optional>

namespace alsatian {

struct DeviceChoice {
  DeviceOptions::Kind kind = DeviceOptions::Kind::automatic;
  std::optional<Isa> isa;
};

void add_device_options(CommandLine& line, DeviceChoice& choice);

/// `--device` of recommend, whose result is the same on every one.
void add_recommend_device_option(CommandLine& line, DeviceOptions& options);

/// `--threads N`, with effect on the whole process as soon as it is parsed.
void add_threads_option(CommandLine& line);

/// Throws Error 69 where the device or the instruction set is not there, 64 where both were named
/// and do not go together: before anything is read.
DeviceOptions checked_device(const DeviceChoice& choice);

}  // namespace alsatian
