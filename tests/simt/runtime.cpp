// The stand-in runtime's state: allocations with their kinds, streams as queues, planned failures.
// Kernels are run by grid.cpp; this is what surrounds them: memory, order, failures.
#include "tests/simt/runtime.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
inline constexpr bool address_sanitizer = true;
#else
inline constexpr bool address_sanitizer = false;
#define ASAN_POISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#endif

namespace alsatian::simt {

struct Event {
  Stream* stream = nullptr;  // of the last record; nothing was recorded where it is null
  std::int64_t position = 0;
  bool takes_time = true;
  std::chrono::steady_clock::time_point reached;
};

struct Stream {
  std::deque<std::function<void()>> queue;
  std::int64_t begun = 0;     // operations taken from the queue
  std::int64_t enqueued = 0;  // operations put into it
  bool is_first = true;       // of two, as they were made
};

namespace {

constexpr std::size_t guard_bytes = 256;
constexpr std::size_t shared_bytes_without_asking = 48 << 10;
constexpr std::byte nan_byte{0xFF};
constexpr std::byte canary{0xA5};

struct Allocation {
  std::size_t bytes;
  bool on_device;
  std::unique_ptr<std::byte[]> memory;  // guard, bytes, guard
};

struct Device {
  DeviceModel model;
  Streams when = Streams::late;
  std::map<const std::byte*, Allocation> allocations;  // by first byte
  std::set<Stream*> streams;
  std::int64_t streams_made = 0;
  std::set<Event*> events;
  std::unordered_map<const void*, std::size_t> shared_limits;  // by kernel
  std::int64_t calls = 0;
  std::int64_t failing_call = 0;
  cudaError_t failure = cudaSuccess;
  std::string failed;
  std::int64_t made = 0;
  std::size_t in_use = 0;
  std::size_t most = 0;
  std::size_t grown = 0;  // what the driver has taken for itself
  bool broken = false;    // by a Fault: nothing more runs
  std::string unseen;     // a Fault that came up in a destructor, which cannot throw
};

Device& device() {
  static Device one;
  return one;
}

/// What an allocation takes from the device.
std::size_t whole_pieces(std::size_t bytes) {
  const std::size_t piece = device().model.piece_bytes;
  return (bytes + piece - 1) / piece * piece;
}

std::size_t free_bytes() {
  const Device& it = device();
  return it.model.memory_bytes - it.in_use - it.grown;
}

/// Counts a call, and says whether it is the one that is to fail.
cudaError_t count(const char* call) {
  Device& it = device();
  ++it.calls;
  if (it.failing_call != 0 && --it.failing_call == 0) {
    it.failed = call;
    return it.failure;
  }
  return cudaSuccess;
}

void set_access(bool host) {
  for (const auto& [address, allocation] : device().allocations) {
    if (allocation.on_device) {
      if (host) {
        ASAN_POISON_MEMORY_REGION(address, allocation.bytes);
      } else {
        ASAN_UNPOISON_MEMORY_REGION(address, allocation.bytes);
      }
    }
  }
}

/// Device memory can be touched while it lives.
class OnDevice {
 public:
  OnDevice() { set_access(false); }
  ~OnDevice() { set_access(true); }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;
};

/// Without AddressSanitizer, which watches the guards itself, and at the very access.
void check_guards(const std::byte* address, const Allocation& allocation) {
  if (address_sanitizer) {
    return;
  }
  const auto intact = [](const std::byte* guard) {
    return std::all_of(guard, guard + guard_bytes, [](std::byte byte) { return byte == canary; });
  };
  if (!intact(address - guard_bytes) || !intact(address + allocation.bytes)) {
    throw Fault(fmt::format("something wrote before or behind an allocation of {} bytes",
                            allocation.bytes));
  }
}

void run_next(Stream& stream) {
  const std::function<void()> work = std::move(stream.queue.front());
  stream.queue.pop_front();
  ++stream.begun;
  if (device().broken) {
    return;
  }
  try {
    {
      const OnDevice access;
      work();
    }
    for (const auto& [address, allocation] : device().allocations) {
      check_guards(address, allocation);
    }
  } catch (const Fault&) {
    device().broken = true;
    throw;
  }
}

void run_until(Stream& stream, std::int64_t position) {
  while (stream.begun < position) {
    run_next(stream);
  }
}

void set_guards(const std::byte* address, std::size_t bytes, bool up) {
  for (const std::byte* const guard : {address - guard_bytes, address + bytes}) {
    if (up) {
      ASAN_POISON_MEMORY_REGION(guard, guard_bytes);
    } else {
      ASAN_UNPOISON_MEMORY_REGION(guard, guard_bytes);
    }
  }
}

/// The allocation that holds [address, address + bytes), or null.
const Allocation* holder(const void* address, std::size_t bytes) {
  const auto* const first = static_cast<const std::byte*>(address);
  const auto& allocations = device().allocations;
  auto found = allocations.upper_bound(first);
  if (found == allocations.begin()) {
    return nullptr;
  }
  --found;
  const bool inside = first + bytes <= found->first + found->second.bytes;
  return inside ? &found->second : nullptr;
}

bool is_where(const void* address, std::size_t bytes, bool on_device) {
  const Allocation* const found = holder(address, bytes);
  return found != nullptr && found->on_device == on_device;
}

cudaError_t allocate(const char* call, void** address, std::size_t bytes, bool on_device) {
  Device& it = device();
  if (const cudaError_t error = count(call); error != cudaSuccess) {
    return error;
  }
  if (bytes == 0) {
    *address = nullptr;
    return cudaSuccess;
  }
  if (on_device && whole_pieces(bytes) > free_bytes()) {
    return cudaErrorMemoryAllocation;
  }
  auto memory = std::make_unique_for_overwrite<std::byte[]>(bytes + 2 * guard_bytes);
  std::fill_n(memory.get(), guard_bytes, canary);
  std::fill_n(memory.get() + guard_bytes, bytes, nan_byte);
  std::fill_n(memory.get() + guard_bytes + bytes, guard_bytes, canary);
  std::byte* const first = memory.get() + guard_bytes;
  it.allocations.emplace(first, Allocation{bytes, on_device, std::move(memory)});
  set_guards(first, bytes, true);
  ++it.made;
  if (on_device) {
    it.in_use += whole_pieces(bytes);
    it.most = std::max(it.most, it.in_use);
    ASAN_POISON_MEMORY_REGION(first, bytes);
  }
  *address = first;
  return cudaSuccess;
}

bool runs_at_once(const Stream& stream) {
  switch (device().when) {
    case Streams::late:
      return false;
    case Streams::eager:
      return true;
    case Streams::first_ahead:
      return stream.is_first;
    case Streams::second_ahead:
      return !stream.is_first;
  }
  return false;
}

/// Whether the function is one of kernels/cuda/context.hpp that may not throw.
bool is_of_a_destructor(const char* function) {
  const std::string name = function;
  return name.find("Stream::~Stream") != std::string::npos ||
         name.find("Stream::wait") != std::string::npos;
}

/// For calls that destructors make.
void run_without_throwing(Stream& stream) {
  try {
    run_until(stream, stream.enqueued);
  } catch (const Fault& fault) {
    device().unseen = fault.what();
  }
}

cudaError_t release(const char* call, void* address, bool on_device) {
  Device& it = device();
  const cudaError_t error = count(call);
  if (address == nullptr) {
    return error;
  }
  for (Stream* const stream : it.streams) {
    run_without_throwing(*stream);  // freeing waits for the device
  }
  const auto found = it.allocations.find(static_cast<std::byte*>(address));
  if (found == it.allocations.end() || found->second.on_device != on_device) {
    return cudaErrorInvalidValue;
  }
  set_guards(found->first, found->second.bytes, false);
  ASAN_UNPOISON_MEMORY_REGION(address, found->second.bytes);
  if (on_device) {
    it.in_use -= whole_pieces(found->second.bytes);
  }
  it.allocations.erase(found);
  return error;
}

}  // namespace

void reset_device(const DeviceModel& model) {
  Device& it = device();
  for (Stream* const stream : it.streams) {
    delete stream;
  }
  for (Event* const event : it.events) {
    delete event;
  }
  set_access(false);
  for (const auto& [address, allocation] : it.allocations) {
    set_guards(address, allocation.bytes, false);
  }
  it = Device{};
  it.model = model;
}

void set_streams(Streams when) { device().when = when; }

void fail_call(std::int64_t number, cudaError_t error) {
  device().failing_call = number;
  device().failure = error;
  device().failed.clear();
}

std::int64_t calls_made() { return device().calls; }
std::string failed_call() { return device().failed; }
std::size_t device_bytes_in_use() { return device().in_use; }
std::size_t most_device_bytes_used() { return device().most; }
std::int64_t allocations_made() { return device().made; }

std::string leaks() {
  const Device& it = device();
  const auto on_device =
      std::count_if(it.allocations.begin(), it.allocations.end(),
                    [](const auto& allocation) { return allocation.second.on_device; });
  std::string text;
  const auto add = [&](auto number, const char* what) {
    if (number != 0) {
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", number, what);
    }
  };
  add(on_device, "device allocations");
  add(static_cast<std::ptrdiff_t>(it.allocations.size()) - on_device, "pinned allocations");
  add(it.streams.size(), "streams");
  add(it.events.size(), "events");
  add(vendor_handles(), "library handles");
  if (!it.unseen.empty()) {
    text += fmt::format("{}a fault that nobody saw: {}", text.empty() ? "" : ", ", it.unseen);
  }
  return text;
}

cudaError_t count_call(const char* call) { return count(call); }

cudaError_t enqueue(const char* call, cudaStream_t stream, std::function<void()> work) {
  Device& it = device();
  if (const cudaError_t error = count(call); error != cudaSuccess) {
    return error;
  }
  if (!it.streams.contains(stream)) {
    return cudaErrorInvalidResourceHandle;  // the default stream too: it would serialise all others
  }
  stream->queue.push_back(std::move(work));
  ++stream->enqueued;
  if (runs_at_once(*stream)) {
    run_until(*stream, stream->enqueued);
  }
  return cudaSuccess;
}

cudaError_t load_kernel(const void* kernel, std::size_t bytes) {
  Device& it = device();
  if (it.grown == 0 && it.model.context_growth_bytes > free_bytes()) {
    return cudaErrorMemoryAllocation;
  }
  it.grown = it.model.context_growth_bytes;
  const auto found = device().shared_limits.find(kernel);
  const std::size_t limit = found == device().shared_limits.end()
                                ? shared_bytes_without_asking
                                : std::max(found->second, shared_bytes_without_asking);
  return bytes <= limit ? cudaSuccess : cudaErrorInvalidValue;
}

}  // namespace alsatian::simt

