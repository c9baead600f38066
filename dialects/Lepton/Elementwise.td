//===- Elementwise.td - unary, binary and ternary ops with broadcasting -------------------------------------------------===//

#ifndef LEPTON_ELEMENTWISE_TD
#define LEPTON_ELEMENTWISE_TD

include "dialects/Lepton/LeptonBase.td"

/// Operands broadcast to the result's shape by NumPy's rules; the scalar function stands in ElementwiseScalar.cpp.
class Lepton_ElementwiseOp<string mnemonic, list<Trait> traits = []>
    : Lepton_Op<mnemonic, !listconcat(traits, [Lepton_ElementwiseOpInterface, DeclareOpInterfaceMethods<Lepton_ElementOpInterface>])> {
  let results = (outs Lepton_Tensor:$result);
  let extraClassDefinition = [{
    ::mlir::LogicalResult $cppClass::inferShapes(ShapeAnalysis &shapes, ::llvm::SmallVectorImpl<ResultShape> &results) {
      return detail::inferElementwise(*this, shapes, results);
    }
    ::mlir::Value $cppClass::emitElement(KernelEmitter &emitter, unsigned, ::mlir::ValueRange indices) {
      return detail::emitElementwise(*this, emitter, indices);
    }
  }];
}

class Lepton_UnaryOp<string mnemonic, string what, string formula, dag attributes = (ins)> : Lepton_ElementwiseOp<mnemonic> {
  let summary = what;
  let description = "Elementwise `result = " # formula # "`.\n\nExample:\n```mlir\n%y = lepton." # mnemonic # " %x : (tensor<2x3xf32>) -> tensor<2x3xf32>\n```";
  let arguments = !con((ins Lepton_Tensor:$input), attributes);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
}

class Lepton_BinaryOp<string mnemonic, string what, string formula, list<Trait> traits = [], dag attributes = (ins)>
    : Lepton_ElementwiseOp<mnemonic, traits> {
  let summary = what;
  let description = "Elementwise `result = " # formula # "`; the operands broadcast.\n\nExample:\n```mlir\n%y = lepton." # mnemonic # " %a, %b : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>\n```";
  let arguments = !con((ins Lepton_Tensor:$lhs, Lepton_Tensor:$rhs), attributes);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
}

class Lepton_CompareOp<string mnemonic, string what, string formula> : Lepton_BinaryOp<mnemonic, what, formula> {
  let description = "Elementwise `result = " # formula # "`, a bool; the operands broadcast.\n\nExample:\n```mlir\n%y = lepton." # mnemonic # " %a, %b : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xi1>\n```";
}

// Arithmetic.
def Lepton_AddOp : Lepton_BinaryOp<"add", "sum", "lhs + rhs">;
def Lepton_SubOp : Lepton_BinaryOp<"sub", "difference", "lhs - rhs">;
def Lepton_MulOp : Lepton_BinaryOp<"mul", "product", "lhs * rhs">;
def Lepton_DivOp : Lepton_BinaryOp<"div", "quotient; integers truncate towards zero, and x / 0 is 0 for integers", "lhs / rhs">;
def Lepton_PowOp : Lepton_BinaryOp<"pow", "power; the result has the type of the base", "lhs ** rhs">;
def Lepton_ModOp : Lepton_BinaryOp<"mod", "remainder with the sign of the divisor, or of the dividend with `fmod`", "lhs mod rhs", [], (ins UnitAttr:$fmod)>;
def Lepton_MaxOp : Lepton_BinaryOp<"max", "larger value; a NaN wins", "max(lhs, rhs)">;
def Lepton_MinOp : Lepton_BinaryOp<"min", "smaller value; a NaN wins", "min(lhs, rhs)">;
def Lepton_PReluOp : Lepton_BinaryOp<"prelu", "rectifier with a slope per element", "lhs < 0 ? lhs * rhs : lhs">;

