// RUN: lepton-opt %s --split-input-file --lepton-verify-phase="phase=import" | FileCheck %s
// RUN: not lepton-opt %s --split-input-file --lepton-verify-phase="phase=graph" 2>&1 | FileCheck %s --check-prefix=GRAPH
// RUN: not lepton-opt %s --split-input-file --lepton-verify-phase="phase=kernel" 2>&1 | FileCheck %s --check-prefix=KERNEL
// RUN: not lepton-opt %s --split-input-file --lepton-verify-phase="phase=tile" 2>&1 | FileCheck %s --check-prefix=TILE
// RUN: not lepton-opt %s --split-input-file --lepton-verify-phase="phase=buffer" 2>&1 | FileCheck %s --check-prefix=BUFFER
// RUN: not lepton-opt %s --split-input-file --lepton-verify-phase="phase=schedule" 2>&1 | FileCheck %s --check-prefix=SCHEDULE
// RUN: not lepton-opt %s --split-input-file --lepton-verify-phase="phase=vector" 2>&1 | FileCheck %s --check-prefix=VECTOR
// RUN: not lepton-opt %s --split-input-file --lepton-verify-phase="phase=llvm" 2>&1 | FileCheck %s --check-prefix=LLVM
// RUN: not lepton-opt %s --split-input-file --lepton-verify-phase="phase=nonsense" 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// UNKNOWN: there is no phase 'nonsense'

// CHECK-LABEL: func @StaticThatIsNotSaid
// GRAPH:  after phase 'graph' lepton.relu has a dimension of unknown size that is known
// KERNEL: after phase 'kernel' lepton.relu is outside a kernel
// TILE:   after phase 'tile' lepton.relu is left
// BUFFER: after phase 'buffer' the size of the arena is not recorded
// LLVM:   after phase 'llvm' there is no function @lepton_entry
func.func @StaticThatIsNotSaid(%x: tensor<3xf32>) -> tensor<?xf32> {
  %y = lepton.relu %x : (tensor<3xf32>) -> tensor<?xf32>
  %z = lepton.relu %y : (tensor<?xf32>) -> tensor<?xf32>
  return %z : tensor<?xf32>
}

// -----

// KERNEL: after phase 'kernel' func.func is a kernel that nothing calls
func.func private @nobody() attributes {lepton.kernel}

// -----

// BUFFER:   after phase 'buffer' memref.alloc allocates outside the arena, the pool and the stack
// SCHEDULE: after phase 'schedule' linalg.fill has no schedule
// VECTOR:   after phase 'vector' linalg.fill is left
module attributes {lepton.arena_bytes = 0 : i64} {
  func.func @main(%x: f32) {
    %y = memref.alloc() : memref<3xf32>
    linalg.fill ins(%x : f32) outs(%y : memref<3xf32>)
    return
  }
}
