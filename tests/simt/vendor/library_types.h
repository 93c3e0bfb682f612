// Stands in for the toolkit's header of this name: what the stand-ins of its libraries use of it.
// Names and values are its own.
#pragma once

#include "tests/simt/runtime.hpp"

enum cudaDataType { CUDA_R_32F = 0, CUDA_R_64F = 1, CUDA_R_16F = 2 };  // NOLINT
