// The page of exploration.hpp, with the picture of the densest block and the suggestions.
// What was left out stands first: figures of cleaned data mean nothing without it.
#include "host/report/exploration.hpp"
#include "host/report/heat_map.hpp"
#include "host/report/number_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace alsatian {
namespace {

constexpr std::size_t most_cells = 64;
constexpr std::size_t rows_per_cell = 8;
constexpr std::int32_t default_rank = 64;

/// Rows with the most ratings, at most most_cells · rows_per_cell, most first.
std::vector<std::size_t> largest_rows(const RowSums& rows) {
  std::vector<std::size_t> order;
  for (std::size_t row = 0; row < rows.counts.size(); ++row) {
    if (rows.counts[row] > 0) order.push_back(row);
  }
  const std::size_t count = std::min(most_cells * rows_per_cell, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
                    [&](std::size_t a, std::size_t b) {
                      return rows.counts[a] != rows.counts[b] ? rows.counts[a] > rows.counts[b]
                                                              : a < b;
                    });
  order.resize(count);
  return order;
}

/// Cells that divide `count` rows; the last is smaller where they do not.
std::size_t cell_size(std::size_t count) { return (count + most_cells - 1) / most_cells; }

std::vector<std::vector<double>> block_shares(const Exploration& data,
                                              const std::vector<std::size_t>& users,
                                              const std::vector<std::size_t>& items) {
  const std::size_t height = cell_size(users.size());
  const std::size_t width = cell_size(items.size());
  const std::size_t none = items.size();
  std::vector<std::size_t> place(data.items.counts.size(), none);
  for (std::size_t at = 0; at < items.size(); ++at) place[items[at]] = at;
  std::vector<std::vector<double>> shares((users.size() + height - 1) / height,
                                          std::vector<double>((items.size() + width - 1) / width));
  const auto extent = [](std::size_t cell, std::size_t size, std::size_t count) {
    return static_cast<double>(std::min(size, count - cell * size));
  };
  for (std::size_t row = 0; row < users.size(); ++row) {
    const CleanRatings& ratings = data.ratings;
    for (auto at = ratings.offsets[users[row]]; at < ratings.offsets[users[row] + 1]; ++at) {
      const auto item =
          static_cast<std::size_t>(ratings.item_indices[static_cast<std::size_t>(at)]);
      if (place[item] == none) continue;
      const std::size_t cell_row = row / height;
      const std::size_t cell_column = place[item] / width;
      shares[cell_row][cell_column] +=
          1 / (extent(cell_row, height, users.size()) * extent(cell_column, width, items.size()));
    }
  }
  return shares;
}

std::string split_suggestion(const Exploration& data, std::string& why) {
  constexpr double year = 365.25 * 24 * 3600;
  const std::vector<std::int64_t>& times = data.ratings.times;
  const auto [first, last] = std::minmax_element(times.begin(), times.end());
  if (times.empty() || static_cast<double>(*last) - static_cast<double>(*first) < year) {
    why = "a tenth of the ratings, chosen by hash: there are no times over a year";
    return "--holdout 0.1";
  }
  why =
      "the latest rating of each user tells how good predictions of what comes next are; "
      "--holdout 0.1 compares with published figures";
  return "--holdout-last 1";
}

Figure account_figure(const LineAccount& account) {
  Figure figure{.name = "lines",
                .title = "What became of every line",
                .text =
                    "read = used + duplicates + rejected + filtered + blank or comment + "
                    "header"};
  figure.data.columns = {"lines", "count", "why"};
  const auto row = [&](const char* name, std::int64_t count, const char* why) {
    figure.data.rows.push_back({std::string(name), count, std::string(why)});
  };
  row("read", account.read, "all of the file");
  row("used", account.used, "ratings below");
  row("duplicates", account.duplicates, "the pair has another rating that counts (--duplicates)");
  row("rejected", account.rejected, "no rating could be read (--on-bad-line skip)");
  row("filtered", account.filtered, "out of --rating-range, or of a user or item with too few");
  row("blank or comment", account.blank, "");
  row("header", account.header, "names of the columns");
  return figure;
}

/// The note with the name of the file alone: folders do not concern those who get the report.
std::string without_folders(std::string note, const ReadingAccount& account) {
  if (account.path.empty()) return note;
  const std::string_view path = account.path;
  const std::string_view name = path.substr(path.find_last_of('/') + 1);
  for (auto at = note.find(path); at != std::string::npos; at = note.find(path, at + name.size())) {
    note.replace(at, path.size(), name);
  }
  return note;
}

Section cleaning_section(const Exploration& data, const ReadingAccount& account) {
  Section section{.title = "What was cleaned"};
  section.notes.push_back("Read as: " + account.layout);
  for (const auto* notes :
       {&account.notes, &data.ratings.notes, &account.warnings, &data.ratings.warnings}) {
    for (const std::string& note : *notes) section.notes.push_back(without_folders(note, account));
  }
  section.figures.push_back(account_figure(data.ratings.account));
  if (account.rejected.empty()) return section;
  Figure rejected{.name = "rejected_lines", .title = "The first rejected lines"};
  rejected.data.columns = {"line", "column", "reason", "text"};
  for (const RejectedLine& line : account.rejected) {
    rejected.data.rows.push_back({line.line, line.column, line.reason, line.text});
  }
  section.figures.push_back(std::move(rejected));
  return section;
}

std::int64_t rated_rows(const RowSums& rows) {
  return std::ranges::count_if(rows.counts, [](std::int64_t count) { return count > 0; });
}

double filled_share(const Exploration& data) {
  return static_cast<double>(data.ratings.size()) / static_cast<double>(rated_rows(data.users)) /
         static_cast<double>(rated_rows(data.items));
}

/// Leaves out figures without rows, with a note of what they need.
void add(Section& section, Figure figure, std::string_view needs = "") {
  if (figure.data.rows.empty()) {
    section.notes.push_back(fmt::format("{}: left out, it needs {}.", figure.title, needs));
    return;
  }
  section.figures.push_back(std::move(figure));
}

Section distribution_section(const Exploration& data) {
  Section section{.title = "Ratings, users and items"};
  add(section, rating_histogram(data));
  add(section, count_distribution(data.users, "user"));
  add(section, count_distribution(data.items, "item"));
  add(section, quantiles(data));
  add(section, mean_by_popularity(data));
  add(section, densest_block(data));
  return section;
}

Section item_section(const Exploration& data) {
  Section section{.title = "Genres and items"};
  const char* genres = "genres, as MovieLens' movies.csv has them (--movies)";
  add(section, genre_shares(data), genres);
  add(section, genres_by_year(data), "genres and times");
  add(section, most_rated(data));
  add(section, best_rated(data));
  add(section, most_polarizing(data));
  return section;
}

}  // namespace

