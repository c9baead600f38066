//===- Passes.td - Lepton's passes ------------------------------------------------------------------------------------===//

#ifndef LEPTON_PASSES_TD
#define LEPTON_PASSES_TD

include "mlir/Pass/PassBase.td"

//===--------------------------------------------------------------------------------------------------------------------===//
// graph: layouts and constants
//===--------------------------------------------------------------------------------------------------------------------===//

def AssignLayouts : Pass<"lepton-assign-layouts", "::mlir::func::FuncOp"> {
  let summary = "Gives convolutions channels-last tensors and packed filters";
  let description = [{
    Convolutions become `packed_conv`, `depthwise_conv` or, of size 1, `packed_matmul`, transposed ones `packed_conv_transpose`; matrix products with constant right operands become `packed_matmul`.
    Transposes move down through elementwise ops, reductions, pools and concatenations until they meet and cancel.

    A convolution that can be computed in several ways obeys the module's `lepton.tuned`, whose entry for it is `{algorithm = "direct"}`: `rows` (a matrix product), `direct`, `winograd_4` (minimal filtering in tiles of 4; there are 2 and 6, too), `winograd_4_inside` (each item of work transforms its own tiles). With
    `list` the function's `lepton.layers` names these convolutions and their algorithms, the default first.

    Example: `lepton.conv %x, %w` -> `transpose`, `pad`, `packed_conv`, `transpose`.
  }];
  let options = [Option<"list", "list", "bool", "false", "say how else convolutions could be computed">,
                 Option<"panel", "panel", "int64_t", "0", "elements in a block of packed weights; 0: two or more of the target's vectors of f32, so that few lanes stay empty">];
}

def RefineShapes : Pass<"lepton-refine-shapes", "::mlir::func::FuncOp"> {
  let summary = "Makes every dimension static that its op infers to be";
  let description = [{
    At import the sizes in a branch, or behind arithmetic that folds only later, are unknown; after canonicalization many are not. Types of what leaves a loop or the function stay.

    Example: `lepton.relu %x : (tensor<3xf32>) -> tensor<?xf32>` -> `-> tensor<3xf32>`.
  }];
}

def SpecializeSizes : Pass<"lepton-specialize-sizes", "::mlir::ModuleOp"> {
  let summary = "Gives the sizes that matter code of their own";
  let description = [{
    The module's `lepton.dim_versions` lists sizes of named dimensions. For each of them (of several dimensions: for each combination, at most 16) the entry gets a copy of its graph in which
    those sizes are static; a run takes the copy that fits its inputs, or the graph as it was. The copies share the constants.

    Example: with `lepton.dim_versions = {batch = array<i64: 1, 8>}`, `f(%x)` -> `if batch == 1 { f(reshape %x [1, ..]) } else { if batch == 8 { .. } else { f(%x) } }`.
  }];
}

def DecomposeConvTranspose : Pass<"lepton-decompose-conv-transpose", "::mlir::func::FuncOp"> {
  let summary = "Turns transposed convolutions into dense ones";
  let description = [{
    A pixel of the result at `stride * q + p` depends on the taps p, p + stride, .. of the filter alone. So one convolution of stride 1 with `ceil(kernel / stride)` taps computes the
    pixels of all phases p as channels, and `depth_to_space` puts them in place: no multiplication with inserted zeros, nothing added up in memory. A few phases stay, for
    the kernel of `packed_conv_transpose`; a single pixel becomes a `matmul`.

    Example: `lepton.conv_transpose %x, %w` -> `conv`, `depth_to_space`, `slice`.
  }];
}

def CutRecurrences : Pass<"lepton-cut-recurrences", "::mlir::func::FuncOp"> {
  let summary = "Cuts the layers of a recurrent stack into parts of the time: a wavefront";
  let description = [{
    Where step t of a loop reads what step t of another one collected, its first part may run beside the second part of the other. Each loop becomes four, and
    `lepton-pair-loops` runs them side by side: so two threads have work where a step is too small to be halved. Layers whose weights exceed
    a core's L2 stay whole: halved steps leave each thread half of the weights in its cache.

    Example: `%a = loop(100) { .. x[t] .. }; loop(100) { .. %a[t] .. }` -> `%a0 = loop(25) { .. x[0:25][t] .. }; %a1 = loop(25) { .. x[25:50][t] .. }; loop(25) { .. %a0[t] .. }; ..`.
  }];
  let options = [Option<"threads", "threads", "unsigned", "2", "threads of a run">];
}

