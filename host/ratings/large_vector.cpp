// The calls to the system that large vectors need.
// Advice that is not taken changes nothing but the time.
#include "host/ratings/large_vector.hpp"

#include "kernels/cpu/parallel.hpp"

#include <algorithm>
#include <cstdint>
#include <sys/mman.h>
#include <unistd.h>

namespace alsatian {

void prepare_pages([[maybe_unused]] void* memory, [[maybe_unused]] std::size_t bytes) {
#ifdef MADV_HUGEPAGE
  constexpr std::size_t worth_it = std::size_t{4} << 20;
  if (bytes < worth_it) return;
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const auto skipped = (page - reinterpret_cast<std::uintptr_t>(memory) % page) % page;
  auto* const first = static_cast<std::byte*>(memory) + skipped;
  const std::size_t size = (bytes - skipped) / page * page;
  ::madvise(first, size, MADV_HUGEPAGE);
#ifdef MADV_POPULATE_WRITE
  // The system clears pages when they are touched first: by all threads here, not by the one that
  // fills the vector.
  constexpr std::size_t piece = std::size_t{8} << 20;
  parallel_for(static_cast<std::int64_t>((size + piece - 1) / piece), [&](std::int64_t index) {
    const std::size_t begin = static_cast<std::size_t>(index) * piece;
    ::madvise(first + begin, std::min(piece, size - begin), MADV_POPULATE_WRITE);
  });
#endif
#endif
}

}  // namespace alsatian
