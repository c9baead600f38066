"""External data: files that are not the model's, and bytes that are not the file's (CVE-2022-25882, CVE-2024-27318, CVE-2026-27489, -34446, -34447)."""

import os

from onnx import SparseTensorProto, TensorProto, helper

from cases import BOOL, FLOAT, INT64, add, function, graph, model, node, tensor, value


def elsewhere(location, name="w", dims=(2,), dtype=FLOAT, **entries):
    """A tensor whose bytes are in a file."""
    result = tensor(name, dtype, dims, data_location=TensorProto.EXTERNAL)
    for key, text in {"location": location, **entries}.items():
        result.external_data.add(key=key, value=str(text))
    return result


# ---- how a tensor gets into a model --------------------------------------------------------------------------------


def initializer(data):
    return model([node("Add", ["x", "w"])], [value("x", FLOAT, [2])], constants={"w": data})


def constant(data, **attribute):
    return helper.make_node("Constant", [], ["w"], name="the Constant", **(attribute or {"value": data}))


def in_constant(data):
    return model([constant(data), node("Add", ["x", "w"])], [value("x", FLOAT, [2])])


def branches(body):
    return model([node("If", ["c"], then_branch=body, else_branch=body)], [value("c", BOOL, [])])


def in_subgraph(data):
    return branches(graph([helper.make_node("Neg", ["w"], ["b"])], outputs=["b"], constants={"w": data}))


def in_constant_of_subgraph(data):
    return branches(graph([constant(data), helper.make_node("Neg", ["w"], ["b"])], outputs=["b"]))


def in_function(data):
    body = [constant(data), helper.make_node("Add", ["a", "w"], ["b"])]
    call = helper.make_node("F", ["x"], ["y"], domain="mine", name="call")
    return model([call], [value("x", FLOAT, [2])], functions=[function("F", body)])


def sparse(data, part):
    parts = {"values": tensor("w", FLOAT, [2], float_data=[1, 2]), "indices": tensor("i", INT64, [2], int64_data=[0, 1])} | {part: data}
    return SparseTensorProto(dims=[2], **parts)


def in_sparse(data, part="values"):
    result = model([node("Add", ["x", "w"])], [value("x", FLOAT, [2])])
    result.graph.sparse_initializer.append(sparse(data, part))
    return result


def in_sparse_indices(data):
    data.name, data.data_type = "i", INT64
    return in_sparse(data, "indices")


def in_sparse_constant(data):
    return model([constant(None, sparse_value=sparse(data, "values")), node("Add", ["x", "w"])], [value("x", FLOAT, [2])])


def in_fill(data):
    data.dims[:] = [1]
    return model([node("ConstantOfShape", ["n"], value=data)], [value("n", INT64, [1])])


CARRIERS = {each.__name__.replace("_", "-"): each for each in (initializer, in_constant, in_subgraph, in_constant_of_subgraph, in_function, in_sparse, in_sparse_indices, in_sparse_constant, in_fill)}

# ---- places that are not the model's -------------------------------------------------------------------------------


def link(folder, target):
    (folder / "it").symlink_to(target)


def hard_link(folder):
    (folder / "it").hardlink_to(folder.parent / "outside/secret")


PLACES = {
    # name -> (location, what is made in the model's folder, what is said)
    "parent": ("../outside/secret", None, "without '..'"),
    "parent-in-the-middle": ("inside/../../outside/secret", lambda f: (f / "inside").mkdir(), "without '..'"),
    "absolute": ("/etc/passwd", None, "below the model's folder"),
    "absolute-with-two-slashes": ("//etc/passwd", None, "below the model's folder"),
    "link": ("it", lambda f: link(f, "../outside/secret"), "links are not followed"),
    "link-to-an-absolute-path": ("it", lambda f: link(f, f.parent / "outside/secret"), "links are not followed"),
    "link-within-the-folder": ("it", lambda f: (f / "real").write_bytes(bytes(8)) and link(f, "real"), "links are not followed"),
    "dangling-link": ("it", lambda f: link(f, "nowhere"), "links are not followed"),
    "link-to-itself": ("it", lambda f: link(f, "it"), "links are not followed"),
    "linked-folder": ("it/secret", lambda f: link(f, "../outside"), "links are not followed"),
    "linked-folder-and-back": ("it/../model/model.onnx", lambda f: link(f, "../outside"), "without '..'"),
    "hard-link": ("it", hard_link, "no regular file"),
    "pipe": ("it", lambda f: os.mkfifo(f / "it"), "no regular file"),
    "folder": ("it", lambda f: (f / "it").mkdir(), "no regular file"),
    "the-folder-itself": (".", None, "no regular file"),
    "link-to-a-device": ("it", lambda f: link(f, "/dev/zero"), "links are not followed"),
    "device": ("/dev/zero", None, "below the model's folder"),
    "open-file-of-the-process": ("/proc/self/environ", None, "below the model's folder"),
    "absent": ("it", None, "cannot be opened"),
    "empty": ("", None, "the external file ''"),
    "zero-byte": ("it\0.bin", None, "below the model's folder"),
    "address": ("file:///etc/passwd", None, "cannot be opened"),
    "very-long": ("a" * 100_000, None, "cannot be opened"),
    "very-deep": ("a/" * 50_000 + "a", None, "cannot be opened"),
    "line-break": ("it\nerror: all is well", None, "cannot be opened"),
}


