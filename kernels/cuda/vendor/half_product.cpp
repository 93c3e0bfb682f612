// Implements half_product.hpp. cuBLAS counts columns first: row-major products are its right ×
// left.
#include "kernels/cuda/vendor/half_product.hpp"

#include "kernels/cuda/require.hpp"
#include "kernels/cuda/vendor/blas.hpp"

namespace alsatian::cuda::vendor {
namespace {

/// cublasGemmEx: C++ has a second function of this name, whose type it is not.
using Multiply = cublasStatus_t (*)(cublasHandle_t, cublasOperation_t, cublasOperation_t, int, int,
                                    int, const void*, const void*, cudaDataType, int, const void*,
                                    cudaDataType, int, const void*, void*, cudaDataType, int,
                                    cublasComputeType_t, cublasGemmAlgo_t);

struct Functions {
  decltype(&cublasCreate_v2) create;
  decltype(&cublasDestroy_v2) destroy;
  decltype(&cublasSetStream_v2) set_stream;
  Multiply multiply;
  std::string missing;

  Functions() {
    FunctionFinder all;
    all.find(cublas, "cublasCreate_v2", create);
    all.find(cublas, "cublasDestroy_v2", destroy);
    all.find(cublas, "cublasSetStream_v2", set_stream);
    all.find(cublas, "cublasGemmEx", multiply);
    missing = all.missing();
  }
};

}  // namespace

struct HalfProduct::Handle {
  const Functions call;
  cublasHandle_t blas = nullptr;

  explicit Handle(const Context& context) {
    if (!call.missing.empty()) {
      throw UnsupportedByDevice(call.missing);
    }
    check(call.create(&blas));
    try {
      check(call.set_stream(blas, context.compute().get()));
    } catch (...) {
      call.destroy(blas);
      throw;
    }
  }
  ~Handle() { call.destroy(blas); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
};

HalfProduct::HalfProduct(const Context& context) : handle_(std::make_unique<Handle>(context)) {}

HalfProduct::~HalfProduct() = default;

void HalfProduct::multiply(DeviceSpan<const std::uint32_t> left,
                           DeviceSpan<const std::uint32_t> right, std::int32_t columns,
                           DeviceSpan<float> products) {
  const std::int64_t words = columns / 2;
  const auto left_rows = static_cast<int>(left.size() / words);
  const auto right_rows = static_cast<int>(right.size() / words);
  const float one = 1;
  const float zero = 0;
  check(handle_->call.multiply(handle_->blas, CUBLAS_OP_T, CUBLAS_OP_N, right_rows, left_rows,
                               columns, &one, right.data(), CUDA_R_16F, columns, left.data(),
                               CUDA_R_16F, columns, &zero, products.data(), CUDA_R_32F, right_rows,
                               CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT));
}

}  // namespace alsatian::cuda::vendor
