// cuBLAS' and cuSOLVER's calls by plain loops over columns, as their documentation defines them,
// and the loader that finds them and cuSPARSE's. Arguments that the real ones refuse are refused.
#include "kernels/cuda/vendor/symbols.hpp"
#include "tests/simt/tensor.hpp"
#include "tests/simt/vendor/cusolverDn.h"
#include "tests/simt/vendor/cusparse.h"
#include "tests/simt/vendor/handles.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <set>
#include <string>

struct cublasContext {
  cudaStream_t stream = nullptr;
};
struct cusolverDnContext {
  cudaStream_t stream = nullptr;
};

namespace {

using alsatian::simt::create_handle;
using alsatian::simt::destroy_handle;

bool libraries_are_there = true;
std::string last_wanted;  // library

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
  return blas_status(create_handle("cublasCreate_v2", handle));
}
cublasStatus_t cublasDestroy_v2(cublasHandle_t handle) {
  return blas_status(destroy_handle("cublasDestroy_v2", handle));
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

cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t transa,
                            cublasOperation_t transb, int m, int n, int k, const void* alpha,
                            const void* A, cudaDataType Atype, int lda, const void* B,
                            cudaDataType Btype, int ldb, const void* beta, void* C,
                            cudaDataType Ctype, int ldc, cublasComputeType_t computeType,
                            cublasGemmAlgo_t) {
  // What top-N asks for, and that alone.
  if (m < 0 || n < 0 || k < 0 || transa != CUBLAS_OP_T || transb != CUBLAS_OP_N || lda < k ||
      ldb < k || ldc < std::max(1, m) || Atype != CUDA_R_16F || Btype != CUDA_R_16F ||
      Ctype != CUDA_R_32F || computeType != CUBLAS_COMPUTE_32F ||
      *static_cast<const float*>(alpha) != 1 || *static_cast<const float*>(beta) != 0) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  const auto work = [=] {
    const auto* const a = static_cast<const std::uint16_t*>(A);
    const auto* const b = static_cast<const std::uint16_t*>(B);
    for (std::int64_t j = 0; j < n; ++j) {
      for (std::int64_t i = 0; i < m; ++i) {
        float sum = 0;
        for (std::int64_t p = 0; p < k; ++p) {
          sum += alsatian::simt::of_half(a[p + i * lda]) * alsatian::simt::of_half(b[p + j * ldb]);
        }
        static_cast<float*>(C)[i + j * ldc] = sum;
      }
    }
  };
  return blas_status(alsatian::simt::enqueue("cublasGemmEx", handle->stream, work));
}

cusolverStatus_t cusolverDnCreate(cusolverDnHandle_t* handle) {
  return solver_status(create_handle("cusolverDnCreate", handle));
}
cusolverStatus_t cusolverDnDestroy(cusolverDnHandle_t handle) {
  return solver_status(destroy_handle("cusolverDnDestroy", handle));
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
int vendor_handles() { return library_handles; }

}  // namespace alsatian::simt

namespace alsatian::cuda::vendor {

void* symbol(const char* library, const char* function) {
#define ALSATIAN_NAMED(function) \
  { #function, reinterpret_cast < void*>(&function) }
  static const std::map<std::string, void*> functions = {ALSATIAN_NAMED(cublasCreate_v2),
                                                         ALSATIAN_NAMED(cublasDestroy_v2),
                                                         ALSATIAN_NAMED(cublasSetStream_v2),
                                                         ALSATIAN_NAMED(cublasSetWorkspace_v2),
                                                         ALSATIAN_NAMED(cublasSgemmStridedBatched),
                                                         ALSATIAN_NAMED(cublasGemmEx),
                                                         ALSATIAN_NAMED(cusolverDnCreate),
                                                         ALSATIAN_NAMED(cusolverDnDestroy),
                                                         ALSATIAN_NAMED(cusolverDnSetStream),
                                                         ALSATIAN_NAMED(cusolverDnSpotrfBatched),
                                                         ALSATIAN_NAMED(cusolverDnSpotrsBatched),
                                                         ALSATIAN_NAMED(cusparseCreate),
                                                         ALSATIAN_NAMED(cusparseDestroy),
                                                         ALSATIAN_NAMED(cusparseSetStream),
                                                         ALSATIAN_NAMED(cusparseCreateCsr),
                                                         ALSATIAN_NAMED(cusparseDestroySpMat),
                                                         ALSATIAN_NAMED(cusparseCreateDnMat),
                                                         ALSATIAN_NAMED(cusparseDestroyDnMat),
                                                         ALSATIAN_NAMED(cusparseSDDMM_bufferSize),
                                                         ALSATIAN_NAMED(cusparseSDDMM_preprocess),
                                                         ALSATIAN_NAMED(cusparseSDDMM),
                                                         ALSATIAN_NAMED(cusparseSpMM_bufferSize),
                                                         ALSATIAN_NAMED(cusparseSpMM)};
#undef ALSATIAN_NAMED
  static const std::set<std::string> names = {"libcublas.so.13", "libcusolver.so.12",
                                              "libcusparse.so.12"};
  const bool is_named = names.count(library) > 0;
  last_wanted = library;
  const auto found = functions.find(function);
  const bool are_there =
      libraries_are_there && std::getenv("ALSATIAN_SIMT_WITHOUT_LIBRARIES") == nullptr;
  return are_there && is_named && found != functions.end() ? found->second : nullptr;
}

const char* symbol_error() {
  static std::string text;
  text = last_wanted + ": no such library";
  return text.c_str();
}

}  // namespace alsatian::cuda::vendor
