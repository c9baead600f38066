//===- Passes.td - the passes that know LLVM ---------------------------------------------------------------------------===//

#ifndef LEPTON_CODEGEN_PASSES_TD
#define LEPTON_CODEGEN_PASSES_TD

include "mlir/Pass/PassBase.td"

def ApproximateMath : InterfacePass<"lepton-approximate-math", "::mlir::FunctionOpInterface"> {
  let summary = "Replaces transcendental functions of f32 by polynomials that vectorize";
  let description = [{
    For exp and log (errors up to 2 ulp), expm1, log1p, erf and tanh (6 ulp), where the result is a normal number; smaller ones may become 0. What is made of these
    has bounds of its own: Sigmoid 2.5 ulp, Softplus 3, Gelu 3 of its operand. Sine, cosine (1 ulp) and powers (1.5) are computed in f64. The others
    stay calls of libm (1.5 ulp). Where `#lepton.target` has no fused multiply-add, the polynomials
    multiply and add, and sine, cosine and powers stay calls, too. A GPU has no libm, and a deterministic target (`#lepton.target<cpu = "any", ...>`) may not call one: inverse trigonometric
    functions become polynomials, hyperbolic ones and the tangent are made of others.

    Example: `math.exp %x : vector<8xf32>` -> `math.fma` and integer ops on `vector<8xf32>`.
  }];
  let dependentDialects = ["::lepton::LeptonDialect", "::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::vector::VectorDialect"];
}

def LowerToNvvm : Pass<"lepton-lower-to-nvvm", "::mlir::gpu::GPUModuleOp"> {
  let summary = "Turns the functions of a GPU into the dialects llvm and nvvm";
  let description = [{
    All in one conversion. A kernel's buffers are marked as not aliasing, and as aligned, so that neighbouring accesses become one of 128 bits.
    What would call a function of NVIDIA's library is refused: none may be shipped.

    Example: `gpu.thread_id x` -> `nvvm.read.ptx.sreg.tid.x`.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect"];
}

def LowerToRocdl : Pass<"lepton-lower-to-rocdl", "::mlir::gpu::GPUModuleOp"> {
  let summary = "Turns the functions of a GPU into the dialects llvm and rocdl";
  let description = [{
    The same for the GPUs of AMD. A kernel's buffers are global memory, and its variables private, by their types.

    Example: `gpu.thread_id x` -> `rocdl.workitem.id.x`.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::ROCDL::ROCDLDialect"];
}

def LowerMemoryToSpirv : Pass<"lepton-lower-memory-to-spirv", "::mlir::gpu::GPUModuleOp"> {
  let summary = "Turns accesses of memory in the functions of a GPU into those of SPIR-V's variables";
  let description = [{
    An address among a function's arguments becomes a storage buffer: the binding of descriptor set 0 that its place among the addresses says, with a variable for each type
    of elements that are read or written there. Numbers become push constants of 32 bits, in their order. What threads share, a thread's own memory and constants are variables, too.
    SPIR-V has no views: what an access reaches is computed as the place of an element in a variable. A bool is a byte in memory, a bfloat16 an integer of 16 bits.

    Example: `memref.load %x[%i, %j] : memref<2x3xf32>` -> `spirv.AccessChain %buffer[%zero, %place]` and `spirv.Load`.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::spirv::SPIRVDialect"];
}

def LowerToSpirv : Pass<"lepton-lower-to-spirv", "::mlir::ModuleOp"> {
  let summary = "Turns the module of a GPU into one of the dialect spirv";
  let description = [{
    After LowerMemoryToSpirv. Each function becomes an entry point of Vulkan's; `index` is an integer of 32 bits. Products and sums may be contracted only where they say so.

    Example: `gpu.thread_id x` -> the builtin variable `LocalInvocationId`.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::spirv::SPIRVDialect"];
}

def LowerToLlvm : Pass<"lepton-lower-to-llvm", "::mlir::ModuleOp"> {
  let summary = "Turns functions of control flow, memrefs, vectors and lrt into LLVM functions";
  let description = [{
    Everything that is left is lowered in one conversion. `lepton_entry` stays public, all else becomes internal; the buffers of a kernel are marked as not aliasing.
    In a module with `lepton.no_half_floats`, float16 and bfloat16 are integers of 16 bits, and what computes with them computes with f32.

    Example: `lrt.alloc %context(%n) : memref<?xf32>` -> `llvm.call @lepton_rt_alloc_tensor`.
  }];
  let dependentDialects = ["::lepton::LeptonDialect", "::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
}

#endif // LEPTON_CODEGEN_PASSES_TD
