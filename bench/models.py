"""Which models are measured: ONNX files, or networks of bench/networks by name, which are written when they are first asked for."""

import hashlib
import os
import sys
from pathlib import Path

from lepton_bench.machine import cache


def networks():
    import lepton_networks

    return lepton_networks.NETWORKS


def folder():
    """One for each text of the networks' sources, so that a change of them is written anew."""
    import lepton_networks

    sources = sorted(Path(lepton_networks.__file__).parent.glob("*.py"))
    key = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]
    return cache() / f"networks-{key}"


def write(name):
    """The file of a network. It appears whole or not at all."""
    try:
        import onnx
    except ImportError:
        sys.exit(f"error: {name}: networks by name are written with the Python package onnx; install it with: {sys.executable} -m pip install onnx")
    path = folder() / f"{name}.onnx"
    if not path.exists():
        print(f"writing the network {name}", file=sys.stderr, flush=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".part{os.getpid()}")
        onnx.save(networks()[name](), temporary)
        temporary.rename(path)
    return str(path)


def find(model):
    """Files of what the command line names; `all` is every network."""
    if model == "all":
        return [write(name) for name in networks()]
    return [model if os.path.exists(model) or model not in networks() else write(model)]
