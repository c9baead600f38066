// RUN: lepton-opt --lepton-lower-to-llvm %s | FileCheck %s

// Of a model that is observed, the entry names each kernel in front of its call, in loops too; nothing else is announced.

// CHECK-DAG: llvm.mlir.global internal constant @[[FIRST:lepton_message_[0-9A-F]+]]("first\00")
// CHECK-DAG: llvm.mlir.global internal constant @[[SECOND:lepton_message_[0-9A-F]+]]("second\00")

module attributes {lepton.observed} {
  func.func private @first(%context: !llvm.ptr) attributes {lepton.kernel} {
    return
  }
  func.func private @second(%context: !llvm.ptr) attributes {lepton.kernel} {
    return
  }
  func.func private @helper(%context: !llvm.ptr) {
    return
  }

  // CHECK-LABEL: llvm.func @lepton_entry
  // CHECK: %[[FIRST_NAME:.*]] = llvm.mlir.addressof @[[FIRST]]
  // CHECK-NEXT: llvm.call @lepton_rt_kernel(%[[CONTEXT:.*]], %[[FIRST_NAME]])
  // CHECK-NEXT: llvm.call @first(%[[CONTEXT]])
  // CHECK-NOT: lepton_rt_kernel
  // CHECK: llvm.call @helper
  // CHECK: llvm.cond_br
  // CHECK: %[[SECOND_NAME:.*]] = llvm.mlir.addressof @[[SECOND]]
  // CHECK-NEXT: llvm.call @lepton_rt_kernel(%[[CONTEXT]], %[[SECOND_NAME]])
  // CHECK-NEXT: llvm.call @second(%[[CONTEXT]])
  func.func @lepton_entry(%context: !llvm.ptr, %again: i1) {
    call @first(%context) : (!llvm.ptr) -> ()
    call @helper(%context) : (!llvm.ptr) -> ()
    cf.br ^head
  ^head:
    cf.cond_br %again, ^body, ^end
  ^body:
    call @second(%context) : (!llvm.ptr) -> ()
    cf.br ^head
  ^end:
    return
  }
}
