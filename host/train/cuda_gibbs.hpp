// A sweep of Gibbs sampling on a GPU: rows and the weights of features are drawn there, what is
// small is drawn here from their moments, by the CPU's own code.
#pragma once

#include "host/train/backend.hpp"
#include "host/train/backend_state.hpp"
#include "host/train/cuda_backend.hpp"
#include "kernels/cpu/gibbs_prior.hpp"

#include <cstdint>
#include <vector>

namespace alsatian {

class CudaGibbs {
 public:
  /// Of an engine made for bayes; it and the table outlive this. observations: ratings in training.
  CudaGibbs(const AlsatianCudaTable& table, AlsatianCudaEngine* engine, const ModelSpec& spec,
            std::int64_t users, std::int64_t items, std::int64_t observations);

  /// Makes the rows as they are the start: priors and α from them, no weights.
  void start();
  /// Draws users, items and α.
  GibbsReport sweep(const GibbsKey& key);

  const cpu::SidePrior& users() const { return users_.prior; }
  const cpu::SidePrior& items() const { return items_.prior; }

  /// What of a chain's state lies on the host.
  std::vector<StatePlace> places();

 private:
  struct DrawnSide {
    Side side;
    std::int64_t rows;
    std::int64_t features;  // 0: none
    GibbsStreams streams;
    cpu::SidePrior prior;
  };

  int draw(DrawnSide& side, const GibbsKey& key, double noise_precision);
  void scale_weights(DrawnSide& side, const GibbsKey& key, double noise_precision);
  int draw_weights(const DrawnSide& side, const GibbsKey& key);
  void draw_rows(const DrawnSide& side, const GibbsKey& key, double noise_precision);
  /// Of rows less what is expected of them by their features, or of the weights.
  cpu::RowMoments moments(const DrawnSide& side, bool of_weights) const;
  double squared_error() const;

  template <typename Function, typename... Arguments>
  void call(Function* function, Arguments... arguments) const {
    call_cuda(table_, function, engine_, arguments...);
  }

  const AlsatianCudaTable& table_;
  AlsatianCudaEngine* engine_;
  double observations_;
  double likelihood_power_;
  std::int64_t order_;
  DrawnSide users_;
  DrawnSide items_;
  double noise_precision_ = 1;
};

}  // namespace alsatian
