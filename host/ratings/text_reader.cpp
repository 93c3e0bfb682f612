// Cuts text into chunks at line ends, parses them on all threads straight into the columns, closes
// the gaps, and merges what chunks found in their order: the result never depends on the cut.
#include "host/ratings/text_reader.hpp"

#include "host/error.hpp"
#include "host/ratings/chunk_parser.hpp"
#include "host/ratings/file_kind.hpp"
#include "host/ratings/large_vector.hpp"
#include "kernels/cpu/parallel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

namespace alsatian {
namespace {

constexpr std::size_t bad_lines_named = 5;

void check_options(const ReadOptions& options) {
  if (options.decimal != '.' && options.decimal != ',') {
    throw Error(ExitCode::usage, "--decimal", "must be a point or a comma", "try --decimal ,");
  }
  if (options.decimal == ',' && options.delimiter == ",") {
    throw Error(ExitCode::usage, "--decimal ,", "the delimiter is a comma too",
                "leave out one of --decimal and --delimiter");
  }
  if (options.chunk_bytes < 1) {
    throw Error(ExitCode::internal, "chunk_bytes", "must be at least 1", "");
  }
}

/// Chunks of about `size` bytes, each ending behind a line end.
std::vector<Chunk> cut(std::string_view body, std::size_t size) {
  std::vector<Chunk> chunks;
  for (std::size_t begin = 0; begin < body.size();) {
    std::size_t end = body.size();
    if (end - begin > size) {
      const std::size_t line_end = body.find('\n', begin + size - 1);
      if (line_end != std::string_view::npos) end = line_end + 1;
    }
    Chunk& chunk = chunks.emplace_back();
    chunk.text = body.substr(begin, end - begin);
    chunk.readable_end = body.data() + body.size();
    begin = end;
  }
  return chunks;
}

struct LineEnds {
  std::int64_t count = 0;
  bool has_quote = false;  // anywhere in the text
};

/// How many line ends there are. Bytes count in bytes, added up before they overflow: the compiler
/// then compares a vector of them at a time.
LineEnds count_line_ends(std::string_view text) {
  constexpr std::size_t lanes = 64;
  constexpr std::size_t most_rounds = 255;
  LineEnds ends;
  std::array<unsigned char, lanes> quotes{};
  std::size_t at = 0;
  while (text.size() - at >= lanes) {
    std::array<unsigned char, lanes> counts{};
    const std::size_t rounds = std::min((text.size() - at) / lanes, most_rounds);
    for (std::size_t round = 0; round < rounds; ++round, at += lanes) {
      for (std::size_t lane = 0; lane < lanes; ++lane) {
        const char letter = text[at + lane];
        counts[lane] = static_cast<unsigned char>(counts[lane] + (letter == '\n'));
        quotes[lane] = static_cast<unsigned char>(quotes[lane] | (letter == '"'));
      }
    }
    ends.count = std::accumulate(counts.begin(), counts.end(), ends.count);
  }
  const std::string_view rest = text.substr(at);
  ends.count += std::ranges::count(rest, '\n');
  ends.has_quote = std::ranges::count(quotes, 0) < std::ssize(quotes) ||
                   rest.find('"') != std::string_view::npos;
  return ends;
}

/// Counts the lines of each chunk; returns whether there is a quote anywhere.
bool count_lines(std::vector<Chunk>& chunks) {
  std::atomic<bool> has_quote = false;
  parallel_for(static_cast<std::int64_t>(chunks.size()), [&](std::int64_t index) {
    Chunk& chunk = chunks[static_cast<std::size_t>(index)];
    const LineEnds ends = count_line_ends(chunk.text);
    chunk.line_count = ends.count + (chunk.text.ends_with('\n') ? 0 : 1);
    if (ends.has_quote) has_quote = true;
  });
  return has_quote;
}

/// The chunks to parse. With a quote anywhere it is one, since line ends may be inside quotes.
std::vector<Chunk> chunks_of(const Layout& layout, const ReadOptions& options) {
  std::vector<Chunk> chunks = cut(layout.body, static_cast<std::size_t>(options.chunk_bytes));
  const bool has_quote = count_lines(chunks);
  if (has_quote && layout.rules.quotes && chunks.size() > 1) {
    std::vector<Chunk> whole = cut(layout.body, layout.body.size());
    for (const Chunk& chunk : chunks) whole[0].line_count += chunk.line_count;
    chunks = std::move(whole);
  }
  std::int64_t line = layout.body_line;
  std::int64_t row = 0;
  for (Chunk& chunk : chunks) {
    chunk.first_line = std::exchange(line, line + chunk.line_count);
    chunk.first_row = std::exchange(row, row + row_capacity(chunk));
  }
  return chunks;
}

IdTarget target_of(IdColumn& ids, std::int64_t row) {
  IdTarget target{};
  ids.visit([&]<typename Id>(std::vector<Id>& column) {
    if constexpr (sizeof(Id) == sizeof(std::int32_t)) {
      target.narrow = column.data() + row;
    } else {
      target.wide = column.data() + row;
    }
  });
  return target;
}

RowTarget target_of(RawRatings& ratings, std::int64_t row) {
  return {target_of(ratings.users.values, row), target_of(ratings.items.values, row),
          ratings.ratings.data() + row,
          ratings.times.empty() ? nullptr : ratings.times.data() + row};
}

void allocate(RawRatings& ratings, const std::vector<Chunk>& chunks) {
  if (chunks.empty()) return;
  const auto rows = static_cast<std::size_t>(chunks.back().first_row + row_capacity(chunks.back()));
  ratings.users.values.resize(rows);
  ratings.items.values.resize(rows);
  resize_large(ratings.ratings, rows);
  if (ratings.has_times) resize_large(ratings.times, rows);
}

void parse_into(RawRatings& ratings, const ParseRules& rules, std::vector<Chunk>& chunks) {
  constexpr std::int64_t none = std::numeric_limits<std::int64_t>::max();
  std::atomic<std::int64_t> first_failed = none;
  std::atomic<bool> has_wide_id = false;
  parallel_for(static_cast<std::int64_t>(chunks.size()), [&](std::int64_t index) {
    // Chunks before a failed one are still needed: the error named is the first in the file.
    if (index > first_failed || has_wide_id) return;
    Chunk& chunk = chunks[static_cast<std::size_t>(index)];
    parse_chunk(chunk, rules, target_of(ratings, chunk.first_row));
    if (chunk.has_wide_id()) has_wide_id = true;
    if (chunk.bad.empty() || rules.on_bad_line == OnBadLine::skip) return;
    std::int64_t seen = first_failed;
    while (index < seen && !first_failed.compare_exchange_weak(seen, index)) {
    }
  });
}

/// Parses all chunks; again where ids turn out not to fit in 32 bits.
void parse_chunks(std::vector<Chunk>& chunks, const ParseRules& rules, RawRatings& ratings) {
  const std::vector<Chunk> unparsed = chunks;
  const auto widen = [&](IdColumn& ids, bool Chunk::*has_wide_id) {
    if (std::ranges::none_of(chunks, has_wide_id)) return;
    const std::size_t rows = ids.size();
    ids = {};
    ids.widen();
    ids.resize(rows);
  };
  parse_into(ratings, rules, chunks);
  while (std::ranges::any_of(chunks, &Chunk::has_wide_id)) {
    widen(ratings.users.values, &Chunk::has_wide_user);
    widen(ratings.items.values, &Chunk::has_wide_item);
    chunks = unparsed;
    parse_into(ratings, rules, chunks);
  }
}

/// Bad lines of all chunks in the order of the file, as many as are kept.
std::vector<BadLine> bad_lines_of(const std::vector<Chunk>& chunks) {
  std::vector<BadLine> all;
  std::int64_t rows = 0;
  for (const Chunk& chunk : chunks) {
    for (BadLine bad : chunk.bad) {
      if (static_cast<std::int64_t>(all.size()) >= most_bad_lines_kept) return all;
      bad.rows_before += rows;
      all.push_back(bad);
    }
    rows += chunk.rows;
  }
  return all;
}

[[noreturn]] void throw_too_many_bad_lines(const std::vector<BadLine>& bad, std::int64_t limit,
                                           const std::string& place) {
  std::string lines;
  for (std::size_t index = 0; index < std::min(bad.size(), bad_lines_named); ++index) {
    lines += fmt::format("{}{}", index == 0 ? "" : ", ", bad[index].line);
  }
  throw Error(
      ExitCode::bad_data, place_of(bad[0], place),
      fmt::format("more than {} bad lines, on line {}{}; the first: {}", limit, lines,
                  bad.size() > bad_lines_named ? ", ..." : "", complaint_about(bad[0]).what),
      "correct the file (--rejects FILE lists the lines), or raise the number in --on-bad-line "
      "skip:N");
}

void report_bad_lines(const std::vector<BadLine>& bad, const ReadOptions& options,
                      const std::string& place, RawRatings& ratings) {
  if (options.on_bad_line == OnBadLine::error) {
    if (!bad.empty()) throw_bad_line(bad[0], place);
    return;
  }
  for (const BadLine& line : bad) {
    ratings.rejected_lines.push_back({line.line, line.column, complaint_about(line).what,
                                      std::string(line.text.substr(0, longest_rejected_text))});
  }
  if (options.on_rejected) options.on_rejected(place, ratings.rejected_lines);
  if (options.bad_line_limit && ratings.account.rejected > *options.bad_line_limit) {
    throw_too_many_bad_lines(bad, *options.bad_line_limit, place);
  }
}

void fill_account(const std::vector<Chunk>& chunks, const Layout& layout, RawRatings& ratings) {
  LineAccount& account = ratings.account;
  account.header = layout.header_lines;
  account.blank = layout.blank_lines;
  for (const Chunk& chunk : chunks) {
    account.used += chunk.rows;
    account.blank += chunk.blank;
    account.rejected += chunk.rejected;
  }
  account.read = account.used + account.rejected + account.blank + account.header;
}

/// Moves rows over the gaps that blank and rejected lines left.
void close_gaps(const std::vector<Chunk>& chunks, RawRatings& ratings) {
  const auto close = [&](auto& column) {
    if (column.empty()) return;
    auto end = column.begin();
    for (const Chunk& chunk : chunks) {
      const auto first = column.begin() + chunk.first_row;
      end = end == first ? first + chunk.rows : std::copy(first, first + chunk.rows, end);
    }
    column.erase(end, column.end());
  };
  ratings.users.values.visit(close);
  ratings.items.values.visit(close);
  close(ratings.ratings);
  close(ratings.times);
}

void fill_line_map(const std::vector<Chunk>& chunks, RawRatings& ratings) {
  std::int64_t rows = 0;
  for (const Chunk& chunk : chunks) {
    for (const RowLine& start : chunk.starts) ratings.lines.set(rows + start.row, start.line);
    rows += chunk.rows;
  }
}

/// Merges the chunks' names into one table and replaces the chunks' indices by its.
void merge_names(const std::vector<Chunk>& chunks, NameTable Chunk::*names, RawIds& ids) {
  if (ids.kind == IdKind::integer) return;
  NameTable merged;
  std::vector<std::vector<std::int64_t>> new_index(chunks.size());
  std::vector<std::int64_t> first_row(chunks.size());
  std::int64_t rows = 0;
  for (std::size_t index = 0; index < chunks.size(); ++index) {
    const NameTable& own = chunks[index].*names;
    first_row[index] = std::exchange(rows, rows + chunks[index].rows);
    for (std::int64_t name = 0; name < own.size(); ++name) {
      new_index[index].push_back(merged.add(own[name]));
    }
  }
  if (!std::in_range<std::int32_t>(merged.size())) ids.values.widen();
  ids.values.visit([&]<typename Id>(std::vector<Id>& values) {
    parallel_for(static_cast<std::int64_t>(chunks.size()), [&](std::int64_t chunk) {
      const auto index = static_cast<std::size_t>(chunk);
      const auto first = values.begin() + first_row[index];
      std::transform(first, first + chunks[index].rows, first, [&](Id name) {
        return static_cast<Id>(new_index[index][static_cast<std::size_t>(name)]);
      });
    });
  });
  for (std::int64_t name = 0; name < merged.size(); ++name) ids.names.push_back(merged[name]);
}

void add_warnings(const std::vector<Chunk>& chunks, RawRatings& ratings) {
  std::int64_t underflows = 0;
  std::int64_t first_line = 0;
  for (const Chunk& chunk : chunks) {
    if (underflows == 0 && chunk.underflows > 0) first_line = chunk.first_underflow_line;
    underflows += chunk.underflows;
  }
  if (underflows == 0) return;
  ratings.warnings.push_back(
      fmt::format("{} {} too small for float32 and {} as 0, the first on line {}", underflows,
                  underflows == 1 ? "rating is" : "ratings are",
                  underflows == 1 ? "counts" : "count", first_line));
}

/// Throws where what was declared, or anything at all, is not there.
void check_amount(const RawRatings& ratings, const Layout& layout, const std::string& place,
                  const Contents& contents) {
  const LineAccount& account = ratings.account;
  if (layout.matrix && account.used + account.rejected != layout.matrix->entries) {
    throw Error(ExitCode::bad_data, fmt::format("{}:{}", place, layout.matrix->line),
                fmt::format("the size line declares {} entries, there are {}",
                            layout.matrix->entries, account.used + account.rejected),
                "was the file cut short? Correct the size line or get the file again");
  }
  if (account.used > 0) return;
  if (account.rejected > 0) {
    throw Error(
        ExitCode::bad_data, place, "has no good line, all were rejected",
        "leave out --on-bad-line skip to see what is wrong; --rejects FILE lists the lines");
  }
  if (account.header == 0) throw_only_blanks(place, contents);
  throw Error(ExitCode::bad_data, place, fmt::format("has a header but no {}", contents.name),
              std::string(contents.remedy));
}

}  // namespace

void judge_beginning(std::string_view beginning, const std::string& place,
                     const ReadOptions& options) {
  refuse_other_kinds(beginning, place, contents_of(options));
  // The comments before the sizes of a matrix may be of any length.
  if (!is_matrix_market(beginning)) detect_layout(beginning, place, options);
}

RawRatings read_ratings_text(std::string_view text, const std::string& place,
                             const ReadOptions& options) {
  check_options(options);
  refuse_other_kinds(text, place, contents_of(options));
  ParseRules rules{.layout = detect_layout(text, place, options),
                   .decimal = options.decimal,
                   .positive = std::nullopt,
                   .keep_times = options.keep_times,
                   .on_bad_line = options.on_bad_line};
  if (options.positive) rules.positive = static_cast<float>(*options.positive);
  const Layout& layout = rules.layout;
  RawRatings ratings;
  ratings.layout = layout.description;
  ratings.users.kind = layout.user_ids;
  ratings.items.kind = layout.item_ids;
  ratings.has_ratings = layout.roles.rating >= 0;
  ratings.has_times = layout.roles.time >= 0 && options.keep_times;
  std::vector<Chunk> chunks = chunks_of(layout, options);
  allocate(ratings, chunks);
  parse_chunks(chunks, rules, ratings);
  fill_account(chunks, layout, ratings);
  report_bad_lines(bad_lines_of(chunks), options, place, ratings);
  check_amount(ratings, layout, place, contents_of(options));
  close_gaps(chunks, ratings);
  fill_line_map(chunks, ratings);
  merge_names(chunks, &Chunk::users, ratings.users);
  merge_names(chunks, &Chunk::items, ratings.items);
  add_warnings(chunks, ratings);
  return ratings;
}

}  // namespace alsatian
