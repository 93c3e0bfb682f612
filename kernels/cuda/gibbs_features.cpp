// The steps of conjugate gradients, the same as on the CPU but for the preconditioner: its leading
// features' block is left out, and its diagonal taken alone.
#include "kernels/cuda/gibbs_features.hpp"

#include "kernels/cuda/upload_all.hpp"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace alsatian::cuda {
namespace {

std::int64_t row_size(View<const std::int64_t> offsets, std::int64_t row) {
  return std::max<std::int64_t>(offsets[row + 1] - offsets[row], 1);
}

std::vector<float> to_floats(const std::vector<double>& values) {
  return {values.begin(), values.end()};
}

/// Rows cut into work for warps, with the memory that sums of cut rows wait in.
class FeatureProduct {
 public:
  FeatureProduct(const Context& context, const DeviceRatings& ratings, const RowSegments& made,
                 std::int32_t rank)
      : context_(context),
        ratings_(ratings),
        segments_(upload_all(context.compute(), made.segments)),
        cut_rows_(upload_all(context.compute(), made.cut_rows)),
        part_factors_(std::int64_t{made.parts} * padded_rank(rank)),
        part_biases_(made.parts) {}

  void run(const DeviceTable<const float>& table, const DeviceTable<float>& sums, SumScale scale,
           bool biases) {
    const FeatureSums task{ratings_, table, sums, scale, biases};
    const FeatureParts parts{part_factors_.span(), part_biases_.span()};
    // Without factors any shape does: the kernel looks at biases alone.
    with_gather_shape(std::max(table.stride, padded_rank(1)), [&](auto shape) {
      using Shape = decltype(shape);
      launch(context_.compute(), &sum_feature_rows<Shape>, warps(segments_.size()), task,
             std::as_const(segments_).span(), parts);
      launch(context_.compute(), &join_feature_rows<Shape>, warps(cut_rows_.size()), task,
             std::as_const(cut_rows_).span(), parts);
    });
  }

  static std::int64_t bytes(const RowSegments& made, std::int32_t rank) {
    return list_bytes(made.segments) + list_bytes(made.cut_rows) +
           DeviceBuffer<float>::bytes(std::int64_t{made.parts} * padded_rank(rank)) +
           DeviceBuffer<double>::bytes(made.parts);
  }

 private:
  static LaunchShape warps(std::int64_t count) {
    return {(count + gather_warps - 1) / gather_warps, gather_threads};
  }

  const Context& context_;
  DeviceRatings ratings_;
  DeviceBuffer<RowSegment> segments_;
  DeviceBuffer<SegmentedRow> cut_rows_;
  DeviceBuffer<float> part_factors_;
  DeviceBuffer<double> part_biases_;
};

int order_of(std::int32_t rank, bool biases) { return rank + (biases ? 1 : 0); }

}  // namespace

std::vector<float> diagonal_of_features(const CsrView<float>& by_row, std::int64_t features) {
  std::vector<double> sums(static_cast<std::size_t>(features));
  for (std::int64_t row = 0; row < by_row.rows(); ++row) {
    const double share = 1 / static_cast<double>(row_size(by_row.offsets, row));
    for (const std::int32_t feature : by_row.row_columns(row)) {
      sums[static_cast<std::size_t>(feature)] += share;
    }
  }
  return to_floats(sums);
}

std::vector<float> diagonal_of_features(const CsrView<float>& by_feature,
                                        View<const std::int64_t> row_offsets) {
  std::vector<double> sums(static_cast<std::size_t>(by_feature.rows()));
  for (std::int64_t feature = 0; feature < by_feature.rows(); ++feature) {
    for (const std::int32_t row : by_feature.row_columns(feature)) {
      sums[static_cast<std::size_t>(feature)] +=
          1 / static_cast<double>(row_size(row_offsets, row));
    }
  }
  return to_floats(sums);
}

struct GibbsFeatures::State {
  const Context& context;
  DeviceRatings own;
  int order;
  bool biases;
  FeatureProduct of_rows;      // F
  FeatureProduct of_features;  // Fᵀ
  DeviceBuffer<float> diagonal;
  DeviceTableBuffer weights;
  DeviceTableBuffer residual;
  DeviceTableBuffer direction;
  DeviceTableBuffer image;  // of the direction by the matrix, of the residual by M⁻¹
  DeviceTableBuffer row_products;
  DeviceTableBuffer means;
  bool means_are_known = false;
  DeviceBuffer<float> given;  // μ [order], L⁻¹ [order, order]
  PinnedBuffer<float> given_host;
  DeviceBuffer<double> sums;  // [3, order]: residual·image now and before, direction·image
  PinnedBuffer<double> fetched;

