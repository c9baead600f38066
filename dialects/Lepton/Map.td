//===- Map.td - maps ---------------------------------------------------------------------------------------------------------===//
//
// What ONNX's classical operators call dictionaries. A map is never changed; tensors are read out of it.
//
//===------------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_MAP_TD
#define LEPTON_MAP_TD

include "dialects/Lepton/Types.td"

def Lepton_MapZipOp : Lepton_RuntimeOp<"map_zip"> {
  let summary = "a sequence of maps, one for each row of values";
  let description = [{
    `keys` [n] are those of every map, each once, `values` are [maps, n]. ONNX ZipMap.

    Example:
    ```mlir
    %s = lepton.map_zip %keys, %values
       : (tensor<3xi64>, tensor<?x3xf32>) -> tensor<!lepton.sequence<tensor<!lepton.map<i64, f32>>>>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$keys, Lepton_Tensor:$values);
  let assemblyFormat = "$keys `,` $values attr-dict `:` functional-type(operands, results)";
}

def Lepton_MapLengthOp : Lepton_RuntimeOp<"map_length"> {
  let summary = "the number of keys in a map";
  let description = [{
    Example:
    ```mlir
    %n = lepton.map_length %m : (tensor<!lepton.map<i64, f32>>) -> tensor<i64>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$map);
  let assemblyFormat = "$map attr-dict `:` functional-type(operands, results)";
}

def Lepton_MapValuesOp : Lepton_RuntimeOp<"map_values"> {
  let summary = "the values of a map, in ascending order of their keys";
  let description = [{
    `length` is that of `lepton.map_length`. Keys are integers.

    Example:
    ```mlir
    %v = lepton.map_values %m, %n : (tensor<!lepton.map<i64, f32>>, tensor<i64>) -> tensor<?xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$map, Lepton_Tensor:$length);
  let assemblyFormat = "$map `,` $length attr-dict `:` functional-type(operands, results)";
}

def Lepton_MapAtOp : Lepton_RuntimeOp<"map_at"> {
  let summary = "the values that a map has at keys";
  let description = [{
    `missing` is the value of keys that the map does not have. The result has the shape of `keys`.

    Example:
    ```mlir
    %v = lepton.map_at %m, %keys, %missing : (tensor<!lepton.map<i64, f32>>, tensor<4xi64>, tensor<f32>) -> tensor<4xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$map, Lepton_Tensor:$keys, Lepton_Tensor:$missing);
  let assemblyFormat = "$map `,` $keys `,` $missing attr-dict `:` functional-type(operands, results)";
}

#endif // LEPTON_MAP_TD
