// Files that an output must not take the place of, since nothing would bring them back.
// A model is hours of training, and its name one word away from that of a report.
#pragma once

#include <string>
#include <vector>

namespace alsatian {

/// Throws Error 64 where there is a model in the file that an option names for something else:
/// "--report", "--log". Any safetensors file counts.
void spare_model(const std::string& option, const std::string& path);

/// Throws Error 64 where the file is a model, or one of the inputs as probe_output finds it; of
/// those "" is none, and a folder none either: what lies in it are not the files of an option.
void spare_files(const std::string& option, const std::string& path,
                 const std::vector<std::string>& inputs);

}  // namespace alsatian
