// Implements spared_files.hpp.
// A model is known by its first bytes: whoever has renamed one keeps it too.
#include "cli/spared_files.hpp"

#include "host/atomic_file.hpp"
#include "host/error.hpp"

#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>

namespace alsatian {

void spare_model(const std::string& option, const std::string& path) {
  std::error_code unknown;
  if (!std::filesystem::is_regular_file(path, unknown)) return;
  // The size of a header of less than 16 MiB in eight bytes, and the header, which is JSON.
  constexpr std::string_view signature("\0\0\0\0\0{\"", 7);
  std::array<char, 10> bytes{};
  std::ifstream(path, std::ios::binary).read(bytes.data(), bytes.size());
  if (std::string_view(bytes.data(), bytes.size()).substr(3) != signature) return;
  throw Error(ExitCode::usage, printable(path),
              fmt::format("is a model, which {} would overwrite", option),
              fmt::format("choose another {}, or remove the file", option));
}

void spare_files(const std::string& option, const std::string& path,
                 const std::vector<std::string>& inputs) {
  spare_model(option, path);
  for (const std::string& input : inputs) {
    std::error_code unknown;
    if (!input.empty() && !std::filesystem::is_directory(input, unknown)) probe_output(path, input);
  }
}

}  // namespace alsatian
