//===- InputFile.h - a fuzzer's input as a file ----------------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_TEST_FUZZ_INPUTFILE_H
#define LEPTON_TEST_FUZZ_INPUTFILE_H

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <unistd.h>

/// The input in a file of this process, under a name with an ending.
class InputFile {
public:
  InputFile(const uint8_t *data, size_t size, const std::string &ending)
      : name("/tmp/lepton-fuzzer-" + std::to_string(getpid()) + ending) {
    FILE *file = fopen(name.c_str(), "wb");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0)
      abort();
  }
  ~InputFile() {
    for (const char *beside : {"", "-shm", "-wal"}) // what SQLite adds
      unlink((name + beside).c_str());
  }
  InputFile(const InputFile &) = delete;

  const std::string &path() const { return name; }

private:
  const std::string name;
};

#endif // LEPTON_TEST_FUZZ_INPUTFILE_H
