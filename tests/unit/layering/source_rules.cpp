// Reads sources line by line with regular expressions: enough for rules on tokens and includes.
// A compiler front end would know more, and would need every layer to build first.
#include "tests/unit/layering/source_rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <span>
#include <sstream>
#include <stdexcept>

namespace alsatian::testing {
namespace {

namespace fs = std::filesystem;

/// What files below `layer` may include from the project, as prefixes of the included path.
struct Layer {
  std::string_view folder;
  std::vector<std::string_view> may_include;
};

/// The folders, with what every folder of host/ may include.
std::vector<std::string_view> with_kernels(std::vector<std::string_view> folders) {
  for (const char* common :
       {"host/error.hpp", "host/atomic_file.hpp", "kernels/math/", "kernels/cpu/"}) {
    folders.emplace_back(common);
  }
  return folders;
}

/// The first entry whose folder is a prefix of a file's path is the file's layer.
const std::vector<Layer>& layers() {
  static const std::vector<Layer> table = {
      {"kernels/math/", {"kernels/math/"}},
      {"kernels/reference/", {"kernels/math/", "kernels/reference/"}},
      {"kernels/cpu/", {"kernels/math/", "kernels/cpu/"}},
      {"kernels/cuda/", {"kernels/math/", "kernels/cuda/"}},
      {"host/ratings/", with_kernels({"host/ratings/"})},
      {"host/model/", with_kernels({"host/ratings/", "host/model/"})},
      {"host/device/", with_kernels({"host/device/", "kernels/cuda/table.h"})},
      {"host/train/", with_kernels({"host/ratings/", "host/model/", "host/device/", "host/train/",
                                    "kernels/reference/", "kernels/cuda/table.h"})},
      {"host/evaluate/", with_kernels({"host/ratings/", "host/model/", "host/device/",
                                       "host/evaluate/", "kernels/cuda/table.h"})},
      {"host/report/",
       with_kernels({"host/ratings/", "host/model/", "host/evaluate/", "host/report/"})},
      // Files directly in host/ are what all of host/ stands on.
      {"host/", {"host/error.hpp", "host/atomic_file.hpp"}},
      {"cli/", {"cli/", "host/", "kernels/math/", "kernels/cpu/"}},
  };
  return table;
}

/// Libraries that belong to a few places: Eigen is the reference's algebra, multiplies the
/// tiles of top-N and finds the axes of the reports' maps.
struct Library {
  std::string_view header;
  std::vector<std::string_view> homes;
};
const std::vector<Library>& libraries() {
  static const std::vector<Library> table = {
      {"Eigen/",
       {"kernels/reference/", "host/evaluate/top_n.cpp", "host/report/principal_axes.cpp"}},
      {"CLI/", {"cli/"}}};
  return table;
}

/// In kernels/math everything in angle brackets is the standard library, whose headers have
/// neither a folder nor an extension.
bool is_standard_header(std::string_view header) {
  return header.find_first_of("/.") == std::string_view::npos;
}

template <typename Visit>
void for_each_line(std::string_view text, Visit&& visit) {
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    visit(++number, std::string(text.substr(begin, end - begin)));
    begin = end + 1;
  }
}

std::vector<std::string> pattern_violations(const SourceFile& file, const std::regex& pattern,
                                            std::string_view rule) {
  std::vector<std::string> found;
  for_each_line(code_only(file.text), [&](std::size_t number, const std::string& line) {
    std::smatch match;
    if (line.starts_with("#include") || !std::regex_search(line, match, pattern)) return;
    found.push_back(fmt::format("{}:{}: {}: {}", file.path, number, match.str(), rule));
  });
  return found;
}

bool starts_with_any(std::string_view path, const std::vector<std::string_view>& prefixes) {
  return std::ranges::any_of(prefixes, [&](auto prefix) { return path.starts_with(prefix); });
}

bool may_include(const SourceFile& file, bool is_quoted, std::string_view header) {
  if (is_quoted) {
    const auto layer = std::ranges::find_if(
        layers(), [&](const Layer& entry) { return file.path.starts_with(entry.folder); });
    return layer != layers().end() && starts_with_any(header, layer->may_include);
  }
  if (file.path.starts_with("kernels/math/")) return is_standard_header(header);
  return std::ranges::none_of(libraries(), [&](const Library& library) {
    return header.starts_with(library.header) && !starts_with_any(file.path, library.homes);
  });
}

/// How much of `text` from `at` on belongs to a comment or a literal; 0 where code goes on.
std::size_t skipped_length(std::string_view text, std::size_t at) {
  const std::string_view rest = text.substr(at);
  const auto until = [&](std::string_view stop, std::size_t from) {
    const std::size_t end = rest.find(stop, from);
    return end == std::string_view::npos ? rest.size() : end + stop.size();
  };
  if (rest.starts_with("//")) return std::min(rest.find('\n'), rest.size());
  if (rest.starts_with("/*")) return until("*/", 2);
  if (rest.starts_with("R\"")) {
    const std::size_t open = rest.find('(');
    if (open == std::string_view::npos) return 0;
    return until(fmt::format("){}\"", rest.substr(2, open - 2)), open);
  }
  // A quote inside a number, such as 1'000, separates digits.
  const bool separates_digits = at > 0 && std::isxdigit(static_cast<unsigned char>(text[at - 1]));
  if (rest[0] != '"' && (rest[0] != '\'' || separates_digits)) return 0;
  std::size_t end = 1;
  while (end < rest.size() && rest[end] != rest[0]) end += rest[end] == '\\' ? 2 : 1;
  return std::min(end + 1, rest.size());
}

}  // namespace

