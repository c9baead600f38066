//===- LowerToSpirv.cpp - functions of a GPU become the dialect spirv -----------------------------------------------------===//
//
// Before: gpu.module of gpu.func of scf, arith and math, whose memory are variables of SPIR-V.  After: spirv.module of entry points.
//
//===------------------------------------------------------------------------------------------------------------------------===//

#include "codegen/gpu/LowerToSpirv.h"
#include "codegen/Passes.h"
#include "codegen/cpu/LaneMath.h"
#include "codegen/gpu/LowerKernels.h"

#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Conversion/ArithToSPIRV/ArithToSPIRV.h"
#include "mlir/Conversion/GPUToSPIRV/GPUToSPIRV.h"
#include "mlir/Conversion/IndexToSPIRV/IndexToSPIRV.h"
#include "mlir/Conversion/MathToSPIRV/MathToSPIRV.h"
#include "mlir/Conversion/SCFToSPIRV/SCFToSPIRV.h"
#include "mlir/Conversion/UBToSPIRV/UBToSPIRV.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVDialect.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"
#include "mlir/Dialect/SPIRV/IR/TargetAndABI.h"
#include "mlir/Dialect/SPIRV/Transforms/Passes.h"
#include "mlir/Dialect/SPIRV/Transforms/SPIRVConversion.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"

namespace lepton {
#define GEN_PASS_DEF_LOWERTOSPIRV
#include "codegen/Passes.h.inc"
} // namespace lepton

using namespace mlir;
using namespace lepton;

/// What a module may need of a device. It declares as much of this as it uses.
static spirv::TargetEnvAttr targetEnvironment(MLIRContext *context) {
  using spirv::Capability, spirv::Extension;
  auto most = spirv::VerCapExtAttr::get(spirv::Version::V_1_3,
                                        {Capability::Shader, Capability::Int8, Capability::Int16, Capability::Int64,
                                         Capability::Float16, Capability::Float64, Capability::StorageBuffer8BitAccess,
                                         Capability::StorageBuffer16BitAccess, Capability::GroupNonUniform,
                                         Capability::GroupNonUniformArithmetic},
                                        {Extension::SPV_KHR_storage_buffer_storage_class,
                                         Extension::SPV_KHR_8bit_storage, Extension::SPV_KHR_16bit_storage},
                                        context);
  return spirv::TargetEnvAttr::get(most, spirv::getDefaultResourceLimits(context), spirv::ClientAPI::Vulkan,
                                   spirv::Vendor::Unknown, spirv::DeviceType::Unknown,
                                   spirv::TargetEnvAttr::kUnknownDeviceID);
}

/// MLIR's conversion keeps what the last iteration of a loop yields in a variable, which holds nothing where there was none.
static void keepInitialValues(scf::ForOp loop) {
  auto begin = getConstantIntValue(loop.getLowerBound()), end = getConstantIntValue(loop.getUpperBound());
  if (begin && end && *begin < *end)
    return;
  OpBuilder b(loop);
  b.setInsertionPointAfter(loop);
  Location loc = loop.getLoc();
  Value runs = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, loop.getLowerBound(), loop.getUpperBound());
  for (auto [result, initial] : llvm::zip_equal(loop.getResults(), loop.getInitArgs())) {
    auto kept = arith::SelectOp::create(b, loc, runs, result, initial);
    result.replaceAllUsesExcept(kept, kept);
  }
}

namespace {

/// Where `index` has 32 bits, a wider number stays out of range where it was.
template <typename OpT> struct SaturateIndex : OpRewritePattern<OpT> {
  using OpRewritePattern<OpT>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpT op, PatternRewriter &b) const override {
    Value number = op.getIn();
    if (!number.getType().isInteger(64))
      return failure();
    Location loc = op.getLoc();
    auto limit = [&](int64_t value) { return arith::ConstantIntOp::create(b, loc, number.getType(), value); };
    if (std::is_same_v<OpT, arith::IndexCastUIOp>) {
      number = arith::MinUIOp::create(b, loc, number, limit(std::numeric_limits<int32_t>::max()));
    } else {
      number = arith::MaxSIOp::create(b, loc, number, limit(std::numeric_limits<int32_t>::min()));
      number = arith::MinSIOp::create(b, loc, number, limit(std::numeric_limits<int32_t>::max()));
    }
    b.replaceOpWithNewOp<OpT>(op, op.getType(), arith::TruncIOp::create(b, loc, b.getI32Type(), number).getResult());
    return success();
  }
};

