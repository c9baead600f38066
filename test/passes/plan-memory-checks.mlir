// RUN: lepton-opt %s --lepton-plan-memory | FileCheck %s

// What a kernel checks, it keeps in bounds itself; what the entry checks, all that follows rests on. Both name the node.
// CHECK-LABEL: func.func private @checks
// CHECK:         lrt.check %arg0, %arg1, "node 'gather': out of range"
// CHECK-LABEL: func.func @lepton_entry
// CHECK:         lrt.require %arg0, %{{.*}}, "node 'add': do not fit"
func.func private @checks(%context: !llvm.ptr, %ok: i1) attributes {lepton.kernel} {
  cf.assert %ok, "out of range" loc("gather")
  return
}
func.func @main(%context: !llvm.ptr, %x: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  %ok = arith.cmpi eq, %n, %c0 : index
  cf.assert %ok, "do not fit" loc("add")
  return
}
