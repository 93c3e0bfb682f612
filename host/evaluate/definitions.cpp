// Implements definitions.hpp.
// {} stands for N.
#include "host/evaluate/definitions.hpp"

#include "host/error.hpp"

#include <fmt/format.h>

#include <array>

namespace alsatian {
namespace {

struct Definition {
  std::string_view name;
  std::string_view text;
};

constexpr std::array<Definition, 18> definitions{{
    {"rmse", "√ of the mean of (rating − prediction)²"},
    {"mae", "mean of |rating − prediction|"},
    {"nll", "mean of −log p(rating), nats"},
    {"r_squared", "1 − Σ(rating − prediction)² / Σ(rating − mean of these ratings)²"},
    {"coverage", "share of test ratings with user and item known"},
    {"unknown_users", "test ratings whose user has no training rating"},
    {"unknown_items", "test ratings whose item has no training rating"},
    {"covered_90", "share of test ratings inside the central 90 % interval of their distribution"},
    {"width_90", "mean width of those intervals"},
    {"predictive_nll",
     "mean of −log p(rating), p the mean over draws instead of that of the prediction, nats"},
    {"precision", "hits / {}"},
    {"recall", "hits / relevant"},
    {"capped_recall", "hits / min({}, relevant)"},
    {"ndcg", "Σ over hits 1/log2(rank+1) ÷ the same over ranks 1..min({}, relevant)"},
    {"map", "Σ over hits of precision@rank ÷ min({}, relevant)"},
    {"hit_rate", "share of users with a hit"},
    {"catalogue_coverage", "share of candidate items recommended to anyone"},
    {"trained_on",
     "test ratings that the model was trained on, which make its figures too good; none is known "
     "of without --data"},
}};

}  // namespace

std::string figure_definition(std::string_view name, std::int32_t top) {
  for (const Definition& definition : definitions) {
    if (definition.name == name) return fmt::format(fmt::runtime(definition.text), top);
  }
  throw Error(ExitCode::internal, "figures", fmt::format("{} has no definition", name),
              "this is a fault of the program: report the command line and this message");
}

std::string ranked_users_definition(double relevant_from) {
  return fmt::format(
      "averaged over: users with a relevant test item (rating ≥ {}); candidates: all items with "
      "training ratings but those the user rated in training",
      relevant_from);
}

}  // namespace alsatian
