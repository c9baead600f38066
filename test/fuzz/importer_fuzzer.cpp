//===- importer_fuzzer.cpp - any bytes as an ONNX model -----------------------------------------------------===//
#include "dialects/Lepton/LeptonOps.h"
#include "frontend/onnx/Importer.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.loadDialect<lepton::LeptonDialect, mlir::func::FuncDialect>();
  bool isRefused = false;
  context.getDiagEngine().registerHandler([&](mlir::Diagnostic &) { isRefused = true; });
  lepton::ImportOptions options;
  options.folder = "/nonexistent";
  const llvm::ArrayRef bytes(reinterpret_cast<const char *>(data), size);
  auto module = lepton::importOnnxBytes(bytes, context, options);
  // What is refused is refused in words, and what is not is sound.
  if (module ? failed(mlir::verify(*module)) : !isRefused)
    abort();
  return 0;
}
