//===- cuda.cpp - a driver without a GPU: libcuda.so.1 for tests ---------------------------------------------===//
//
// The functions of NVIDIA's driver that the runtime calls, as far as it calls them, over the emulator. The GPU's memory is memory that nothing reaches but these
// functions and kernels: a host that touches it dies. Streams are done at once, but what is captured runs when its graph is launched.
//
// LEPTON_FAKE_CUDA makes it fail: `no-device`, `old-driver`, `other-gpu` (the first code is for another one), `only-device=N` (of N + 1 GPUs), `memory=BYTES` (there is no more), `launch=N` (of the launches, the Nth fails, from 0).
//
//===-----------------------------------------------------------------------------------------------------------===//

#include "test/gpu/emulator.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <elf.h>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

using Result = int;
using Address = unsigned long long;
enum : Result {
  success = 0,
  invalidValue = 1,
  outOfMemory = 2,
  deviceUnavailable = 46,
  noDevice = 100,
  noBinaryForGpu = 209,
  unsupportedPtxVersion = 222,
  notFound = 500,
  launchFailed = 719,
};

struct Image {
  void *library;
  int file; // open as long as the library is loaded, which the loader knows by its number
  const emulator_kernel *(*find)(const char *);
  int32_t (*launch)(const emulator_kernel *, int64_t, int64_t, void **);
};

struct Kernel {
  Image *image;
  const emulator_kernel *code;
};

using Work = std::function<Result()>;
struct Graph {
  std::vector<Work> works;
};
struct Stream {
  Graph *captured = nullptr;
};

std::recursive_mutex lock;
std::map<Address, size_t> memory; // address -> bytes
size_t held = 0;
int launches = 0;

/// The value of `name=value` or `name` in LEPTON_FAKE_CUDA; empty where it is not there.
std::string wish(const std::string &name) {
  const char *all = getenv("LEPTON_FAKE_CUDA");
  if (!all || strncmp(all, name.c_str(), name.size()) != 0)
    return "";
  return all[name.size()] == '=' ? all + name.size() + 1 : "1";
}

size_t pagesOf(size_t bytes) { return (bytes + 4095) & ~size_t(4095); }

/// While it lives, this thread may touch the GPU's memory.
class Access {
public:
  Access() { protect(PROT_READ | PROT_WRITE); }
  ~Access() { protect(PROT_NONE); }

private:
  static void protect(int rights) {
    for (auto [address, bytes] : memory)
      mprotect(reinterpret_cast<void *>(address), pagesOf(bytes), rights);
  }
  std::lock_guard<std::recursive_mutex> guard{lock};
};

Result enqueue(Stream *stream, Work work) {
  if (!stream || !stream->captured)
    return work();
  stream->captured->works.push_back(std::move(work));
  return success;
}

/// The size of an ELF file that ends with its section headers.
size_t sizeOf(const void *image) {
  auto *header = static_cast<const Elf64_Ehdr *>(image);
  return header->e_shoff + size_t(header->e_shnum) * header->e_shentsize;
}

} // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT Result cuInit(unsigned) { return wish("no-device").empty() ? success : noDevice; }
EXPORT Result cuDriverGetVersion(int *version) {
  *version = 11040;
  return success;
}
EXPORT Result cuDeviceGetCount(int *count) {
  *count = wish("only-device").empty() ? 1 : std::stoi(wish("only-device")) + 1;
  return success;
}
EXPORT Result cuDeviceGet(int *device, int ordinal) {
  *device = ordinal;
  return success;
}
EXPORT Result cuDeviceGetName(char *name, int bytes, int) {
  snprintf(name, bytes, "the emulator");
  return success;
}
EXPORT Result cuDevicePrimaryCtxRetain(void **context, int device) {
  if (const std::string only = wish("only-device"); !only.empty() && device != std::stoi(only))
    return deviceUnavailable;
  *context = &memory;
  return success;
}
EXPORT Result cuDevicePrimaryCtxRelease_v2(int) { return success; }
EXPORT Result cuCtxPushCurrent_v2(void *) { return success; }
EXPORT Result cuCtxPopCurrent_v2(void **) { return success; }

EXPORT Result cuModuleLoadDataEx(Image **module, const void *image, unsigned, int *, void **) {
  if (!wish("old-driver").empty())
    return unsupportedPtxVersion;
  static bool isRefused = !wish("other-gpu").empty();
  if (std::exchange(isRefused, false))
    return noBinaryForGpu;
  if (memcmp(image, ELFMAG, SELFMAG) != 0)
    return invalidValue; // PTX: only a driver can read that
  int file = memfd_create("image", 0);
  const std::string path = "/proc/self/fd/" + std::to_string(file);
  const bool isWritten = write(file, image, sizeOf(image)) == ssize_t(sizeOf(image));
  void *library = isWritten ? dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL) : nullptr;
  if (!library) {
    close(file);
    return invalidValue;
  }
  *module = new Image{library, file, reinterpret_cast<decltype(Image::find)>(dlsym(library, "emulator_find")),
                      reinterpret_cast<decltype(Image::launch)>(dlsym(library, "emulator_launch"))};
  return success;
}
EXPORT Result cuModuleUnload(Image *module) {
  dlclose(module->library);
  close(module->file);
  delete module;
  return success;
}
EXPORT Result cuModuleGetFunction(Kernel **function, Image *module, const char *name) {
  const emulator_kernel *code = module->find(name);
  if (!code)
    return notFound;
  *function = new Kernel{module, code};
  return success;
}