Figure densest_block(const Exploration& data) {
  const auto users = largest_rows(data.users);
  const auto items = largest_rows(data.items);
  const auto shares = block_shares(data, users, items);
  Figure figure{
      .name = "densest_block",
      .title = "The densest block",
      .text = fmt::format("The {} most active users (down) and {} most rated items (across), most "
                          "first; the stronger a cell's color, the more of its pairs are rated. Of "
                          "all pairs {:.3g} % are.",
                          users.size(), items.size(), 100 * filled_share(data))};
  figure.svg = heat_map_svg(shares, figure.title);
  figure.data.columns = {"user_cell", "item_cell", "share_rated"};
  for (std::size_t row = 0; row < shares.size(); ++row) {
    for (std::size_t column = 0; column < shares[row].size(); ++column) {
      figure.data.rows.push_back(
          {static_cast<std::int64_t>(row), static_cast<std::int64_t>(column), shares[row][column]});
    }
  }
  return figure;
}

Figure suggestions(const Exploration& data) {
  const std::int64_t smaller = std::min(rated_rows(data.users), rated_rows(data.items));
  const std::int64_t rank = std::min<std::int64_t>(default_rank, smaller);
  std::string split_why;
  const std::string split = split_suggestion(data, split_why);
  Figure figure{.name = "suggestions",
                .title = "Options to begin with",
                .text = "Rules of thumb: nothing was trained for them."};
  figure.data.columns = {"option", "why"};
  figure.data.rows = {
      {fmt::format("--k {}", rank),
       std::string(rank < default_rank
                       ? "more factors than the smaller of users and items say nothing more"
                       : "the default; with 16 and 128 beside it you see whether it matters")},
      {std::string("--reg auto"),
       std::string("keeps the default, 1.2, which is right for 0.1 to 1 million ratings of films, "
                   "unless another predicts ratings that are held out surely better")},
      {split, split_why},
  };
  return figure;
}

Page exploration_page(const Exploration& data, const ReadingAccount& account) {
  Page page{.title = "Ratings of " + account.source,
            .lead = "What the ratings look like before anything is trained."};
  page.facts = {{"ratings", fmt::format("{}", data.ratings.size())},
                {"users", fmt::format("{}", rated_rows(data.users))},
                {"items", fmt::format("{}", rated_rows(data.items))},
                {"pairs rated", fmt::format("{:.3g} %", 100 * filled_share(data))},
                {"mean rating", four_decimals(data.mean)},
                {"deviation", four_decimals(data.deviation)}};
  page.sections.push_back(cleaning_section(data, account));
  page.sections.push_back(distribution_section(data));
  Section time{.title = "Time"};
  const char* times = "times as seconds since 1970, from 1900 to 2200";
  Figure by_time = ratings_by_time(data);
  Figure means = mean_by_time(by_time);
  add(time, std::move(by_time), times);
  add(time, std::move(means), times);
  page.sections.push_back(std::move(time));
  page.sections.push_back(item_section(data));
  Section next{.title = "What next"};
  add(next, suggestions(data));
  page.sections.push_back(std::move(next));
  return page;
}

}  // namespace alsatian
