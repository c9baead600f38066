//===- load.cpp - many threads on few artifacts ---------------------------------------------------------------------------===//
//
//   load SECONDS THREADS ARTIFACT...
//
// Threads take turns at random among the artifacts, several sizes of their inputs, and sessions: those that all share, with pools of 1 to 3 threads, and
// some that are made for one run. Meanwhile signals interrupt them, the process forks children that run the models, too, and calls are made that fail: by
// their arguments, and in the middle of a run. Every result is compared, bit for bit, with that of a session with one thread. An artifact whose input is
// named `i` fails where a number in it is not 0.
//
//===----------------------------------------------------------------------------------------------------------------------===//

#include "lepton_abi.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <random>
#include <string>
#include <sys/time.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

using Clock = std::chrono::steady_clock;

[[noreturn]] static void fail(const std::string &what) {
  fprintf(stderr, "%s\n", what.c_str());
  _exit(1);
}

/// One input of one size, and what the model makes of it.
struct Sample {
  std::vector<char> input;
  std::vector<int64_t> shape;
  std::string result;
};

struct Model {
  const lepton_api *api;
  std::string name;
  std::vector<Sample> samples;
  std::vector<lepton_session *> sessions; // of 1, 2 and 3 threads

  lepton_session *session(uint32_t threads) const {
    lepton_options options = {sizeof options, threads, nullptr, nullptr, nullptr};
    lepton_session *made = nullptr;
    lepton_error error;
    if (api->session_create(api->model, &options, &made, &error))
      fail(name + ": no session: " + error.message);
    return made;
  }

  /// The result's bytes; empty where the run fails.
  std::string run(lepton_session *session, const Sample &sample, uint64_t bytes) const {
    lepton_tensor input = {const_cast<char *>(sample.input.data()), const_cast<int64_t *>(sample.shape.data()),
                           api->model->inputs[0].dtype, uint32_t(sample.shape.size()), bytes};
    lepton_tensor output = {};
    lepton_error error;
    if (api->session_run(session, &input, &output, &error))
      return {};
    std::string result(static_cast<char *>(output.data), output.bytes);
    api->tensor_release(&output);
    return result;
  }
  std::string run(lepton_session *session, const Sample &sample) const {
    return run(session, sample, sample.input.size());
  }
  bool mayFail() const { return !strcmp(api->model->inputs[0].name, "i"); }
};

static Model load(const char *path, std::mt19937 &random) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library)
    fail(dlerror());
  Model model = {reinterpret_cast<const lepton_api *(*)()>(dlsym(library, "lepton_artifact_api"))(), path, {}, {}};
  for (uint32_t threads : {1, 2, 3})
    model.sessions.push_back(model.session(threads));
  const lepton_value_info &info = model.api->model->inputs[0];
  for (int64_t size : {1, 3, 8, 33}) {
    Sample sample;
    size_t count = 1;
    for (uint32_t d = 0; d < info.rank; ++d) {
      sample.shape.push_back(info.shape[d] < 0 ? size : info.shape[d]);
      count *= sample.shape.back();
    }
    sample.input.resize(count * (model.mayFail() ? 8 : 4));
    for (size_t i = 0; i < count && !model.mayFail(); ++i)
      reinterpret_cast<float *>(sample.input.data())[i] = std::normal_distribution<float>()(random);
    sample.result = model.run(model.sessions[0], sample);
    if (sample.result.empty())
      fail(model.name + ": the first run fails");
    model.samples.push_back(std::move(sample));
  }
  return model;
}

/// Calls that fail must say so, and leave what comes next right.
static void failOnPurpose(const Model &model, lepton_session *session, const Sample &sample) {
  if (!model.run(session, sample, sample.input.size() + 1).empty())
    fail(model.name + ": an input of a wrong size is taken");
  if (!model.mayFail())
    return;
  Sample wrong = sample;
  wrong.input[wrong.input.size() / 8 / 2 * 8] = 99; // an index that is out of range
  if (!model.run(session, wrong).empty())
    fail(model.name + ": an index out of range is taken");
}

/// A child has the memory, but none of the threads: it makes sessions of its own.
static void forkAndRun(const Model &model, const Sample &sample) {
  pid_t child = fork();
  if (child == 0) {
    alarm(60);
    lepton_session *session = model.session(2);
    bool isRight = model.run(session, sample) == sample.result;
    model.api->session_destroy(session);
    _exit(isRight ? 0 : 1);
  }
  int status = 0;
  while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
    ;
  if (child < 0 || status != 0)
    fail(model.name + ": a forked child fails with status " + std::to_string(status));
}

static void work(const std::vector<Model> &models, unsigned seed, Clock::time_point end, std::vector<double> &times) {
  std::mt19937 random(seed);
  for (unsigned round = 0; Clock::now() < end; ++round) {
    const Model &model = models[random() % models.size()];
    const Sample &sample = model.samples[random() % model.samples.size()];
    lepton_session *shared = model.sessions[random() % model.sessions.size()], *own = nullptr;
    if (random() % 16 == 0)
      own = model.session(1 + random() % 3);
    if (random() % 8 == 0)
      failOnPurpose(model, own ? own : shared, sample);
    const auto begin = Clock::now();
    std::string result = model.run(own ? own : shared, sample);
    times.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
    if (result != sample.result)
      fail(model.name + ": a result differs from that of one thread");
    if (own)
      model.api->session_destroy(own);
    if (seed == 0 && round % 64 == 0)
      forkAndRun(model, sample);
  }
}

static std::atomic<unsigned> interrupted{0};

int main(int argc, char **argv) {
  std::mt19937 random(1);
  std::vector<Model> models;
  for (int i = 3; i < argc; ++i)
    models.push_back(load(argv[i], random));
  struct sigaction action = {};
  action.sa_handler = [](int) { ++interrupted; };
  sigaction(SIGPROF, &action, nullptr); // without SA_RESTART: system calls are interrupted
  itimerval timer = {{0, 1000}, {0, 1000}};
  setitimer(ITIMER_PROF, &timer, nullptr);

  const unsigned count = atoi(argv[2]);
  const auto end = Clock::now() + std::chrono::milliseconds(int64_t(atof(argv[1]) * 1000));
  std::vector<std::vector<double>> times(count);
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < count; ++i)
    threads.emplace_back([&, i] { work(models, i, end, times[i]); });
  for (std::thread &thread : threads)
    thread.join();
  std::vector<double> all;
  for (const std::vector<double> &each : times)
    all.insert(all.end(), each.begin(), each.end());
  std::sort(all.begin(), all.end());
  for (const Model &model : models)
    for (lepton_session *session : model.sessions)
      model.api->session_destroy(session);
  auto at = [&](double part) { return all[size_t(part * (all.size() - 1))]; };
  printf("%zu runs, %u signals, ms: p50 %.3f p90 %.3f p99 %.3f p99.9 %.3f most %.3f\n", all.size(), interrupted.load(),
         at(0.5), at(0.9), at(0.99), at(0.999), at(1));
  return 0;
}