def FoldConstants : Pass<"lepton-fold-constants", "::mlir::func::FuncOp"> {
  let summary = "Computes what depends on constants alone";
  let description = [{
    The constant part of the graph is compiled by this compiler and run. Results much larger than the constants they are made of stay computed at run
    time.

    Example: `lepton.transpose` of a `lepton.constant` -> `lepton.constant`.
  }];
}

//===--------------------------------------------------------------------------------------------------------------------===//
// kernel: the graph is cut into kernels
//===--------------------------------------------------------------------------------------------------------------------===//

def ConcatInPlace : Pass<"lepton-concat-in-place", "::mlir::func::FuncOp"> {
  let summary = "Computes the parts of a concatenation where they belong";
  let description = [{
    A part whose kernel can write anywhere is inserted into the whole by that kernel, and whoever else reads it, reads a slice of the whole. Concatenations that begin with
    the same parts (DenseNet, ESRGAN) share one whole. A constant frame around a concatenation moves to its parts, where the kernels write it; neighbouring slices
    of one tensor become one part. Whoever reads what is inside of a constant frame, reads it there, so that one kernel computes it with its frame. A slice that several ops can read in memory is made once for each of them, since it costs nothing. Concatenations of a few parts of which no kernel computes one, of unknown sizes, or of few bytes stay as they are.

    Example: `%y = lepton.conv ..; lepton.concat %x, %y` -> `%e = tensor.empty(); %a = lepton.insert %x, %e; %b = lepton.insert %y, %a`, the convolution fused with the second insertion.
  }];
  let dependentDialects = ["::mlir::tensor::TensorDialect"];
}

def SplitConcats : Pass<"lepton-split-concats", "::mlir::func::FuncOp"> {
  let summary = "Makes concatenations of many parts from concatenations of a few";
  let description = [{
    The time that a kernel of a concatenation takes to compile grows with more than the square of its parts. Those that are still many after
    `lepton-concat-in-place` are joined sixteen at a time, by kernels of which most are equal.

    Example: `lepton.concat` of 20 parts -> one of the first 16, one of the last 4, and one of both.
  }];
}

def FormKernels : Pass<"lepton-form-kernels", "::mlir::ModuleOp"> {
  let summary = "Groups ops into kernels and outlines them";
  let description = [{
    Ops that only change a shape become `tensor.collapse_shape` and `tensor.expand_shape`, their sizes computed from dimensions; shape arithmetic that nothing else
    reads goes. What ops require of sizes that only the run knows becomes `cf.assert`. Chains of elementwise and data-moving ops become one kernel; elementwise ops after a contraction, a reduction or a pool are applied where its result is
    written. Each group is outlined into a private function marked `lepton.kernel`; equal groups share one.

    Example: `lepton.add`, `lepton.relu` -> `lepton.call @add_relu_f32_2x3(%a, %b)`.
  }];
  let options = [Option<"fuse", "fuse", "bool", "true", "put more than one op into a kernel">];
  let dependentDialects = ["::mlir::func::FuncDialect", "::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect", "::mlir::tensor::TensorDialect"];
}

def LowerControlFlow : Pass<"lepton-lower-control-flow", "::mlir::func::FuncOp"> {
  let summary = "Turns lepton.if and lepton.loop into scf";
  let description = [{
    Branches become `scf.if`. Loops with a known trip count and no condition become `scf.for`, others `scf.while`; collected values are written into
    slices of a tensor of the trip count.

    Example: `lepton.if %c : tensor<i1>` -> `scf.if`.
  }];
  let dependentDialects = ["::mlir::scf::SCFDialect", "::mlir::cf::ControlFlowDialect", "::mlir::tensor::TensorDialect", "::mlir::arith::ArithDialect"];
}

//===--------------------------------------------------------------------------------------------------------------------===//
// tile: kernels become loops over tiles of linalg
//===--------------------------------------------------------------------------------------------------------------------===//

