// Implements report_options.hpp.
// Pages are made by host/report, which knows nothing of options.
#include "cli/report_options.hpp"

#include "cli/spared_files.hpp"
#include "host/atomic_file.hpp"
#include "host/error.hpp"
#include "host/ratings/input_source.hpp"

#include <filesystem>
#include <system_error>

namespace alsatian {

void add_report_options(CommandLine& line, ReportOptions& options) {
  line.group("Report");
  line.text("--report", "FILE", options.report,
            "Write tables and plots as one HTML file that needs nothing else [default none]");
  line.text("--figures", "DIR", options.figures,
            "Write each figure of the report as DIR/NAME.tsv, over files of these names; DIR is "
            "made where its parent exists [default none]");
}

namespace {

/// Files go into a folder that is there, or into one that is made where a file could be.
void probe_folder(const std::string& folder) {
  std::error_code failed;
  const bool is_there = std::filesystem::exists(folder, failed);
  if (is_there && !std::filesystem::is_directory(folder, failed)) {
    throw Error(ExitCode::cannot_create, printable(folder), "is no folder",
                "give --figures a folder");
  }
  const std::filesystem::path path(folder);
  probe_output((is_there ? path / "figure.tsv" : path).string(), "");
}

/// In a folder of data, reports are what earlier runs left there: no inputs.
void probe_against_folder(const std::string& report, const std::string& folder) {
  std::error_code failed;
  for (std::filesystem::directory_iterator entry(folder, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    if (entry->path().extension() != ".html") probe_output(report, entry->path().string());
  }
}

/// Before the first is written: which files there will be is known from the page alone.
void spare_from_figures(const std::string& folder, const std::vector<std::string>& inputs,
                        const Page& page) {
  std::error_code unknown;
  if (!std::filesystem::is_directory(folder, unknown)) return;
  for (const Section& section : page.sections) {
    for (const Figure& figure : section.figures) {
      spare_files("--figures", figure_path(folder, figure), inputs);
    }
  }
}

}  // namespace

void probe_report(const ReportOptions& options, const std::vector<std::string>& inputs) {
  if (!options.figures.empty()) probe_folder(options.figures);
  if (options.report.empty()) return;
  require_reports("--report");
  spare_model("--report", options.report);
  probe_output(options.report, "");
  for (const std::string& input : inputs) {
    std::error_code failed;
    if (std::filesystem::is_directory(input, failed)) {
      probe_against_folder(options.report, input);
    } else if (!input.empty()) {
      probe_output(options.report, input);
    }
  }
}

std::string source_name(const std::string& path) {
  std::filesystem::path whole = std::filesystem::path(input_name(path)).lexically_normal();
  if (!whole.has_filename()) whole = whole.parent_path();
  return whole.filename().string();
}

void write_report(const ReportOptions& options, const std::vector<std::string>& inputs,
                  const Page& page, const Log& log) {
  if (!options.figures.empty()) {
    spare_from_figures(options.figures, inputs, page);
    write_figures(page, options.figures);
    log.field("figures", printable(options.figures));
  }
  if (options.report.empty()) return;
  const std::string html = render_page(page);
  AtomicFile file(options.report, static_cast<std::int64_t>(html.size()));
  file.write(html);
  file.commit();
  log.field("report", printable(options.report) + ": open it in a browser");
}

}  // namespace alsatian
