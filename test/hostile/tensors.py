"""Constants whose data and shape do not go together, and shapes that no memory holds."""

from onnx import SparseTensorProto, TensorProto

from cases import BOOL, FLOAT, HUGE, INT32, INT64, STRING, add, graph, model, node, tensor, value

T = TensorProto


def constant(data):
    """y = Identity(w)."""
    return model([node("Identity", ["w"])], constants={"w": data})


# ---- data of another size than the shape's -------------------------------------------------------------------------

DATA = {
    "raw-too-short": (tensor("w", FLOAT, [2], raw_data=bytes(7)), "has 7 bytes of data, but its shape takes 8"),
    "raw-too-long": (tensor("w", FLOAT, [2], raw_data=bytes(9)), "has 9 bytes of data, but its shape takes 8"),
    "raw-empty": (tensor("w", FLOAT, [2], raw_data=b""), "has 0 bytes of data, but its shape takes 8"),
    "raw-for-a-scalar": (tensor("w", T.DOUBLE, [], raw_data=bytes(4)), "has 4 bytes of data, but its shape takes 8"),
    "raw-for-no-element": (tensor("w", FLOAT, [0], raw_data=bytes(4)), "has 4 bytes of data, but its shape takes 0"),
    "typed-too-few": (tensor("w", FLOAT, [3], float_data=[1, 2]), "has 8 bytes of data, but its shape takes 12"),
    "typed-too-many": (tensor("w", INT64, [1], int64_data=[1, 2]), "has 16 bytes of data, but its shape takes 8"),
    "typed-none": (tensor("w", FLOAT, [2]), "has 0 bytes of data, but its shape takes 8"),
    "typed-of-another-type": (tensor("w", FLOAT, [2], int64_data=[1, 2]), "has 0 bytes of data, but its shape takes 8"),
    "raw-and-typed": (tensor("w", FLOAT, [2], raw_data=bytes(8), float_data=[1, 2, 3]), "has both raw and typed data"),
    "raw-and-external": (tensor("w", FLOAT, [2], raw_data=bytes(8), data_location=T.EXTERNAL), "names the external file ''"),
    "int4-odd-too-short": (tensor("w", T.INT4, [3], raw_data=bytes(1)), "has 1 bytes of data, but its shape takes 2"),
    "int4-odd-too-long": (tensor("w", T.UINT4, [3], raw_data=bytes(3)), "has 3 bytes of data, but its shape takes 2"),
    "int2-too-short": (tensor("w", T.INT2, [5], int32_data=[1]), "has 1 bytes of data, but its shape takes 2"),
    "float6-too-short": (tensor("w", T.FLOAT6E2M3, [4], raw_data=bytes(2)), "has 2 bytes of data, but its shape takes 3"),
    "complex-of-odd-count": (tensor("w", T.COMPLEX64, [1], float_data=[1]), "has 4 bytes of data, but its shape takes 8"),
    "texts-too-few": (tensor("w", STRING, [3], string_data=[b"a"]), "has 1 strings, which are not as many as its shape takes"),
    "texts-as-raw-data": (tensor("w", STRING, [3], raw_data=bytes(24)), "has 0 strings, which are not as many as its shape takes"),
    "type-undefined": (tensor("w", T.UNDEFINED, [2], raw_data=bytes(8)), "has the data type 0, which is not supported"),
    "type-unknown": (tensor("w", 99, [2], raw_data=bytes(8)), "has the data type 99, which is not supported"),
    "type-negative": (tensor("w", -1, [2], raw_data=bytes(8)), "has the data type -1, which is not supported"),
}
for name, (data, says) in DATA.items():
    add(f"data-{name}", constant(data), f"tensor 'w' {says}")
add("data-bool-of-other-bits", constant(tensor("w", BOOL, [4], raw_data=b"\x02\xff\x00\x80")), "")
add("data-segment", constant(TensorProto(name="w", data_type=FLOAT, dims=[2], raw_data=bytes(8), segment=TensorProto.Segment(begin=0, end=1 << 62))), "")

# ---- dimensions ----------------------------------------------------------------------------------------------------

