"""Operators of ai.onnx.ml on maps against onnxruntime; maps in Python, in files and of wrong types."""

import lepton
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

import common

FLOAT, DOUBLE, INT64, STRING = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT64, TensorProto.STRING
LEVELS = (0, 3)
NUMBERS, WORDS = {7: 0.5, 0: -2.25, 3: 4.0}, {2: "10", 5: "-3", 0: "7"}


def tensor(kind, shape=None):
    return helper.make_tensor_type_proto(kind, shape)


def mapping(key, value):
    return helper.make_map_type_proto(key, tensor(value, []))


def build(op, x, y, **attributes):
    node = helper.make_node(op, ["x"], ["y"], domain="ai.onnx.ml", name=op, **attributes)
    graph = helper.make_graph([node], op, [helper.make_value_info("x", x)], [helper.make_value_info("y", y)])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()


def run(model, x, level=3):
    return lepton.InferenceSession(model, opt_level=level).run(None, {"x": x})[0]


def expected(model, x):
    return onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("shape", [(3,), (4, 3), (1, 3)])
@pytest.mark.parametrize("labels", [{"classlabels_strings": ["b", "é", "a"]}, {"classlabels_int64s": [5, -1, 2]}])
def test_zip_map(labels, shape, level):
    key = STRING if "classlabels_strings" in labels else INT64
    model = build("ZipMap", tensor(FLOAT, ["N", 3][-len(shape) :]), helper.make_sequence_type_proto(mapping(key, FLOAT)), **labels)
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    result = run(model, x, level)
    assert result == expected(model, x)
    assert len(result) == (shape[0] if len(shape) == 2 else 1)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("form", [{}, {"map_form": "SPARSE", "max_map": 9}])
@pytest.mark.parametrize("to, kind", [("TO_FLOAT", FLOAT), ("TO_INT64", INT64)])
@pytest.mark.parametrize("x, value", [(NUMBERS, FLOAT), (WORDS, STRING)])
def test_cast_map(x, value, to, kind, form, level):
    model = build("CastMap", mapping(INT64, value), tensor(kind), cast_to=to, **form)
    result, number = run(model, x, level), float if kind == FLOAT else int
    assert result.dtype == helper.tensor_dtype_to_np_dtype(kind)
    assert result.tolist() == [[number(x.get(key, 0)) for key in (range(9) if form else sorted(x))]]
    if value == FLOAT:  # onnxruntime takes no map of strings from Python
        assert result.tolist() == expected(model, x).tolist()


def test_cast_map_to_strings():
    """As the cast of tensors spells numbers; columns without a key are empty."""
    dense = build("CastMap", mapping(INT64, FLOAT), tensor(STRING), cast_to="TO_STRING")
    assert run(dense, NUMBERS).tolist() == [["-2.25", "4.0", "0.5"]]
    sparse = build("CastMap", mapping(INT64, STRING), tensor(STRING), cast_to="TO_STRING", map_form="SPARSE", max_map=4)
    assert run(sparse, WORDS).tolist() == [["7", "", "10", ""]]


VECTORIZED = [
    (STRING, INT64, {"b": 4, "ö": -8}),
    (STRING, FLOAT, {"ö": 0.5}),
    (STRING, DOUBLE, {"a": 1e-300, "b": 2.0, "c": 3.0, "ö": 4.0}),
    (INT64, FLOAT, {9: 1.5, -2: 2.5}),
    (INT64, DOUBLE, {}),
    (INT64, STRING, {1: "one", 9: ""}),
]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("key, value, x", VECTORIZED)
def test_dict_vectorizer(key, value, x, level):
    vocabulary = {"string_vocabulary": ["c", "ö", "a", "b"]} if key == STRING else {"int64_vocabulary": [9, 1, -2]}
    model = build("DictVectorizer", mapping(key, value), tensor(value), **vocabulary)
    result, missing = run(model, x, level), "" if value == STRING else 0
    assert result.dtype == helper.tensor_dtype_to_np_dtype(value)
    assert result.tolist() == [[x.get(word, missing) for word in list(vocabulary.values())[0]]]
    if value == FLOAT:  # from Python, onnxruntime takes maps of this type alone
        assert result.tolist() == expected(model, x).tolist()


def test_types_are_named_as_onnxruntime_does():
    model = build("ZipMap", tensor(FLOAT, [2]), helper.make_sequence_type_proto(mapping(STRING, FLOAT)), classlabels_strings=["a", "b"])
    theirs = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    assert lepton.InferenceSession(model).get_outputs()[0].type == theirs.get_outputs()[0].type
    model = build("DictVectorizer", mapping(INT64, DOUBLE), tensor(DOUBLE), int64_vocabulary=[1])
    theirs = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    assert lepton.InferenceSession(model).get_inputs()[0].type == theirs.get_inputs()[0].type


