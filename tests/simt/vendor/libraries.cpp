// cuBLAS' and cuSOLVER's calls by plain loops over columns, as their documentation defines them,
// and the loader that finds them. Arguments that the real ones refuse are refused.
#include "kernels/cuda/vendor/symbols.hpp"
#include "tests/simt/vendor/cusolverDn.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <string>

struct cublasContext {
  cudaStream_t stream = nullptr;
};
struct cusolverDnContext {
  cudaStream_t stream = nullptr;
};

namespace {

int handles = 0;
bool libraries_are_there = true;

cublasStatus_t blas_status(cudaError_t error) {
  return error == cudaSuccess                 ? CUBLAS_STATUS_SUCCESS
         : error == cudaErrorMemoryAllocation ? CUBLAS_STATUS_ALLOC_FAILED
                                              : CUBLAS_STATUS_EXECUTION_FAILED;
}
cusolverStatus_t solver_status(cudaError_t error) {
  return error == cudaSuccess                 ? CUSOLVER_STATUS_SUCCESS
         : error == cudaErrorMemoryAllocation ? CUSOLVER_STATUS_ALLOC_FAILED
                                              : CUSOLVER_STATUS_EXECUTION_FAILED;
}

template <typename Handle>
cudaError_t create(const char* call, Handle** handle) {
  const cudaError_t error = alsatian::simt::count_call(call);
  if (error == cudaSuccess) {
    *handle = new Handle;
    ++handles;
  }
  return error;
}
template <typename Handle>
cudaError_t destroy(const char* call, Handle* handle) {
  if (handle != nullptr) {
    delete handle;
    --handles;
  }
  return alsatian::simt::count_call(call);
}

/// Cholesky of the lower half in place; 0, or the first bad pivot from 1 on.
int factor_lower(float* matrix, int order, std::int64_t stride) {
  for (int j = 0; j < order; ++j) {
    float pivot = matrix[j + j * stride];
    for (int p = 0; p < j; ++p) pivot -= matrix[j + p * stride] * matrix[j + p * stride];
    if (!(pivot > 0)) return j + 1;
    const float root = std::sqrt(pivot);
    matrix[j + j * stride] = root;
    for (int i = j + 1; i < order; ++i) {
      float entry = matrix[i + j * stride];
      for (int p = 0; p < j; ++p) entry -= matrix[i + p * stride] * matrix[j + p * stride];
      matrix[i + j * stride] = entry / root;
    }
  }
  return 0;
}

void solve_lower(const float* matrix, int order, std::int64_t stride, float* right) {
  for (int i = 0; i < order; ++i) {
    for (int p = 0; p < i; ++p) right[i] -= matrix[i + p * stride] * right[p];
    right[i] /= matrix[i + i * stride];
  }
  for (int i = order - 1; i >= 0; --i) {
    for (int p = i + 1; p < order; ++p) right[i] -= matrix[p + i * stride] * right[p];
    right[i] /= matrix[i + i * stride];
  }
}

}  // namespace

cublasStatus_t cublasCreate_v2(cublasHandle_t* handle) {
  return blas_status(create("cublasCreate_v2", handle));
}
cublasStatus_t cublasDestroy_v2(cublasHandle_t handle) {
  return blas_status(destroy("cublasDestroy_v2", handle));
}
cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, cudaStream_t stream) {
  handle->stream = stream;
  return blas_status(alsatian::simt::count_call("cublasSetStream_v2"));
}
cublasStatus_t cublasSetWorkspace_v2(cublasHandle_t, void* workspace, std::size_t bytes) {
  if (workspace == nullptr || bytes == 0) return CUBLAS_STATUS_INVALID_VALUE;
  return blas_status(alsatian::simt::count_call("cublasSetWorkspace_v2"));
}

cublasStatus_t cublasSgemmStridedBatched(cublasHandle_t handle, cublasOperation_t transa,
                                         cublasOperation_t transb, int m, int n, int k,
                                         const float* alpha, const float* A, int lda,
                                         long long strideA, const float* B, int ldb,
                                         long long strideB, const float* beta, float* C, int ldc,
                                         long long strideC, int batchCount) {
  const bool a_is_columns = transa == CUBLAS_OP_N;
  const bool b_is_columns = transb == CUBLAS_OP_N;
  if (m < 0 || n < 0 || k < 0 || batchCount < 0 || lda < std::max(1, a_is_columns ? m : k) ||
      ldb < std::max(1, b_is_columns ? k : n) || ldc < std::max(1, m)) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  const auto work = [=, scale = *alpha, keep = *beta] {
    for (int batch = 0; batch < batchCount; ++batch) {
      const float* const a = A + batch * strideA;
      const float* const b = B + batch * strideB;
      float* const c = C + batch * strideC;
      for (std::int64_t j = 0; j < n; ++j) {
        for (std::int64_t i = 0; i < m; ++i) {
          float sum = 0;
          for (std::int64_t p = 0; p < k; ++p) {
            sum += a[a_is_columns ? i + p * lda : p + i * lda] *
                   b[b_is_columns ? p + j * ldb : j + p * ldb];
          }
          // What C held is not looked at where it is not kept.
          float& entry = c[i + j * ldc];
          entry = scale * sum + (keep == 0 ? 0.0F : keep * entry);
        }
      }
    }
  };
  return blas_status(alsatian::simt::enqueue("cublasSgemmStridedBatched", handle->stream, work));
}