def outside(place, prepare, carrier):
    def write(folder):
        (folder.parent / "outside").mkdir()
        (folder.parent / "outside/secret").write_bytes(b"\x11" * 64)
        if prepare:
            prepare(folder)
        (folder / "model.onnx").write_bytes(carrier(elsewhere(place)).SerializeToString())

    return write


for place, (location, prepare, says) in PLACES.items():
    add(f"external-{place}", outside(location, prepare, initializer), f"tensor 'w'.*{says}")
for name, carrier in CARRIERS.items():
    if carrier is not initializer:
        for place in ("parent", "absolute", "link", "pipe"):
            location, prepare, says = PLACES[place]
            says = "has its indices in another file" if carrier is in_sparse_indices else says
            add(f"external-{place}-{name}", outside(location, prepare, carrier), says)

# ---- bytes that are not the file's ---------------------------------------------------------------------------------

RANGES = {
    "negative-offset": ({"offset": -8}, "offset '-8', which is no number of bytes"),
    "negative-length": ({"length": -8}, "length '-8', which is no number of bytes"),
    "offset-past-the-end": ({"offset": 72}, "needs bytes 72 to 80 of 'it', which has 72"),
    "offset-far-past-the-end": ({"offset": 1 << 62}, "which has 72"),
    "offset-that-overflows": ({"offset": (1 << 64) - 4}, "no number of bytes"),
    "offset-of-many-digits": ({"offset": "9" * 100}, "no number of bytes"),
    "length-that-is-no-number": ({"length": "8 bytes"}, "length '8 bytes', which is no number of bytes"),
    "offset-in-hexadecimal": ({"offset": "0x8"}, "no number of bytes"),
    "offset-with-a-sign": ({"offset": "+8"}, "no number of bytes"),
    "offset-that-is-empty": ({"offset": ""}, "no number of bytes"),
    "length-too-short": ({"length": 4}, "has 4 bytes of external data, but its shape takes 8"),
    "length-too-large": ({"length": 1 << 40}, "has 1099511627776 bytes of external data, but its shape takes 8"),
    "part-past-the-end": ({"offset": 68}, "needs bytes 68 to 76 of 'it', which has 72"),
    "length-zero": ({"length": 0}, "has 0 bytes of external data"),
}


def ranged(entries, **shape):
    def write(folder):
        (folder / "it").write_bytes(bytes(72))
        (folder / "model.onnx").write_bytes(initializer(elsewhere("it", **shape, **entries)).SerializeToString())

    return write


for name, (entries, says) in RANGES.items():
    add(f"external-{name}", ranged(entries), f"tensor 'w'.*{says}")
add("external-shape-past-the-end", ranged({}, dims=[1 << 20]), "tensor 'w'.*needs bytes 0 to 4194304 of 'it', which has 72")
add("external-shape-that-overflows", ranged({}, dims=[1 << 62, 4]), "tensor 'w'.*impossibly large")
add("external-shape-of-exabytes", ranged({}, dims=[1 << 39]), "tensor 'w'.*needs bytes 0 to 2199023255552")
add("external-text", ranged({}, dtype=TensorProto.STRING), "tensor 'w' has 0 strings")
add("external-of-unknown-type", ranged({}, dtype=99), "tensor 'w' has the data type 99")
add("external-without-location", initializer(tensor("w", FLOAT, [2], data_location=TensorProto.EXTERNAL)), "tensor 'w' names the external file ''")
