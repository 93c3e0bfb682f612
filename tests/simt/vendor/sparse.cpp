// cuSPARSE's calls by plain loops over rows, as its documentation defines them. Arguments that the
// real ones refuse are refused; a product whose space was not made for it is refused too.
#include "tests/simt/vendor/cusparse.h"
#include "tests/simt/vendor/handles.hpp"

#include <algorithm>

struct cusparseContext {
  cudaStream_t stream = nullptr;
};
struct cusparseSpMatDescr {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  const std::int32_t* offsets = nullptr;
  const std::int32_t* column_of = nullptr;
  float* values = nullptr;
  const void* space = nullptr;  // that SDDMM was prepared with
};
struct cusparseDnMatDescr {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t stride = 0;
  float* values = nullptr;
  cusparseOrder_t order = CUSPARSE_ORDER_ROW;

  float& at(std::int64_t row, std::int64_t column) const {
    return values[order == CUSPARSE_ORDER_ROW ? row * stride + column : row + column * stride];
  }
};

namespace {

constexpr std::size_t space_bytes = 48;

cusparseStatus_t status(cudaError_t error) {
  return error == cudaSuccess                 ? CUSPARSE_STATUS_SUCCESS
         : error == cudaErrorMemoryAllocation ? CUSPARSE_STATUS_ALLOC_FAILED
                                              : CUSPARSE_STATUS_EXECUTION_FAILED;
}

struct Product {
  cusparseOperation_t left_operation;
  cusparseOperation_t right_operation;
  cudaDataType type;

  bool is_plain() const {
    return left_operation == CUSPARSE_OPERATION_NON_TRANSPOSE &&
           right_operation == CUSPARSE_OPERATION_NON_TRANSPOSE && type == CUDA_R_32F;
  }
};

bool fit(const Product& product, const cusparseDnMatDescr& left, const cusparseDnMatDescr& right,
         const cusparseSpMatDescr& sampled) {
  return product.is_plain() && left.columns == right.rows && left.rows == sampled.rows &&
         right.columns == sampled.columns;
}
bool fit(const Product& product, const cusparseSpMatDescr& left, const cusparseDnMatDescr& right,
         const cusparseDnMatDescr& sums) {
  return product.is_plain() && left.columns == right.rows && left.rows == sums.rows &&
         right.columns == sums.columns;
}

void write_all(void* space) {
  auto* const bytes = static_cast<unsigned char*>(space);
  std::fill_n(bytes, space_bytes, static_cast<unsigned char>(0xAB));
}

}  // namespace

cusparseStatus_t cusparseCreate(cusparseHandle_t* handle) {
  return status(alsatian::simt::create_handle("cusparseCreate", handle));
}
cusparseStatus_t cusparseDestroy(cusparseHandle_t handle) {
  return status(alsatian::simt::destroy_handle("cusparseDestroy", handle));
}
cusparseStatus_t cusparseSetStream(cusparseHandle_t handle, cudaStream_t stream) {
  handle->stream = stream;
  return status(alsatian::simt::count_call("cusparseSetStream"));
}

cusparseStatus_t cusparseCreateCsr(cusparseSpMatDescr_t* spMatDescr, int64_t rows, int64_t cols,
                                   int64_t nnz, void* csrRowOffsets, void* csrColInd,
                                   void* csrValues, cusparseIndexType_t csrRowOffsetsType,
                                   cusparseIndexType_t csrColIndType, cusparseIndexBase_t idxBase,
                                   cudaDataType valueType) {
  if (rows < 0 || cols < 0 || nnz < 0 || csrRowOffsets == nullptr ||
      csrRowOffsetsType != CUSPARSE_INDEX_32I || csrColIndType != CUSPARSE_INDEX_32I ||
      idxBase != CUSPARSE_INDEX_BASE_ZERO || valueType != CUDA_R_32F) {
    return CUSPARSE_STATUS_INVALID_VALUE;
  }
  return status(alsatian::simt::create_handle(
      "cusparseCreateCsr", spMatDescr,
      {rows, cols, static_cast<std::int32_t*>(csrRowOffsets), static_cast<std::int32_t*>(csrColInd),
       static_cast<float*>(csrValues), nullptr}));
}
cusparseStatus_t cusparseDestroySpMat(cusparseConstSpMatDescr_t spMatDescr) {
  return status(alsatian::simt::destroy_handle("cusparseDestroySpMat", spMatDescr));
}

cusparseStatus_t cusparseCreateDnMat(cusparseDnMatDescr_t* dnMatDescr, int64_t rows, int64_t cols,
                                     int64_t ld, void* values, cudaDataType valueType,
                                     cusparseOrder_t order) {
  const std::int64_t least = order == CUSPARSE_ORDER_ROW ? cols : rows;
  if (rows < 0 || cols < 0 || ld < least || valueType != CUDA_R_32F) {
    return CUSPARSE_STATUS_INVALID_VALUE;
  }
  return status(alsatian::simt::create_handle(
      "cusparseCreateDnMat", dnMatDescr, {rows, cols, ld, static_cast<float*>(values), order}));
}
cusparseStatus_t cusparseDestroyDnMat(cusparseConstDnMatDescr_t dnMatDescr) {
  return status(alsatian::simt::destroy_handle("cusparseDestroyDnMat", dnMatDescr));
}

