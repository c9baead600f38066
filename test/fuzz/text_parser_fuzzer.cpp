//===- text_parser_fuzzer.cpp - any bytes as a module of the dialect, text or bytecode ------------------------===//
#include "dialects/Lepton/LeptonOps.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.loadDialect<lepton::LeptonDialect, mlir::func::FuncDialect>();
  bool isRefused = false;
  context.getDiagEngine().registerHandler([&](mlir::Diagnostic &) { isRefused = true; });
  const llvm::StringRef text(reinterpret_cast<const char *>(data), size);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, mlir::ParserConfig(&context));
  if (!module) {
    if (!isRefused)
      abort(); // refused without a word
    return 0;
  }
  // What is read is sound, and what is written of it can be read again.
  std::string written;
  llvm::raw_string_ostream os(written);
  module->print(os, mlir::OpPrintingFlags().assumeVerified());
  if (failed(mlir::verify(*module)) || !mlir::parseSourceString<mlir::ModuleOp>(written, mlir::ParserConfig(&context)))
    abort();
  return 0;
}