def LowerKernels : Pass<"lepton-lower-kernels", "::mlir::ModuleOp"> {
  let summary = "Writes kernels in linalg on tensors, with their destinations as arguments";
  let description = [{
    Each kernel's ops emit themselves (`ElementOpInterface`, `KernelOpInterface`); tensors get their storage types (unsigned integers become signless, bools
    `i8`). The entry allocates each call's result. Its constants become trailing arguments marked `lepton.constant`. What parts are inserted into is a memref of
    the entry; its kernels write their parts of it, which bufferization need not order, since no element is written twice.

    Example: `lepton.call @k(%x)` -> `func.call @k(%context, %x, %empty)`.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect", "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect", "::mlir::math::MathDialect",
                           "::mlir::vector::VectorDialect", "::mlir::complex::ComplexDialect", "::mlir::cf::ControlFlowDialect", "::mlir::LLVM::LLVMDialect",
                           "::mlir::bufferization::BufferizationDialect", "::mlir::memref::MemRefDialect", "::lepton::lrt::RuntimeDialect"];
}

//===--------------------------------------------------------------------------------------------------------------------===//
// buffer: tensors become memory
//===--------------------------------------------------------------------------------------------------------------------===//

def SeparateBuffers : Pass<"lepton-separate-buffers", "::mlir::ModuleOp"> {
  let summary = "Gives each destination in the entry a tensor.empty of its own";
  let description = [{
    Equal empty tensors, which CSE made one, would become one buffer with a long life. Which buffers share memory is for the arena's planner to say.

    Example: `%e = tensor.empty(); %a = call @f(%x, %e); %b = call @g(%y, %e)` ->
    `%e = tensor.empty(); %a = call @f(%x, %e); %d = tensor.empty(); %b = call @g(%y, %d)`.
  }];
  let dependentDialects = ["::mlir::tensor::TensorDialect"];
}

def SwapLoopBuffers : Pass<"lepton-swap-loop-buffers", "::mlir::ModuleOp"> {
  let summary = "Gives the values that a loop carries two buffers that change places";
  let description = [{
    The memory that an iteration allocates for the next one's value is the one that the value before it had, so that a recurrence allocates nothing
    in its steps.

    Example: `scf.for ... iter_args(%h = %a) { %next = memref.alloc() ... scf.yield %next }` ->
    `scf.for ... iter_args(%h = %a, %next = %b) { ... scf.yield %next, %h }`.
  }];
  let dependentDialects = ["::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"];
}

