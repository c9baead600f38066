"""lepton run --profile: every kernel of every run, in the order in which they ran, in Chrome's trace format, with what the system counted in them."""

import ctypes
import json
import os
import struct

import pytest
from onnx import TensorProto, helper

from common import lepton, save, save_small

OK, INPUT, USAGE = 0, 1, 2
COUNTERS = {"cycles": (0, 0), "instructions": (0, 1), "cache_misses": (0, 3), "branch_misses": (0, 5), "page_faults": (1, 2)}  # type and number of the system's event
PERF_EVENT_OPEN = 298  # the system call on x86-64


def profile(path, *flags):
    result = lepton("run", path, "--random-inputs=0", f"--profile={path}.json", *flags)
    assert result.returncode == OK, result.stderr
    with open(f"{path}.json") as file:
        return json.load(file)["traceEvents"]


@pytest.mark.parametrize("level", ["-O0", "-O3"])
@pytest.mark.parametrize("threads", [1, 2])
def test_kernels_of_all_runs(tmp_path, threads, level):
    model = save_small(tmp_path / "small.onnx")
    events = profile(model, "--repeat=3", f"--threads={threads}", level)
    inspected = json.loads(lepton("inspect", model, "--json", level).stdout)
    names = [kernel["name"] for kernel in inspected["kernel_list"]]
    assert [(event["args"]["run"], event["name"]) for event in events] == [(run, name) for run in range(3) for name in names]
    nodes = [event["args"]["node"] for event in events]
    assert all(nodes) and nodes == 3 * nodes[: len(names)]
    ends = [0.0]
    for event in events:
        assert event["ph"] == "X" and event["dur"] > 0 and event["ts"] >= ends[-1] - 1e-3
        ends.append(event["ts"] + event["dur"])


def is_counted(kind, number):
    """Whether this system counts such events in this process, its threads included, and the kernel of the system left out."""
    event = (ctypes.c_char * 64).from_buffer_copy(struct.pack("=IIQQQQQ", kind, 64, number, 0, 0, 0, 1 << 1 | 1 << 5 | 1 << 6).ljust(64, b"\0"))
    file = ctypes.CDLL(None).syscall(PERF_EVENT_OPEN, event, 0, -1, -1, 0)
    if file >= 0:
        os.close(file)
    return file >= 0


@pytest.mark.parametrize("threads", [1, 2])
def test_what_the_system_counts_is_told(tmp_path, threads):
    value = (TensorProto.FLOAT, [1024, 4096])
    model = save(tmp_path / "m.onnx", [helper.make_node("Exp", ["x"], ["y"])], {"x": value}, {"y": value})
    (event,) = profile(model, f"--threads={threads}")
    counted = {name for name, place in COUNTERS.items() if is_counted(*place)}
    assert event["args"].keys() & COUNTERS.keys() == counted
    for name in counted - {"cache_misses", "branch_misses"}:
        assert event["args"][name] > 0  # y is new memory


@pytest.mark.parametrize("level", ["-O0", "-O3"])
def test_kernels_in_loops_are_told_each_time(tmp_path, level):
    def value(name, dtype=TensorProto.FLOAT, dims=()):
        return helper.make_tensor_value_info(name, dtype, dims)

    inputs = [value("i", TensorProto.INT64), value("c", TensorProto.BOOL), value("v", dims=[600])]
    body = helper.make_graph([helper.make_node("Sin", ["v"], ["w"]), helper.make_node("Identity", ["c"], ["d"])], "body", inputs, [value("d", TensorProto.BOOL), value("w", dims=[600])])
    path = save(tmp_path / "m.onnx", [helper.make_node("Loop", ["n", "", "x"], ["y"], body=body)], {"x": (TensorProto.FLOAT, [600]), "n": (TensorProto.INT64, [])}, {"y": (TensorProto.FLOAT, [600])})
    three = helper.make_tensor("n", TensorProto.INT64, [], [3])
    (tmp_path / "n.pb").write_bytes(three.SerializeToString())
    events = profile(path, f"--input=n={tmp_path}/n.pb", level)
    assert sum(event["name"].startswith("sin") for event in events) == 3 and not any("node" in event["args"] for event in events)


def test_faults(tmp_path):
    model = save_small(tmp_path / "small.onnx")
    assert lepton("compile", model, "-o", tmp_path / "a.so").returncode == OK
    for arguments, status, part in (
        ([tmp_path / "a.so", f"--profile={tmp_path}/p.json"], USAGE, "a.so: an artifact does not tell of its kernels; --profile is for models"),
        ([model, f"--profile={tmp_path}/absent/p.json"], INPUT, "absent/p.json: cannot be written"),
        ([model, "--profile=/dev/full"], INPUT, "/dev/full: cannot be written: what is there is no regular file"),
    ):
        result = lepton("run", *arguments, "--random-inputs=0")
        assert result.returncode == status and part in result.stderr and len(result.stderr.splitlines()) == 1, result.stderr
