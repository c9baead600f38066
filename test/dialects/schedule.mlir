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

// -----

// expected-error @+1 {{registers is 2, expected 4 to 256}}
module attributes {lepton.target = #lepton.target<cpu = "x", vector_bits = 256, registers = 2, fma = true>} {}

// -----

// expected-error @+1 {{caches of 65536 and 1024 bytes, expected 0 < l1 <= l2}}
module attributes {lepton.target = #lepton.target<cpu = "x", vector_bits = 256, registers = 16, fma = true, l1 = 65536, l2 = 1024>} {}

// -----

// expected-error @+1 {{-1 bytes of shared memory, expected 0 or more}}
module attributes {lepton.target = #lepton.target<cpu = "x", vector_bits = 128, registers = 255, fma = true, shared_memory = -1>} {}

// -----

// expected-error @+1 {{a block of 100 threads, expected a multiple of 32 up to 1024}}
func.func private @f() attributes {lepton.launch = #lepton.launch<unit = thread, threads = 100>}

// -----

// expected-error @+1 {{width is 0, expected 1 to 16}}
func.func private @f() attributes {lepton.launch = #lepton.launch<unit = thread, width = 0>}

// -----

// expected-error @+1 {{a block computes one item, not 4}}
func.func private @f() attributes {lepton.launch = #lepton.launch<unit = block, width = 4>}

// -----

// expected-error @+1 {{a tile of 16 by 8 elements, expected 1 to 64 of them}}
func.func private @f() attributes {lepton.launch = #lepton.launch<unit = thread, rows = 16, columns = 8>}

// -----

// expected-error @+1 {{3 parts of a reduction, expected a power of 2 that divides the threads}}
func.func private @f() attributes {lepton.launch = #lepton.launch<unit = thread, parts = 3>}

// -----

// expected-error @+1 {{a thread has neighbouring elements or a tile}}
func.func private @f() attributes {lepton.launch = #lepton.launch<unit = thread, width = 4, rows = 2>}

// -----

// expected-error @+1 {{a block's tile of 32 by 32 elements for 128 threads, expected 16 for each at least}}
func.func private @f() attributes {lepton.launch = #lepton.launch<unit = thread, threads = 128, rows = 32, columns = 32, depth = 16, stages = 3>}

// -----

// expected-error @+1 {{tensor cores multiply what lies in shared memory, expected stages}}
func.func private @f() attributes {lepton.launch = #lepton.launch<unit = thread, rows = 8, columns = 8, tensor_cores = true>}

// -----

// expected-error @+1 {{1 slices of depth 16, expected 2 to 8 of a power of 2 from 16 on}}
func.func private @f() attributes {lepton.launch = #lepton.launch<unit = thread, rows = 32, columns = 32, tensor_cores = true, depth = 16, stages = 1>}

// -----

// expected-error @+1 {{a block's tile of 48 by 32 elements for 256 threads, expected powers of 2 from 32 on, up to 64 elements a thread, and no parts}}
func.func private @f() attributes {lepton.launch = #lepton.launch<unit = thread, rows = 48, columns = 32, tensor_cores = true, depth = 16, stages = 3>}