// Bits and logic.
def Lepton_BitwiseAndOp : Lepton_BinaryOp<"bitwise_and", "bitwise and; logical and of bools", "lhs & rhs">;
def Lepton_BitwiseOrOp : Lepton_BinaryOp<"bitwise_or", "bitwise or; logical or of bools", "lhs | rhs">;
def Lepton_BitwiseXorOp : Lepton_BinaryOp<"bitwise_xor", "bitwise exclusive or; logical one of bools", "lhs ^ rhs">;
def Lepton_BitShiftOp : Lepton_BinaryOp<"bit_shift", "shift by rhs bits to the left, or to the right", "lhs << rhs", [], (ins UnitAttr:$right)>;
def Lepton_BitwiseNotOp : Lepton_UnaryOp<"bitwise_not", "bitwise complement; logical not of bools", "~input">;

// Comparison.
def Lepton_EqualOp : Lepton_CompareOp<"equal", "equality", "lhs == rhs">;
def Lepton_LessOp : Lepton_CompareOp<"less", "less than", "lhs < rhs">;
def Lepton_LessOrEqualOp : Lepton_CompareOp<"less_or_equal", "less than or equal", "lhs <= rhs">;
def Lepton_GreaterOp : Lepton_CompareOp<"greater", "greater than", "lhs > rhs">;
def Lepton_GreaterOrEqualOp : Lepton_CompareOp<"greater_or_equal", "greater than or equal", "lhs >= rhs">;
def Lepton_IsNaNOp : Lepton_UnaryOp<"is_nan", "is not a number", "input != input">;
def Lepton_IsInfOp : Lepton_UnaryOp<"is_inf", "is infinite, of the signs asked for", "|input| == inf", (ins DefaultValuedAttr<BoolAttr, "true">:$positive, DefaultValuedAttr<BoolAttr, "true">:$negative)>;

// Functions.
def Lepton_AbsOp : Lepton_UnaryOp<"abs", "absolute value", "|input|">;
def Lepton_NegOp : Lepton_UnaryOp<"neg", "negation", "-input">;
def Lepton_SignOp : Lepton_UnaryOp<"sign", "sign: -1, 0 or 1", "sign(input)">;
def Lepton_ReciprocalOp : Lepton_UnaryOp<"reciprocal", "reciprocal", "1 / input">;
def Lepton_SqrtOp : Lepton_UnaryOp<"sqrt", "square root", "sqrt(input)">;
def Lepton_ExpOp : Lepton_UnaryOp<"exp", "exponential", "exp(input)">;
def Lepton_LogOp : Lepton_UnaryOp<"log", "natural logarithm", "log(input)">;
def Lepton_ErfOp : Lepton_UnaryOp<"erf", "error function", "erf(input)">;
def Lepton_SinOp : Lepton_UnaryOp<"sin", "sine", "sin(input)">;
def Lepton_CosOp : Lepton_UnaryOp<"cos", "cosine", "cos(input)">;
def Lepton_TanOp : Lepton_UnaryOp<"tan", "tangent", "tan(input)">;
def Lepton_AsinOp : Lepton_UnaryOp<"asin", "inverse sine", "asin(input)">;
def Lepton_AcosOp : Lepton_UnaryOp<"acos", "inverse cosine", "acos(input)">;
def Lepton_AtanOp : Lepton_UnaryOp<"atan", "inverse tangent", "atan(input)">;
def Lepton_SinhOp : Lepton_UnaryOp<"sinh", "hyperbolic sine", "sinh(input)">;
def Lepton_CoshOp : Lepton_UnaryOp<"cosh", "hyperbolic cosine", "cosh(input)">;
def Lepton_TanhOp : Lepton_UnaryOp<"tanh", "hyperbolic tangent", "tanh(input)">;
def Lepton_AsinhOp : Lepton_UnaryOp<"asinh", "inverse hyperbolic sine", "asinh(input)">;
def Lepton_AcoshOp : Lepton_UnaryOp<"acosh", "inverse hyperbolic cosine", "acosh(input)">;
def Lepton_AtanhOp : Lepton_UnaryOp<"atanh", "inverse hyperbolic tangent", "atanh(input)">;
def Lepton_FloorOp : Lepton_UnaryOp<"floor", "largest integer not above", "floor(input)">;
def Lepton_CeilOp : Lepton_UnaryOp<"ceil", "smallest integer not below", "ceil(input)">;
def Lepton_RoundOp : Lepton_UnaryOp<"round", "nearest integer, ties to even", "round(input)">;

