// Implements own_bad_lines.hpp.
// One bad line is told in full, several as a list with what helps against the first.
#include "cli/own_bad_lines.hpp"

#include "host/error.hpp"
#include "host/ratings/bad_line.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace alsatian {
namespace {

std::string told(const BadOwnLine& bad) {
  return bad.hint.empty() ? bad.what : bad.what + "; " + bad.hint;
}

}  // namespace

void OwnBadLines::add(BadOwnLine bad) {
  count_ += bad.lines;
  if (rule_.on_rejected && std::ssize(rejected_) < most_bad_lines_kept) {
    rejected_.push_back({bad.line, 0, told(bad), bad.text});
  }
  if (lists_more()) first_.push_back(std::move(bad));
}

bool OwnBadLines::is_hopeless() const {
  constexpr std::int64_t most = 1000;
  return rule_.rule == OnBadLine::error && count_ >= most;
}

void OwnBadLines::judge(bool has_ratings) const {
  if (rule_.rule == OnBadLine::skip && rule_.on_rejected) rule_.on_rejected(place_, rejected_);
  if (first_.empty()) return;
  if (rule_.rule == OnBadLine::error) refuse("");
  if (rule_.limit && count_ > *rule_.limit) {
    refuse(fmt::format(", more than --on-bad-line skip:{}", *rule_.limit));
  }
  if (!has_ratings) refuse(", and no rating is left");
  log_.warning(fmt::format("{}: {} left out{}:{}", place_, counted(count_, "line"),
                           rule_.on_rejected ? "" : " (--rejects FILE lists all)", list(5)));
}

std::string OwnBadLines::list(std::size_t most) const {
  std::string text;
  std::int64_t more = count_;
  for (std::size_t n = 0; n < std::min(first_.size(), most); ++n) {
    more -= first_[n].lines;
    text += fmt::format("\n    line {}: {}", first_[n].line, told(first_[n]));
  }
  if (more > 0) text += fmt::format("\n    and {} more", more);
  return text;
}

void OwnBadLines::refuse(const std::string& why) const {
  constexpr const char* or_skip = ", or leave such lines out: --on-bad-line skip";
  const BadOwnLine& first = first_.front();
  const std::string place = fmt::format("{}:{}", place_, first.line);
  const char* const skip = rule_.rule == OnBadLine::error ? or_skip : "";
  if (count_ == first.lines) {
    const std::string help = first.hint.empty() ? first.help : first.hint + " Else " + first.help;
    throw Error(ExitCode::bad_data, place, first.what + why, help + skip);
  }
  throw Error(ExitCode::bad_data, place,
              fmt::format("is the first of {}{} bad lines{}:{}", count_,
                          is_hopeless() ? " or more" : "", why, list(listed)),
              fmt::format("correct them: {}{}", first.help, skip));
}

}  // namespace alsatian
