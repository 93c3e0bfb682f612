// Implements libraries.hpp. The libraries count columns first: a row-major [length, columns] is
// their columns × length, and a symmetric matrix is the same either way.
#include "kernels/cuda/vendor/libraries.hpp"

#include "kernels/cuda/vendor/blas.hpp"

#include <cusolverDn.h>

namespace alsatian::cuda::vendor {
namespace {

const std::string cusolver = "libcusolver.so." + std::to_string(CUSOLVER_VER_MAJOR);

/// The functions, and the first that is not there.
struct Functions {
  decltype(&cublasCreate_v2) create_blas;
  decltype(&cublasDestroy_v2) destroy_blas;
  decltype(&cublasSetStream_v2) set_blas_stream;
  decltype(&cublasSetWorkspace_v2) set_blas_workspace;
  decltype(&cublasSgemmStridedBatched) multiply;
  decltype(&cusolverDnCreate) create_solver;
  decltype(&cusolverDnDestroy) destroy_solver;
  decltype(&cusolverDnSetStream) set_solver_stream;
  decltype(&cusolverDnSpotrfBatched) factor;
  decltype(&cusolverDnSpotrsBatched) solve;
  std::string missing;

  Functions() {
    FunctionFinder all;
    all.find(cublas, "cublasCreate_v2", create_blas);
    all.find(cublas, "cublasDestroy_v2", destroy_blas);
    all.find(cublas, "cublasSetStream_v2", set_blas_stream);
    all.find(cublas, "cublasSetWorkspace_v2", set_blas_workspace);
    all.find(cublas, "cublasSgemmStridedBatched", multiply);
    all.find(cusolver, "cusolverDnCreate", create_solver);
    all.find(cusolver, "cusolverDnDestroy", destroy_solver);
    all.find(cusolver, "cusolverDnSetStream", set_solver_stream);
    all.find(cusolver, "cusolverDnSpotrfBatched", factor);
    all.find(cusolver, "cusolverDnSpotrsBatched", solve);
    missing = all.missing();
  }
};

void check(cusolverStatus_t code, std::source_location place = std::source_location::current()) {
  if (code != CUSOLVER_STATUS_SUCCESS) {
    fail("cuSOLVER says " + std::to_string(code), code == CUSOLVER_STATUS_ALLOC_FAILED, place);
  }
}

/// The libraries take arrays of pointers as float**, and change none of them.
float** pointers(DeviceSpan<float* const> matrices) { return const_cast<float**>(matrices.data()); }

}  // namespace

std::optional<std::string> missing() {
  const std::string what = Functions().missing;
  return what.empty() ? std::nullopt : std::optional(what);
}

struct Libraries::Handles {
  const Functions call;
  cublasHandle_t blas = nullptr;
  cusolverDnHandle_t solver = nullptr;

  Handles(const Context& context, DeviceSpan<unsigned char> workspace) {
    if (!call.missing.empty()) {
      throw UnsupportedByDevice(call.missing);
    }
    check(call.create_blas(&blas));
    try {
      check(call.create_solver(&solver));
      // The stream first: setting one takes the workspace back.
      check(call.set_blas_stream(blas, context.compute().get()));
      check(call.set_blas_workspace(blas, workspace.data(),
                                    static_cast<std::size_t>(workspace.size())));
      check(call.set_solver_stream(solver, context.compute().get()));
    } catch (...) {
      destroy();
      throw;
    }
  }
  ~Handles() { destroy(); }
  Handles(const Handles&) = delete;
  Handles& operator=(const Handles&) = delete;

 private:
  void destroy() {
    if (solver != nullptr) {
      call.destroy_solver(solver);
    }
    call.destroy_blas(blas);
  }
};

Libraries::Libraries(const Context& context, DeviceSpan<unsigned char> workspace)
    : handles_(std::make_unique<Handles>(context, workspace)) {}

Libraries::~Libraries() = default;

void Libraries::add_grams(const Batch& batch, int length, DeviceSpan<const float> rows, float keep,
                          DeviceSpan<float> grams) {
  const float one = 1;
  const int columns = batch.columns;
  const long long row_stride = static_cast<long long>(length) * columns;
  const long long gram_stride = static_cast<long long>(columns) * columns;
  check(handles_->call.multiply(handles_->blas, CUBLAS_OP_N, CUBLAS_OP_T, columns, columns, length,
                                &one, rows.data(), columns, row_stride, rows.data(), columns,
                                row_stride, &keep, grams.data(), columns, gram_stride,
                                batch.matrices));
}

void Libraries::factor(const Batch& batch, int order, DeviceSpan<float* const> matrices,
                       DeviceSpan<int> failures) {
  check(handles_->call.factor(handles_->solver, CUBLAS_FILL_MODE_LOWER, order, pointers(matrices),
                              batch.columns, failures.data(), batch.matrices));
}

void Libraries::solve(const Batch& batch, int order, DeviceSpan<float* const> matrices,
                      DeviceSpan<float* const> right_sides, DeviceSpan<int> status) {
  check(handles_->call.solve(handles_->solver, CUBLAS_FILL_MODE_LOWER, order, 1, pointers(matrices),
                             batch.columns, pointers(right_sides), batch.columns, status.data(),
                             batch.matrices));
}

}  // namespace alsatian::cuda::vendor
