// What the CUDA module offers to the program: one exported function, which returns a table of
// functions over plain memory. The only header of kernels/cuda that host code includes; readable as
// C, and without CUDA. No exception crosses it: what goes wrong is a code, two sizes and a message.
#pragma once

#include <stdint.h>

// NOLINTBEGIN: C has neither namespaces nor enum classes

/* Raised whenever anything below changes; a module and a program of two versions do not mix. */
#define ALSATIAN_CUDA_TABLE_VERSION 6

typedef enum AlsatianCudaCode {
  ALSATIAN_CUDA_OK = 0,
  ALSATIAN_CUDA_NO_DEVICE = 1,           /* no GPU, or one that the module has no code for */
  ALSATIAN_CUDA_INSUFFICIENT_DRIVER = 2, /* none, or too old */
  ALSATIAN_CUDA_OUT_OF_MEMORY = 3,       /* needed_bytes and free_bytes say how much */
  ALSATIAN_CUDA_DEVICE_ERROR = 4,        /* a call of the CUDA runtime or a kernel failed */
  ALSATIAN_CUDA_INVALID_ARGUMENT = 5,    /* the caller's mistake */
  ALSATIAN_CUDA_UNSUPPORTED = 6          /* too much for this GPU, whatever memory is free */
} AlsatianCudaCode;

/* Filled by every function below that fails, and left alone by others. */
typedef struct AlsatianCudaStatus {
  int32_t code;
  int64_t needed_bytes; /* of device memory, by what was to be done; 0 where that is not known */
  int64_t free_bytes;   /* of device memory, before it began */
  char message[512];    /* ends with 0 */
} AlsatianCudaStatus;

/* Memory of the caller, which outlives the call and no more. */
typedef struct AlsatianInt64s {
  const int64_t* data;
  int64_t size;
} AlsatianInt64s;
typedef struct AlsatianInt32s {
  const int32_t* data;
  int64_t size;
} AlsatianInt32s;
typedef struct AlsatianFloats {
  const float* data;
  int64_t size;
} AlsatianFloats;
typedef struct AlsatianDoubles {
  const double* data;
  int64_t size;
} AlsatianDoubles;

/* Ratings in compressed rows; columns rise within a row. */
typedef struct AlsatianCudaRatings {
  AlsatianInt64s offsets; /* [rows + 1] */
  AlsatianInt32s columns; /* [observations] */
  AlsatianFloats values;  /* [observations] */
} AlsatianCudaRatings;

/* Ratings one by one; -1 is an unknown user or item. */
typedef struct AlsatianCudaList {
  AlsatianInt32s users;
  AlsatianInt32s items;
  AlsatianFloats ratings;
} AlsatianCudaList;

/* Parameters of one side: factors [rows, rank] row-major, biases [rows]. */
typedef struct AlsatianCudaRows {
  const float* factors;
  const float* biases;
  int64_t rows;
} AlsatianCudaRows;
typedef struct AlsatianCudaRowsOut {
  float* factors;
  float* biases;
  int64_t rows;
} AlsatianCudaRowsOut;

typedef enum AlsatianCudaSide {
  ALSATIAN_CUDA_USERS = 0,
  ALSATIAN_CUDA_ITEMS = 1
} AlsatianCudaSide;
typedef enum AlsatianCudaAlgorithm {
  ALSATIAN_CUDA_ALS = 0,
  ALSATIAN_CUDA_MLE = 1,
  ALSATIAN_CUDA_LS = 2,
  ALSATIAN_CUDA_BAYES = 3
} AlsatianCudaAlgorithm;

typedef struct AlsatianCudaRegularization {
  double factors;
  double biases;
  double scaling;
} AlsatianCudaRegularization;

typedef struct AlsatianCudaSpec {
  int32_t algorithm;  /* AlsatianCudaAlgorithm */
  int32_t likelihood; /* place in the closed list of kernels/math/likelihood.hpp */
  int32_t rank;
  int32_t biases; /* 0 or 1, as all flags below */
  AlsatianCudaRegularization regularization;
  double mean;         /* of the scores */
  int32_t fast;        /* als: one half a factor in sums over ratings */
  int32_t solver_steps; /* als: of conjugate gradients for a row; 0: exact, by Cholesky */
  int32_t adagrad;     /* mle */
  int32_t hogwild;     /* mle: every rating once, on warps that do not mind shared rows */
  int32_t halves;      /* mle: factors in halves while an epoch runs */
  uint64_t seed;       /* mle: of Hogwild's order and of the rounding to halves */
  int32_t inner_steps; /* ls: most steps of conjugate gradients in a step */
  int32_t implicit_features; /* bayes */
} AlsatianCudaSpec;

