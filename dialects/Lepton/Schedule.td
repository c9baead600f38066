//===- Schedule.td - the target, and how a kernel is computed on it ---------------------------------------------------===//

#ifndef LEPTON_SCHEDULE_TD
#define LEPTON_SCHEDULE_TD

include "dialects/Lepton/LeptonBase.td"

class Lepton_Attr<string name, string attrMnemonic> : AttrDef<Lepton_Dialect, name> {
  let mnemonic = attrMnemonic;
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Lepton_TargetAttr : Lepton_Attr<"Target", "target"> {
  let summary = "the processor that code is made for";
  let description = [{
    All that a pass may know of the target; it stands on the module as `lepton.target`. Sizes of caches are in bytes, of one core. The processor "any" stands for
    all those with fused multiply-add, which are to compute the same bits (`--deterministic`).

    Example: `#lepton.target<cpu = "znver3", vector_bits = 256, registers = 16, fma = true, l1 = 32768, l2 = 524288>`
  }];
  let parameters = (ins StringRefParameter<"LLVM's name">:$cpu,
                        "int64_t":$vector_bits,
                        "int64_t":$registers,
                        "bool":$fma,
                        DefaultValuedParameter<"int64_t", "32768">:$l1,
                        DefaultValuedParameter<"int64_t", "524288">:$l2,
                        DefaultValuedParameter<"int64_t", "2", "multiply-adds of whole vectors begun in a cycle">:$multiply_adds,
                        DefaultValuedParameter<"int64_t", "0", "bytes that a block of a GPU's threads shares; 0: no GPU">:$shared_memory);
  let extraClassDeclaration = [{
    /// Elements of a type in one vector register.
    int64_t lanes(::mlir::Type type) const { return getVectorBits() / type.getIntOrFloatBitWidth(); }
    /// Half a vector takes half the time: multiply-adds of 512 bits, of which one begins in a cycle, are two of 256 bits.
    bool hasHalfVectors() const { return getVectorBits() == 512 && getMultiplyAdds() == 1; }
    /// Masked loads and stores are single instructions: the two AVX families have them, SSE and NEON would branch once per element.
    bool hasMasks() const { return getFma() && getVectorBits() >= 256; }
    bool isGpu() const { return getSharedMemory() > 0; }
    /// NVIDIA's GPUs, by their names: those that have tensor cores and asynchronous copies, as all known ones do.
    bool hasTensorCores() const { return isGpu() && getCpu().starts_with("sm_"); }
    /// Kernels may have the threads of a subgroup, of whatever width, combine numbers by an instruction: those for Vulkan do.
    bool hasSubgroups() const { return isGpu() && getCpu() == "vulkan"; }
    bool isDeterministic() const { return getCpu() == "any"; }
  }];
}

def Lepton_AlgorithmLoops : I32EnumAttrCase<"loops", 0>;
def Lepton_AlgorithmRegisterBlock : I32EnumAttrCase<"register_block", 1>;
def Lepton_Algorithm : I32EnumAttr<"Algorithm", "how a kernel's root is computed", [Lepton_AlgorithmLoops, Lepton_AlgorithmRegisterBlock]> {
  let cppNamespace = "::lepton";
  let genSpecializedAttr = 0;
}

def Lepton_ScheduleAttr : Lepton_Attr<"Schedule", "schedule"> {
  let summary = "how one root of a kernel is computed";
  let description = [{
    Chosen by `SelectSchedule`, or written by hand; later passes only obey. It stands on the root, a linalg op, as `lepton.schedule`.

    `loops`: one scalar loop per dimension, the contiguous one innermost for LLVM to vectorize. `register_block`: a contraction whose
    accumulators, `rows` by `vectors` registers of `lanes` elements, stay in registers through the whole reduction.

    Example: `#lepton.schedule<algorithm = register_block, lanes = 8, rows = 6, vectors = 2>`
  }];
  let parameters = (ins EnumParameter<Lepton_Algorithm>:$algorithm,
                        DefaultValuedParameter<"int64_t", "1", "elements of the accumulator's type in one register">:$lanes,
                        DefaultValuedParameter<"int64_t", "1", "rows of the block: pixels of a line, rows of a matrix">:$rows,
                        DefaultValuedParameter<"int64_t", "1", "vectors of the block; columns where lanes run along the reduction">:$vectors,
                        DefaultValuedParameter<"int64_t", "1", "panels of packed weights that are walked together">:$panels,
                        DefaultValuedParameter<"int64_t", "1", "copies of the innermost reduction loop's body">:$unroll,
                        DefaultValuedParameter<"int64_t", "12", "inner reduction loops disappear while the product of their trip counts is at most this">:$full_unroll,
                        DefaultValuedParameter<"bool", "false", "rows outside, columns inside: a panel of A stays in L1">:$rows_outermost);
}

def Lepton_UnitThread : I32EnumAttrCase<"thread", 0>;
def Lepton_UnitBlock : I32EnumAttrCase<"block", 1>;
def Lepton_Unit : I32EnumAttr<"Unit", "what computes one item of a root on a GPU", [Lepton_UnitThread, Lepton_UnitBlock]> {
  let cppNamespace = "::lepton";
  let genSpecializedAttr = 0;
}

def Lepton_LaunchAttr : Lepton_Attr<"Launch", "launch"> {
  let summary = "how one root of a kernel is spread over a GPU";
  let description = [{
    Chosen by `SelectLaunch`, or written by hand; later passes only obey. It stands on the root as `lepton.launch`. The items of a linalg op are elements of its
    result, those of an `scf.forall` its iterations.

    `thread`: a thread for each item, in blocks of `threads`; or for several elements: `width` neighbouring ones of the last dimension, or a tile of `rows`
    neighbouring ones along the parallel loop `row_loop` and `columns` that lie as many threads apart as compute columns. `parts` threads of a block have a part
    of one reduction each, and sum up in memory that they share. With `stages` the tile is a block's, of a matrix product: `rows` by `columns` elements. Slices of both
    factors, `depth` iterations of the reduction each, are copied to shared memory, as many as there are stages: all but one are under way while that one is multiplied, by
    `tensor_cores` or by the threads themselves. `block`: a block of `threads` for each item, whose loops they share. A kernel whose steps cannot be told apart has `block` on the function, and one
    block for all.

    Example: `#lepton.launch<unit = thread, rows = 8, row_loop = 1, columns = 4>`
  }];
  let parameters = (ins EnumParameter<Lepton_Unit>:$unit,
                        DefaultValuedParameter<"int64_t", "256", "threads of a block">:$threads,
                        DefaultValuedParameter<"int64_t", "1", "neighbouring elements that a thread computes">:$width,
                        DefaultValuedParameter<"int64_t", "1", "elements of a thread along `row_loop`">:$rows,
                        DefaultValuedParameter<"int64_t", "0", "place among the parallel loops">:$row_loop,
                        DefaultValuedParameter<"int64_t", "1", "columns of a thread's tile">:$columns,
                        DefaultValuedParameter<"int64_t", "1", "threads that share a reduction, a power of 2">:$parts,
                        DefaultValuedParameter<"bool", "false", "products are computed by tensor cores">:$tensor_cores,
                        DefaultValuedParameter<"int64_t", "0", "iterations of the innermost loop of a reduction in one slice">:$depth,
                        DefaultValuedParameter<"int64_t", "0", "slices in shared memory at a time; 0: a thread reads what it needs">:$stages);
}

#endif // LEPTON_SCHEDULE_TD
