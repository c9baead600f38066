"""Other forms of a network: of half-precision tensors, of another batch."""

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper


def as_half(model):
    """The network with float16 instead of float32, in memory, too."""
    half = onnx.ModelProto.FromString(model.SerializeToString())
    graph = half.graph
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name))
    for value in [*graph.input, *graph.output]:
        if value.type.tensor_type.elem_type == TensorProto.FLOAT:
            value.type.tensor_type.elem_type = TensorProto.FLOAT16
    del graph.value_info[:]
    return half


def of_batch(model, batch):
    """The network for as many images at a time; its first dimension is theirs all the way."""
    larger = onnx.ModelProto.FromString(model.SerializeToString())
    graph = larger.graph
    for value in [*graph.input, *graph.output]:
        value.type.tensor_type.shape.dim[0].dim_value = batch
    shapes = {node.input[1] for node in graph.node if node.op_type == "Reshape"}
    for tensor in graph.initializer:
        if tensor.name in shapes:
            tensor.CopyFrom(numpy_helper.from_array(np.array([batch, *numpy_helper.to_array(tensor)[1:]]), tensor.name))
    del graph.value_info[:]
    return larger