/* What decides how much memory a problem takes. */
typedef struct AlsatianCudaShape {
  AlsatianCudaSpec spec;
  AlsatianInt64s user_offsets;
  AlsatianInt64s item_offsets;
  int64_t held_out; /* ratings in all held-out sets together */
  int32_t grid;     /* mle: of the schedule */
} AlsatianCudaShape;

/* All ratings standardised. */
typedef struct AlsatianCudaProblem {
  AlsatianCudaSpec spec;
  AlsatianCudaRatings by_user;
  AlsatianInt64s item_offsets; /* [items + 1] of the same ratings by item, made on the device */
  /* mle: the order of visits, as SgdScheduleView; empty otherwise. */
  int32_t grid;
  AlsatianInt64s block_offsets;
  AlsatianCudaList schedule;
  const AlsatianCudaList* held_out;
  int64_t held_out_sets;
  AlsatianCudaRows users; /* start values; those of rows without ratings are taken as 0 */
  AlsatianCudaRows items;
} AlsatianCudaProblem;

typedef struct AlsatianCudaDevice {
  char name[256];
  int64_t memory_bytes;
  int32_t capability_major;
  int32_t capability_minor;
} AlsatianCudaDevice;
#define ALSATIAN_CUDA_MOST_DEVICES 16
typedef struct AlsatianCudaDevices {
  int32_t count;
  int32_t driver_version; /* 1000·major + 10·minor of the newest CUDA that the driver knows; 0: none */
  AlsatianCudaDevice devices[ALSATIAN_CUDA_MOST_DEVICES];
} AlsatianCudaDevices;

#define ALSATIAN_CUDA_MOST_PARTS 16
typedef struct AlsatianCudaPlanPart {
  const char* name; /* snake_case, without unit */
  int64_t bytes;
} AlsatianCudaPlanPart;
typedef struct AlsatianCudaPlan {
  int32_t count;
  AlsatianCudaPlanPart parts[ALSATIAN_CUDA_MOST_PARTS];
  int64_t total_bytes;
  int64_t free_bytes;
  int64_t host_bytes; /* page-locked, of ratings that do not fit the device beside the rest */
} AlsatianCudaPlan;

typedef struct AlsatianCudaErrorSums {
  int64_t count;
  double squared_error;
  double absolute_error;
  double loss;
} AlsatianCudaErrorSums;
typedef struct AlsatianCudaObjective {
  double value;
  AlsatianCudaErrorSums train;
} AlsatianCudaObjective;
typedef struct AlsatianCudaStep {
  int32_t accepted;
  int32_t inner_steps;
  double objective;
  double damping;
} AlsatianCudaStep;

/* Whose random numbers a draw takes: GibbsKey of kernels/math/gibbs.hpp. */
typedef struct AlsatianCudaDrawKey {
  uint64_t seed;
  uint32_t sweep;
  uint32_t chain;
} AlsatianCudaDrawKey;

/* What a side's rows, or the weights of its features, are drawn around; order = rank, and one more
   with biases. See GibbsPriorView. */
typedef struct AlsatianCudaPrior {
  AlsatianDoubles mean;   /* [order] */
  AlsatianDoubles matrix; /* [order, order] row-major. Rows: their precision L*L'; weights: L^-1 */
  double precision;       /* rows: of the noise of ratings; weights: their own */
} AlsatianCudaPrior;

/* What training goes on from: `size` floats, or doubles where is_double. */
#define ALSATIAN_CUDA_MOST_ARRAYS 16
typedef struct AlsatianCudaArray {
  const char* name;
  int32_t is_double;
  int64_t size;
} AlsatianCudaArray;
typedef struct AlsatianCudaArrays {
  int32_t count;
  AlsatianCudaArray arrays[ALSATIAN_CUDA_MOST_ARRAYS];
} AlsatianCudaArrays;