/// From and to bfloat16, which is emulated, there are conversions of f32 alone.
template <typename OpT> struct ConvertByF32 : OpRewritePattern<OpT> {
  using OpRewritePattern<OpT>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpT op, PatternRewriter &b) const override {
    Type from = op.getIn().getType(), to = op.getType();
    if ((from.isBF16() || to.isBF16()) && (from.isF64() || to.isF64())) {
      b.replaceOpWithNewOp<OpT>(op, to, OpT::create(b, op.getLoc(), b.getF32Type(), op.getIn()).getResult());
      return success();
    }
    return failure();
  }
};

/// The rest of a division that rounds towards zero. SPIR-V's is NaN where the divisor is infinite, and its quotients may be off by one.
struct ExpandRemainder : OpRewritePattern<arith::RemFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::RemFOp op, PatternRewriter &b) const override {
    using Predicate = arith::CmpFPredicate;
    LaneMath m{b, op.getLoc(), op.getType()};
    auto abs = [&](Value value) { return math::AbsFOp::create(b, m.loc, value).getResult(); };
    auto number = [&](double value) { return m.splat(b.getFloatAttr(m.type, value)); };
    Value x = op.getLhs(), y = op.getRhs(), size = abs(y), zero = number(0);
    Value quotient = math::FloorOp::create(b, m.loc, m.div(abs(x), size));
    Value rest = m.fma(m.sub(zero, quotient), size, abs(x));
    rest = m.select(m.is(Predicate::OLT, rest, zero), m.add(rest, size), rest);
    rest = m.select(m.is(Predicate::OGE, rest, size), m.sub(rest, size), rest);
    Value infinity = number(std::numeric_limits<double>::infinity());
    Value isAll =
        arith::AndIOp::create(b, m.loc, m.is(Predicate::OEQ, size, infinity), m.is(Predicate::OLT, abs(x), infinity));
    b.replaceOpWithNewOp<math::CopySignOp>(op, m.select(isAll, abs(x), rest), x);
    return success();
  }
};

/// MLIR's conversion lacks it.
struct ExpandTrunc : OpRewritePattern<math::TruncOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::TruncOp op, PatternRewriter &b) const override {
    Value x = op.getOperand(), size = math::AbsFOp::create(b, op.getLoc(), x);
    b.replaceOpWithNewOp<math::CopySignOp>(op, math::FloorOp::create(b, op.getLoc(), size), x);
    return success();
  }
};

/// A bool is no number in SPIR-V.
struct CastBool : OpRewritePattern<arith::IndexCastUIOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::IndexCastUIOp op, PatternRewriter &b) const override {
    if (!op.getIn().getType().isInteger(1))
      return failure();
    b.replaceOpWithNewOp<arith::IndexCastUIOp>(op, op.getType(),
                                               arith::ExtUIOp::create(b, op.getLoc(), b.getI32Type(), op.getIn()));
    return success();
  }
};

/// The bits of a bfloat16.
struct LowerBFloat16 : OpConversionPattern<arith::ConstantOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(arith::ConstantOp op, OpAdaptor, ConversionPatternRewriter &b) const override {
    if (!op.getType().isBF16())
      return failure();
    const APInt bits = cast<FloatAttr>(op.getValue()).getValue().bitcastToAPInt();
    b.replaceOpWithNewOp<spirv::ConstantOp>(op, b.getI16Type(), b.getIntegerAttr(b.getI16Type(), bits));
    return success();
  }
};

/// Vulkan may make one operation of a product and a sum, and two of an fma, unless it is told not to.
template <typename OpT, typename SpirvOpT> struct LowerArithmetic : OpConversionPattern<OpT> {
  using OpConversionPattern<OpT>::OpConversionPattern;
  LogicalResult matchAndRewrite(OpT op, typename OpT::Adaptor adaptor, ConversionPatternRewriter &b) const override {
    Type type = this->getTypeConverter()->convertType(op.getType());
    if (!type)
      return failure();
    auto lowered = b.replaceOpWithNewOp<SpirvOpT>(op, type, adaptor.getOperands());
    if (!bitEnumContainsAll(op.getFastmath(), arith::FastMathFlags::contract))
      lowered->setAttr("no_contraction", b.getUnitAttr());
    return success();
  }
};

/// What threads of a block wrote before it is seen by the others behind it, in shared memory and in buffers.
struct LowerBarrier : OpConversionPattern<gpu::BarrierOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(gpu::BarrierOp op, OpAdaptor, ConversionPatternRewriter &b) const override {
    b.replaceOpWithNewOp<spirv::ControlBarrierOp>(op, spirv::Scope::Workgroup, spirv::Scope::Workgroup,
                                                  spirv::MemorySemantics::AcquireRelease |
                                                      spirv::MemorySemantics::WorkgroupMemory |
                                                      spirv::MemorySemantics::UniformMemory);
    return success();
  }
};

