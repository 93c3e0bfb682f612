// Options that make a report beside what a command prints, the same for every command.
// The file appears whole or not at all, like every other output.
#pragma once

#include "cli/command_line.hpp"
#include "cli/log.hpp"
#include "host/report/page.hpp"

#include <string>
#include <vector>

namespace alsatian {

struct ReportOptions {
  std::string report;   // --report FILE, "" for none
  std::string figures;  // --figures DIR, "" for none

  bool wanted() const { return !report.empty() || !figures.empty(); }
};

/// --report, --figures.
void add_report_options(CommandLine& line, ReportOptions& options);

/// Fails before anything is read: throws Error 64 where this build has no reports or the file is
/// a model or one of the inputs ("" is none), 73 where it or the folder cannot be written.
void probe_report(const ReportOptions& options, const std::vector<std::string>& inputs);

/// The name of an input without its folders, for the title of a report that others get.
std::string source_name(const std::string& path);

/// Writes what was asked for, and says where it is. Throws Error 64 and writes nothing where a
/// figure's file is a model or one of the inputs, 73, 74.
void write_report(const ReportOptions& options, const std::vector<std::string>& inputs,
                  const Page& page, const Log& log);

}  // namespace alsatian
