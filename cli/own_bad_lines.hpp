// Lines of somebody's own ratings that cannot be taken: all are named at once, or left out.
// A list of a few hundred films has several such lines, and nobody corrects one with each run.
#pragma once

#include "cli/log.hpp"
#include "cli/reading_options.hpp"
#include "host/ratings/raw_ratings.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace alsatian {

/// What becomes of lines that name no item or several, or hold no rating.
struct BadOwnLines {
  OnBadLine rule = OnBadLine::error;
  std::optional<std::int64_t> limit = std::nullopt;  // most that are skipped
  /// Where lines are skipped: as ReadOptions::on_rejected. Empty for none.
  std::function<void(const std::string& place, const std::vector<RejectedLine>& lines)>
      on_rejected = nullptr;
};

/// A line that is left out, or all of which are listed in the error; with others that a quote in it
/// has swallowed.
struct BadOwnLine {
  std::int64_t line;
  std::int64_t lines;
  std::string what;
  std::string hint;
  std::string help;
  std::string text;  // no more of it than is listed
};

class OwnBadLines {
 public:
  static constexpr std::size_t listed = 20;

  /// place: the file, for messages. The rule and the log must outlive this.
  OwnBadLines(std::string place, const BadOwnLines& rule, const Log& log)
      : place_(std::move(place)), rule_(rule), log_(log) {}

  /// Of all but the first only their number is kept, and what --rejects lists of 10,000 of them: a
  /// file may be one of bad lines.
  void add(BadOwnLine bad);

  /// How many lines, those that were swallowed too.
  std::int64_t count() const { return count_; }
  /// Whether the next is told with what it says.
  bool lists_more() const { return first_.size() < listed; }
  /// Whether there are so many that the file is one of something else, and no reason to go on.
  bool is_hopeless() const;

  /// Throws Error 65 with the lines where they are an error, are more than may be, or leave no
  /// rating; else warns of them. Hands on those that are left out before either.
  void judge(bool has_ratings) const;

 private:
  std::string list(std::size_t most) const;
  [[noreturn]] void refuse(const std::string& why) const;

  std::string place_;
  const BadOwnLines& rule_;
  const Log& log_;
  std::vector<BadOwnLine> first_;
  std::vector<RejectedLine> rejected_;
  std::int64_t count_ = 0;
};

}  // namespace alsatian