  State(const Context& device, const DeviceRatings& ratings, const DeviceRatings& opposite,
        const RowSegments& rows, const RowSegments& features, const std::vector<float>& diagonals,
        std::int32_t rank, bool has_biases)
      : context(device),
        own(ratings),
        order(order_of(rank, has_biases)),
        biases(has_biases),
        of_rows(device, ratings, rows, rank),
        of_features(device, opposite, features, rank),
        diagonal(upload_all(device.compute(), diagonals)),
        weights(opposite.rows(), rank),
        residual(opposite.rows(), rank),
        direction(opposite.rows(), rank),
        image(opposite.rows(), rank),
        row_products(ratings.rows(), rank),
        means(ratings.rows(), rank),
        given(order * (order + 1)),
        given_host(order * (order + 1)),
        sums(3 * order),
        fetched(order) {
    // What pads rows stays 0; and B is 0 at first, as are its rows in a model without biases.
    for (DeviceTableBuffer* buffer :
         {&weights, &residual, &direction, &image, &row_products, &means}) {
      clear(device.compute(), buffer->table().factors);
      clear(device.compute(), buffer->table().biases);
    }
  }

  std::int64_t features() { return weights.table().rows(); }
  DeviceSpan<double> sum(int which) { return sums.span().subspan(which * order, order); }

  void upload_given(const WeightsDraw& draw) {
    const std::span<float> host = given_host.span();
    std::copy(draw.mean.begin(), draw.mean.end(), host.begin());
    std::copy(draw.inverse_root.begin(), draw.inverse_root.end(), host.begin() + order);
    upload(context.compute(), std::span<const float>(host), given.span());
  }
  DeviceSpan<const float> mean() const { return given.span().subspan(0, order); }
  DeviceSpan<const float> inverse_root() const {
    return given.span().subspan(order, std::int64_t{order} * order);
  }

  void fill(EntrySums& entries, const WeightsDraw& draw, RandomStream stream, double scale,
            const DeviceTable<float>& table) {
    entries.for_each(table.rows(), (order + 1) / 2,
                     FillNoise{draw.key, stream, static_cast<float>(scale), order, table});
  }

  /// residual = Fᵀ(W − μ + E₁ − F·B) + √λ_B E₂ − λ_B B.
  void start(const WeightsDraw& draw, EntrySums& entries, const DeviceTable<const float>& rows,
             const DeviceTable<float>& scratch) {
    fill(entries, draw, draw.streams.targets, 1, scratch);
    entries.for_each(rows.rows(), order,
                     FeatureTargets{.rows = rows,
                                    .noise = scratch,
                                    .known = means.table(),
                                    .mean = mean(),
                                    .inverse_root = inverse_root(),
                                    .offsets = own.offsets,
                                    .targets = row_products.table()});
    of_features.run(std::as_const(row_products).table(), residual.table(), SumScale::one, biases);
    fill(entries, draw, draw.streams.weights, std::sqrt(draw.weight_precision), direction.table());
    entries.for_each(features(), order,
                     AddWeightsPrior{.noise = direction.table(),
                                     .weights = weights.table(),
                                     .inverse_root = inverse_root(),
                                     .order = order,
                                     .ridge = static_cast<float>(draw.weight_precision),
                                     .residual = residual.table()});
  }

  void precondition(EntrySums& entries, float ridge, DeviceSpan<double> products) {
    entries.sum(
        features(),
        Precondition{residual.table(), std::as_const(diagonal).span(), ridge, image.table()},
        products);
  }

  /// Waits for residual·image.
  bool is_small(DeviceSpan<const double> products, const std::vector<double>& allowed) {
    download(context.compute(), products, fetched.span());
    context.compute().synchronize();
    for (std::size_t j = 0; j < allowed.size(); ++j) {
      if (fetched.span()[j] > allowed[j]) {
        return false;
      }
    }
    return true;
  }