// Activations.
def Lepton_ReluOp : Lepton_UnaryOp<"relu", "rectifier", "max(input, 0)">;
def Lepton_SigmoidOp : Lepton_UnaryOp<"sigmoid", "logistic function", "1 / (1 + exp(-input))">;
def Lepton_SoftplusOp : Lepton_UnaryOp<"softplus", "smooth rectifier", "log(1 + exp(input))">;
def Lepton_LeakyReluOp : Lepton_UnaryOp<"leaky_relu", "rectifier with a slope", "input < 0 ? alpha * input : input", (ins F64Attr:$alpha)>;
def Lepton_EluOp : Lepton_UnaryOp<"elu", "exponential linear unit", "input < 0 ? alpha * (exp(input) - 1) : input", (ins F64Attr:$alpha)>;
def Lepton_HardSigmoidOp : Lepton_UnaryOp<"hard_sigmoid", "piecewise linear sigmoid", "max(0, min(1, alpha * input + beta))", (ins F64Attr:$alpha, F64Attr:$beta)>;

// Conversion.
def Lepton_RoundUp : I32EnumAttrCase<"up", 0>;
def Lepton_RoundDown : I32EnumAttrCase<"down", 1>;
def Lepton_RoundNearest : I32EnumAttrCase<"nearest", 2>;
def Lepton_CastRounding : I32EnumAttr<"CastRounding", "to which power of two a cast to f8E8M0FNU rounds", [Lepton_RoundUp, Lepton_RoundDown, Lepton_RoundNearest]> {
  let cppNamespace = "::lepton";
  let genSpecializedAttr = 0;
}
def Lepton_CastRoundingAttr : EnumAttr<Lepton_Dialect, Lepton_CastRounding, "cast_rounding">;

def Lepton_CastOp : Lepton_ElementwiseOp<"cast"> {
  let summary = "conversion of the element type";
  let description = [{
    Floats round to the nearest number, ties to even; f8E8M0FNU, which holds powers of two alone, as `rounding` says, where a tie of `nearest` goes up.
    With `saturate`, a number beyond the range of a float of eight bits becomes the largest of its sign; without, it becomes infinite where the type has
    infinities, and otherwise no number. Floats of four and six bits always saturate. Integers keep their low bits.

    Example:
    ```mlir
    %y = lepton.cast %x {saturate = false, to = f8E4M3FN} : (tensor<2x3xf32>) -> tensor<2x3xf8E4M3FN>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, TypeAttr:$to, DefaultValuedAttr<BoolAttr, "true">:$saturate,
    DefaultValuedAttr<Lepton_CastRoundingAttr, "::lepton::CastRounding::up">:$rounding);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
}
def Lepton_BitCastOp : Lepton_UnaryOp<"bit_cast", "the same bits as the element type `to`, which is as wide", "to(bits(input))", (ins TypeAttr:$to)>;

def Lepton_ComplexPartOp : Lepton_ElementwiseOp<"complex_part"> {
  let summary = "the real or the imaginary parts of complex numbers";
  let description = [{
    Elementwise `result = imaginary ? im(input) : re(input)`.

    Example:
    ```mlir
    %y = lepton.complex_part %x {imaginary} : (tensor<2x3xcomplex<f32>>) -> tensor<2x3xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input, UnitAttr:$imaginary);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
}

// Selection.
def Lepton_WhereOp : Lepton_ElementwiseOp<"where"> {
  let summary = "elementwise selection";
  let description = [{
    Elementwise `result = condition ? lhs : rhs`; all three operands broadcast.

    Example:
    ```mlir
    %y = lepton.where %c, %a, %b : (tensor<3xi1>, tensor<2x3xf32>, tensor<f32>) -> tensor<2x3xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$condition, Lepton_Tensor:$lhs, Lepton_Tensor:$rhs);
  let assemblyFormat = "$condition `,` $lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
}

#endif // LEPTON_ELEMENTWISE_TD