def PairLoops : Pass<"lepton-pair-loops", "::mlir::ModuleOp"> {
  let summary = "Runs two independent loops of equal cost side by side on two threads";
  let description = [{
    Two loops of the entry with as many iterations and about as much work, neither of which needs the other, become two tasks of one parallel region: the
    directions of a bidirectional recurrence take one fork in all, not several per step. Only for models that are compiled for two or three threads;
    more are better used inside the kernels.

    Example: `scf.for %t = 0 to 50 { A }; scf.for %t = 0 to 50 { B }` -> `scf.parallel (%i) = (0) to (2) { scf.index_switch %i case 0 { scf.for { A } } default
    { scf.for { B } } }`.
  }];
  let options = [Option<"threads", "threads", "unsigned", "2", "threads of a run">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"];
}

def PlanMemory : Pass<"lepton-plan-memory", "::mlir::ModuleOp"> {
  let summary = "Gives every buffer its place: input, output, constant, arena, pool or stack";
  let description = [{
    The entry's arguments and results become `lrt` ops; allocations of static size share one arena, at offsets chosen by liveness (greedy by size); others come
    from the run's pool and go back after their last use, or where an iteration of a loop ends that does not hand them to the next one. Small buffers inside
    kernels live on the stack.

    Example: `memref.alloc() : memref<4xf32>` -> `lrt.arena %context[0] : memref<4xf32>`.
  }];
  let dependentDialects = ["::lepton::lrt::RuntimeDialect", "::mlir::memref::MemRefDialect"];
}

//===--------------------------------------------------------------------------------------------------------------------===//
// schedule: how each kernel is computed
//===--------------------------------------------------------------------------------------------------------------------===//

def SelectTiles : Pass<"lepton-select-tiles", "::mlir::func::FuncOp"> {
  let summary = "Says into tiles of how many rows a kernel's work is cut";
  let description = [{
    A kernel with a matrix product or a convolution gets `lepton.tile_rows`: 64 (256 where the right operand of a matrix product comes from memory), or what the module's `lepton.tuned` says under the kernel's hash, an array of one
    `{tile_rows = N}`. The kernel's emitters obey. With `list` the kernel also gets its hash as `lepton.tile_hash`, and `lepton.tile_candidates`, the numbers that cut its
    result in different ways, the default first.

    Example: `func.func private @k(...) attributes {lepton.kernel}` -> `attributes {lepton.kernel, lepton.tile_rows = 64 : i64}`.
  }];
  let options = [Option<"list", "list", "bool", "false", "say how else the work could be cut">];
  let dependentDialects = ["::lepton::LeptonDialect"];
}

def ListSchedules : Pass<"lepton-list-schedules", "::mlir::func::FuncOp"> {
  let summary = "Says of each contraction how it could be computed: the space that a tuner searches";
  let description = [{
    A function with contractions gets its hash as `lepton.hash`: 32 digits that are the same in every model that has this kernel. Each contraction gets `lepton.candidates`, the
    schedules that the target can obey and that the cost model does not find hopeless, the default first, then by cost, and `lepton.costs`, what the model says of each
    (comparable within one contraction only).

    Example: `linalg.generic` -> `linalg.generic {lepton.candidates = [#lepton.schedule<...>, ...], lepton.costs = array<i64: ...>}`.
  }];
  let dependentDialects = ["::lepton::LeptonDialect"];
}

def SelectSchedule : Pass<"lepton-select-schedule", "::mlir::func::FuncOp"> {
  let summary = "Gives every root of a kernel its schedule";
  let description = [{
    The only place that chooses numbers of a kernel: a pure function of the linalg op and of the module's `#lepton.target`. Contractions get the register block that a cost
    model prefers (multiply-adds, loads and the latency of a chain per reduction step, remainders included); everything else becomes loops. A schedule that is
    there already stays, or is refused where the target cannot obey it. What measurements found goes before the model: the module's `lepton.tuned` maps hashes of
    kernels to arrays of schedules, one for each contraction of the kernel in the order of its text; what does not fit the kernel or the target is passed over.

    Example: `linalg.generic` -> `linalg.generic {lepton.schedule = #lepton.schedule<algorithm = register_block, lanes = 8, rows = 6, vectors = 2>}`.
  }];
  let options = [Option<"blocks", "blocks", "bool", "true", "use register blocks; without them everything is loops">];
  let dependentDialects = ["::lepton::LeptonDialect"];
}

def SelectLaunch : Pass<"lepton-select-launch", "::mlir::func::FuncOp"> {
  let summary = "Says how each step of a kernel is spread over a GPU";
  let description = [{
    What SelectSchedule is for a CPU. A step is an op that writes memory: a linalg op, a copy, a parallel loop. A linalg op gets a thread for each element, or for as
    many neighbouring ones as 16 bytes hold, where there are many. Of a large matrix product a block gets a tile, which its threads multiply out of shared memory,
    on tensor cores where `lepton.precision` or the tensors' type allows it. Of another reduction a thread gets a tile of elements, as large as leaves enough threads to fill the GPU;
    where there are too few elements for that, several threads share one. A parallel loop gets a block for each iteration, or a thread where there is little to do in
    parallel inside. A kernel that is no list of steps (an outermost loop in order, a branch) is run by one block.

    Example: `linalg.generic` -> `linalg.generic {lepton.launch = #lepton.launch<unit = thread, threads = 256, width = 4>}`.
  }];
  let dependentDialects = ["::lepton::LeptonDialect"];
}

def InterleaveConstants : Pass<"lepton-interleave-constants", "::mlir::ModuleOp"> {
  let summary = "Lays out weights as the threads of a GPU read them";
  let description = [{
    A thread computes neighbouring rows of a product (`rows` and `row_loop` of `lepton.launch`), of a convolution those of output channels. The dimension of a constant
    that this loop indexes, in all kernels that read it, becomes its innermost one, so that a thread loads four rows at once.

    Example: `lrt.constant[0] : memref<64x32x3x3xf32>` -> `lrt.constant[0] : memref<32x3x3x64xf32>`.
  }];
  let dependentDialects = ["::lepton::LeptonDialect", "::mlir::memref::MemRefDialect"];
}

//===--------------------------------------------------------------------------------------------------------------------===//
// gpu: kernels become functions of the GPU
//===--------------------------------------------------------------------------------------------------------------------===//

def MapToGpu : Pass<"lepton-map-to-gpu", "::mlir::ModuleOp"> {
  let summary = "Turns the steps of kernels into functions of a GPU and launches";
  let description = [{
    Obeys `lepton.launch`. Where a block computes an item, its threads share out the parallel loops inside; a barrier stands between a write and what comes to memory
    after it. Buffers of a block lie in shared memory as far as there is some. Steps that compute the same elements one after the other are one launch.

    Example: `func.func @k(...) { linalg.generic ... }` -> `gpu.module @kernels { gpu.func @k(...) kernel {...} }` and `lrt.launch %context, @kernels::@k, ...`.
  }];
  let dependentDialects = ["::lepton::lrt::RuntimeDialect", "::mlir::gpu::GPUDialect", "::mlir::scf::SCFDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::linalg::LinalgDialect", "::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect"];
}

//===--------------------------------------------------------------------------------------------------------------------===//
// vector: linalg becomes loops
//===--------------------------------------------------------------------------------------------------------------------===//

def VectorizeContraction : Pass<"lepton-vectorize-contraction", "::mlir::func::FuncOp"> {
  let summary = "Turns mul-add linalg.generic on memrefs into register-blocked loops";
  let description = [{
    `C[c(d)] += f(A[a(d)]) * g(B[b(d)])` becomes loops around a micro-kernel. With v the dimension that is contiguous in B and C and absent from A, and r the
    innermost dimension of A and C that is absent from B, the micro-kernel computes `rows` steps of r times `vectors` vectors of v: it loads that block of
    C, carries it through all reduction loops as `iter_args`, and stores it once. Edges get smaller copies of the micro-kernel, masked where v ends
    inside a vector. Where no such v exists (or it is shorter than half a vector), lanes run along a reduction dimension that is contiguous in A and
    B, and each accumulator is summed once at the end.

    More than 512 products of floats (128 in a batch of sums, which is minimal filtering's) are summed by parts, each from zero, since what is added to a large sum
    loses more of its bits.

    Where C lies on the stack and one elementwise `linalg.generic` behind is all that reads it (bias, activation, residual), the micro-kernel applies it to the
    block in its registers and writes what it gives; C is gone.

    Only roots whose `lepton.schedule` says `register_block` are taken, with the numbers that stand there.

    Example: `linalg.generic` -> `scf.for` around `vector.load`, `scf.for iter_args`, `vector.fma`, `vector.store`.
  }];
  let dependentDialects = ["::lepton::LeptonDialect", "::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
}

def LowerToLoops : Pass<"lepton-lower-to-loops", "::mlir::func::FuncOp"> {
  let summary = "Turns linalg on memrefs into loops, the contiguous dimension innermost";
  let description = [{
    Parallel dimensions of a kernel's outermost nests become `scf.parallel`. In a reduction the loop that walks memory with stride 1 is the innermost one.
    A sum of many floats is one of the sums of blocks, so that its error does not grow with all of them.

    Example: `linalg.generic` -> `scf.parallel` around `scf.for`.
  }];
  let dependentDialects = ["::mlir::scf::SCFDialect", "::mlir::memref::MemRefDialect"];
}

def OutlineParallelLoops : Pass<"lepton-outline-parallel-loops", "::mlir::ModuleOp"> {
  let summary = "Moves the bodies of parallel loops into functions that the thread pool calls";
  let description = [{
    A kernel's outermost parallel loops become one range, split among threads by `lrt.parallel_for`; inner ones run in order.

    Example: `scf.parallel` -> `lrt.parallel_for %context, @k_body, %n grain 1 (...)`.
  }];
  let dependentDialects = ["::lepton::lrt::RuntimeDialect", "::mlir::scf::SCFDialect", "::mlir::func::FuncDialect"];
}

//===--------------------------------------------------------------------------------------------------------------------===//
// verify: at the end of every phase
//===--------------------------------------------------------------------------------------------------------------------===//

def VerifyPhase : Pass<"lepton-verify-phase", "::mlir::ModuleOp"> {
  let summary = "Checks what holds at the end of a phase";
  let description = [{
    import: ranked types, every op has a location. graph: no type says less than its op infers. kernel: the entry computes nothing itself; every kernel is
    called. tile: no lepton op. buffer: no tensor, no allocation outside arena, pool and stack. schedule: every root has a schedule that the target can obey.
    vector: no linalg, no parallel loop. gpu: the same, and every kernel launches functions of the GPU. nvvm, rocdl: those are the dialects llvm and nvvm, or rocdl. spirv: those are a module of the dialect spirv. llvm: the LLVM dialect alone, and `lepton_entry` the only function that is seen from outside. The IR's own verifiers run first.

    Example: `lepton-opt --lepton-verify-phase="phase=buffer"`.
  }];
  let options = [Option<"phase", "phase", "std::string", "", "the phase that has ended">];
  let dependentDialects = ["::lepton::LeptonDialect"];
}

#endif // LEPTON_PASSES_TD