using namespace alsatian::simt;

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "cudaSuccess";
    case cudaErrorInvalidValue:
      return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation:
      return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidConfiguration:
      return "cudaErrorInvalidConfiguration";
    case cudaErrorInsufficientDriver:
      return "cudaErrorInsufficientDriver";
    case cudaErrorInvalidDeviceFunction:
      return "cudaErrorInvalidDeviceFunction";
    case cudaErrorNoDevice:
      return "cudaErrorNoDevice";
    case cudaErrorNoKernelImageForDevice:
      return "cudaErrorNoKernelImageForDevice";
    case cudaErrorUnsupportedPtxVersion:
      return "cudaErrorUnsupportedPtxVersion";
    case cudaErrorInvalidResourceHandle:
      return "cudaErrorInvalidResourceHandle";
    case cudaErrorIllegalAddress:
      return "cudaErrorIllegalAddress";
    case cudaErrorLaunchFailure:
      return "cudaErrorLaunchFailure";
  }
  return "unrecognized error code";
}
const char* cudaGetErrorString(cudaError_t error) { return cudaGetErrorName(error); }
cudaError_t cudaGetLastError() { return cudaSuccess; }

cudaError_t cudaDriverGetVersion(int* version) {
  *version = device().model.driver_version;
  return count("cudaDriverGetVersion");
}
cudaError_t cudaGetDeviceCount(int* number) {
  if (const cudaError_t error = count("cudaGetDeviceCount"); error != cudaSuccess) {
    return error;
  }
  *number = device().model.devices;
  return device().model.count_error;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int number) {
  if (number >= device().model.devices) {
    return cudaErrorInvalidValue;
  }
  const DeviceModel& model = device().model;
  *properties = {};
  std::strcpy(properties->name, "stand-in");
  properties->totalGlobalMem = model.memory_bytes;
  properties->major = model.compute_capability_major;
  properties->minor = model.compute_capability_minor;
  return count("cudaGetDeviceProperties");
}
cudaError_t cudaSetDevice(int number) {
  const cudaError_t error = count("cudaSetDevice");
  return error != cudaSuccess              ? error
         : number < device().model.devices ? cudaSuccess
                                           : cudaErrorInvalidValue;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int /*device*/) {
  const DeviceModel& model = device().model;
  switch (attribute) {
    case cudaDevAttrMultiProcessorCount:
      *value = model.processors;
      break;
    case cudaDevAttrComputeCapabilityMajor:
      *value = model.compute_capability_major;
      break;
    case cudaDevAttrComputeCapabilityMinor:
      *value = model.compute_capability_minor;
      break;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      *value = model.threads_per_processor;
      break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = static_cast<int>(model.block_shared_bytes);
      break;
  }
  return count("cudaDeviceGetAttribute");
}
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  *total = device().model.memory_bytes;
  *free = free_bytes();
  return count("cudaMemGetInfo");
}
cudaError_t cudaMalloc(void** address, std::size_t bytes) {
  return allocate("cudaMalloc", address, bytes, true);
}
cudaError_t cudaFree(void* address) { return release("cudaFree", address, true); }
cudaError_t cudaMallocHost(void** address, std::size_t bytes) {
  return allocate("cudaMallocHost", address, bytes, false);
}
cudaError_t cudaFreeHost(void* address) { return release("cudaFreeHost", address, false); }

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  // Host memory must be pinned: a copy from pageable memory does not overlap with anything.
  const bool right = bytes == 0 || (is_where(to, bytes, kind != cudaMemcpyDeviceToHost) &&
                                    is_where(from, bytes, kind != cudaMemcpyHostToDevice));
  if (!right) {
    return cudaErrorInvalidValue;
  }
  return enqueue("cudaMemcpyAsync", stream, [=] {
    if (bytes != 0) {
      std::memcpy(to, from, bytes);
    }
  });
}
cudaError_t cudaMemsetAsync(void* address, int value, std::size_t bytes, cudaStream_t stream) {
  if (bytes != 0 && !is_where(address, bytes, true)) {
    return cudaErrorInvalidValue;
  }
  return enqueue("cudaMemsetAsync", stream, [=] {
    if (bytes != 0) {
      std::memset(address, value, bytes);
    }
  });
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned /*flags*/) {
  if (const cudaError_t error = count("cudaStreamCreateWithFlags"); error != cudaSuccess) {
    return error;
  }
  *stream = new Stream;
  (*stream)->is_first = device().streams_made++ % 2 == 0;
  device().streams.insert(*stream);
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const cudaError_t error = count("cudaStreamDestroy");
  if (!device().streams.contains(stream)) {
    return cudaErrorInvalidResourceHandle;
  }
  run_without_throwing(*stream);
  device().streams.erase(stream);
  for (Event* const event : device().events) {
    event->stream = event->stream == stream ? nullptr : event->stream;
  }
  delete stream;
  return error;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream, std::source_location caller) {
  const char* const call = is_of_a_destructor(caller.function_name())
                               ? "cudaStreamSynchronize of a destructor"
                               : "cudaStreamSynchronize";
  if (const cudaError_t error = count(call); error != cudaSuccess) {
    return error;
  }
  if (!device().streams.contains(stream)) {
    return cudaErrorInvalidResourceHandle;
  }
  run_until(*stream, stream->enqueued);
  return cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned /*flags*/) {
  // The record that the event holds now counts, whatever is recorded later.
  return enqueue("cudaStreamWaitEvent", stream, [from = event->stream, at = event->position] {
    if (from != nullptr && device().streams.contains(from)) {
      run_until(*from, at);
    }
  });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  if (const cudaError_t error = count("cudaEventCreateWithFlags"); error != cudaSuccess) {
    return error;
  }
  *event = new Event;
  (*event)->takes_time = (flags & cudaEventDisableTiming) == 0;
  device().events.insert(*event);
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  const cudaError_t error = count("cudaEventDestroy");
  if (event->stream != nullptr) {
    run_without_throwing(*event->stream);  // its record may still be in the queue
  }
  device().events.erase(event);
  delete event;
  return error;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  event->stream = stream;
  const cudaError_t error = enqueue("cudaEventRecord", stream,
                                    [event] { event->reached = std::chrono::steady_clock::now(); });
  if (error == cudaSuccess) {
    event->position = stream->enqueued;
  }
  return error;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  if (const cudaError_t error = count("cudaEventSynchronize"); error != cudaSuccess) {
    return error;
  }
  if (event->stream != nullptr) {
    run_until(*event->stream, event->position);
  }
  return cudaSuccess;
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t from, cudaEvent_t to) {
  if (!from->takes_time || !to->takes_time) {
    return cudaErrorInvalidResourceHandle;
  }
  *milliseconds = std::chrono::duration<float, std::milli>(to->reached - from->reached).count();
  return count("cudaEventElapsedTime");
}
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* /*kernel*/) {
  attributes->numRegs = 0;
  if (const cudaError_t error = count("cudaFuncGetAttributes"); error != cudaSuccess) {
    return error;
  }
  return device().model.code_error;
}
cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute /*attribute*/, int value) {
  if (const cudaError_t error = count("cudaFuncSetAttribute"); error != cudaSuccess) {
    return error;
  }
  if (value < 0 || static_cast<std::size_t>(value) > device().model.block_shared_bytes) {
    return cudaErrorInvalidValue;
  }
  device().shared_limits[kernel] = static_cast<std::size_t>(value);
  return cudaSuccess;
}
