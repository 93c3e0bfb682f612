// What somebody wrote from memory, looked up among all titles. The limit is reading them once.
// Compiled with the program's own title_match.cpp: commands have no library.
#include "bench/micro/measure.hpp"
#include "bench/micro/pieces.hpp"
#include "cli/title_match.hpp"
#include "kernels/cpu/parallel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

namespace alsatian::bench {
namespace {

/// Without its year and the first letter large: a title as people write it.
std::string from_memory(std::string_view title) {
  std::string text(title.substr(0, title.rfind(" (")));
  std::ranges::transform(text, text.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter;
  });
  return text;
}

/// Five, evenly apart, as in a short list.
std::vector<std::string> remembered(const StringTable& titles) {
  constexpr std::int64_t count = 5;
  std::vector<std::string> texts;
  for (std::int64_t n = 0; n < count; ++n) {
    texts.push_back(from_memory(titles[n * titles.size() / count]));
  }
  return texts;
}

template <typename Piece>
void add(const char* name, const Setting& setting, const Piece& piece) {
  benchmark::RegisterBenchmark(
      fmt::format("title/{}", name).c_str(),
      [=](benchmark::State& state) {
        use_threads(1);
        const StringTable& titles = setting.problem.titles();
        const Work work{0, static_cast<double>(titles.bytes.size())};
        piece(titles, [&](const auto& run) { beside_the_limit(state, setting.limits, work, run); });
      })
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond);
}

}  // namespace

void add_titles(const Setting& setting) {
  add("made-ready", setting, [](const StringTable& titles, const auto& measure) {
    measure([&] { benchmark::DoNotOptimize(TitleMatcher(titles)); });
  });
  add("five-found", setting, [](const StringTable& titles, const auto& measure) {
    const TitleMatcher matcher(titles);
    const std::vector<std::string> texts = remembered(titles);
    measure([&] {
      for (const std::string& text : texts) benchmark::DoNotOptimize(matcher.find(text));
    });
  });
  add("misspelt", setting, [](const StringTable& titles, const auto& measure) {
    const TitleMatcher matcher(titles);
    std::string text = remembered(titles).front();
    text.front() = '#';
    measure([&] {
      benchmark::DoNotOptimize(matcher.find(text));
      benchmark::DoNotOptimize(matcher.nearest(text, 3));
    });
  });
}

}  // namespace alsatian::bench
