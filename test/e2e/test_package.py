"""The Debian package: its files, what it depends on, and that the compiler in it works wherever it lies."""

import subprocess

import numpy as np
import pytest

from common import ROOT, SECONDS, save_small, small_result

CPACK = ROOT / "build/venv/bin/cpack"


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The package's file, and the folder that it is unpacked to."""
    folder = tmp_path_factory.mktemp("package")
    subprocess.run([CPACK, "--config", ROOT / "build/CPackConfig.cmake", "-B", folder], check=True, capture_output=True, timeout=500)
    (file,) = folder.glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", file, folder / "root"], check=True, timeout=SECONDS)
    return file, folder / "root"


def test_files(package):
    _, root = package
    files = {str(file.relative_to(root / "usr")) for file in root.rglob("*") if not file.is_dir()}
    assert {
        "bin/lepton", "lib/liblepton.so", "lib/lepton/x86_64/liblepton_rt.a", "lib/lepton/aarch64/liblepton_rt.a", "lib/lepton/riscv64/liblepton_rt.a", "lib/lepton/wasm32/libc.a", "lib/pkgconfig/lepton.pc",
        "lib/cmake/Lepton/LeptonConfig.cmake", "lib/cmake/Lepton/LeptonConfigVersion.cmake", "include/lepton/lepton.h", "include/lepton/lepton.hpp",
        "include/lepton/graph.hpp", "include/lepton/ops.hpp", "include/lepton/lepton_abi.h",
    } <= files
    assert {file.split("/")[0] for file in files} == {"bin", "lib", "include"}


def test_dependencies(package):
    file, _ = package
    fields = subprocess.run(["dpkg-deb", "-f", file, "Package", "Version", "Depends"], check=True, capture_output=True, text=True).stdout
    assert "Package: lepton\n" in fields and "Version: 0.1.0\n" in fields
    assert {"libc6", "libllvm22", "libmlir-22"} <= {part.split()[0] for part in fields.split("Depends: ")[1].split(",")}


def test_compiles(package, tmp_path):
    _, root = package
    model = save_small(tmp_path / "small.onnx")
    for target in ("x86_64-linux-gnu", "riscv64-linux-gnu", "wasm32-wasi"):
        command = [root / "usr/bin/lepton", "compile", model, "-o", tmp_path / f"{target}.so", f"--target={target}"]
        assert subprocess.run(command, timeout=SECONDS).returncode == 0
    x = np.arange(8, dtype=np.float32).reshape(2, 4)
    np.save(tmp_path / "x.npy", x)
    command = [root / "usr/bin/lepton", "run", tmp_path / "x86_64-linux-gnu.so", f"--input=x={tmp_path / 'x.npy'}", f"--output-dir={tmp_path}"]
    assert subprocess.run(command, timeout=SECONDS).returncode == 0
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), small_result(x), rtol=1e-5)