/* What decides how much memory top-N takes. */
typedef struct AlsatianCudaTopItemsShape {
  int64_t candidates;
  int32_t rank;
  int32_t count;       /* best candidates of each user */
  int64_t block_users; /* most users of a question; kernels take 256 at once */
  int64_t block_seen;  /* most positions that the users of a question have seen */
} AlsatianCudaTopItemsShape;

typedef struct AlsatianCudaTopItemsQuestion {
  AlsatianCudaRows users;
  AlsatianInt32s asked;        /* rows of users; -1 is an unknown one: zeros */
  AlsatianInt64s seen_offsets; /* [asked + 1], from 0 on; empty: nothing is left out */
  AlsatianInt32s seen;         /* positions of candidates, rising within a row */
  double mean;                 /* what every score has beside biases and factors */
} AlsatianCudaTopItemsQuestion;

/* Row r holds the best found[r] candidates of asked user r: highest score first, then the smaller
   position; what is behind them is anything. found[r] = -1: too many are too close for the proof,
   or factors too large for it; that user is the caller's to answer. Memory of the engine. */
typedef struct AlsatianCudaTopItemsAnswer {
  AlsatianInt32s found;     /* [asked] */
  AlsatianInt32s positions; /* [asked, count] of the candidates */
  AlsatianDoubles scores;   /* [asked, count] */
} AlsatianCudaTopItemsAnswer;

/* Top-N among candidates on the device. One thread at a time. */
typedef struct AlsatianCudaTopItems AlsatianCudaTopItems;

/* A problem on the device, and everything that trains it. One thread at a time. */
typedef struct AlsatianCudaEngine AlsatianCudaEngine;

/* Every function that returns int32_t returns an AlsatianCudaCode and, but for top_items_ask, has
   waited for the device. After a device error the engine is good for nothing but destroy. */
