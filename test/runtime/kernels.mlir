// RUN: mlir-translate --no-implicit-module --serialize-spirv %s -o %t && spirv-val --target-env vulkan1.1 %t

// What vulkan_test.cpp launches: entry points as codegen/gpu/LowerToSpirv.cpp makes them.
spirv.module Logical GLSL450 requires #spirv.vce<v1.3, [Shader, Int8, StorageBuffer8BitAccess], [SPV_KHR_8bit_storage]> {
  spirv.GlobalVariable @group built_in("WorkgroupId") : !spirv.ptr<vector<3xi32>, Input>
  spirv.GlobalVariable @thread built_in("LocalInvocationId") : !spirv.ptr<vector<3xi32>, Input>
  spirv.GlobalVariable @numbers : !spirv.ptr<!spirv.struct<(i32 [0], i32 [4])>, PushConstant>
  spirv.GlobalVariable @x bind(0, 0) : !spirv.ptr<!spirv.struct<(!spirv.rtarray<f32, stride=4> [0])>, StorageBuffer>
  spirv.GlobalVariable @y bind(0, 1) : !spirv.ptr<!spirv.struct<(!spirv.rtarray<f32, stride=4> [0])>, StorageBuffer>
  spirv.GlobalVariable @flag bind(0, 1) : !spirv.ptr<!spirv.struct<(!spirv.rtarray<i32, stride=4> [0])>, StorageBuffer>
  // Of bytes, which have to be switched on; no kernel has any.
  spirv.GlobalVariable @byte bind(0, 1) : !spirv.ptr<!spirv.struct<(!spirv.rtarray<i8, stride=1> [0])>, StorageBuffer>

  // y[i] = x[i] + number 1, for i below number 0.
  spirv.func @add() "None" {
    %zero = spirv.Constant 0 : i32
    %one = spirv.Constant 1 : i32
    %width = spirv.Constant 64 : i32
    %groupPlace = spirv.mlir.addressof @group : !spirv.ptr<vector<3xi32>, Input>
    %groups = spirv.Load "Input" %groupPlace : vector<3xi32>
    %group = spirv.CompositeExtract %groups[0 : i32] : vector<3xi32>
    %threadPlace = spirv.mlir.addressof @thread : !spirv.ptr<vector<3xi32>, Input>
    %threads = spirv.Load "Input" %threadPlace : vector<3xi32>
    %thread = spirv.CompositeExtract %threads[0 : i32] : vector<3xi32>
    %first = spirv.IMul %group, %width : i32
    %i = spirv.IAdd %first, %thread : i32
    %numbers = spirv.mlir.addressof @numbers : !spirv.ptr<!spirv.struct<(i32 [0], i32 [4])>, PushConstant>
    %countPlace = spirv.AccessChain %numbers[%zero] : !spirv.ptr<!spirv.struct<(i32 [0], i32 [4])>, PushConstant>, i32 -> !spirv.ptr<i32, PushConstant>
    %count = spirv.Load "PushConstant" %countPlace : i32
    %addendPlace = spirv.AccessChain %numbers[%one] : !spirv.ptr<!spirv.struct<(i32 [0], i32 [4])>, PushConstant>, i32 -> !spirv.ptr<i32, PushConstant>
    %addend = spirv.Load "PushConstant" %addendPlace : i32
    %float = spirv.ConvertSToF %addend : i32 to f32
    %isInside = spirv.ULessThan %i, %count : i32
    spirv.mlir.selection {
      spirv.BranchConditional %isInside, ^then, ^end
    ^then:
      %x = spirv.mlir.addressof @x : !spirv.ptr<!spirv.struct<(!spirv.rtarray<f32, stride=4> [0])>, StorageBuffer>
      %y = spirv.mlir.addressof @y : !spirv.ptr<!spirv.struct<(!spirv.rtarray<f32, stride=4> [0])>, StorageBuffer>
      %from = spirv.AccessChain %x[%zero, %i] : !spirv.ptr<!spirv.struct<(!spirv.rtarray<f32, stride=4> [0])>, StorageBuffer>, i32, i32 -> !spirv.ptr<f32, StorageBuffer>
      %to = spirv.AccessChain %y[%zero, %i] : !spirv.ptr<!spirv.struct<(!spirv.rtarray<f32, stride=4> [0])>, StorageBuffer>, i32, i32 -> !spirv.ptr<f32, StorageBuffer>
      %value = spirv.Load "StorageBuffer" %from : f32
      %sum = spirv.FAdd %value, %float : f32
      spirv.Store "StorageBuffer" %to, %sum : f32
      spirv.Branch ^end
    ^end:
      spirv.mlir.merge
    }
    spirv.Return
  }

  // The fault's word is 2 where x[0] is negative.
  spirv.func @check() "None" {
    %zero = spirv.Constant 0 : i32
    %two = spirv.Constant 2 : i32
    %none = spirv.Constant 0.0 : f32
    %x = spirv.mlir.addressof @x : !spirv.ptr<!spirv.struct<(!spirv.rtarray<f32, stride=4> [0])>, StorageBuffer>
    %flag = spirv.mlir.addressof @flag : !spirv.ptr<!spirv.struct<(!spirv.rtarray<i32, stride=4> [0])>, StorageBuffer>
    %from = spirv.AccessChain %x[%zero, %zero] : !spirv.ptr<!spirv.struct<(!spirv.rtarray<f32, stride=4> [0])>, StorageBuffer>, i32, i32 -> !spirv.ptr<f32, StorageBuffer>
    %value = spirv.Load "StorageBuffer" %from : f32
    %isWrong = spirv.FOrdLessThan %value, %none : f32
    spirv.mlir.selection {
      spirv.BranchConditional %isWrong, ^then, ^end
    ^then:
      %to = spirv.AccessChain %flag[%zero, %zero] : !spirv.ptr<!spirv.struct<(!spirv.rtarray<i32, stride=4> [0])>, StorageBuffer>, i32, i32 -> !spirv.ptr<i32, StorageBuffer>
      spirv.Store "StorageBuffer" %to, %two : i32
      spirv.Branch ^end
    ^end:
      spirv.mlir.merge
    }
    spirv.Return
  }

  spirv.EntryPoint "GLCompute" @add, @group, @thread
  spirv.ExecutionMode @add "LocalSize", 64, 1, 1
  spirv.EntryPoint "GLCompute" @check
  spirv.ExecutionMode @check "LocalSize", 1, 1, 1
}
