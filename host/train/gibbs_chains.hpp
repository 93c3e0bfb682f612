// The chains of a training by Gibbs sampling: they take turns on one backend, and share a
// posterior. What a sweep is belongs to the backend; what its draws are worth is collected here.
#pragma once

#include "host/train/convergence.hpp"
#include "host/train/posterior.hpp"
#include "host/train/trainer.hpp"

#include <cstdint>
#include <functional>
#include <vector>

namespace alsatian {

/// Keeps references to the backend and the data set.
class GibbsChains {
 public:
  /// counts: training ratings of each user and item. The spec is one of bayes.
  GibbsChains(Backend& backend, const Dataset& dataset, const ModelSpec& spec,
              const RatingScale& scale, std::vector<std::int32_t> user_counts,
              std::vector<std::int32_t> item_counts);

  /// One sweep of each chain; epoch from 1. Before the first each chain gets a start of its own: a
  /// few epochs of als, the first from the backend's factors; or, where those are a model's, the
  /// same for all. check_rows is called after each chain's sweep, and may throw. Fills the figures
  /// of bayes in stats and adds to its repaired pivots.
  void sweep(int epoch, bool starts_from_model, const std::function<void()>& check_rows,
             EpochStats& stats);

  const Posterior& posterior() const { return posterior_; }
  /// α of the last chain's last draw.
  double noise_precision() const { return noise_precision_; }
  std::vector<TraceStatistics> trace_statistics() const { return traces_.summary(); }

  /// The draws that were kept; the last alone where training was stopped before the first of them.
  /// Returns the errors of the model's predictions, the means over these, on the training part.
  ErrorSums take_draws(Model& model) const;

 private:
  const Bayes& bayes() const { return std::get<Bayes>(spec_.algorithm); }
  void start(bool from_model, EpochStats& stats);
  void start_chain(bool from_model, EpochStats& stats);
  ChainStats measure(const GibbsReport& report, bool counts) const;
  void trace(const ChainStats& chain, std::size_t index);
  void add_draw(Posterior& posterior, int chain) const;

  Backend& backend_;
  const Dataset& dataset_;
  ModelSpec spec_;
  RatingScale scale_;
  std::vector<std::int32_t> user_counts_;
  std::vector<std::int32_t> item_counts_;
  std::vector<BackendState> states_;  // of each chain, where there are several
  Posterior posterior_;
  Traces traces_;
  double noise_precision_ = 1;
};

}  // namespace alsatian
