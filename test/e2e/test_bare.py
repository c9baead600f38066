"""--runtime=none: objects and archives for one thread, without a C library and without allocation, run on bare processors."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from common import CLANG, SECONDS, lepton, save, save_small, small_result
from test_artifacts import ROWS, build_and_run, compile_to

HERE = Path(__file__).parent
NM = "/usr/lib/llvm-22/bin/llvm-nm"
ONE_ROW = "--dim=N=2"

# Writes a result to standard output by the kernel's calls, as there is no C library. They are those of Linux in QEMU's user mode; the model's part calls nothing.
START = """
#include "model.h"
#ifdef __aarch64__
#define CALL "mov x8, %0; svc 0"
static long call(long number, long a, long b, long c) {
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x8 __asm__("x8") = number;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x1), "r"(x2), "r"(x8) : "memory");
  return x0;
}
#elif defined(__riscv)
static long call(long number, long a, long b, long c) {
  register long a0 __asm__("a0") = a;
  register long a1 __asm__("a1") = b;
  register long a2 __asm__("a2") = c;
  register long a7 __asm__("a7") = number;
  __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
  return a0;
}
#endif
static float x[MODEL_INPUT_0_ELEMENTS] = {VALUES}, y[MODEL_OUTPUT_0_ELEMENTS];
static _Alignas(MODEL_WORKSPACE_ALIGNMENT) unsigned char workspace[MODEL_WORKSPACE_BYTES + 1];
static void start(void) {
  int32_t status = model_run(x, y, workspace, 0);
  call(64, 1, (long)y, sizeof y);
  call(94, status, 0, 0);
}
// The stack is aligned to 16 bytes before anything is called.
#ifdef __aarch64__
__asm__(".globl _start; _start: mov x29, xzr; b begin");
#else
__asm__(".globl _start; _start: .option push; .option norelax; la gp, __global_pointer$; .option pop; j begin");
#endif
void begin(void) { start(); }
"""


def save_convolution(path):
    """Convolutions, a sum and a softmax: kernels with loops, an arena, weights."""
    random = np.random.default_rng(1)
    weights = {"w": random.standard_normal((8, 3, 3, 3), np.float32), "v": random.standard_normal((8 * 36, 10), np.float32)}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="conv"),
        helper.make_node("Relu", ["c"], ["r"], name="relu"),
        helper.make_node("Flatten", ["r"], ["f"], name="flatten"),
        helper.make_node("MatMul", ["f", "v"], ["m"], name="dense"),
        helper.make_node("Softmax", ["m"], ["y"], name="softmax"),
    ]
    return save(path, nodes, {"x": (TensorProto.FLOAT, [1, 3, 8, 8])}, {"y": (TensorProto.FLOAT, [1, 10])}, weights)


def compile_bare(folder, arch, model, source, x, *flags, output="model.o", link=()):
    """A program that has nothing but the model and what the source has; its VALUES are those of x."""
    artifact = compile_to(folder, model, output, "--runtime=none", f"--target={arch}-linux-gnu", *flags)
    undefined = subprocess.run([NM, "-u", artifact], check=True, capture_output=True, text=True).stdout
    assert " U " not in undefined, undefined
    (folder / "start.c").write_text(source.replace("{VALUES}", "{" + ", ".join(map(repr, x.ravel().tolist())) + "}"))
    processor = ["-march=rv64gc", "-mcmodel=medany"] if arch == "riscv64" else ["-march=armv8-a"]
    flags = [f"--target={arch}-linux-gnu", "-O1", "-ffreestanding", "-nostdlib", "-static", "-fuse-ld=lld", "-fno-stack-protector", *processor]
    command = [CLANG, *flags, folder / "start.c", artifact, *link, "-o", folder / "bare"]
    built = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    assert built.returncode == 0, built.stderr
    return folder / "bare"


def run(*command):
    result = subprocess.run(command, capture_output=True, timeout=SECONDS)
    assert result.returncode == 0, result.stderr
    return result.stdout


def run_bare(folder, arch, *arguments, **more):
    """The output of a model, computed by a program that has nothing but the model and a start."""
    return np.frombuffer(run(f"qemu-{arch}", compile_bare(folder, arch, *arguments, **more)), np.float32)


MACHINES = {"aarch64": (0x40200000, ["-cpu", "cortex-a53"]), "riscv64": (0x80000000, ["-bios", "none"])}


def run_on_machine(folder, arch, model, x, *flags):
    """The same on a machine that nothing else runs on."""
    start, options = MACHINES[arch]
    link = ["-Wl,-T," + str(HERE / "machine.ld"), f"-Wl,--defsym=START={start}"]
    program = compile_bare(folder, arch, model, (HERE / "machine.c").read_text(), x, *flags, link=link)
    sent = run(f"qemu-system-{arch}", "-M", "virt", *options, "-m", "64", "-nic", "none", "-display", "none", "-monitor", "none", "-serial", "stdio", "-kernel", program)
    assert sent[:4] == bytes(4)
    return np.frombuffer(sent[4:], np.float32)


@pytest.mark.parametrize("output", ["model.o", "model.a"])
@pytest.mark.parametrize("arch", ["aarch64", "riscv64"])
def test_small_model(tmp_path, arch, output):
    y = run_bare(tmp_path, arch, save_small(tmp_path / "small.onnx"), START, ROWS, ONE_ROW, output=output)
    np.testing.assert_allclose(y, small_result(ROWS).ravel(), rtol=1e-6)


@pytest.mark.parametrize("arch", ["aarch64", "riscv64"])
def test_network(tmp_path, arch):
    """The same as with the runtime, here."""
    model = save_convolution(tmp_path / "m.onnx")
    x = np.random.default_rng(2).standard_normal((1, 3, 8, 8), np.float32)
    np.save(tmp_path / "x.npy", x)
    assert lepton("run", model, f"--input=x={tmp_path}/x.npy", f"--output-dir={tmp_path}").returncode == 0
    expected = np.load(tmp_path / "y.npy").ravel()
    np.testing.assert_allclose(run_bare(tmp_path, arch, model, START, x, "--weights=section"), expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(run_on_machine(tmp_path, arch, model, x), expected, rtol=1e-4, atol=1e-6)


def test_two_models_and_errors_here(tmp_path):
    """Several bare models go into one program, which may have a C library; what is wrong is said."""
    small = compile_to(tmp_path, save_small(tmp_path / "small.onnx"), "small.o", "--runtime=none", ONE_ROW)
    other = compile_to(tmp_path, save_convolution(tmp_path / "m.onnx"), "other.a", "--runtime=none")
    source = """