DIMS = {
    "negative": [-2],
    "two-negative": [-2, -2],
    "smallest": [-HUGE - 1],
    "large": [1 << 41],
    "largest": [HUGE],
    "product-that-overflows": [1 << 32, 1 << 32],
    "product-that-overflows-to-zero": [2, 1 << 62, 4],
    "zero-times-largest": [0, HUGE, HUGE],
}
for name, dims in DIMS.items():
    says = "" if name.startswith("zero") else "tensor 'w' has negative or impossibly large dimensions"
    add(f"dims-{name}", constant(tensor("w", FLOAT, dims, raw_data=bytes(8 if says else 0))), says)
    if says:
        add(f"dims-{name}-of-texts", constant(tensor("w", STRING, dims, string_data=[b"a"])), "tensor 'w' has 1 strings")
add("dims-of-exabytes-without-data", constant(tensor("w", FLOAT, [1 << 39])), "tensor 'w' has 0 bytes of data, but its shape takes 2199023255552")
add("dims-very-many", constant(tensor("w", FLOAT, [1] * 100_000, raw_data=bytes(4))), "tensor 'w' has 100000 dimensions")

add("input-of-exabytes", model([node("Neg", ["x"])], [value("x", FLOAT, [1 << 61])]), "node 'the Neg' \\(Neg\\): gives 'y' .* larger than any memory")
add("input-that-overflows", model([node("Neg", ["x"])], [value("x", FLOAT, [1 << 32, 1 << 32])]), "gives 'y' .* larger than any memory")
add("input-of-exabytes-that-is-not-read", model([node("Shape", ["x"])], [value("x", FLOAT, [1 << 61])]), "input 'x' has a shape that no memory can hold", at="run")
add("input-of-very-many-dimensions", model([node("Neg", ["x"])], [value("x", FLOAT, [1] * 100_000)]), "input 'x'.*100000 dimensions")
add("input-with-a-negative-dimension", model([node("Neg", ["x"])], [value("x", FLOAT, [-3, 2])]), "")
add("output-declared-with-other-sizes", model([node("Neg", ["x"])], [value("x", FLOAT, [2])], [value("y", FLOAT, [3, 1 << 62])]), "")
add("output-declared-with-another-type", model([node("Neg", ["x"])], [value("x", FLOAT, [2])], [value("y", STRING, [2])]), "")


def sparse(dims, values, indices):
    result = model([node("Neg", ["w"])])
    result.graph.sparse_initializer.append(SparseTensorProto(dims=dims, values=values, indices=indices))
    return result


def pair(indices, dims=(2,), values=2):
    return tensor("w", FLOAT, [values], float_data=[1.0] * values), tensor("i", INT64, list(dims), int64_data=indices)


SPARSE = {
    "index-past-the-end": (sparse([4], *pair([0, 4])), "index"),
    "index-negative": (sparse([4], *pair([-1, 1])), "index"),
    "indices-too-few": (sparse([4], *pair([1], [1])), "indices"),
    "indices-of-another-rank": (sparse([4], *pair([0, 0, 0, 1], [2, 2])), "indices"),
    "dims-that-overflow": (sparse([1 << 32, 1 << 32], *pair([0, 1])), "large"),
    "dims-negative": (sparse([-4], *pair([0, 1])), "negative"),
    "indices-of-another-type": (sparse([4], tensor("w", FLOAT, [2], float_data=[1, 2]), tensor("i", INT32, [2], int32_data=[0, 1])), "int64|indices"),
}
for name, (built, says) in SPARSE.items():
    add(f"sparse-{name}", built, says)

add("sparse-index-twice", sparse([4], *pair([1, 1])), "")
add("sparse-dims-of-exabytes", sparse([1 << 39], *pair([0, 1])), "out of memory", at="run")

branch = graph([node("Identity", ["w"], ["b"])], outputs=["b"], constants={"w": tensor("w", FLOAT, [2], raw_data=bytes(3))})
add("data-in-a-branch", model([node("If", ["c"], then_branch=branch, else_branch=branch)], [value("c", BOOL, [])]), "tensor 'w' has 3 bytes of data")
