// The two sides have a sparse matrix each, of the same values in another order: to sample them
// twice is cheaper than to sum a transposed matrix, whose rows cuSPARSE adds in any order.
#include "kernels/cuda/sparse_products.hpp"

#include "kernels/cuda/require.hpp"
#include "kernels/cuda/vendor/sparse.hpp"

#include <limits>

namespace alsatian::cuda {
namespace {

using vendor::DenseRows;
using vendor::SampledProduct;

/// What a side has of its own: its rows in halves, its sparse matrix and the sums of its rows.
struct SparseSide {
  DeviceRatings ratings;
  HalvedRows shape;
  DeviceBuffer<float> halves;
  DeviceBuffer<std::int32_t> offsets;
  DeviceBuffer<float> values;
  DeviceBuffer<float> sums;

  SparseSide(VectorSums& vectors, const DeviceRatings& rows, HalvedRows halved)
      : ratings(rows),
        shape(halved),
        halves(rows.rows() * halved.stride()),
        offsets(rows.rows() + 1),
        values(rows.observations()),
        sums(rows.rows() * halved.half()) {
    vectors.for_each(offsets.size(), NarrowOffsets{ratings.offsets, offsets.span()});
  }

  DenseRows whole() { return {halves.span(), shape.stride(), 0, shape.stride()}; }
  /// The half with the factors, not their direction; the second on the left.
  DenseRows factors(bool is_left) {
    return {halves.span(), shape.stride(), is_left ? shape.half() : 0, shape.half()};
  }
  DenseRows summed() { return {sums.span(), shape.half(), 0, shape.half()}; }
  vendor::SparseRows sparse(std::int64_t width) {
    return {std::as_const(offsets).span(), ratings.columns, values.span(), width};
  }
};

HalvedRows checked(const DeviceRatings& ratings, std::int32_t rank) {
  if (ratings.observations() > std::numeric_limits<std::int32_t>::max()) {
    throw UnsupportedByDevice("cuSPARSE counts up to 2^31 - 1 ratings in 32 bits");
  }
  require(rank > 0, "cuSPARSE has no products of rank 0");
  return {rank};
}

}  // namespace

struct SparseProducts::State {
  const Context& context;
  VectorSums& vectors;
  SparseSide users;
  SparseSide items;
  SampledProduct by_user;
  SampledProduct by_item;

  State(const Context& device, VectorSums& elementwise, const DeviceRatings& user_ratings,
        const DeviceRatings& item_ratings, HalvedRows shape)
      : context(device),
        vectors(elementwise),
        users(elementwise, user_ratings, shape),
        items(elementwise, item_ratings, shape),
        by_user(device, users.sparse(item_ratings.rows()), users.whole(), items.whole(),
                items.factors(false), users.summed()),
        by_item(device, items.sparse(user_ratings.rows()), items.whole(), users.whole(),
                users.factors(true), items.summed()) {}

  void fill(SparseSide& side, const GaussNewtonTask& task, const FlatTable& direction,
            bool is_left) {
    vectors.for_each(side.halves.size() / 4, FillHalves{.own = task.own,
                                                        .direction = direction,
                                                        .filled = side.halves.span(),
                                                        .shape = side.shape,
                                                        .direction_first = is_left,
                                                        .biases = task.biases});
  }

  void run(SampledProduct& product, SparseSide& side, const GaussNewtonTask& task) {
    product.sample();
    product.sum();
    with_gather_shape(task.own.stride, [&](auto shape) {
      launch(context.compute(), &finish_summed_rows<decltype(shape)>,
             {(side.ratings.rows() + gather_warps - 1) / gather_warps, gather_threads}, task,
             std::as_const(side.sums).span(), side.shape);
    });
  }
};

SparseProducts::SparseProducts(const Context& context, VectorSums& vectors,
                               const DeviceRatings& by_user, const DeviceRatings& by_item,
                               std::int32_t rank)
    : state_(std::make_unique<State>(context, vectors, by_user, by_item, checked(by_user, rank))) {}

SparseProducts::~SparseProducts() = default;

void SparseProducts::multiply(const GaussNewtonTask& user_task, const GaussNewtonTask& item_task,
                              const FlatTable& user_direction, const FlatTable& item_direction) {
  state_->fill(state_->users, user_task, user_direction, true);
  state_->fill(state_->items, item_task, item_direction, false);
  state_->run(state_->by_user, state_->users, user_task);
  state_->run(state_->by_item, state_->items, item_task);
}

std::int64_t SparseProducts::bytes(std::int64_t users, std::int64_t items,
                                   std::int64_t observations, std::int32_t rank) {
  const HalvedRows shape{rank};
  const auto of_side = [&](std::int64_t rows) {
    return DeviceBuffer<float>::bytes(rows * shape.stride()) +
           DeviceBuffer<std::int32_t>::bytes(rows + 1) + DeviceBuffer<float>::bytes(observations) +
           DeviceBuffer<float>::bytes(rows * shape.half());
  };
  return of_side(users) + of_side(items);
}

}  // namespace alsatian::cuda
