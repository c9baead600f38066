"""Models whose code, and the runtime's, a sanitizer of LLVM looks into."""

import re
import subprocess

import backend_suite
import deterministic_suite
import numpy as np
import onnx
from common import CLANG, ROOT, SECONDS, lepton

OPTIONS = {"thread": ("-fsanitize=thread", "-g1", "-O1"), "address": ("-fsanitize=address,undefined", "-g1", "-O1")}
RUNTIMES = {"thread": ROOT / "build/lib/liblepton_rt_tsan.a", "address": ROOT / "build/lib/liblepton_rt_asan.a"}
MAIN = ROOT / "build/lib/x86_64/liblepton_main.a"


def link(sanitizer, code, output, *options):
    """Links a model's .ll with the runtime that is compiled for the sanitizer. The constants are beside it, in NAME.weights."""
    # The sanitizer looks into functions with an attribute; those that Lepton makes all have a table for unwinding.
    text, count = re.subn(r"^attributes #\d+ = \{(?= .*\buwtable\b)", rf"\g<0> sanitize_{sanitizer}", code.read_text(), flags=re.M)
    assert count > 0
    code.write_text(text)
    command = [f"{CLANG}++", *OPTIONS[sanitizer], "-Wno-override-module", "-Wl,-u,lepton_artifact_api", code, *options, RUNTIMES[sanitizer], "-pthread", "-o", output]
    subprocess.run(command, check=True)


def fault(sanitizer, folder, model, inputs, flags, *options, env=None):
    """What is wrong with a program of the model, compiled with `flags` (`--weights=file` among them) and linked with `options`, that runs on these inputs; empty where nothing is."""
    onnx.save(model, folder / "m.onnx")
    for ending in ("so", "ll"):  # the constants come with the library
        done = lepton("compile", folder / "m.onnx", "-o", folder / f"m.{ending}", *flags)
        if done.returncode:
            return done.stderr
    link(sanitizer, folder / "m.ll", folder / "m", *options, MAIN)
    for i, value in enumerate(inputs.values()):
        np.save(folder / f"{i}.npy", value)
    command = [folder / "m", *(f"{name}={folder / f'{i}.npy'}" for i, name in enumerate(inputs))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, env=env)
    return done.stderr if done.returncode else ""


def require_node_tests(fault_of, names):
    """Of these node tests of ONNX, none has a fault: fault_of(model, inputs)."""
    cases = backend_suite.load_cases()
    failed = {}
    for name in names(deterministic_suite.names(cases)):
        model, data_sets = backend_suite.materialize(cases[name])
        failed[name] = fault_of(model, dict(zip((value.name for value in model.graph.input), data_sets[0][0])))
    assert failed and not any(failed.values()), "\n".join(f"{name}: {reason}" for name, reason in failed.items() if reason)
