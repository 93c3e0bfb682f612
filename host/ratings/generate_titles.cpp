// Made-up titles for generated items, in the layout of MovieLens's movies.csv.
// Titles with an article are written "Noun, The (year)", in quotes: readers must cope with both.
#include "host/ratings/generate.hpp"
#include "host/ratings/generate_plan.hpp"
#include "kernels/math/random.hpp"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <iterator>
#include <string>

namespace alsatian {
namespace {

constexpr std::array adjectives{"Amber",  "Broken",   "Crimson", "Distant", "Electric",
                                "Frozen", "Golden",   "Hidden",  "Idle",    "Jaded",
                                "Last",   "Midnight", "Quiet",   "Ragged",  "Silent",
                                "Tender", "Unlikely", "Velvet",  "Wild",    "Yellow"};
constexpr std::array nouns{"Anchor",  "Bridge", "Carousel", "Detective", "Engine",  "Ferry",
                           "Garden",  "Harbor", "Island",   "Journey",   "Kitchen", "Lantern",
                           "Meadow",  "Number", "Orchard",  "Parade",    "Quarrel", "River",
                           "Station", "Tailor", "Umbrella", "Violin",    "Winter"};
constexpr std::array places{"Aarhus",  "Bergen",  "Cremona", "Delft",    "Evora", "Fribourg",
                            "Ghent",   "Hobart",  "Izmir",   "Jaipur",   "Kyoto", "Lisbon",
                            "Madras",  "Namur",   "Odessa",  "Porto",    "Quito", "Riga",
                            "Seville", "Trieste", "Utrecht", "Valencia", "Wells"};
constexpr std::array genres{"Action",  "Adventure", "Animation", "Children", "Comedy",
                            "Crime",   "Drama",     "Fantasy",   "Horror",   "Mystery",
                            "Romance", "Sci-Fi",    "Thriller",  "War",      "Western"};

/// Different for different numbers: the digits of the number in a mixed base choose the words, and
/// what is left over is counted as a sequel.
std::string title(std::uint64_t number, bool article, std::uint32_t year) {
  const auto take = [&number](const auto& words) {
    const char* word = words[number % words.size()];
    number /= words.size();
    return word;
  };
  const char* noun = take(nouns);
  const char* adjective = take(adjectives);
  const char* place = take(places);
  const std::string sequel = number > 0 ? fmt::format(" {}", number + 1) : "";
  return article ? fmt::format("\"{} {} of {}{}, The ({})\"", adjective, noun, place, sequel, year)
                 : fmt::format("{} {} in {}{} ({})", adjective, noun, place, sequel, year);
}

}  // namespace

void generate_titles(const GenerateOptions& options, const TextSink& sink) {
  check_generate_options(options);
  std::string text = "movieId,title,genres\n";
  const std::vector<std::int64_t> ids = generated_item_ids(options);
  for (std::size_t item = 0; item < ids.size(); ++item) {
    const Random4 words = philox(options.seed, RandomStream::generate_title, item, 0);
    const bool article = uniform_below(words.word[0], 4) == 0;
    const std::uint32_t year = 1930 + uniform_below(words.word[1], 90);
    const auto first_genre = uniform_below(words.word[2], genres.size());
    const auto other_genres = uniform_below(words.word[3], 3);
    fmt::format_to(std::back_inserter(text), "{},{},{}", ids[item], title(item, article, year),
                   genres[first_genre]);
    for (std::uint32_t other = 1; other <= other_genres; ++other) {
      // Steps of 4 through 15 genres never repeat one.
      text += '|';
      text += genres[(first_genre + 4 * other) % genres.size()];
    }
    text += '\n';
    constexpr std::size_t piece = 1 << 16;
    if (text.size() < piece) continue;
    sink(text);
    text.clear();
  }
  sink(text);
}

}  // namespace alsatian
