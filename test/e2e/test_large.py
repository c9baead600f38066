"""Models of more than 2 GB: with external data, a file of zeros that takes no room on the disk, but for a few numbers; and built by a program."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import lepton as library
from common import FULL, lepton
from lepton import nn

ROWS, COLUMNS = 150_000, 4096  # 2.5 GB
LAST = ROWS - 1


def save_large(folder):
    """Chooses rows of a table, of which only the last one is not zero."""
    table = TensorProto(name="table", data_type=TensorProto.FLOAT, dims=[ROWS, COLUMNS], data_location=TensorProto.EXTERNAL)
    table.external_data.add(key="location", value="table.bin")
    with open(folder / "table.bin", "wb") as file:
        file.seek(4 * COLUMNS * LAST)
        file.write(np.arange(COLUMNS, dtype=np.float32).tobytes())
    values = helper.make_tensor_value_info("rows", TensorProto.INT64, [2]), helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, COLUMNS])
    graph = helper.make_graph([helper.make_node("Gather", ["table", "rows"], ["y"], name="choose")], "large", [values[0]], [values[1]], [table])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]), folder / "large.onnx")
    return folder / "large.onnx"


@pytest.mark.parametrize("arch", ["aarch64", "riscv64"])
def test_code_that_does_not_reach_so_far(tmp_path, arch):
    result = lepton("compile", save_large(tmp_path), "-o", tmp_path / "m.so", f"--target={arch}-linux-gnu")
    assert result.returncode == 1 and result.stderr.endswith(f"code for {arch} cannot reach in one file; keep them apart with --weights=file\n")


@pytest.mark.skipif(not FULL, reason="takes 5 GB on the disk and 8 GB of memory")
@pytest.mark.parametrize("weights", ["embed", "file", "in process"])
def test_runs(tmp_path, weights):
    model = save_large(tmp_path)
    np.save(tmp_path / "rows.npy", np.array([0, LAST]))
    if weights != "in process":
        result = lepton("compile", model, "-o", tmp_path / "m.so", f"--weights={weights}")
        assert result.returncode == 0, result.stderr
        model = tmp_path / "m.so"
    result = lepton("run", model, f"--input=rows={tmp_path}/rows.npy", f"--output-dir={tmp_path}")
    assert result.returncode == 0, result.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), [np.zeros(COLUMNS), np.arange(COLUMNS)])
    for file in tmp_path.glob("[mt]*"):
        file.unlink()


@pytest.mark.skipif(not FULL, reason="takes 5 GB on the disk and 10 GB of memory")
@pytest.mark.parametrize("ending", ["onnx", "mlirbc", "in process"])
def test_built(tmp_path, ending):
    graph = nn.Graph("large")
    table = np.zeros((ROWS, COLUMNS), np.float32)
    table[LAST] = np.arange(COLUMNS)
    graph.output("y", nn.gather(graph.constant(table, "table"), graph.input("rows", "int64", [2])))
    del table
    model = graph
    if ending == "in process":
        with pytest.raises(ValueError, match="larger than the 2 GB that ONNX's format holds in one piece; save it to a file"):
            graph.onnx()
    else:
        model = tmp_path / f"built.{ending}"
        graph.save(model)
        del graph
    if ending == "onnx":
        assert (tmp_path / "built.onnx.data").stat().st_size == 4 * ROWS * COLUMNS
        onnx.checker.check_model(model)
    result = library.InferenceSession(model).run(None, {"rows": np.array([0, LAST])})[0]
    np.testing.assert_array_equal(result, [np.zeros(COLUMNS), np.arange(COLUMNS)])
    for file in tmp_path.iterdir():
        file.unlink()
