// The commands of the program, one file each. Each takes the words after its name, throws an
// Error, OutputClosed or Interrupted, and returns where it succeeded.
#pragma once

#include "cli/command_line.hpp"

namespace alsatian {

void explore_command(Arguments arguments);
void train_command(Arguments arguments);
void tune_command(Arguments arguments);
void evaluate_command(Arguments arguments);
void compare_command(Arguments arguments);
void predict_command(Arguments arguments);
void explain_command(Arguments arguments);
void recommend_command(Arguments arguments);
void similar_command(Arguments arguments);
void inspect_command(Arguments arguments);
void generate_command(Arguments arguments);

/// `alsatian --version`: what was built in, and what was found on this machine.
void print_version();

}  // namespace alsatian
