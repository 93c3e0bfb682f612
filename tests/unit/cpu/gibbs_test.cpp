// Claims about Gibbs sampling in float: the reference's first sweeps, the model's joint
// distribution, the same bytes on any number of threads.
#include "kernels/cpu/gibbs.hpp"

#include "kernels/reference/gibbs.hpp"
#include "tests/support/cpu_tables.hpp"
#include "tests/support/gibbs_joint.hpp"
#include "tests/support/problems.hpp"
#include "tests/support/reference_problems.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>

namespace alsatian::cpu {
namespace {

using ::alsatian::testing::available_isas;
using ::alsatian::testing::Compressed;
using ::alsatian::testing::convert;
using ::alsatian::testing::DescribedRows;
using ::alsatian::testing::from_table;
using ::alsatian::testing::Joint;
using ::alsatian::testing::planted_problem;
using ::alsatian::testing::PlantedProblem;
using ::alsatian::testing::same_bytes;
using ::alsatian::testing::ThreadsInScope;
using ::alsatian::testing::to_table;

/// 1/√n at every rating of a row.
Compressed<double> implicit_features(Compressed<double> ratings) {
  for (std::int64_t row = 0; row < ratings.rows(); ++row) {
    const auto first = static_cast<std::size_t>(ratings.offsets[static_cast<std::size_t>(row)]);
    const auto last = static_cast<std::size_t>(ratings.offsets[static_cast<std::size_t>(row) + 1]);
    for (std::size_t o = first; o < last; ++o) {
      ratings.values[o] = 1 / std::sqrt(static_cast<double>(last - first));
    }
  }
  return ratings;
}

PlantedProblem awkward_problem(std::int32_t rank) {
  return planted_problem({.users = 71,
                          .items = 53,
                          .rank = rank,
                          .density = 0.3,
                          .heavy_users = 2,
                          .single_users = 2,
                          .empty_users = 2});
}

TEST(NormalDraws, AreTheSameForManyRowsAtOnce) {
  const GibbsKey key{0x123456789abcdefU, 77, 3};
  for (const Isa isa : available_isas()) {
    for (const std::int32_t rank : {0, 1, 6, 17}) {
      for (const bool biases : {true, false}) {
        FactorTable drawn(1003, rank);
        draw_noise(kernels(isa), RandomStream::gibbs_item_rows, key, biases, 0.7, drawn.view());
        double largest = 0;
        for (std::int64_t row = 0; row < drawn.rows(); ++row) {
          RandomWords words = key.words(RandomStream::gibbs_item_rows, row);
          NormalDraws normal_draw(words);
          const auto compare = [&](float found) {
            largest = std::max(largest, std::abs(found - 0.7 * normal_draw()));
          };
          for (std::int32_t j = 0; j < rank; ++j) compare(drawn.view().row(row)[j]);
          if (biases) compare(drawn.view().biases[row]);
        }
        // Half a unit in the last place of floats below 4, and 1e-13 of series.
        EXPECT_LE(largest, 0x1p-23 + 1e-12) << isa_name(isa);
        EXPECT_TRUE(testing::padding_is_zero(drawn));
      }
    }
  }
}

class GibbsSweepOf : public ::testing::TestWithParam<std::tuple<Isa, int, bool, bool>> {};

TEST_P(GibbsSweepOf, IsThatOfTheReferenceThreeTimes) {
  const auto [isa, rank, biases, with_features] = GetParam();
  const PlantedProblem planted = awkward_problem(rank);
  const auto features = implicit_features(planted.by_user);
  const auto item_features = implicit_features(planted.by_item);
  reference::Problem problem = testing::reference_problem(planted, {}, biases);
  reference::Parameters exact = testing::planted_parameters(planted);
  FactorTable users = to_table(exact.users);
  FactorTable items = to_table(exact.items);
  if (!biases) {
    exact.users.biases.setZero();
    exact.items.biases.setZero();
    users = to_table(exact.users);
    items = to_table(exact.items);
  }
  exact = {from_table(users), from_table(items)};

  GibbsSampler sampler(kernels(isa), planted.by_user_float.view(), planted.by_item_float.view(),
                       {rank, biases, with_features, 0.8});
  sampler.start(users.view(), items.view());
  reference::GibbsState state = reference::start_gibbs(problem, with_features ? items.rows() : 0,
                                                       with_features ? users.rows() : 0, exact);
  state.likelihood_power = 0.8;
  // B is exact to 1e-2 of the deviations of its draw, all of it together, up to what its
  // preconditioner leaves out; rows follow B. Without B there are float's roundings of a few
  // hundred products, and the condition of the rows' equations, below 100.
  const double tolerance = with_features ? 2e-2 : 2e-3;
  for (std::uint32_t sweep = 0; sweep < 3; ++sweep) {
    const GibbsKey key{17, sweep};
    sampler.sweep(key, users.view(), items.view());
    reference::gibbs_sweep(problem, features.view(), item_features.view(), key, state, exact);
    EXPECT_LE(testing::largest_difference(from_table(users), exact.users), tolerance);
    EXPECT_LE(testing::largest_difference(from_table(items), exact.items), tolerance);
    EXPECT_NEAR(sampler.noise_precision(), state.noise_precision,
                tolerance * state.noise_precision);
    EXPECT_NEAR(sampler.users().prior().weight_precision, state.users.weight_precision,
                tolerance * state.users.weight_precision);
  }
  EXPECT_TRUE(testing::padding_is_zero(users));
  EXPECT_TRUE(testing::padding_is_zero(items));
}

INSTANTIATE_TEST_SUITE_P(EveryInstructionSetAndRank, GibbsSweepOf,
                         ::testing::Combine(::testing::ValuesIn(available_isas()),
                                            ::testing::Values(1, 5, 16, 33), ::testing::Bool(),
                                            ::testing::Bool()),
                         [](const auto& parameters) {
                           return std::string(isa_name(std::get<0>(parameters.param))) + "_rank_" +
                                  std::to_string(std::get<1>(parameters.param)) +
                                  (std::get<2>(parameters.param) ? "" : "_without_biases") +
                                  (std::get<3>(parameters.param) ? "" : "_without_features");
                         });

/// Two features of most rows, one of them of a size of its own; some rows have none, and some are
/// not described.
DescribedRows given_features(std::int64_t rows) {
  DescribedRows features{.rows = {}, .count = 4, .described = {}};
  for (std::int64_t row = 0; row < rows; ++row) {
    if (row % 5 > 1) {
      features.rows.columns.push_back(static_cast<std::int32_t>(row % 3));
      features.rows.values.push_back(1);
      features.rows.columns.push_back(3);
      features.rows.values.push_back(0.1 * static_cast<double>(row % 7));
    }
    features.rows.offsets.push_back(static_cast<std::int64_t>(features.rows.columns.size()));
    features.described.push_back(row % 5 > 0 ? 1 : 0);
  }
  return features;
}

class GivenFeaturesOf : public ::testing::TestWithParam<std::tuple<int, bool, bool>> {};

TEST_P(GivenFeaturesOf, GiveTheReferencesSweepsThreeTimes) {
  const auto [rank, biases, implicit] = GetParam();
  const PlantedProblem planted = awkward_problem(rank);
  const auto features = implicit_features(planted.by_user);
  const auto item_features = implicit_features(planted.by_item);
  reference::Problem problem = testing::reference_problem(planted, {}, biases);
  FactorTable users = to_table(testing::planted_parameters(planted).users);
  FactorTable items = to_table(testing::planted_parameters(planted).items);
  reference::Parameters exact{from_table(users), from_table(items)};
  if (!biases) {
    exact.users.biases.setZero();
    exact.items.biases.setZero();
    users = to_table(exact.users);
    items = to_table(exact.items);
  }
  const auto of_users = given_features(users.rows());
  const auto of_items = given_features(items.rows());
  const auto narrow_users = convert<float>(of_users.rows);
  const auto narrow_items = convert<float>(of_items.rows);
  GibbsSampler sampler(kernels(best_isa()), planted.by_user_float.view(),
                       planted.by_item_float.view(), {rank, biases, implicit, 0.8},
                       {narrow_users.view(), of_users.count, of_users.described},
                       {narrow_items.view(), of_items.count, of_items.described});
  sampler.start(users.view(), items.view());
  reference::GibbsState state = reference::start_gibbs(problem, implicit ? items.rows() : 0,
                                                       implicit ? users.rows() : 0, exact);
  state.likelihood_power = 0.8;
  const Eigen::Index order = rank + (biases ? 1 : 0);
  state.users.given = reference::give_features(of_users.view(), problem.by_user, order);
  state.items.given = reference::give_features(of_items.view(), problem.by_item, order);
  const double tolerance = implicit ? 2e-2 : 2e-3;  // as without given features: G is exact
  for (std::uint32_t sweep = 0; sweep < 3; ++sweep) {
    const GibbsKey key{17, sweep};
    sampler.sweep(key, users.view(), items.view());
    reference::gibbs_sweep(problem, features.view(), item_features.view(), key, state, exact);
    EXPECT_LE(testing::largest_difference(from_table(users), exact.users), tolerance);
    EXPECT_LE(testing::largest_difference(from_table(items), exact.items), tolerance);
    EXPECT_NEAR(sampler.users().given()->precision(), state.users.given.weight_precision,
                tolerance * state.users.given.weight_precision);
    EXPECT_NEAR(sampler.items().given()->weights()[0], state.items.given.weights(0, 0), tolerance);
  }
}

INSTANTIATE_TEST_SUITE_P(RanksBiasesAndImplicitFeatures, GivenFeaturesOf,
                         ::testing::Combine(::testing::Values(1, 5, 17), ::testing::Bool(),
                                            ::testing::Bool()));

/// B, its last column as biases.
void copy_weights(const reference::GibbsSide& from, FactorTable& to) {
  const SideView<float> weights = to.view();
  const Eigen::Index last = from.weights.cols() - 1;
  for (Eigen::Index row = 0; row < from.weights.rows(); ++row) {
    for (Eigen::Index j = 0; j < last; ++j) {
      weights.row(row)[j] = static_cast<float>(from.weights(row, j));
    }
    weights.biases[row] = static_cast<float>(from.weights(row, last));
  }
}

/// Takes the joint draw into the sampler's tables, makes a sweep and puts it back.
void sweep_in_float(Joint& joint, const GibbsKey& key) {
  const Compressed<float> by_user = convert<float>(joint.by_user());
  const Compressed<float> by_item = convert<float>(joint.by_item());
  const DescribedRows& of_users = joint.given_user_features();
  const DescribedRows& of_items = joint.given_item_features();
  const auto narrow_users = convert<float>(of_users.rows);
  const auto narrow_items = convert<float>(of_items.rows);
  const bool implicit = joint.state.users.weights.rows() > 0;
  GibbsSampler sampler(kernels(best_isa()), by_user.view(), by_item.view(), {1, true, implicit, 1},
                       {narrow_users.view(), of_users.count, of_users.described},
                       {narrow_items.view(), of_items.count, of_items.described});
  FactorTable users = to_table(joint.parameters.users);
  FactorTable items = to_table(joint.parameters.items);
  const auto copy = [](GibbsSide& to, const reference::GibbsSide& from) {
    to.prior().mean.assign(from.mean.begin(), from.mean.end());
    std::copy_n(from.precision.data(), from.precision.size(),
                to.prior().precision.entries().begin());
    to.prior().weight_precision = from.weight_precision;
    if (to.given() == nullptr) return;
    std::copy_n(from.given.weights.data(), from.given.weights.size(),
                to.given()->weights().begin());
    to.given()->precision() = from.given.weight_precision;
    to.given()->refresh_means();
  };
  copy(sampler.users(), joint.state.users);
  copy(sampler.items(), joint.state.items);
  if (implicit) {
    copy_weights(joint.state.users, *sampler.users().weights());
    copy_weights(joint.state.items, *sampler.items().weights());
  }
  sampler.noise_precision() = joint.state.noise_precision;
  sampler.sweep(key, users.view(), items.view());
  const auto copy_back = [implicit](reference::GibbsSide& to, GibbsSide& from) {
    std::copy_n(from.prior().mean.begin(), to.mean.size(), to.mean.data());
    std::copy_n(from.prior().precision.entries().begin(), to.precision.size(), to.precision.data());
    to.weight_precision = from.prior().weight_precision;
    if (implicit) {
      const SideView<const float> weights = std::as_const(*from.weights()).view();
      for (Eigen::Index row = 0; row < to.weights.rows(); ++row) {
        const Eigen::Index last = to.weights.cols() - 1;
        for (Eigen::Index j = 0; j < last; ++j) to.weights(row, j) = weights.row(row)[j];
        to.weights(row, last) = weights.biases[row];
      }
    }
    if (from.given() == nullptr) return;
    std::copy_n(std::as_const(*from.given()).weights().begin(), to.given.weights.size(),
                to.given.weights.data());
    to.given.weight_precision = from.given()->precision();
  };
  copy_back(joint.state.users, sampler.users());
  copy_back(joint.state.items, sampler.items());
  joint.state.noise_precision = sampler.noise_precision();
  joint.parameters = {from_table(users), from_table(items)};
}

TEST(GibbsSampler, LeavesTheJointDistributionAsItIs) {
  const ThreadsInScope one(1);
  const Joint pattern({}, {}, 0, 0);
  Joint joint(implicit_features(pattern.by_user()), implicit_features(pattern.by_item()),
              Joint::items, Joint::users);
  EXPECT_LE(testing::largest_change(joint, sweep_in_float), testing::largest_right_change);
  joint.give_features();
  EXPECT_LE(testing::largest_change(joint, sweep_in_float), testing::largest_right_change);
}

TEST(GibbsSampler, LeavesTheJointDistributionAsItIsWithGivenFeaturesAlone) {
  const ThreadsInScope one(1);
  Joint joint({{0, 0, 0, 0, 0}, {}, {}}, {{0, 0, 0, 0}, {}, {}}, 0, 0);
  joint.give_features();
  EXPECT_LE(testing::largest_change(joint, sweep_in_float), testing::largest_right_change);
}

TEST(GibbsSampler, GivesTheSameBytesOnAnyNumberOfThreads) {
  const PlantedProblem planted = planted_problem({.users = 4211, .items = 61, .rank = 9});
  const DescribedRows of_users = given_features(4211);
  const auto narrow_users = convert<float>(of_users.rows);
  const auto sweeps_on = [&](int threads) {
    const ThreadsInScope scope(threads);
    std::pair tables{to_table(testing::to_parameters(planted.users)),
                     to_table(testing::to_parameters(planted.items))};
    GibbsSampler sampler(kernels(best_isa()), planted.by_user_float.view(),
                         planted.by_item_float.view(), {9, true, true, 1},
                         {narrow_users.view(), of_users.count, of_users.described});
    sampler.start(tables.first.view(), tables.second.view());
    for (std::uint32_t sweep = 0; sweep < 2; ++sweep) {
      sampler.sweep({5, sweep}, tables.first.view(), tables.second.view());
    }
    return tables;
  };
  const auto one = sweeps_on(1);
  for (const int threads : {2, 3}) {
    const auto other = sweeps_on(threads);
    EXPECT_TRUE(same_bytes(one.first, other.first)) << threads << " threads";
    EXPECT_TRUE(same_bytes(one.second, other.second)) << threads << " threads";
  }
}

}  // namespace
}  // namespace alsatian::cpu