#include "other.h"
#include "small.h"
#include <stdio.h>
#include <stdlib.h>
int main(void) {
  float x[8] = {1, 2, 3, 4, -1, 0, 1, 2}, y[SMALL_OUTPUT_0_ELEMENTS];
  static float a[OTHER_INPUT_0_ELEMENTS], b[OTHER_OUTPUT_0_ELEMENTS];
  char *workspace = aligned_alloc(SMALL_WORKSPACE_ALIGNMENT, 64 + (SMALL_WORKSPACE_BYTES + OTHER_WORKSPACE_BYTES + 63) / 64 * 64);
  const char *error;
  if (small_run(x, y, workspace, &error) || error || other_run(a, b, workspace, &error) || error)
    return 1;
  if (small_run(x, y, workspace + 1, &error) == 0)
    return 2;
  puts(error);
  for (int i = 0; i < 6; ++i)
    printf("%g ", y[i]);
  printf("%g", b[0]);
  return 0;
}
"""
    result = build_and_run(tmp_path, source, [CLANG, "-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{tmp_path}"], small, other)
    assert result.returncode == 0, result.returncode
    message, values = result.stdout.split("\n")
    assert message == "the workspace is not aligned to 64 bytes"
    np.testing.assert_allclose(np.array(values.split(), float), [*small_result(ROWS).ravel(), 0.1], rtol=1e-5)


def test_only_the_model_is_exported(tmp_path):
    artifact = compile_to(tmp_path, save_small(tmp_path / "small.onnx"), "small.o", "--runtime=none", ONE_ROW)
    listing = subprocess.run([NM, "-g", artifact], check=True, capture_output=True, text=True).stdout
    assert re.findall(r"\w+ \w (\w+)", listing) == ["small_run"]


# ---- what is refused -----------------------------------------------------------------------------------------------


def refusal(tmp_path, model, *flags, output="model.o", status=1):
    result = lepton("compile", model, "-o", tmp_path / output, "--runtime=none", *flags)
    assert result.returncode == status and result.stderr.startswith("error: ") and result.stderr.count("\n") == 1, result.stderr
    assert not (tmp_path / output).exists()
    return result.stderr


def test_models_that_need_the_runtime(tmp_path):
    small = save_small(tmp_path / "small.onnx")
    assert "input 'x' has a size that only a run knows" in (text := refusal(tmp_path, small)) and "--dim=N=SIZE" in text
    strings = ({"a": (TensorProto.STRING, [2])}, {"b": (TensorProto.STRING, [2])})
    model = save(tmp_path / "text.onnx", [helper.make_node("StringConcat", ["a", "a"], ["b"], name="twice")], *strings)
    assert "input 'a' is of strings" in refusal(tmp_path, model)
    shapes = ({"a": (TensorProto.FLOAT, [4])}, {"b": (TensorProto.INT64, [1])})
    nodes = [helper.make_node("NonZero", ["a"], ["n"], name="places"), helper.make_node("Size", ["n"], ["s"]), helper.make_node("Reshape", ["s", "one"], ["b"])]
    model = save(tmp_path / "unknown.onnx", nodes, *shapes, {"one": np.array([1], np.int64)})
    assert "node 'places'" in (text := refusal(tmp_path, model)) and "leave out --runtime=none" in text


@pytest.mark.parametrize("op, function", [("Acosh", "acoshf"), ("Atan", "atanf"), ("Mod", "fmodf")])
def test_functions_of_the_c_library(tmp_path, op, function):
    """Called by the compiler's passes, by LLVM for an intrinsic, by LLVM for an instruction."""
    value = {"x": (TensorProto.FLOAT, [4])}
    node = helper.make_node(op, ["x", "x"], ["y"], name="at fault", fmod=1) if op == "Mod" else helper.make_node(op, ["x"], ["y"], name="at fault")
    model = save(tmp_path / "m.onnx", [node], value, {"y": (TensorProto.FLOAT, [4])})
    assert f"node 'at fault' needs the function '{function}' of the C library" in refusal(tmp_path, model)


def test_wrong_use(tmp_path):
    small = save_small(tmp_path / "small.onnx")
    for flags, words in {
        ("--weights=file",): "--weights=file needs the runtime",
        ("--threads=2",): "one thread",
        ("--target=cuda",): "a GPU needs the runtime",
        ("--cpu=x86-64-v2,x86-64-v3",): "several processors",
    }.items():
        assert words in refusal(tmp_path, small, ONE_ROW, *flags, status=2)
    assert "an object or an archive" in refusal(tmp_path, small, ONE_ROW, output="model.so", status=2)
    result = lepton("compile", small, "-o", tmp_path / "model.o", "--runtime=tiny")
    assert result.returncode == 2 and "unknown --runtime=tiny; there are full and none" in result.stderr
