"""What a hostile model is to the tests, and the few words in which most of them are written.

    python test/hostile/cases.py DIR      writes every model into a folder of its own, with `expected.txt` beside it
"""

import re
import sys
from pathlib import Path
from typing import Callable, NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, INT64, INT32, BOOL, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT32, TensorProto.BOOL, TensorProto.STRING
HUGE = (1 << 63) - 1
MINE = "mine"  # the domain of functions


class Case(NamedTuple):
    """A model, and what Lepton says of it."""

    name: str
    write: Callable[[Path], None]  # writes model.onnx, and whatever it needs, into an empty folder `model` in this folder
    says: str  # a regular expression for one line of standard error; "" where the model is unusual, but sound
    at: str = "compile"  # "compile": whatever is done with the model fails so; "run": it compiles, and a run fails so
    inputs: dict = {}  # arrays for a run; what is missing is made up
    flags: tuple = ()  # for a model that only a bound stops


CASES = []


def add(name, model, says, **options):
    """Adds a case: a model, its bytes, or a function that writes it into a folder."""
    assert name not in {case.name for case in CASES} and re.fullmatch(r"[a-z0-9-]+", name), name

    def write(folder):
        (folder / "model").mkdir()
        if callable(model):
            model(folder / "model")
        else:
            content = model if isinstance(model, bytes) else model.SerializeToString()
            (folder / "model/model.onnx").write_bytes(content)

    CASES.append(Case(name, write, says, **options))


def node(op, inputs, outputs=("y",), **attributes):
    return helper.make_node(op, inputs, list(outputs), name=f"the {op}", **attributes)


def value(name, dtype=FLOAT, dims=None):
    return helper.make_tensor_value_info(name, dtype, dims)


def graph(nodes, inputs=(), outputs=("y",), constants=None, name="hostile"):
    """Inputs and outputs: value infos, or names of outputs whose type is left open."""
    outputs = [value(each) if isinstance(each, str) else each for each in outputs]
    tensors = [each if isinstance(each, TensorProto) else numpy_helper.from_array(np.asarray(each), key) for key, each in (constants or {}).items()]
    return helper.make_graph(nodes, name, list(inputs), outputs, tensors)


def model(nodes, inputs=(), outputs=("y",), constants=None, functions=(), opset=21):
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid(MINE, 1), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph(nodes, inputs, outputs, constants), opset_imports=opsets, functions=list(functions), ir_version=10)


def function(name, nodes, inputs=("a",), outputs=("b",)):
    return helper.make_function(MINE, name, list(inputs), list(outputs), nodes, [helper.make_opsetid("", 21), helper.make_opsetid(MINE, 1)])


def one(op, dims=(2, 3), opset=21, constants=None, more=(), dtype=FLOAT, outputs=("y",), **attributes):
    """y = op(x, constants...), with x of these dims."""
    constants = constants or {}
    names = ["x", *more, *constants]
    return model([node(op, names, outputs, **attributes)], [value("x", dtype, dims)], outputs, constants, opset=opset)


def tensor(name, dtype, dims, **fields):
    """A TensorProto with nothing in it but what is said."""
    result = TensorProto(name=name, data_type=dtype, dims=dims)
    for field, content in fields.items():
        if isinstance(content, (list, tuple)):
            getattr(result, field).extend(content)
        else:
            setattr(result, field, content)
    return result


def all_cases():
    """The cases of all modules."""
    import bombs, damage, external, names, operators, runs, tensors  # noqa: E401, F401, each adds its own

    return CASES


def main(folder):
    for case in all_cases():
        (folder / case.name).mkdir(parents=True)
        case.write(folder / case.name)
        (folder / case.name / "expected.txt").write_text(case.says + "\n")
    print(f"{len(CASES)} models in {folder}")


if __name__ == "__main__":
    sys.modules["cases"] = sys.modules["__main__"]  # what the modules import is this one
    main(Path(sys.argv[1]))