std::vector<SourceFile> sources_below(std::string_view root, std::span<const char* const> folders) {
  static constexpr std::array extensions = {".hpp", ".h", ".cpp", ".inl", ".cu", ".cuh"};
  std::vector<SourceFile> sources;
  for (const char* folder : folders) {
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(root) / folder)) {
      if (std::ranges::find(extensions, entry.path().extension()) == extensions.end()) continue;
      std::ifstream stream(entry.path(), std::ios::binary);
      if (!stream) throw std::runtime_error("cannot read " + entry.path().string());
      std::ostringstream text;
      text << stream.rdbuf();
      sources.push_back({fs::relative(entry.path(), root).generic_string(), text.str()});
    }
  }
  std::ranges::sort(sources, {}, &SourceFile::path);
  return sources;
}

std::vector<SourceFile> project_sources(std::string_view root) {
  static constexpr std::array folders = {"kernels", "host", "cli"};
  return sources_below(root, folders);
}

std::string code_only(std::string_view text) {
  std::string code;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = skipped_length(text, at);
    for (std::size_t i = 0; i < length; ++i) code += text[at + i] == '\n' ? '\n' : ' ';
    if (length == 0) code += text[at];
    at += std::max<std::size_t>(length, 1);
  }
  return code;
}

std::vector<std::string> include_violations(const SourceFile& file) {
  static const std::regex include(R"(^\s*#\s*include\s*([<"])([^">]+)[">])");
  std::vector<std::string> found;
  for_each_line(file.text, [&](std::size_t number, const std::string& line) {
    std::smatch match;
    if (!std::regex_search(line, match, include)) return;
    if (may_include(file, match[1] == "\"", match[2].str())) return;
    found.push_back(fmt::format("{}:{}: includes {}, which its layer may not", file.path, number,
                                match[2].str()));
  });
  return found;
}

std::vector<std::string> conditional_violations(const SourceFile& file) {
  static const std::regex conditional(R"(^\s*#\s*(el)?if.*(CUDA|NVCC).*$)");
  if (file.path == "kernels/math/host_device.hpp" || file.path == "kernels/cuda/device.hpp") {
    return {};
  }
  return pattern_violations(file, conditional,
                            "only kernels/math/host_device.hpp and kernels/cuda/device.hpp ask "
                            "which compiler reads them");
}

std::vector<std::string> exit_violations(const SourceFile& file) {
  static const std::regex ends_process(R"(\b(quick_exit|_Exit|_exit|exit|abort|terminate)\s*\()");
  if (file.path == "cli/main.cpp" || file.path == "cli/process.cpp") return {};
  return pattern_violations(file, ends_process, "only cli/main.cpp and its signal handlers may");
}

std::vector<std::string> ownership_violations(const SourceFile& file) {
  static const std::regex by_hand(R"(\b(new|delete)\b|\b(malloc|calloc|realloc|free)\s*\()");
  // Deleted functions are no memory; an allocator is the type that owns it.
  static const std::regex allowed(R"(=\s*delete\b|\boperator\s+(new|delete)\b)");
  const SourceFile rest{file.path, std::regex_replace(code_only(file.text), allowed, "")};
  return pattern_violations(rest, by_hand, "memory is owned by a type, never by hand");
}

std::vector<std::string> locale_violations(const SourceFile& file) {
  static const std::regex locale_dependent(
      R"(\b(strto(d|f|ld|l|ll|ul|ull|imax|umax)|ato(f|i|l|ll)|sto(d|f|ld|i|l|ll|ul|ull)|v?s?scanf)\s*\()");
  return pattern_violations(file, locale_dependent,
                            "numbers are read by std::from_chars or fast_float");
}

std::vector<std::string> heading_violations(const SourceFile& file) {
  static const std::regex two_lines(R"(^// [^\n]+\n// [^\n])");
  if (std::regex_search(file.text, two_lines, std::regex_constants::match_continuous)) return {};
  return {file.path +
          ":1: begins without two lines of comment, what it is and why it is so or what it is not"};
}

}  // namespace alsatian::testing
