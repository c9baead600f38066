//===- memory_test.cpp - The pool of dynamically sized blocks ---------------===//
#include "FakeModel.h"
#include "runtime/core/block_pool.h"
#include <algorithm>
#include <memory>
#include <random>
#include <thread>

using lepton::rt::BlockPool;

struct Pool {
  Pool() { memset(static_cast<void *>(&pool), 0, sizeof pool); }
  ~Pool() { pool.destroy(); }
  BlockPool *operator->() { return &pool; }
  BlockPool pool;
};

TEST(recyclesTheSameBlock) {
  Pool pool;
  void *first = pool->allocate(1000);
  pool->release(first);
  CHECK(pool->allocate(1000) == first);
  CHECK(pool->allocate(0) != pool->allocate(0));
  pool->release(nullptr);
}

TEST(keepsBlocksApart) {
  Pool pool;
  std::mt19937_64 random(1);
  struct Block {
    unsigned char *data;
    uint64_t bytes;
    unsigned char mark;
  };
  std::vector<Block> blocks;
  for (int step = 0; step < 20000; ++step) {
    if (blocks.size() < 100 && random() % 2) {
      uint64_t bytes = random() % (uint64_t(1) << (random() % 18));
      auto *data = static_cast<unsigned char *>(pool->allocate(bytes));
      CHECK_EQ(reinterpret_cast<uintptr_t>(data) % 64, 0u);
      blocks.push_back({data, bytes, static_cast<unsigned char>(step)});
      memset(data, blocks.back().mark, bytes);
    } else if (!blocks.empty()) {
      std::swap(blocks[random() % blocks.size()], blocks.back());
      Block block = blocks.back();
      blocks.pop_back();
      CHECK(std::all_of(block.data, block.data + block.bytes, [&](unsigned char byte) { return byte == block.mark; }));
      pool->release(block.data);
    }
  }
}

TEST(mergesNeighbours) {
  constexpr int kBlocks = 10000;
  Pool pool;
  // One block first, so that everything lies in one chunk; nothing is reset, so only merging makes room again.
  void *whole = pool->allocate(kBlocks * 704);
  pool->release(whole);
  uint64_t held = pool->bytesHeld();
  std::vector<void *> blocks;
  for (int i = 0; i < kBlocks; ++i)
    blocks.push_back(pool->allocate(600));
  std::shuffle(blocks.begin(), blocks.end(), std::mt19937(2));
  for (void *block : blocks)
    pool->release(block);
  CHECK_EQ(pool->bytesHeld(), held);
  CHECK(pool->allocate(kBlocks * 704) == whole);
  CHECK_EQ(pool->bytesHeld(), held);
}

TEST(keepsNoChunksThatAreFree) {
  Pool pool;
  CHECK(pool->allocate(1000) != nullptr); // stays
  uint64_t held = pool->bytesHeld(), largest = 0;
  for (uint64_t bytes = 2 << 20; bytes < 64 << 20; bytes += bytes / 8) { // one at a time
    pool->release(pool->allocate(bytes));
    largest = bytes;
  }
  CHECK(pool->bytesHeld() < held + largest + largest / 2);
}

TEST(startsAfreshAfterARunThatLeaks) {
  Pool pool;
  uint64_t held = 0;
  for (int run = 0; run < 100; ++run) {
    for (int i = 0; i < 50; ++i)
      CHECK(pool->allocate(100000) != nullptr);
    pool->reset();
    if (run == 2)
      held = pool->bytesHeld();
    if (run > 2)
      CHECK_EQ(pool->bytesHeld(), held);
  }
}

TEST(answersNullOnExhaustion) {
  Pool pool;
  CHECK(!pool->allocate(uint64_t(1) << 46));
  CHECK(!pool->allocate(uint64_t(1) << 60));
  CHECK(!pool->allocate(UINT64_MAX));
  CHECK(pool->allocate(100) != nullptr);
}

/// 10,000 runs whose tensors have other sizes each time: a chain in which each tensor dies when the next but one is made.
TEST(staysFlatOverRandomSizes) {
  Pool pool;
  std::mt19937_64 random(3);
  uint64_t afterWarmUp = 0, largestNeed = 0;
  for (int run = 0; run < 10000; ++run) {
    uint64_t length = 1 + random() % 2000, sizes[6], need = 0;
    void *blocks[6];
    for (int i = 0; i < 6; ++i) {
      sizes[i] = length * (64 + random() % 512);
      blocks[i] = pool->allocate(sizes[i]);
      if (i >= 2)
        pool->release(blocks[i - 2]);
      if (i >= 1)
        need = std::max(need, sizes[i] + sizes[i - 1] + (i >= 2 ? sizes[i - 2] : 0));
    }
    pool->release(blocks[4]);
    pool->release(blocks[5]);
    pool->reset();
    largestNeed = std::max(largestNeed, need);
    if (run == 1000)
      afterWarmUp = pool->bytesHeld();
  }
  printf("  held %llu bytes for a need of %llu\n", (unsigned long long)pool->bytesHeld(),
         (unsigned long long)largestNeed);
  CHECK(pool->bytesHeld() <= std::max<uint64_t>(afterWarmUp, 4 * largestNeed));
  CHECK(pool->bytesHeld() <= 6 * largestNeed);
}

TEST(servesManyThreads) {
  Pool pool;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&pool, t] {
      std::mt19937_64 random(t);
      for (int i = 0; i < 3000; ++i) {
        uint64_t bytes = 1 + random() % 20000;
        auto *data = static_cast<unsigned char *>(pool->allocate(bytes));
        data[0] = data[bytes - 1] = static_cast<unsigned char>(t);
        std::this_thread::yield();
        CHECK_EQ(int(data[0]), t);
        pool->release(data);
      }
    });
  for (std::thread &thread : threads)
    thread.join();
}

int main(int argc, char **argv) { return runTests(argc, argv); }