typedef struct AlsatianCudaTable {
  int32_t version;         /* ALSATIAN_CUDA_TABLE_VERSION */
  int32_t runtime_version; /* of CUDA, as driver_version: the oldest driver that will do */
  int32_t largest_rank[4]; /* by AlsatianCudaAlgorithm; -1 where there are no kernels for it */
  int32_t largest_iterative_rank; /* als with solver_steps */
  int32_t largest_vendor_rank;    /* als, exact, where vendor_libraries finds them */
  int32_t top_items_largest_rank;
  int32_t top_items_most_count;

  /* NO_DEVICE with a count above 0: the module has no code for the first device. */
  int32_t (*devices)(AlsatianCudaDevices* devices, AlsatianCudaStatus* status);

  /* Loads cuBLAS and cuSOLVER, which als needs above its largest_rank; UNSUPPORTED where one is
     not there. */
  int32_t (*vendor_libraries)(AlsatianCudaStatus* status);

  /* What create would allocate for a problem of this shape. */
  int32_t (*plan)(const AlsatianCudaShape* shape, AlsatianCudaPlan* plan,
                  AlsatianCudaStatus* status);
  /* Copies the problem to the first device. Fails before it allocates where the plan is larger
     than the free memory. */
  int32_t (*create)(const AlsatianCudaProblem* problem, AlsatianCudaEngine** engine,
                    AlsatianCudaStatus* status);
  void (*destroy)(AlsatianCudaEngine* engine);

  int32_t (*als_half_sweep)(AlsatianCudaEngine* engine, int32_t side, int64_t* repaired_pivots,
                            AlsatianCudaStatus* status);
  /* stages: the order of the epoch's stages, a permutation of 0 … grid − 1, which Hogwild does
     not look at. epoch: from 0 on. */
  int32_t (*sgd_epoch)(AlsatianCudaEngine* engine, double learning_rate, AlsatianInt32s stages,
                       int32_t epoch, AlsatianCudaStatus* status);
  int32_t (*least_squares_step)(AlsatianCudaEngine* engine, AlsatianCudaStep* step,
                                AlsatianCudaStatus* status);

  /* bayes. A sweep is, for users and then for items: weights (with features), what the caller draws
     from moments of them, moments of rows, what the caller draws from those, rows. */
  /* The weights of features become 0. */
  int32_t (*gibbs_start)(AlsatianCudaEngine* engine, AlsatianCudaStatus* status);
  /* moments [order + 1, order + 1] row-major, of which the lower half is written: the sum of
     [r; 1][r; 1]' over a side's rows less what is expected of them by their features, or over the
     rows of the weights. */
  int32_t (*gibbs_moments)(AlsatianCudaEngine* engine, int32_t side, int32_t of_weights,
                           double* moments, AlsatianCudaStatus* status);
  /* Adds rows_by times what is expected of a side's rows by their features to the rows; then
     multiplies the weights by weights_by. */
  int32_t (*gibbs_scale)(AlsatianCudaEngine* engine, int32_t side, double rows_by,
                         double weights_by, AlsatianCudaStatus* status);
  int32_t (*gibbs_draw_weights)(AlsatianCudaEngine* engine, int32_t side,
                                const AlsatianCudaDrawKey* key, const AlsatianCudaPrior* prior,
                                int32_t* steps, AlsatianCudaStatus* status);
  int32_t (*gibbs_draw_rows)(AlsatianCudaEngine* engine, int32_t side,
                             const AlsatianCudaDrawKey* key, const AlsatianCudaPrior* prior,
                             AlsatianCudaStatus* status);

  int32_t (*objective)(AlsatianCudaEngine* engine, AlsatianCudaObjective* objective,
                       AlsatianCudaStatus* status);
  int32_t (*held_out_errors)(AlsatianCudaEngine* engine, int64_t index, AlsatianCudaErrorSums* sums,
                             AlsatianCudaStatus* status);
  /* row: -1 where all are finite. */
  int32_t (*first_non_finite_row)(AlsatianCudaEngine* engine, int32_t side, int64_t* row,
                                  AlsatianCudaStatus* status);

  /* Rows that minimise F (Gaussian) for these ratings, with the other side fixed; training's own
     are left alone. Rows without ratings become 0. Up to the largest rank of als. */
  int32_t (*solve_rows)(AlsatianCudaEngine* engine, int32_t side,
                        const AlsatianCudaRatings* ratings, const AlsatianCudaRowsOut* solved,
                        AlsatianCudaStatus* status);
  int32_t (*set_regularization)(AlsatianCudaEngine* engine,
                                const AlsatianCudaRegularization* regularization,
                                AlsatianCudaStatus* status);

  int32_t (*factors)(AlsatianCudaEngine* engine, int32_t side, const AlsatianCudaRowsOut* rows,
                     AlsatianCudaStatus* status);
  int32_t (*set_factors)(AlsatianCudaEngine* engine, int32_t side, const AlsatianCudaRows* rows,
                         AlsatianCudaStatus* status);

  int32_t (*state_arrays)(AlsatianCudaEngine* engine, AlsatianCudaArrays* arrays,
                          AlsatianCudaStatus* status);
  /* values: memory for the size and type of the array at `index`. */
  int32_t (*state)(AlsatianCudaEngine* engine, int32_t index, void* values,
                   AlsatianCudaStatus* status);
  int32_t (*set_state)(AlsatianCudaEngine* engine, int32_t index, const void* values,
                       AlsatianCudaStatus* status);

  /* What top_items_create would allocate. */
  int32_t (*top_items_plan)(const AlsatianCudaTopItemsShape* shape, AlsatianCudaPlan* plan,
                            AlsatianCudaStatus* status);
  /* Copies the candidates to the first device. Fails before it allocates where the plan is larger
     than the free memory. */
  int32_t (*top_items_create)(const AlsatianCudaRows* candidates,
                              const AlsatianCudaTopItemsShape* shape,
                              AlsatianCudaTopItems** top_items, AlsatianCudaStatus* status);
  void (*top_items_destroy)(AlsatianCudaTopItems* top_items);
  /* Starts to answer and returns. Up to two questions may be without an answer. */
  int32_t (*top_items_ask)(AlsatianCudaTopItems* top_items,
                           const AlsatianCudaTopItemsQuestion* question,
                           AlsatianCudaStatus* status);
  /* Waits for the answer to the earliest question that has none; it stays until the next ask. */
  int32_t (*top_items_answer)(AlsatianCudaTopItems* top_items, AlsatianCudaTopItemsAnswer* answer,
                              AlsatianCudaStatus* status);
} AlsatianCudaTable;

#ifdef __cplusplus
extern "C" {
#endif
/* The table, or null where the module has another version. */
__attribute__((visibility("default"))) const AlsatianCudaTable* alsatian_cuda_table(
    int32_t version);
#ifdef __cplusplus
}
#endif

// NOLINTEND