@pytest.mark.parametrize("x, reason", [([1], "takes a dict, got list"), ({1.5: 1.0}, "is a map of int64"), ({1: "one"}, "is a map of float"), ({"1": 1.0}, "is a map of int64")])
def test_wrong_maps_are_refused(x, reason):
    model = build("DictVectorizer", mapping(INT64, FLOAT), tensor(FLOAT), int64_vocabulary=[1])
    with pytest.raises(ValueError, match=reason):
        run(model, x)


@pytest.mark.parametrize(
    "kind, reason",
    [
        (mapping(TensorProto.INT32, FLOAT), "has keys of type int32; int64 and strings are allowed"),
        (mapping(INT64, TensorProto.INT8), "has values of type int8; float, double, int64 and strings are allowed"),
        (helper.make_sequence_type_proto(mapping(TensorProto.UINT8, FLOAT)), "has keys of type uint8"),
        (mapping(INT64, TensorProto.UNDEFINED), "holds a type that is not supported"),
    ],
)
def test_maps_of_other_types_are_refused_in_one_message(tmp_path, kind, reason):
    path = tmp_path / "model.onnx"
    path.write_bytes(build("CastMap", kind, tensor(FLOAT)))
    done = common.lepton("inspect", path)
    assert done.returncode and done.stderr.count("error:") == 1 and "input 'x' " in done.stderr and reason in done.stderr


REFUSED = [
    ("ZipMap", tensor(FLOAT, [2]), {}, "needs either classlabels_strings or classlabels_int64s"),
    ("ZipMap", tensor(FLOAT, [2]), {"classlabels_int64s": [1, 1]}, "has a class label twice"),
    ("ZipMap", tensor(FLOAT, [2]), {"classlabels_int64s": [1]}, r"needs keys \[n\] and values \[maps, n\]"),
    ("ZipMap", tensor(FLOAT, [2, 2, 2]), {"classlabels_int64s": [1, 2]}, r"takes scores \[classes\]"),
    ("CastMap", mapping(INT64, FLOAT), {"cast_to": "TO_BOOL"}, "has the cast_to 'TO_BOOL'"),
    ("CastMap", mapping(INT64, FLOAT), {"map_form": "FLAT"}, "has the map_form 'FLAT'"),
    ("CastMap", mapping(INT64, FLOAT), {"map_form": "SPARSE", "max_map": 0}, "has a max_map of 0"),
    ("CastMap", tensor(FLOAT, [2]), {}, "takes a map"),
    ("CastMap", mapping(STRING, FLOAT), {}, "does not allow"),
    ("DictVectorizer", mapping(INT64, FLOAT), {"string_vocabulary": ["a"]}, "of another type than the map's keys"),
]


@pytest.mark.parametrize("op, x, attributes, reason", REFUSED)
def test_what_does_not_fit_is_refused(op, x, attributes, reason):
    with pytest.raises(ValueError, match=f"node '{op}' .*{reason}"):
        lepton.InferenceSession(build(op, x, tensor(FLOAT), **attributes))


def test_command_line_reads_and_writes_files_of_maps(tmp_path):
    model, there = tmp_path / "model.onnx", tmp_path / "out"
    model.write_bytes(build("DictVectorizer", mapping(STRING, INT64), tensor(INT64), string_vocabulary=["a", "b"]))
    given = onnx.MapProto(name="x", key_type=STRING, string_keys=[b"b"], values=onnx.numpy_helper.from_list([np.array(5)]))
    (tmp_path / "x.pb").write_bytes(given.SerializeToString())
    done = common.lepton("run", model, f"--input=x={tmp_path / 'x.pb'}", f"--output-dir={there}")
    assert done.returncode == 0, done.stderr
    assert np.load(there / "y.npy").tolist() == [[0, 5]]

    model.write_bytes(build("ZipMap", tensor(FLOAT, ["N", 2]), helper.make_sequence_type_proto(mapping(INT64, FLOAT)), classlabels_int64s=[4, 6]))
    np.save(tmp_path / "x.npy", np.array([[1, 2], [3, 4]], np.float32))
    done = common.lepton("run", model, f"--input=x={tmp_path / 'x.npy'}", f"--output-dir={there}", "--output-format=pb")
    assert done.returncode == 0, done.stderr
    written = onnx.SequenceProto.FromString((there / "y.pb").read_bytes())
    maps = [onnx.numpy_helper.to_dict(each) for each in written.map_values]
    assert [{int(key): float(value) for key, value in each.items()} for each in maps] == [{4: 1, 6: 2}, {4: 3, 6: 4}]


def test_command_line_makes_up_maps(tmp_path):
    model = tmp_path / "model.onnx"
    model.write_bytes(build("CastMap", mapping(INT64, FLOAT), tensor(FLOAT)))
    done = common.lepton("run", model, "--random-inputs=1")
    assert done.returncode == 0, done.stderr
    assert "map from int64[?] to float32[?]" in common.lepton("inspect", model).stdout
