// Writes model files of every shape with what they hold as text, for a reader in another language.
// Usage: write_sample_models FOLDER
#include "host/evaluate/scorer.hpp"
#include "host/model/model_file.hpp"
#include "tests/support/models.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <string>
#include <utility>

namespace alsatian::testing {
namespace {

/// NAME.tsv: user id, item id, count of the user, count of the item, title, predicted rating, with
/// ids and titles in hexadecimal so that any bytes may be in them.
void write_expectations(const Model& model, const std::string& path) {
  const auto hexadecimal = [](std::string_view text) {
    std::string digits;
    for (const char byte : text) digits += fmt::format("{:02x}", static_cast<unsigned char>(byte));
    return digits;
  };
  const Scorer scorer(model, {});
  std::ofstream stream(path, std::ios::binary);
  for (std::int32_t user = 0; user < model.users.size(); ++user) {
    for (std::int32_t item = 0; item < model.items.size(); ++item) {
      stream << fmt::format("{}\t{}\t{}\t{}\t{}\t{}\n", hexadecimal(model.users.text(user)),
                            hexadecimal(model.items.text(item)),
                            model.user_counts[static_cast<std::size_t>(user)],
                            model.item_counts[static_cast<std::size_t>(item)],
                            model.titles.size() > 0 ? hexadecimal(model.titles[item]) : "",
                            scorer.predict(user, item));
    }
  }
}

void write_samples(const std::string& folder) {
  const std::array<std::pair<const char*, ModelShape>, 7> shapes{{
      {"integers", {.users = 11, .items = 13, .rank = 5}},
      {"strings", {.users = 5, .items = 7, .rank = 3, .ids = IdKind::string, .titles = true}},
      {"titles", {.users = 5, .items = 7, .rank = 3, .titles = true}},
      {"biases", {.users = 5, .items = 7, .rank = 0}},
      {"empty", {.users = 0, .items = 0}},
      {"poisson", {.users = 5, .items = 7, .rank = 1, .likelihood = Poisson{}}},
      {"bernoulli", {.users = 5, .items = 7, .rank = 1, .likelihood = Bernoulli{}}},
  }};
  for (const auto& [name, shape] : shapes) {
    const Model model = sample_model(shape);
    save_model(model, fmt::format("{}/{}.safetensors", folder, name));
    write_expectations(model, fmt::format("{}/{}.tsv", folder, name));
  }
}

}  // namespace
}  // namespace alsatian::testing

int main(int argument_count, char** arguments) {
  if (argument_count != 2) {
    std::fputs("usage: write_sample_models FOLDER\n", stderr);
    return 64;
  }
  alsatian::testing::write_samples(arguments[1]);
}
