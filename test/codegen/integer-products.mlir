// Convolutions of 16-bit integers: where the processor multiplies pairs and adds them, it does; elsewhere each product is added on its own.

// RUN: lepton compile %s -o - --emit=asm --cpu=x86-64-v3 | FileCheck %s --check-prefix=V3 --implicit-check-not=pmulld
// RUN: lepton compile %s -o - --emit=asm --cpu=znver5 | FileCheck %s --check-prefix=V5 --implicit-check-not=pmulld
// RUN: lepton compile %s -o - --emit=asm --target=aarch64-linux-gnu | FileCheck %s --check-prefix=ARM --implicit-check-not=uzp

func.func @main(%x: tensor<1x16x9x9xi16> {lepton.name = "x"}, %w: tensor<16x16x3x3xi16> {lepton.name = "w"}) -> (tensor<1x16x7x7xi32> {lepton.name = "y"}) {
  %y = lepton.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, group = 1 : i64} : (tensor<1x16x9x9xi16>, tensor<16x16x3x3xi16>) -> tensor<1x16x7x7xi32>
  return %y : tensor<1x16x7x7xi32>
}

// V3: vpmaddwd{{.*}}%ymm
// V5: vpdpwssd{{.*}}%zmm
// ARM: smlal{{.*}}.4s
