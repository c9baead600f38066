// RUN: lepton-opt %s --split-input-file --verify-diagnostics

// expected-error @+1 {{rows is 0, expected at least 1}}
func.func private @f() attributes {lepton.schedule = #lepton.schedule<algorithm = register_block, rows = 0>}

// -----

// expected-error @+1 {{loops have no register block}}
func.func private @f() attributes {lepton.schedule = #lepton.schedule<algorithm = loops, rows = 4>}

// -----

// expected-error @+1 {{vector_bits is 300, expected a power of two from 64 to 4096}}
module attributes {lepton.target = #lepton.target<cpu = "x", vector_bits = 300, registers = 16, fma = true>} {}

// -----

// expected-error @+1 {{a target needs the name of a processor}}
module attributes {lepton.target = #lepton.target<cpu = "", vector_bits = 256, registers = 16, fma = true>} {}
