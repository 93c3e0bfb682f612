// The one exception type of the project, and the exit codes it carries to the shell.
// Libraries throw; only cli/main.cpp turns an Error into text and an exit code.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace alsatian {

/// Exit codes of the program, after sysexits.h.
enum class ExitCode : int {
  success = 0,
  usage = 64,               // options that make no sense
  bad_data = 65,            // content of ratings, model, titles
  missing_input = 66,       // an input that is not there or is no file
  device_unavailable = 69,  // the device asked for
  internal = 70,
  out_of_memory = 71,  // host or device, or no more threads
  cannot_create = 73,  // output that cannot be created
  input_output = 74,   // reading or writing failed half way
  busy = 75,           // another run writes there
  no_permission = 77,  // an input that may not be read
  diverged = 80,       // training left the finite numbers
};

/// An error with its place (file:line:column or option), what is wrong with which value and by
/// which rule, and a remedy. Printed as
///   alsatian: error: PLACE: WHAT
///     help: REMEDY
class Error : public std::runtime_error {
 public:
  Error(ExitCode code, std::string place, const std::string& what, std::string help)
      : std::runtime_error(what), code_(code), place_(std::move(place)), help_(std::move(help)) {}

  ExitCode code() const { return code_; }
  const std::string& place() const { return place_; }
  const std::string& help() const { return help_; }

 private:
  ExitCode code_;
  std::string place_;
  std::string help_;
};

/// quoted(value): the value as it is shown in an error: in double quotes, control characters and
/// quotes escaped, cut to 60 characters. An object, since a function would lose to std::quoted
/// wherever <iomanip> is included and the value is a std::string.
struct Quoted {
  std::string operator()(std::string_view value) const;
};
inline constexpr Quoted quoted;

/// A path or id as it stands in the PLACE of an error: control characters escaped, not quoted.
std::string printable(std::string_view value);

/// The same of a name from a file, cut to 60 characters.
std::string shortened(std::string_view value);

/// A size as errors and logs show it: "1.5 GiB", "24 bytes".
std::string human_bytes(std::int64_t bytes);

}  // namespace alsatian
