// JᵀJ·v of least squares by cuSPARSE: w = Jv as a product of dense matrices sampled at the ratings
// (SDDMM), Jᵀw as a sparse matrix times a dense one (SpMM). What the fused pass of
// gauss_newton_rows.hpp is measured against, and an oracle for it on the device.
#pragma once

#include "kernels/cuda/sparse_product_rows.hpp"

#include <memory>

namespace alsatian::cuda {

/// For ranks from 1 on and less than 2³¹ ratings.
class SparseProducts {
 public:
  /// The ratings of both sides, the same ones. Allocates once, for all products. Throws
  /// UnsupportedByDevice where cuSPARSE is not there or there are more ratings than it counts,
  /// and DeviceError. What it is given outlives it.
  SparseProducts(const Context& context, VectorSums& vectors, const DeviceRatings& by_user,
                 const DeviceRatings& by_item, std::int32_t rank);
  ~SparseProducts();

  /// Both sides' rows as Gathers::product defines them, of the tasks' outputs. `users` and `items`
  /// are the directions that the tasks have too. Enqueues, does not wait.
  void multiply(const GaussNewtonTask& user_task, const GaussNewtonTask& item_task,
                const FlatTable& user_direction, const FlatTable& item_direction);

  /// Bytes of device memory that the constructor allocates, but for what cuSPARSE computes in.
  static std::int64_t bytes(std::int64_t users, std::int64_t items, std::int64_t observations,
                            std::int32_t rank);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace alsatian::cuda
