// Implements table.hpp.
// Numbers are printed by fmt, which never looks at the locale; JSON strings by nlohmann-json.
#include "cli/table.hpp"

#include "cli/command_line.hpp"
#include "cli/log.hpp"
#include "host/error.hpp"
#include "host/report/number_text.hpp"
#include "kernels/cpu/parallel.hpp"

#include <fmt/compile.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <iterator>

namespace alsatian {
namespace {

/// Control characters too: a terminal obeys those that a title brings along.
std::string escaped_for_tsv(const std::string& text) {
  std::string doubled;
  for (const char character : text) doubled.append(character == '\\' ? 2 : 1, character);
  return printable(doubled);
}

std::string escaped_for_json(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string rounded(double value) {
  const double magnitude = std::fabs(value);
  return magnitude > 0 && magnitude < 1e-3 ? fmt::format("{:.4g}", value) : four_decimals(value);
}

/// Rows as the lines of a file, one after the other in one text.
class Lines {
 public:
  Lines(Format format, const std::vector<std::string>& columns)
      : format_(format), columns_(columns) {}

  void add(const std::vector<Cell>& cells) {
    const bool json = format_ == Format::jsonl;
    if (json) text_ += '{';
    for (std::size_t c = 0; c < cells.size(); ++c) {
      if (c > 0) text_ += json ? ',' : '\t';
      if (json) text_.append(escaped_for_json(columns_[c])).append(1, ':');
      std::visit([&](const auto& value) { append(value); }, cells[c]);
    }
    text_ += json ? "}\n" : "\n";
  }

  const std::string& text() const { return text_; }

 private:
  void append(std::monostate) {
    if (format_ == Format::jsonl) text_ += "null";
  }
  void append(const std::string& text) {
    text_ += format_ == Format::jsonl ? escaped_for_json(text) : escaped_for_tsv(text);
  }
  void append(std::int64_t number) {
    const fmt::format_int digits(number);
    text_.append(digits.data(), digits.size());
  }
  template <std::floating_point Real>
  void append(Real number) {
    // JSON has no numbers that are not finite.
    if (format_ == Format::jsonl && !std::isfinite(number)) {
      text_ += "null";
    } else {
      fmt::format_to(std::back_inserter(text_), FMT_COMPILE("{}"), number);
    }
  }

  Format format_;
  const std::vector<std::string>& columns_;
  std::string text_;
};

struct AlignedText {
  std::string operator()(std::monostate) const { return "-"; }
  std::string operator()(const std::string& text) const { return printable(text); }
  std::string operator()(std::int64_t number) const { return fmt::format("{}", number); }
  std::string operator()(float number) const { return rounded(static_cast<double>(number)); }
  std::string operator()(double number) const { return rounded(number); }
};

/// Columns that UTF-8 text takes on a terminal, one per code point.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char character) {
    return (static_cast<unsigned char>(character) & 0xC0U) != 0x80U;
  }));
}

}  // namespace

void add_format_option(CommandLine& line, Format& format) {
  line.choice("--format", format,
              {{"text", Format::text}, {"tsv", Format::tsv}, {"jsonl", Format::jsonl}},
              "How results are printed on standard output: aligned text, tab-separated values, or "
              "one JSON object a line [default text on a terminal, tsv otherwise]");
}

Cell id_cell(const IdIndex& ids, std::int32_t index) {
  if (ids.kind() == IdKind::integer) return ids.integers()[static_cast<std::size_t>(index)];
  return ids.text(index);
}

Cell measured(double value) { return std::isnan(value) ? Cell{} : Cell{value}; }

Table::Table(Output& output, Format format, std::vector<std::string> columns)
    : output_(output),
      format_(format != Format::automatic ? format
              : output.is_terminal()      ? Format::text
                                          : Format::tsv),
      columns_(std::move(columns)),
      numeric_(columns_.size(), false) {
  if (format_ != Format::tsv) return;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    output_.write(c == 0 ? "" : "\t");
    output_.write(columns_[c]);
  }
  output_.write("\n");
}

void Table::row(const std::vector<Cell>& cells) {
  if (format_ == Format::text) {
    keep(cells);
    return;
  }
  Lines lines(format_, columns_);
  lines.add(cells);
  output_.write(lines.text());
}

void Table::rows(std::int64_t entries,
                 const std::function<void(std::int64_t, const AddRow&)>& rows_of) {
  if (format_ == Format::text) {
    const AddRow add = [&](const std::vector<Cell>& cells) { keep(cells); };
    for (std::int64_t entry = 0; entry < entries; ++entry) rows_of(entry, add);
    return;
  }
  std::vector<Lines> lines(static_cast<std::size_t>(entries), Lines(format_, columns_));
  parallel_for(
      entries,
      [&](std::int64_t entry) {
        Lines& own = lines[static_cast<std::size_t>(entry)];
        rows_of(entry, [&](const std::vector<Cell>& cells) { own.add(cells); });
      },
      16);
  for (const Lines& own : lines) output_.write(own.text());
}

void Table::keep(const std::vector<Cell>& cells) {
  std::vector<std::string>& texts = rows_.emplace_back();
  for (std::size_t c = 0; c < cells.size(); ++c) {
    if (cells[c].index() >= 2) numeric_[c] = true;
    texts.push_back(std::visit(AlignedText{}, cells[c]));
  }
}

void Table::finish() {
  if (format_ == Format::text) write_aligned();
}

void Table::write_aligned() {
  std::vector<std::string> names = columns_;
  for (std::string& name : names) std::replace(name.begin(), name.end(), '_', ' ');
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < names.size(); ++c) {
    std::size_t widest = width(names[c]);
    for (const auto& row : rows_) widest = std::max(widest, width(row[c]));
    widths.push_back(widest);
  }
  const auto write_row = [&](const std::vector<std::string>& texts) {
    std::string line;
    for (std::size_t c = 0; c < texts.size(); ++c) {
      const std::string padding(widths[c] - width(texts[c]), ' ');
      line += c == 0 ? "" : "  ";
      line += numeric_[c] ? padding + texts[c] : texts[c] + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    return line;
  };
  const bool colours = output_.is_terminal() && colours_wanted();
  const std::string header = write_row(names);
  output_.write(colours ? fmt::format("\x1b[1m{}\x1b[0m\n", header) : header + "\n");
  for (const auto& row : rows_) output_.write(write_row(row) + "\n");
}

}  // namespace alsatian