cusparseStatus_t cusparseSDDMM_bufferSize(cusparseHandle_t, cusparseOperation_t opA,
                                          cusparseOperation_t opB, const void*,
                                          cusparseConstDnMatDescr_t matA,
                                          cusparseConstDnMatDescr_t matB, const void*,
                                          cusparseSpMatDescr_t matC, cudaDataType computeType,
                                          cusparseSDDMMAlg_t, size_t* bufferSize) {
  if (!fit({opA, opB, computeType}, *matA, *matB, *matC)) return CUSPARSE_STATUS_INVALID_VALUE;
  *bufferSize = space_bytes;
  return status(alsatian::simt::count_call("cusparseSDDMM_bufferSize"));
}

cusparseStatus_t cusparseSDDMM_preprocess(cusparseHandle_t handle, cusparseOperation_t opA,
                                          cusparseOperation_t opB, const void*,
                                          cusparseConstDnMatDescr_t matA,
                                          cusparseConstDnMatDescr_t matB, const void*,
                                          cusparseSpMatDescr_t matC, cudaDataType computeType,
                                          cusparseSDDMMAlg_t, void* externalBuffer) {
  if (!fit({opA, opB, computeType}, *matA, *matB, *matC)) return CUSPARSE_STATUS_INVALID_VALUE;
  matC->space = externalBuffer;
  return status(alsatian::simt::enqueue("cusparseSDDMM_preprocess", handle->stream,
                                        [=] { write_all(externalBuffer); }));
}

cusparseStatus_t cusparseSDDMM(cusparseHandle_t handle, cusparseOperation_t opA,
                               cusparseOperation_t opB, const void* alpha,
                               cusparseConstDnMatDescr_t matA, cusparseConstDnMatDescr_t matB,
                               const void* beta, cusparseSpMatDescr_t matC,
                               cudaDataType computeType, cusparseSDDMMAlg_t, void* externalBuffer) {
  if (!fit({opA, opB, computeType}, *matA, *matB, *matC) || externalBuffer != matC->space) {
    return CUSPARSE_STATUS_INVALID_VALUE;
  }
  const float scale = *static_cast<const float*>(alpha);
  const float keep = *static_cast<const float*>(beta);
  const auto work = [=, left = *matA, right = *matB, sampled = *matC] {
    write_all(externalBuffer);
    for (std::int64_t row = 0; row < sampled.rows; ++row) {
      for (std::int64_t o = sampled.offsets[row]; o < sampled.offsets[row + 1]; ++o) {
        float sum = 0;
        for (std::int64_t j = 0; j < left.columns; ++j) {
          sum += left.at(row, j) * right.at(j, sampled.column_of[o]);
        }
        sampled.values[o] = scale * sum + (keep == 0 ? 0.0F : keep * sampled.values[o]);
      }
    }
  };
  return status(alsatian::simt::enqueue("cusparseSDDMM", handle->stream, work));
}

cusparseStatus_t cusparseSpMM_bufferSize(cusparseHandle_t, cusparseOperation_t opA,
                                         cusparseOperation_t opB, const void*,
                                         cusparseConstSpMatDescr_t matA,
                                         cusparseConstDnMatDescr_t matB, const void*,
                                         cusparseDnMatDescr_t matC, cudaDataType computeType,
                                         cusparseSpMMAlg_t, size_t* bufferSize) {
  if (!fit({opA, opB, computeType}, *matA, *matB, *matC)) return CUSPARSE_STATUS_INVALID_VALUE;
  *bufferSize = space_bytes;
  return status(alsatian::simt::count_call("cusparseSpMM_bufferSize"));
}

cusparseStatus_t cusparseSpMM(cusparseHandle_t handle, cusparseOperation_t opA,
                              cusparseOperation_t opB, const void* alpha,
                              cusparseConstSpMatDescr_t matA, cusparseConstDnMatDescr_t matB,
                              const void* beta, cusparseDnMatDescr_t matC, cudaDataType computeType,
                              cusparseSpMMAlg_t, void* externalBuffer) {
  if (!fit({opA, opB, computeType}, *matA, *matB, *matC)) return CUSPARSE_STATUS_INVALID_VALUE;
  const float scale = *static_cast<const float*>(alpha);
  const float keep = *static_cast<const float*>(beta);
  const auto work = [=, left = *matA, right = *matB, sums = *matC] {
    write_all(externalBuffer);
    for (std::int64_t row = 0; row < sums.rows; ++row) {
      for (std::int64_t j = 0; j < sums.columns; ++j) {
        float sum = 0;
        for (std::int64_t o = left.offsets[row]; o < left.offsets[row + 1]; ++o) {
          sum += left.values[o] * right.at(left.column_of[o], j);
        }
        float& entry = sums.at(row, j);
        entry = scale * sum + (keep == 0 ? 0.0F : keep * entry);
      }
    }
  };
  return status(alsatian::simt::enqueue("cusparseSpMM", handle->stream, work));
}
