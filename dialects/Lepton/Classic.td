//===- Classic.td - ops of classical machine learning: ensembles of trees, probabilities of classes -------------------------===//

#ifndef LEPTON_CLASSIC_TD
#define LEPTON_CLASSIC_TD

include "dialects/Lepton/LeptonBase.td"
include "dialects/Lepton/Reduction.td"

def Lepton_TreeEnsembleOp : Lepton_KernelOp<"tree_ensemble"> {
  let summary = "what the leaves that rows reach in decision trees vote for, aggregated over the trees";
  let description = [{
    `input` is [rows, features]. A place is the number of a node, or `-1 - l` for leaf l; `roots` holds the place at which each tree begins. Node n is row n of
    `nodes`, 32-bit integers: the feature that it compares with `splits[n]`, and the places to go on at when the comparison holds and when it does not. The
    comparison is the only one of `modes` (0 to 5: <=, <, >=, >, ==, !=). Where there are several, or with `missing`, a fourth column holds the node's
    mode, plus 8 where a NaN counts as true.

    Leaf l casts the votes `firsts[l]` to `firsts[l + 1] - 1`, or the vote l alone where `firsts` is absent: vote v adds `weights[v]` to column `targets[v]` of
    the result [rows, outputs], or lowers (`min`) or raises (`max`) it. A column without votes is 0. No node compares a feature from `features` on.

    Rows are walked in blocks, in parallel; within a block each tree is walked for one row after the other, so that its nodes stay in the cache.

    Example:
    ```mlir
    %y = lepton.tree_ensemble sum %x, %roots, %nodes, %splits, %targets, %weights {modes = array<i64: 0>, outputs = 1 : i64, features = 4 : i64}
       : (tensor<?x4xf32>, tensor<2xi32>, tensor<6x3xi32>, tensor<6xf32>, tensor<8xi32>, tensor<8xf32>) -> tensor<?x1xf32>
    ```
  }];
  let arguments = (ins Lepton_ReduceKindAttr:$kind, Lepton_Tensor:$input, Lepton_Tensor:$roots, Lepton_Tensor:$nodes, Lepton_Tensor:$splits,
                       Lepton_Tensor:$targets, Lepton_Tensor:$weights, Optional<Lepton_Tensor>:$firsts, DenseI64ArrayAttr:$modes, UnitAttr:$missing,
                       I64Attr:$outputs, I64Attr:$features);
  let results = (outs Lepton_Tensor:$result);
  let extraClassDeclaration = [{
    /// Whether nodes have a fourth column.
    bool hasFlags();
  }];
  let assemblyFormat = [{
    $kind $input `,` $roots `,` $nodes `,` $splits `,` $targets `,` $weights (`,` $firsts^)? attr-dict `:` functional-type(operands, results)
  }];
}

def Lepton_CoupleProbabilitiesOp : Lepton_KernelOp<"couple_probabilities"> {
  let summary = "probabilities of classes from those of pairs of classes";
  let description = [{
    `input[b, i, j]` is the probability of class i against class j; the diagonal is not read. The result [batch, classes] are the probabilities that agree best with
    them: the second method of Wu, Lin and Weng, "Probability estimates for multi-class classification by pairwise coupling" (2004), by their iteration, at most 100
    rounds, until the error is below 0.005 over the number of classes.

    Example:
    ```mlir
    %p = lepton.couple_probabilities %r : (tensor<?x3x3xf32>) -> tensor<?x3xf32>
    ```
  }];
  let arguments = (ins Lepton_Tensor:$input);
  let results = (outs Lepton_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
}

#endif // LEPTON_CLASSIC_TD