struct LowerToSpirv : lepton::impl::LowerToSpirvBase<LowerToSpirv> {
  void runOnOperation() override {
    for (auto kernels : llvm::make_early_inc_range(getOperation().getOps<gpu::GPUModuleOp>()))
      if (failed(lower(kernels)))
        return signalPassFailure();
  }

  LogicalResult lower(gpu::GPUModuleOp kernels) {
    MLIRContext *context = &getContext();
    if (!isWithinReach(kernels))
      return failure();
    spirv::TargetEnvAttr environment = targetEnvironment(context);
    kernels->setAttr(spirv::getTargetEnvAttrName(), environment);
    for (auto kernel : kernels.getOps<gpu::GPUFuncOp>())
      kernel->setAttr(spirv::getEntryPointABIAttrName(),
                      spirv::getEntryPointABIAttr(context, *kernel.getKnownBlockSize()));
    RewritePatternSet simpler(context);
    arith::populateCeilFloorDivExpandOpsPatterns(simpler);
    arith::populateExpandBFloat16Patterns(simpler);
    simpler.add<SaturateIndex<arith::IndexCastOp>, SaturateIndex<arith::IndexCastUIOp>, ExpandRemainder, ExpandTrunc,
                CastBool, ConvertByF32<arith::ExtFOp>, ConvertByF32<arith::TruncFOp>>(context);
    if (failed(applyPatternsGreedily(kernels, std::move(simpler))))
      return failure();
    kernels.walk(keepInitialValues);
    SPIRVTypeConverter converter(environment);
    converter.addConversion([](BFloat16Type type) { return IntegerType::get(type.getContext(), 16); });
    ScfToSPIRVContext loops;
    RewritePatternSet patterns(context);
    patterns.add<LowerArithmetic<arith::AddFOp, spirv::FAddOp>, LowerArithmetic<arith::SubFOp, spirv::FSubOp>,
                 LowerArithmetic<arith::MulFOp, spirv::FMulOp>, LowerArithmetic<math::FmaOp, spirv::GLFmaOp>,
                 LowerBarrier, LowerBFloat16>(converter, context, /*benefit=*/2);
    populateGPUToSPIRVPatterns(converter, patterns);
    populateSCFToSPIRVPatterns(converter, loops, patterns);
    arith::populateArithToSPIRVPatterns(converter, patterns);
    index::populateIndexToSPIRVPatterns(converter, patterns);
    populateMathToSPIRVPatterns(converter, patterns);
    ub::populateUBToSPIRVConversionPatterns(converter, patterns);
    auto target = SPIRVConversionTarget::get(environment);
    const std::string name = kernels.getName().str();
    if (failed(applyFullConversion(kernels, *target, std::move(patterns))))
      return failure();
    for (auto lowered : getOperation().getOps<spirv::ModuleOp>())
      SymbolTable::setSymbolName(lowered, name);
    return success();
  }
};

} // namespace

void lepton::buildSpirvPipeline(OpPassManager &pm) {
  OpPassManager &modules = pm.nest<gpu::GPUModuleOp>();
  modules.addNestedPass<gpu::GPUFuncOp>(createApproximateMath());
  modules.addPass(memref::createExpandStridedMetadataPass());
  modules.addPass(createLowerAffinePass());
  modules.addPass(createCanonicalizerPass());
  modules.addPass(createCSEPass());
  modules.addPass(createLowerMemoryToSpirv());
  // What computes with bfloat16, of which there is none, computes with f32.
  modules.addPass(math::createMathExtendToSupportedTypes({.extraTypeStrs = {"f16"}, .targetTypeStr = "f32"}));
  modules.addPass(arith::createArithEmulateUnsupportedFloats({.sourceTypeStrs = {"bf16"}, .targetTypeStr = "f32"}));
  modules.addPass(createCanonicalizerPass());
  modules.addPass(createCSEPass());
  modules.addPass(createLoopInvariantCodeMotionPass());
  pm.addPass(createLowerToSpirv());
  OpPassManager &lowered = pm.nest<spirv::ModuleOp>();
  lowered.addPass(createCSEPass());
  lowered.addPass(spirv::createSPIRVLowerABIAttributesPass());
  lowered.addPass(spirv::createSPIRVUpdateVCEPass());
}