EXPORT Result cuMemGetInfo_v2(size_t *free, size_t *total) {
  const std::string most = wish("memory");
  *total = most.empty() ? size_t(1) << 33 : std::stoull(most);
  *free = *total - std::min(*total, held);
  return success;
}
EXPORT Result cuMemAlloc_v2(Address *address, size_t bytes) {
  std::lock_guard guard(lock);
  size_t free, total;
  cuMemGetInfo_v2(&free, &total);
  if (bytes == 0)
    return invalidValue;
  if (bytes > free)
    return outOfMemory;
  void *pages = mmap(nullptr, pagesOf(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(pages, 0xff, bytes); // NaN: nobody may count on zeros
  mprotect(pages, pagesOf(bytes), PROT_NONE);
  *address = reinterpret_cast<Address>(pages);
  memory[*address] = bytes;
  held += bytes;
  return success;
}
EXPORT Result cuMemFree_v2(Address address) {
  std::lock_guard guard(lock);
  auto found = memory.find(address);
  if (found == memory.end())
    return address ? invalidValue : success;
  munmap(reinterpret_cast<void *>(address), pagesOf(found->second));
  held -= found->second;
  memory.erase(found);
  return success;
}
EXPORT Result cuMemcpyAsync(Address to, Address from, size_t bytes, Stream *stream) {
  return enqueue(stream, [=] {
    Access access;
    memcpy(reinterpret_cast<void *>(to), reinterpret_cast<const void *>(from), bytes);
    return success;
  });
}
EXPORT Result cuMemsetD8Async(Address to, unsigned char value, size_t count, Stream *stream) {
  return enqueue(stream, [=] {
    Access access;
    memset(reinterpret_cast<void *>(to), value, count);
    return success;
  });
}
EXPORT Result cuMemsetD32Async(Address to, unsigned value, size_t count, Stream *stream) {
  return enqueue(stream, [=] {
    Access access;
    std::fill_n(reinterpret_cast<unsigned *>(to), count, value);
    return success;
  });
}

EXPORT Result cuStreamCreate(Stream **stream, unsigned) {
  *stream = new Stream;
  return success;
}
EXPORT Result cuStreamDestroy_v2(Stream *stream) {
  delete stream;
  return success;
}
EXPORT Result cuStreamSynchronize(Stream *stream) { return stream && stream->captured ? invalidValue : success; }
EXPORT Result cuStreamBeginCapture_v2(Stream *stream, int) {
  stream->captured = new Graph;
  return success;
}
EXPORT Result cuStreamEndCapture(Stream *stream, Graph **graph) {
  *graph = std::exchange(stream->captured, nullptr);
  return success;
}
EXPORT Result cuGraphInstantiateWithFlags(Graph **exec, Graph *graph, unsigned long long) {
  *exec = new Graph(*graph);
  return success;
}
EXPORT Result cuGraphLaunch(Graph *exec, Stream *) {
  for (const Work &work : exec->works)
    if (Result result = work())
      return result;
  return success;
}
EXPORT Result cuGraphExecDestroy(Graph *exec) {
  delete exec;
  return success;
}
EXPORT Result cuGraphDestroy(Graph *graph) {
  delete graph;
  return success;
}

EXPORT Result cuLaunchKernel(Kernel *kernel, unsigned blocks, unsigned, unsigned, unsigned threads, unsigned, unsigned,
                             unsigned, Stream *stream, void **arguments, void **) {
  // The arguments are read now, as a driver does.
  std::vector<std::vector<char>> values;
  for (uint64_t i = 0; i < kernel->code->argument_count; ++i) {
    auto *place = static_cast<const char *>(arguments[i]);
    values.emplace_back(place, place + kernel->code->argument_bytes[i]);
  }
  const std::string failing = wish("launch");
  if (!failing.empty() && launches++ == std::stoi(failing))
    return launchFailed;
  return enqueue(stream, [=]() mutable {
    Access access;
    std::vector<void *> places;
    for (auto &value : values)
      places.push_back(value.data());
    return kernel->image->launch(kernel->code, blocks, threads, places.data()) ? invalidValue : success;
  });
}

EXPORT Result cuGetErrorString(Result result, const char **text) {
  *text = result == outOfMemory             ? "out of memory"
          : result == deviceUnavailable     ? "CUDA-capable device(s) is/are busy or unavailable"
          : result == noDevice              ? "no CUDA-capable device is detected"
          : result == unsupportedPtxVersion ? "the provided PTX was compiled with an unsupported toolchain."
          : result == launchFailed          ? "unspecified launch failure"
          : result == notFound              ? "named symbol not found"
                                            : "invalid argument";
  return success;
}
