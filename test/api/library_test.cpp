//===- library_test.cpp - The C++ interface of liblepton --------------------===//
#include "api/lepton.hpp"
#include "frontend/native/ops.hpp"
#include "test/runtime/Check.h"

#include <atomic>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace lepton;

//===----------------------------------------------------------------------===//
// What the process asks the system for: this program's functions come before the C library's
//===----------------------------------------------------------------------===//

static std::atomic<long> requests;
static constexpr bool isCounted = !__has_feature(address_sanitizer); // which has functions of its own in their place

#if !__has_feature(address_sanitizer)
extern "C" {
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

void *malloc(size_t size) {
  ++requests;
  return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
  ++requests;
  return __libc_calloc(count, size);
}
void *realloc(void *memory, size_t size) {
  ++requests;
  return __libc_realloc(memory, size);
}
int posix_memalign(void **memory, size_t alignment, size_t size) {
  ++requests;
  *memory = __libc_memalign(alignment, size);
  return *memory ? 0 : ENOMEM;
}
void *mmap(void *address, size_t length, int protection, int flags, int file, off_t offset) noexcept {
  ++requests;
  return reinterpret_cast<void *>(syscall(SYS_mmap, address, length, protection, flags, file, offset));
}
}
#endif

//===----------------------------------------------------------------------===//
// Models
//===----------------------------------------------------------------------===//

/// y[batch, 4] = relu(x[batch, 3] transposed-times w[4, 3] + 1), w[o][i] = o - i.
static nn::Graph smallGraph(nn::Dim batch) {
  std::vector<float> weight;
  for (int o = 0; o < 4; ++o)
    for (int i = 0; i < 3; ++i)
      weight.push_back(float(o - i));
  nn::Graph graph("small");
  auto x = graph.input("x", LEPTON_FLOAT, {batch, 3});
  graph.output("y", relu(linear(x, nn::Tensor({4, 3}, weight), nn::Tensor({4}, {1, 1, 1, 1}))));
  return graph;
}

static float expected(const float *row, int o) {
  float sum = 1;
  for (int i = 0; i < 3; ++i)
    sum += row[i] * float(o - i);
  return std::max(sum, 0.0f);
}

/// A convolution wide enough for several threads.
static nn::Graph image() {
  nn::Graph graph("image");
  auto x = graph.input("x", LEPTON_FLOAT, {1, 8, 32, 32});
  nn::Tensor weight({16, 8, 3, 3}, std::vector<float>(16 * 8 * 9, 0.125f));
  graph.output("y", max_pool(relu(conv2d(x, weight, {}, 1, "same")), 2));
  return graph;
}

static lepton_tensor view(std::vector<float> &data, const std::vector<int64_t> &shape) {
  return {data.data(), shape.data(), LEPTON_FLOAT, uint32_t(shape.size()), data.size() * sizeof(float)};
}

static std::shared_ptr<Executable> compiled(nn::Graph graph, uint32_t threads = 1) {
  CompileOptions options;
  options.threads = threads;
  std::string error;
  auto executable = Executable::compile(graph, options, error);
  CHECK_EQ(error, "");
  return executable;
}

//===----------------------------------------------------------------------===//
// Tests
//===----------------------------------------------------------------------===//

TEST(runsOnTheCallersMemory) {
  auto executable = compiled(smallGraph("N"));
  std::vector<float> x = {1, 2, 3, -1, 0, 5}, y(8);
  std::vector<int64_t> shape = {2, 3}, result = {2, 4};
  lepton_tensor input = view(x, shape), output = view(y, result);
  std::string error;
  CHECK(executable->run(&input, &output, error));
  CHECK(output.data == y.data());
  for (int row = 0; row < 2; ++row)
    for (int o = 0; o < 4; ++o)
      CHECK_EQ(y[row * 4 + o], expected(&x[row * 3], o));
}

TEST(anObserverMayThrow) {
  bool throws = true;
  const lepton_observer observer = {&throws, [](void *data, const char *name) {
                                      if (name && *static_cast<bool *>(data))
                                        throw std::runtime_error(name);
                                    }};
  CompileOptions options;
  options.observer = &observer;
  std::string error;
  nn::Graph graph = smallGraph("N");
  auto executable = Executable::compile(graph, options, error);
  CHECK(executable && error.empty());
  std::vector<float> x = {1, 2, 3, -1, 0, 5};
  std::vector<int64_t> shape = {2, 3}, result = {2, 4};
  for (int i = 0; i < 20; ++i) {
    std::vector<float> y(8);
    lepton_tensor input = view(x, shape), output = view(y, result);
    throws = i % 2 == 0;
    bool isThrown = false;
    try {
      CHECK(executable->run(&input, &output, error));
    } catch (const std::runtime_error &) {
      isThrown = true;
    }
    CHECK_EQ(isThrown, throws);
    for (int row = 0; row < 2 && !throws; ++row)
      for (int o = 0; o < 4; ++o)
        CHECK_EQ(y[row * 4 + o], expected(&x[row * 3], o));
  }
}

