// Implements report_options.hpp.
// Pages are made by host/report, which knows nothing of options.
#include "cli/report_options.hpp"

#include "host/atomic_file.hpp"

namespace alsatian {

void add_report_options(CommandLine& line, ReportOptions& options) {
  line.group("Report");
  line.text("--report", "FILE", options.report,
            "Write tables and plots as one HTML file that needs nothing else [default none]");
  line.text("--figures", "DIR", options.figures,
            "Write each figure of the report as DIR/NAME.tsv, over files of these names; DIR is "
            "made where its parent exists [default none]");
}

void probe_report(const ReportOptions& options, const std::vector<std::string>& inputs) {
  if (options.report.empty()) return;
  require_reports("--report");
  probe_output(options.report, "");
  for (const std::string& input : inputs) {
    if (!input.empty()) probe_output(options.report, input);
  }
}

void write_report(const ReportOptions& options, const Page& page) {
  if (!options.figures.empty()) write_figures(page, options.figures);
  if (options.report.empty()) return;
  const std::string html = render_page(page);
  AtomicFile file(options.report, static_cast<std::int64_t>(html.size()));
  file.write(html);
  file.commit();
}

}  // namespace alsatian
