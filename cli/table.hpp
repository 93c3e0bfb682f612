// Results as tables: aligned for people, TSV or JSON Lines for programs.
// One row is one result; the columns have the same names in all three.
#pragma once

#include "cli/output.hpp"
#include "host/ratings/ids.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <variant>
#include <vector>

namespace alsatian {

class CommandLine;

/// How results are printed. automatic: text on a terminal, tsv otherwise.
enum class Format { automatic, text, tsv, jsonl };

/// `--format`.
void add_format_option(CommandLine& line, Format& format);

/// Nothing, text or a number. float and double are printed with the fewest digits that give the
/// same value back (text: rounded for reading).
using Cell = std::variant<std::monostate, std::string, std::int64_t, float, double>;

/// An id as a cell: integers as numbers.
Cell id_cell(const IdIndex& ids, std::int32_t index);

/// A figure as a cell: nothing where it is not a number, because nothing was measured.
Cell measured(double value);

/// Writes rows as they come (tsv, jsonl) or aligned at finish() (text).
class Table {
 public:
  /// columns: names in snake_case.
  Table(Output& output, Format format, std::vector<std::string> columns);

  /// cells [columns].
  void row(const std::vector<Cell>& cells);
  /// The rows that rows_of(entry, add) adds for each of so many entries, in order. Many threads
  /// make them; the bytes are those of row() one after the other.
  using AddRow = std::function<void(const std::vector<Cell>& cells)>;
  void rows(std::int64_t entries,
            const std::function<void(std::int64_t entry, const AddRow& add)>& rows_of);
  /// Ends the table; without rows nothing but the column names is printed.
  void finish();

 private:
  void keep(const std::vector<Cell>& cells);
  void write_aligned();

  Output& output_;
  Format format_;
  std::vector<std::string> columns_;
  std::vector<std::vector<std::string>> rows_;  // text only
  std::vector<bool> numeric_;
};

}  // namespace alsatian
