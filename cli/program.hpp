// From the words of the command line to a command.
// Also `alsatian help`, `--help` and `--version`.
#pragma once

#include "cli/command_line.hpp"

namespace alsatian {

/// arguments: the words after the program's name. Throws what the commands throw.
void run_program(Arguments arguments);

}  // namespace alsatian
