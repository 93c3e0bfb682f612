// Each ceiling is one kernel that does nothing but the thing it measures.
#include "bench/gpu/ceilings.hpp"

#include <cstdint>
#include <cuda_fp16.h>
#include <string>

namespace alsatian::bench {
namespace {

using cuda::DeviceBuffer;
using cuda::DeviceSpan;

__global__ void copy(DeviceSpan<const float4> from, DeviceSpan<float4> to) {
  const std::int64_t step = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < from.size();
       i += step) {
    to[i] = from[i];
  }
}

/// A warp reads rows of `row_bytes` at random, `in_flight` at a time.
__global__ void gather(DeviceSpan<const float4> table, std::int64_t rows, int vectors_per_row,
                       int reads, DeviceSpan<float> sink) {
  const unsigned lane = threadIdx.x % 32;
  const std::uint32_t rows_per_read = 32 / static_cast<unsigned>(vectors_per_row);
  std::uint32_t state = (blockIdx.x * blockDim.x + threadIdx.x) / 32 * 7919U + 12345U;
  const std::uint32_t own = lane / static_cast<unsigned>(vectors_per_row);
  const std::uint32_t place = lane % static_cast<unsigned>(vectors_per_row);
  float sum = 0;
  for (int i = 0; i < reads; i += 8) {
    float4 values[8];
#pragma unroll
    for (int j = 0; j < 8; ++j) {
      state = state * 1664525U + 1013904223U;
      const std::uint32_t hash = (state ^ (own * 0x9E3779B9U)) * 0x85EBCA6BU;
      const std::uint64_t row = (std::uint64_t{hash ^ hash >> 15} * std::uint64_t(rows)) >> 32;
      values[j] = __ldcg(&table[static_cast<std::int64_t>(row) * vectors_per_row + place]);
    }
#pragma unroll
    for (int j = 0; j < 8; ++j) {
      sum += values[j].x + values[j].y + values[j].z + values[j].w;
    }
  }
  if (sum == 12345.0F && rows_per_read == 0) {
    sink[0] = sum;
  }
  sink[std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x] = sum;
}

__global__ void multiply_add_float(int steps, DeviceSpan<float> sink) {
  float values[16];
  for (int i = 0; i < 16; ++i) {
    values[i] = static_cast<float>(threadIdx.x + i);
  }
  const float factor = 1.0F + static_cast<float>(blockIdx.x) * 1e-9F;
  for (int step = 0; step < steps; ++step) {
#pragma unroll
    for (int i = 0; i < 16; ++i) {
      values[i] = values[i] * factor + 0.5F;
    }
  }
  float sum = 0;
  for (int i = 0; i < 16; ++i) {
    sum += values[i];
  }
  sink[std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x] = sum;
}

__global__ void multiply_tf32(int steps, DeviceSpan<float> sink) {
  float sums[8][4] = {};
  std::uint32_t a[4];
  std::uint32_t b[2];
  for (std::uint32_t i = 0; i < 4; ++i) {
    a[i] = __float_as_uint(static_cast<float>(threadIdx.x + i) * 0.01F);
  }
  for (std::uint32_t i = 0; i < 2; ++i) {
    b[i] = __float_as_uint(static_cast<float>(threadIdx.x * 3 + i) * 0.001F);
  }
  for (int step = 0; step < steps; ++step) {
#pragma unroll
    for (auto& sum : sums) {
      device::multiply_add_16x8x8(sum, a, b);
    }
  }
  float total = 0;
  for (const auto& sum : sums) {
    total += sum[0] + sum[1] + sum[2] + sum[3];
  }
  sink[std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x] = total;
}

__global__ void multiply_half(int steps, DeviceSpan<float> sink) {
  float sums[8][4] = {};
  std::uint32_t a[4];
  std::uint32_t b[2];
  for (std::uint32_t i = 0; i < 4; ++i) {
    a[i] = 0x3C003800U + threadIdx.x + i;
  }
  for (std::uint32_t i = 0; i < 2; ++i) {
    b[i] = 0x34003A00U + threadIdx.x * 3 + i;
  }
  for (int step = 0; step < steps; ++step) {
#pragma unroll
    for (auto& d : sums) {
      asm volatile(
          "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
          "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
          : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
          : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
    }
  }
  float total = 0;
  for (const auto& sum : sums) {
    total += sum[0] + sum[1] + sum[2] + sum[3];
  }
  sink[std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x] = total;
}

}  // namespace

void measure_ceilings(const cuda::Context& context, Figures& figures) {
  const cuda::Stream& stream = context.compute();
  const std::int64_t processors = context.processors();
  {
    const std::int64_t vectors = std::int64_t{1} << 28;  // 4 GiB
    DeviceBuffer<float4> from(vectors);
    DeviceBuffer<float4> to(vectors);
    clear(stream, from.span());
    const double seconds = median_seconds(context, 5, [&] {
      launch(stream, &copy, {processors * 16, 512}, std::as_const(from).span(), to.span());
    });
    figures.add("copy, bytes read and written", 2.0 * 16 * double(vectors) / seconds * 1e-12,
                "TB/s");
  }
  const std::int64_t blocks = processors * 8;
  const unsigned threads = 256;
  DeviceBuffer<float> sink(blocks * threads);
  for (const int row_bytes : {128, 256, 512}) {
    for (const std::int64_t table_mb : {8, 16, 32, 64, 256, 1024}) {
      const std::int64_t rows = table_mb * 1000000 / row_bytes;
      DeviceBuffer<float4> table(rows * row_bytes / 16);
      clear(stream, table.span());
      const int reads = 1024;
      const double seconds = median_seconds(context, 3, [&] {
        launch(stream, &gather, {blocks, threads}, std::as_const(table).span(), rows,
               row_bytes / 16, reads, sink.span());
      });
      figures.add("gather of " + std::to_string(row_bytes) + " B rows, table of " +
                      std::to_string(table_mb) + " MB",
                  16.0 * double(blocks) * threads * reads / seconds * 1e-12, "TB/s");
    }
  }
  const int steps = 4096;
  const double lanes = double(blocks) * threads;
  double seconds = median_seconds(context, 3, [&] {
    launch(stream, &multiply_add_float, {blocks, threads}, steps, sink.span());
  });
  figures.add("multiply-adds in float", lanes * steps * 16 * 2 / seconds * 1e-12, "TFLOP/s");
  seconds = median_seconds(context, 3, [&] {
    launch(stream, &multiply_tf32, {blocks, threads}, steps, sink.span());
  });
  figures.add("mma.sync m16n8k8 in TF32", lanes / 32 * steps * 8 * 2048 / seconds * 1e-12,
              "TFLOP/s");
  seconds = median_seconds(context, 3, [&] {
    launch(stream, &multiply_half, {blocks, threads}, steps, sink.span());
  });
  figures.add("mma.sync m16n8k16 in half", lanes / 32 * steps * 8 * 4096 / seconds * 1e-12,
              "TFLOP/s");
}

}  // namespace alsatian::bench