cusolverStatus_t cusolverDnCreate(cusolverDnHandle_t* handle) {
  return solver_status(create("cusolverDnCreate", handle));
}
cusolverStatus_t cusolverDnDestroy(cusolverDnHandle_t handle) {
  return solver_status(destroy("cusolverDnDestroy", handle));
}
cusolverStatus_t cusolverDnSetStream(cusolverDnHandle_t handle, cudaStream_t stream) {
  handle->stream = stream;
  return solver_status(alsatian::simt::count_call("cusolverDnSetStream"));
}

cusolverStatus_t cusolverDnSpotrfBatched(cusolverDnHandle_t handle, cublasFillMode_t uplo, int n,
                                         float* Aarray[], int lda, int* infoArray, int batchSize) {
  if (uplo != CUBLAS_FILL_MODE_LOWER || n < 0 || lda < std::max(1, n) || batchSize < 0) {
    return CUSOLVER_STATUS_INVALID_VALUE;
  }
  return solver_status(alsatian::simt::enqueue("cusolverDnSpotrfBatched", handle->stream, [=] {
    for (int b = 0; b < batchSize; ++b) infoArray[b] = factor_lower(Aarray[b], n, lda);
  }));
}

cusolverStatus_t cusolverDnSpotrsBatched(cusolverDnHandle_t handle, cublasFillMode_t uplo, int n,
                                         int nrhs, float* A[], int lda, float* B[], int ldb,
                                         int* d_info, int batchSize) {
  if (uplo != CUBLAS_FILL_MODE_LOWER || n < 0 || nrhs != 1 || lda < std::max(1, n) ||
      ldb < std::max(1, n) || batchSize < 0) {
    return CUSOLVER_STATUS_INVALID_VALUE;
  }
  return solver_status(alsatian::simt::enqueue("cusolverDnSpotrsBatched", handle->stream, [=] {
    for (int b = 0; b < batchSize; ++b) solve_lower(A[b], n, lda, B[b]);
    *d_info = 0;
  }));
}

namespace alsatian::simt {

void set_vendor_libraries(bool are_there) { libraries_are_there = are_there; }
int vendor_handles() { return handles; }

}  // namespace alsatian::simt

namespace alsatian::cuda::vendor {

void* symbol(const char* library, const char* function) {
  static const std::map<std::string, void*> functions = {
      {"cublasCreate_v2", reinterpret_cast<void*>(&cublasCreate_v2)},
      {"cublasDestroy_v2", reinterpret_cast<void*>(&cublasDestroy_v2)},
      {"cublasSetStream_v2", reinterpret_cast<void*>(&cublasSetStream_v2)},
      {"cublasSetWorkspace_v2", reinterpret_cast<void*>(&cublasSetWorkspace_v2)},
      {"cublasSgemmStridedBatched", reinterpret_cast<void*>(&cublasSgemmStridedBatched)},
      {"cusolverDnCreate", reinterpret_cast<void*>(&cusolverDnCreate)},
      {"cusolverDnDestroy", reinterpret_cast<void*>(&cusolverDnDestroy)},
      {"cusolverDnSetStream", reinterpret_cast<void*>(&cusolverDnSetStream)},
      {"cusolverDnSpotrfBatched", reinterpret_cast<void*>(&cusolverDnSpotrfBatched)},
      {"cusolverDnSpotrsBatched", reinterpret_cast<void*>(&cusolverDnSpotrsBatched)}};
  const bool is_named =
      std::string(library) == "libcublas.so.13" || std::string(library) == "libcusolver.so.12";
  const auto found = functions.find(function);
  const bool are_there =
      libraries_are_there && std::getenv("ALSATIAN_SIMT_WITHOUT_LIBRARIES") == nullptr;
  return are_there && is_named && found != functions.end() ? found->second : nullptr;
}

const char* symbol_error() { return "libcublas.so.13: no such library"; }

}  // namespace alsatian::cuda::vendor