TEST(asksForNoMemoryOnceItHasRun) {
  struct Case {
    std::shared_ptr<Executable> executable;
    std::vector<int64_t> inputShape, outputShape;
  };
  for (const Case &model :
       {Case{compiled(image(), 2), {1, 8, 32, 32}, {1, 16, 16, 16}}, Case{compiled(smallGraph(5)), {5, 3}, {5, 4}},
        Case{compiled(smallGraph("N")), {5, 3}, {5, 4}}}) {
    auto count = [](const std::vector<int64_t> &shape) {
      size_t elements = 1;
      for (int64_t size : shape)
        elements *= size_t(size);
      return elements;
    };
    std::vector<float> x(count(model.inputShape), 0.5f), y(count(model.outputShape));
    lepton_tensor input = view(x, model.inputShape), output = view(y, model.outputShape);
    std::string error;
    CHECK(model.executable->run(&input, &output, error));
    long before = requests;
    CHECK(before > 0 || !isCounted);
    for (int i = 0; i < 20; ++i)
      CHECK(model.executable->run(&input, &output, error));
    CHECK_EQ(requests - before, 0);
  }
}

TEST(runsFromManyThreads) {
  auto executable = compiled(smallGraph("N"), 2);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      int64_t rows = t + 1;
      std::vector<int64_t> shape = {rows, 3}, result = {rows, 4};
      std::vector<float> x(size_t(rows) * 3, float(t)), y(size_t(rows) * 4);
      lepton_tensor input = view(x, shape), output = view(y, result);
      std::string error;
      for (int i = 0; i < 200; ++i)
        wrong += !executable->run(&input, &output, error) || y.back() != expected(x.data(), 3);
    });
  for (std::thread &thread : threads)
    thread.join();
  CHECK_EQ(wrong.load(), 0);
}

TEST(saysWhatIsAtFaultWhere) {
  nn::Graph graph("faulty");
  auto x = graph.input("x", LEPTON_FLOAT, {"N", 3});
  int line = __LINE__ + 1;
  auto y = relu(linear(x, nn::Tensor({4, 2}, std::vector<float>(8)), {}, "dense"));
  CHECK(!y);
  CHECK(!(y + 1));
  graph.output("y", y);
  std::string error, place = std::string(__FILE__) + ":" + std::to_string(line) + ": node 'dense' (Gemm): ";
  CHECK_EQ(graph.error().substr(0, place.size()), place);
  Failure failure = Failure::none;
  CHECK(!Executable::compile(graph, {}, error, &failure));
  CHECK_EQ(error, graph.error());
  CHECK(failure == Failure::input);

  nn::Graph sums("sums");
  auto vector = sums.input("x", LEPTON_FLOAT, {3});
  place =
      std::string(__FILE__) + ":" + std::to_string(__LINE__ + 1) + ": node 'add_1' (Add): operands do not broadcast";
  CHECK(!(1 - vector * 2 + nn::Tensor({2}, {1, 2})));
  CHECK_EQ(sums.error().substr(0, place.size()), place);

  auto executable = compiled(smallGraph(5));
  std::vector<float> data(12);
  std::vector<int64_t> shape = {4, 3};
  lepton_tensor input = view(data, shape), output = {};
  CHECK(!executable->run(&input, &output, error));
  CHECK_EQ(error, "input 'x' has shape [4,3], expected float32 [5,3]; give it that shape");
}

TEST(largeConstantsMayLieBesideTheModel) {
  nn::Graph graph("split");
  auto x = graph.input("x", LEPTON_FLOAT, {600});
  nn::Tensor ones({600}, std::vector<float>(600, 1)), twos({600}, std::vector<float>(600, 2));
  graph.output("y", x * graph.constant(twos, "twos") + graph.constant(ones, "ones") + 0.5);
  std::string constants;
  std::string model = graph.onnx("split.data", [&](const char *data, size_t size) { constants.append(data, size); });
  CHECK(model.size() < 1024); // what is small stays there
  CHECK_EQ(constants.size(), 4096 + 600 * sizeof(float));
  CHECK(graph.onnx().size() > 2 * 600 * sizeof(float)); // the graph is as it was

  char folder[] = "/tmp/lepton-split-XXXXXX";
  CHECK(mkdtemp(folder));
  const std::string path = std::string(folder) + "/split.onnx", beside = std::string(folder) + "/split.data";
  std::ofstream(path) << model;
  std::ofstream(beside) << constants;
  std::string error;
  auto executable = Executable::compile(path, {}, error);
  CHECK_EQ(error, "");
  std::vector<float> data(600, 3), result(600);
  std::vector<int64_t> shape = {600};
  lepton_tensor input = view(data, shape), output = view(result, shape);
  CHECK(executable->run(&input, &output, error));
  CHECK_EQ(result.back(), 7.5f);
  for (const std::string &file : {path, beside, std::string(folder)})
    remove(file.c_str());
}

TEST(loopsAreFunctions) {
  nn::Graph graph("powers");
  auto x = graph.input("x", LEPTON_FLOAT, {3});
  auto results = nn::loop(4, {x}, [](const nn::Values &v) { return nn::Values{v[1] * 2, reduce_sum(v[1])}; });
  graph.output("last", results[0]);
  graph.output("sums", results[1]);
  auto executable = compiled(graph);
  std::vector<float> data = {1, 2, 3}, last(3), sums(4);
  std::vector<int64_t> three = {3}, four = {4};
  lepton_tensor input = view(data, three), outputs[] = {view(last, three), view(sums, four)};
  std::string error;
  CHECK(executable->run(&input, outputs, error));
  CHECK_EQ(last[2], 48);
  for (int i = 0; i < 4; ++i)
    CHECK_EQ(sums[i], float(6 << i));
}

int main(int argc, char **argv) { return runTests(argc, argv); }
