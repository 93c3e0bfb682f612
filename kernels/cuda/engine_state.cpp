// The engine's parameters, and all that training goes on from, between host and device.
// Padding is made and taken away on the way.
#include "kernels/cuda/engine_gibbs.hpp"
#include "kernels/cuda/engine_rows.hpp"

#include <algorithm>
#include <variant>

namespace alsatian::cuda {

void Engine::send_table(const DeviceTable<float>& table, const SideView<const float>& from,
                        View<const std::int64_t> offsets) {
  require(from.rows == table.rows() && from.rank == table.rank,
          "the factors have another shape than those on the device");
  const auto rated = [&](std::int64_t row) { return offsets[row + 1] > offsets[row]; };
  send_rows(*staging_, table.factors, table.stride, table.rank,
            [&](std::int64_t row) { return rated(row) ? from.row(row) : nullptr; });
  send_rows(*staging_, table.biases, 1, 1, [&](std::int64_t row) {
    return spec_.biases && rated(row) ? from.biases + row : nullptr;
  });
  staging_->finish();
}

void Engine::receive_table(const DeviceTable<const float>& table, const SideView<float>& to) {
  require(to.rows == table.rows() && to.rank == table.rank,
          "the factors have another shape than those on the device");
  receive_rows(*staging_, table.factors, table.stride, table.rank,
               [&](std::int64_t row) { return to.row(row); });
  staging_->receive(table.biases, View<float>(to.biases, to.rows));
}

void Engine::factors(Side side, const SideView<float>& to) {
  receive_table(rows_of(side).table(), to);
}

void Engine::set_factors(Side side, const SideView<const float>& from) {
  Rows& rows = rows_of(side);
  objective_.reset();
  send_table(rows.parameters.table(), from, rows.host());
}

std::vector<StateArray> Engine::state_arrays() {
  std::vector<StateArray> arrays;
  const auto add_table = [&](const char* factors, const char* biases, Rows& side) {
    const DeviceTable<float> table = side.parameters.table();
    arrays.push_back({factors, table.rows(), table.rank, table.stride, table.factors});
    arrays.push_back({biases, table.rows(), 1, 1, table.biases});
  };
  add_table("user_factors", "user_biases", *users_);
  add_table("item_factors", "item_biases", *items_);
  if (sgd_ && spec_.adagrad) {
    const auto add_sums = [&](const char* name, Side side, std::vector<float> SgdSums::*which) {
      arrays.push_back({name, rows_of(side).rows(), 1, 1, SumsPlace{side, which}});
    };
    add_sums("user_factor_sums", Side::users, &SgdSums::factors);
    add_sums("user_bias_sums", Side::users, &SgdSums::biases);
    add_sums("item_factor_sums", Side::items, &SgdSums::factors);
    add_sums("item_bias_sums", Side::items, &SgdSums::biases);
  }
  if (gibbs_ && gibbs_->user_features) {
    const auto add_weights = [&](const char* factors, const char* biases, GibbsFeatures& features) {
      const DeviceTable<float> weights = features.weights();
      arrays.push_back({factors, weights.rows(), weights.rank, weights.stride, weights.factors});
      if (spec_.biases) {
        arrays.push_back({biases, weights.rows(), 1, 1, weights.biases});
      }
    };
    add_weights("user_weights", "user_weight_biases", *gibbs_->user_features);
    add_weights("item_weights", "item_weight_biases", *gibbs_->item_features);
  }
  if (least_squares_) {
    DampingState& damping = least_squares_->state();
    arrays.push_back({"damping", 1, 1, 1, &damping.damping});
    arrays.push_back({"first_gradient", 1, 1, 1, &damping.first_gradient});
  }
  return arrays;
}

SgdSums Engine::sums_of(Side side) const {
  return side == Side::users ? sgd_->user_sums() : sgd_->item_sums();
}

void Engine::state(std::size_t index, void* values) {
  const StateArray array = state_arrays().at(index);
  if (double* const* const host = std::get_if<double*>(&array.place)) {
    std::copy_n(*host, array.size(), static_cast<double*>(values));
    return;
  }
  auto* const to = static_cast<float*>(values);
  if (const auto* const sums = std::get_if<SumsPlace>(&array.place)) {
    const SgdSums held = sums_of(sums->side);
    std::copy_n((held.*sums->which).data(), array.size(), to);
    return;
  }
  receive_rows(*staging_, DeviceSpan<const float>(std::get<DeviceSpan<float>>(array.place)),
               array.stride, array.columns,
               [&](std::int64_t row) { return to + row * array.columns; });
}

void Engine::set_state(std::size_t index, const void* values) {
  objective_.reset();
  const StateArray array = state_arrays().at(index);
  if (double* const* const host = std::get_if<double*>(&array.place)) {
    std::copy_n(static_cast<const double*>(values), array.size(), *host);
    return;
  }
  const auto* const from = static_cast<const float*>(values);
  if (const auto* const sums = std::get_if<SumsPlace>(&array.place)) {
    SgdSums held = sums_of(sums->side);
    std::copy_n(from, array.size(), (held.*sums->which).data());
    sums->side == Side::users ? sgd_->set_user_sums(held) : sgd_->set_item_sums(held);
    return;
  }
  send_rows(*staging_, std::get<DeviceSpan<float>>(array.place), array.stride, array.columns,
            [&](std::int64_t row) { return from + row * array.columns; });
  staging_->finish();
}

}  // namespace alsatian::cuda
