"""Writes a folder with all that run.py needs on a machine with a GPU and nothing of Lepton: the compiler with its libraries, and the networks of bench/networks
without their large weights, which run.py makes up.

usage: python bench/gpu/pack.py FOLDER      in the project's environment, after `make build`
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import lepton_networks
import numpy as np
import onnx
from onnx import numpy_helper

ROOT = Path(__file__).resolve().parent.parent.parent
LARGE = 4096  # elements
# What LLVM is linked with and the compiler never calls: a solver, and tables of encodings, of which the loader wants one name.
UNUSED = ["libz3.so"]
EMPTY = {"libicudata.so.72": "char icudt72_dat[64];"}
SYSTEM = re.compile(r"/(ld-linux|libc|libm|libdl|libpthread|librt)[-.]")  # of the C library, which every machine has


def without_weights(model):
    """Large constants become their deviation, in the tensor's doc_string; small ones stay."""
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT and int(np.prod(tensor.dims)) > LARGE:
            values = numpy_helper.to_array(tensor)
            tensor.doc_string = repr((float(values.mean()), float(values.std())))
            tensor.ClearField("raw_data")
            tensor.ClearField("float_data")
    return model


def main(folder):
    here = Path(__file__).resolve().parent
    (folder / "graphs").mkdir(parents=True, exist_ok=True)
    for name, build in lepton_networks.NETWORKS.items():
        (folder / "graphs" / f"{name}.onnx").write_bytes(without_weights(build()).SerializeToString())
    for script in ("artifact.py", "operations.py", "run.py", "triton_product.py", "variants.py"):
        shutil.copy(here / script, folder)
    compiler = folder / "compiler"
    shutil.rmtree(compiler, ignore_errors=True)
    (compiler / "bin").mkdir(parents=True)
    (compiler / "lib").mkdir()
    subprocess.run(["strip", "-o", compiler / "bin/lepton", ROOT / "build/bin/lepton"], check=True)
    shutil.copytree(ROOT / "build/lib/x86_64", compiler / "lib/x86_64")
    for library in re.findall(r"=> (/\S+)", subprocess.run(["ldd", ROOT / "build/bin/lepton"], capture_output=True, text=True, check=True).stdout):
        name = Path(library).name
        target = compiler / "lib" / name
        if name in EMPTY:
            subprocess.run(["cc", "-shared", "-x", "c", "-", f"-Wl,-soname,{name}", "-o", target], input=EMPTY[name], text=True, check=True)
        elif not SYSTEM.search(library) and not any(name.startswith(unused) for unused in UNUSED):
            subprocess.run(["strip", "-o", target, Path(library).resolve()], check=True)
    llvm = next((compiler / "lib").glob("libLLVM*"))
    needed = subprocess.run(["patchelf", "--print-needed", llvm], capture_output=True, text=True, check=True).stdout.split()
    for name in needed:
        if any(name.startswith(unused) for unused in UNUSED):
            subprocess.run(["patchelf", "--remove-needed", name, llvm], check=True)
    subprocess.run(["tar", "-C", folder, "-cf", folder / "compiler.tar.xz", "--use-compress-program=xz -T0 -6", "compiler"], check=True)
    shutil.rmtree(compiler)
    print(f"{folder}: {sum(path.stat().st_size for path in folder.rglob('*') if path.is_file()) / 2**20:.1f} MiB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