  void step(EntrySums& entries, float ridge, DeviceSpan<const double> now,
            DeviceSpan<const double> before) {
    entries.for_each(features(), order,
                     TurnDirection{image.table(), now, before, direction.table()});
    of_rows.run(std::as_const(direction).table(), row_products.table(), SumScale::share, biases);
    of_features.run(std::as_const(row_products).table(), image.table(), SumScale::one, biases);
    entries.sum(features(), AddRidge{direction.table(), ridge, image.table()}, sum(2));
    entries.for_each(
        features(), order,
        TakeStep{direction.table(), image.table(), now, sum(2), weights.table(), residual.table()});
  }
};

GibbsFeatures::GibbsFeatures(const Context& context, const DeviceRatings& own,
                             const DeviceRatings& opposite, View<const std::int64_t> own_offsets,
                             View<const std::int64_t> opposite_offsets,
                             const std::vector<float>& diagonal, std::int32_t rank, bool biases,
                             std::int32_t part_ratings)
    : state_(std::make_unique<State>(
          context, own, opposite, make_segments(own_offsets, part_ratings),
          make_segments(opposite_offsets, part_ratings), diagonal, rank, biases)) {}

GibbsFeatures::~GibbsFeatures() = default;

DeviceTable<float> GibbsFeatures::weights() {
  state_->means_are_known = false;
  return state_->weights.table();
}

DeviceTable<const float> GibbsFeatures::weights() const {
  return std::as_const(state_->weights).table();
}

DeviceTable<const float> GibbsFeatures::means() {
  if (!std::exchange(state_->means_are_known, true)) {
    state_->of_rows.run(std::as_const(state_->weights).table(), state_->means.table(),
                        SumScale::root, state_->biases);
  }
  return std::as_const(state_->means).table();
}

void GibbsFeatures::add_means(EntrySums& entries, float factor, const DeviceTable<float>& rows) {
  entries.for_each(rows.rows(), state_->order, AddTimes{means(), factor, rows});
}

void GibbsFeatures::scale(EntrySums& entries, float factor) {
  for (DeviceTableBuffer* const table : {&state_->weights, &state_->means}) {
    entries.for_each(table->table().rows(), state_->order, Multiply{factor, table->table()});
  }
}

int GibbsFeatures::draw(const WeightsDraw& draw, EntrySums& entries,
                        const DeviceTable<const float>& rows, const DeviceTable<float>& scratch) {
  constexpr double tolerance = 2e-3;
  constexpr int most_steps = 200;
  State& state = *state_;
  const std::int64_t order = state.order;
  std::vector<double> allowed(static_cast<std::size_t>(order));
  for (std::int64_t j = 0; j < order; ++j) {
    double variance = 0;  // of the columns of Λ⁻¹ = L⁻ᵀL⁻¹
    for (std::int64_t k = j; k < order; ++k) {
      variance += draw.inverse_root[k * order + j] * draw.inverse_root[k * order + j];
    }
    allowed[static_cast<std::size_t>(j)] =
        tolerance * tolerance * static_cast<double>(state.features()) * variance;
  }
  means();
  state.upload_given(draw);
  state.start(draw, entries, rows, scratch);
  const auto ridge = static_cast<float>(draw.weight_precision);
  state.precondition(entries, ridge, state.sum(0));
  int steps = 0;
  for (; steps < most_steps && !state.is_small(state.sum(steps % 2), allowed); ++steps) {
    const DeviceSpan<const double> now = state.sum(steps % 2);
    const DeviceSpan<const double> before = state.sum(1 - steps % 2);
    state.step(entries, ridge, now, steps > 0 ? before : DeviceSpan<const double>());
    state.precondition(entries, ridge, state.sum(1 - steps % 2));
  }
  state.means_are_known = false;
  return steps;
}

std::int64_t GibbsFeatures::bytes(View<const std::int64_t> own_offsets,
                                  View<const std::int64_t> opposite_offsets, std::int32_t rank,
                                  bool biases, std::int32_t part_ratings) {
  const std::int64_t rows = own_offsets.size() - 1;
  const std::int64_t features = opposite_offsets.size() - 1;
  const std::int64_t order = order_of(rank, biases);
  return FeatureProduct::bytes(make_segments(own_offsets, part_ratings), rank) +
         FeatureProduct::bytes(make_segments(opposite_offsets, part_ratings), rank) +
         DeviceBuffer<float>::bytes(features) + 4 * DeviceTableBuffer::bytes(features, rank) +
         2 * DeviceTableBuffer::bytes(rows, rank) +
         DeviceBuffer<float>::bytes(order * (order + 1)) + DeviceBuffer<double>::bytes(3 * order);
}

}  // namespace alsatian::cuda
