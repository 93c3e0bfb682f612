// Implements sparse.hpp. A row-major matrix, transposed, is a column-major one in the same memory:
// the right side is given to SDDMM as that, for which the library is fastest.
#include "kernels/cuda/vendor/sparse.hpp"

#include "kernels/cuda/require.hpp"
#include "kernels/cuda/vendor/calls.hpp"

#include <cusparse.h>

namespace alsatian::cuda::vendor {
namespace {

const std::string cusparse = "libcusparse.so." + std::to_string(CUSPARSE_VER_MAJOR);

struct Functions {
  decltype(&cusparseCreate) create;
  decltype(&cusparseDestroy) destroy;
  decltype(&cusparseSetStream) set_stream;
  decltype(&cusparseCreateCsr) create_sparse;
  decltype(&cusparseDestroySpMat) destroy_sparse;
  decltype(&cusparseCreateDnMat) create_dense;
  decltype(&cusparseDestroyDnMat) destroy_dense;
  decltype(&cusparseSDDMM_bufferSize) sample_bytes;
  decltype(&cusparseSDDMM_preprocess) prepare_sample;
  decltype(&cusparseSDDMM) sample;
  decltype(&cusparseSpMM_bufferSize) sum_bytes;
  decltype(&cusparseSpMM) sum;
  std::string missing;

  Functions() {
    FunctionFinder all;
    all.find(cusparse, "cusparseCreate", create);
    all.find(cusparse, "cusparseDestroy", destroy);
    all.find(cusparse, "cusparseSetStream", set_stream);
    all.find(cusparse, "cusparseCreateCsr", create_sparse);
    all.find(cusparse, "cusparseDestroySpMat", destroy_sparse);
    all.find(cusparse, "cusparseCreateDnMat", create_dense);
    all.find(cusparse, "cusparseDestroyDnMat", destroy_dense);
    all.find(cusparse, "cusparseSDDMM_bufferSize", sample_bytes);
    all.find(cusparse, "cusparseSDDMM_preprocess", prepare_sample);
    all.find(cusparse, "cusparseSDDMM", sample);
    all.find(cusparse, "cusparseSpMM_bufferSize", sum_bytes);
    all.find(cusparse, "cusparseSpMM", sum);
    missing = all.missing();
  }
};

void check(cusparseStatus_t code, std::source_location place = std::source_location::current()) {
  if (code != CUSPARSE_STATUS_SUCCESS) {
    fail("cuSPARSE says " + std::to_string(code), code == CUSPARSE_STATUS_ALLOC_FAILED, place);
  }
}

// Fastest on row-major matrices; the order of its sums may differ from run to run.
constexpr cusparseSpMMAlg_t sum_algorithm = CUSPARSE_SPMM_CSR_ALG2;
constexpr cusparseOperation_t as_it_is = CUSPARSE_OPERATION_NON_TRANSPOSE;
constexpr float one = 1;
constexpr float zero = 0;

/// The pattern of a matrix is taken as void*, and not changed.
void* changeable(DeviceSpan<const std::int32_t> pattern) {
  return const_cast<std::int32_t*>(pattern.data());
}

}  // namespace

struct SampledProduct::Handles {
  const Functions call;
  cusparseHandle_t library = nullptr;
  cusparseSpMatDescr_t sparse = nullptr;
  cusparseDnMatDescr_t left = nullptr;
  cusparseDnMatDescr_t right = nullptr;
  cusparseDnMatDescr_t summed = nullptr;
  cusparseDnMatDescr_t sums = nullptr;
  DeviceBuffer<unsigned char> sample_space;
  DeviceBuffer<unsigned char> sum_space;

  explicit Handles(const Context& context) {
    if (!call.missing.empty()) {
      throw UnsupportedByDevice(call.missing);
    }
    check(call.create(&library));
    try {
      check(call.set_stream(library, context.compute().get()));
    } catch (...) {
      destroy();
      throw;
    }
  }
  ~Handles() { destroy(); }
  Handles(const Handles&) = delete;
  Handles& operator=(const Handles&) = delete;

  void describe(const SparseRows& rows) {
    check(call.create_sparse(&sparse, rows.offsets.size() - 1, rows.width, rows.values.size(),
                             changeable(rows.offsets), changeable(rows.columns), rows.values.data(),
                             CUSPARSE_INDEX_32I, CUSPARSE_INDEX_32I, CUSPARSE_INDEX_BASE_ZERO,
                             CUDA_R_32F));
  }
  void describe(const DenseRows& rows, cusparseDnMatDescr_t& matrix) {
    check(call.create_dense(&matrix, rows.rows(), rows.columns, rows.stride,
                            rows.values.data() + rows.first, CUDA_R_32F, CUSPARSE_ORDER_ROW));
  }
  void describe_transposed(const DenseRows& rows, cusparseDnMatDescr_t& matrix) {
    check(call.create_dense(&matrix, rows.columns, rows.rows(), rows.stride,
                            rows.values.data() + rows.first, CUDA_R_32F, CUSPARSE_ORDER_COL));
  }

  void make_space() {
    std::size_t bytes = 0;
    check(call.sample_bytes(library, as_it_is, as_it_is, &one, left, right, &zero, sparse,
                            CUDA_R_32F, CUSPARSE_SDDMM_ALG_DEFAULT, &bytes));
    sample_space = DeviceBuffer<unsigned char>(static_cast<std::int64_t>(bytes));
    check(call.sum_bytes(library, as_it_is, as_it_is, &one, sparse, summed, &zero, sums, CUDA_R_32F,
                         sum_algorithm, &bytes));
    sum_space = DeviceBuffer<unsigned char>(static_cast<std::int64_t>(bytes));
    check(call.prepare_sample(library, as_it_is, as_it_is, &one, left, right, &zero, sparse,
                              CUDA_R_32F, CUSPARSE_SDDMM_ALG_DEFAULT, sample_space.span().data()));
  }

 private:
  void destroy() {
    for (cusparseDnMatDescr_t matrix : {left, right, summed, sums}) {
      if (matrix != nullptr) {
        call.destroy_dense(matrix);
      }
    }
    if (sparse != nullptr) {
      call.destroy_sparse(sparse);
    }
    call.destroy(library);
  }
};

SampledProduct::SampledProduct(const Context& context, const SparseRows& sparse,
                               const DenseRows& left, const DenseRows& right,
                               const DenseRows& summed, const DenseRows& sums)
    : handles_(std::make_unique<Handles>(context)) {
  handles_->describe(sparse);
  handles_->describe(left, handles_->left);
  handles_->describe_transposed(right, handles_->right);
  handles_->describe(summed, handles_->summed);
  handles_->describe(sums, handles_->sums);
  handles_->make_space();
}

SampledProduct::~SampledProduct() = default;

void SampledProduct::sample() {
  Handles& my = *handles_;
  check(my.call.sample(my.library, as_it_is, as_it_is, &one, my.left, my.right, &zero, my.sparse,
                       CUDA_R_32F, CUSPARSE_SDDMM_ALG_DEFAULT, my.sample_space.span().data()));
}

void SampledProduct::sum() {
  Handles& my = *handles_;
  check(my.call.sum(my.library, as_it_is, as_it_is, &one, my.sparse, my.summed, &zero, my.sums,
                    CUDA_R_32F, sum_algorithm, my.sum_space.span().data()));
}

}  // namespace alsatian::cuda::vendor
