// The program: the one place that turns errors into text and exit codes.
// Libraries and commands throw; nothing else ends the process.
#include "cli/log.hpp"
#include "cli/output.hpp"
#include "cli/process.hpp"
#include "cli/program.hpp"
#include "host/error.hpp"
#include "kernels/cpu/parallel.hpp"

#include <fmt/format.h>

#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <vector>

namespace {

int report(alsatian::ExitCode code, const std::string& place, const std::string& what,
           const std::string& help) {
  alsatian::Log().raw(fmt::format("alsatian: error: {}: {}\n  help: {}\n", place, what, help));
  return static_cast<int>(code);
}

}  // namespace

int main(int count, char** words) {
  using alsatian::ExitCode;
  alsatian::prepare_process();
  const bool trains = count > 1 && std::string_view(words[1]) == "train";
  try {
    const std::vector<std::string> arguments(words + (count > 0 ? 1 : 0), words + count);
    alsatian::run_program(arguments);
    return 0;
  } catch (const alsatian::OutputClosed&) {
    return 0;
  } catch (const alsatian::Interrupted& interrupted) {
    alsatian::end_by_signal(interrupted.signal);
  } catch (const alsatian::Error& error) {
    return report(error.code(), error.place(), error.what(), error.help());
  } catch (const std::bad_alloc&) {
    return report(ExitCode::out_of_memory, "memory", "there is not enough of it",
                  trains ? "lower --k, or raise the limit (ulimit -v); --dry-run prints the plan"
                         : "use a machine with more memory, or raise the limit (ulimit -v)");
  } catch (const alsatian::ThreadsUnavailable& error) {
    return report(ExitCode::out_of_memory, "threads", error.what(),
                  "try --threads 1, or raise the limit (ulimit -u, ulimit -v)");
  } catch (const std::exception& error) {
    return report(ExitCode::internal, "internal", error.what(),
                  "this is a fault of the program: report the command line and this message");
  }
}
