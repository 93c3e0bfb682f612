// Asserts that something fails as promised: exit code and what the message says.
// The message is part of the claim: the right code with the wrong remedy helps nobody.
#pragma once

#include "host/error.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace alsatian::testing {

/// The Error that an action throws; nothing if it throws none.
template <typename Action>
std::optional<Error> error_of(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

/// Passes where the action throws an Error with that code, with `text` in what() or help().
template <typename Action>
::testing::AssertionResult fails_with(ExitCode code, const std::string& text, Action&& action) {
  const std::optional<Error> error = error_of(action);
  if (!error) return ::testing::AssertionFailure() << "no Error was thrown";
  const std::string said = error->place() + ": " + error->what() + " / " + error->help();
  if (error->code() != code) {
    return ::testing::AssertionFailure()
           << "exit code " << static_cast<int>(error->code()) << ": " << said;
  }
  if (said.find(text) == std::string::npos) {
    return ::testing::AssertionFailure() << "\"" << text << "\" is not in: " << said;
  }
  return ::testing::AssertionSuccess();
}

}  // namespace alsatian::testing
