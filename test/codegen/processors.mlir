// The code for a processor: its features and vector width; math in instructions where it has them, in calls only where no instruction does.

// RUN: lepton compile %s -o - --emit=llvm --cpu=x86-64-v2 | FileCheck %s --check-prefixes=CHECK,V2 --implicit-check-not=@fmaf --implicit-check-not=@expf
// RUN: lepton compile %s -o - --emit=llvm --cpu=x86-64-v3 | FileCheck %s --check-prefixes=CHECK,V3 --implicit-check-not=@fmaf --implicit-check-not=@expf
// RUN: lepton compile %s -o - --emit=llvm --cpu=znver5 | FileCheck %s --check-prefixes=CHECK,V4 --implicit-check-not=@fmaf --implicit-check-not=@expf
// RUN: lepton compile %s -o - --emit=llvm --target=aarch64-linux-gnu | FileCheck %s --check-prefixes=CHECK,ARM --implicit-check-not=@fmaf --implicit-check-not=@expf
// RUN: lepton compile %s -o - --emit=llvm --target=wasm32-wasi | FileCheck %s --check-prefixes=CHECK,WASM --implicit-check-not=@fmaf --implicit-check-not=@expf
// RUN: lepton compile %s -o - --emit=asm --cpu=x86-64-v3 | FileCheck %s --check-prefix=ASM
// RUN: lepton compile %s -o - --emit=asm --target=aarch64-linux-gnu | FileCheck %s --check-prefix=ARMASM
// RUN: lepton compile %s -o - --emit=asm --target=wasm32-wasi | FileCheck %s --check-prefix=WASMASM

func.func @main(%x: tensor<1024xf32> {lepton.name = "x"}) -> (tensor<1024xf32> {lepton.name = "y"}) {
  %y = lepton.exp %x : (tensor<1024xf32>) -> tensor<1024xf32>
  return %y : tensor<1024xf32>
}

// V2: target triple = "x86_64-unknown-linux-gnu"
// ARM: target triple = "aarch64-unknown-linux-gnu"
// WASM: target triple = "wasm32-unknown-wasi"
// CHECK-DAG: @lepton_artifact_model = weak {{.*}}constant
// CHECK: define {{.*}}@exp_f32_1024
// V2-NOT: llvm.fma
// WASM-NOT: llvm.fma
// V3: <8 x float> @llvm.fma
// V4: <16 x float> @llvm.fma
// ARM: <4 x float> @llvm.fma
// V2-DAG: "prefer-vector-width"="128" "target-cpu"="x86-64-v2"
// WASM-DAG: "prefer-vector-width"="128" "target-cpu"="lime1" "target-features"="+simd128"
// V3-DAG: "prefer-vector-width"="256" "target-cpu"="x86-64-v3"
// V4-DAG: "prefer-vector-width"="512" "target-cpu"="znver5"

// ASM: vfmadd{{.*}}%ymm
// ARMASM: fmla v{{[0-9]+}}.4s
// WASMASM: f32x4.mul
