"""Builds the wheel, which carries the compiler with LLVM in it and the runtime of every target: pip wheel . (see pyproject.toml)

CMake builds what goes into it (the target wheel_files); auditwheel adds the few shared libraries that are left and the tag that says where it runs.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
WORK = ROOT / "build/setuptools"


class BuildFiles(build_py):
    """The package's files, from the folder that CMake fills."""

    def run(self):
        subprocess.run(["make", "wheel-files"], cwd=ROOT, check=True)
        shutil.copytree(ROOT / "build/wheel", self.build_lib, dirs_exist_ok=True)


class RepairedWheel(bdist_wheel):
    """The wheel with all libraries in it that manylinux does not promise."""

    def run(self):
        super().run()
        (wheel,) = Path(self.dist_dir).glob("*-linux_*.whl")
        repair = [sys.executable, "-m", "auditwheel", "repair", "--wheel-dir", self.dist_dir, wheel]
        subprocess.run(repair, check=True)
        wheel.unlink()


class BinaryDistribution(Distribution):
    """One that is made for a processor, though setuptools compiles nothing."""

    def has_ext_modules(self):
        return True


WORK.mkdir(parents=True, exist_ok=True)
setup(
    version=re.search(r"project\(lepton VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text())[1],
    packages=["lepton", "lepton_bench", "lepton_networks", "lepton_tune"],
    package_dir={"lepton": "python/lepton", "lepton_bench": "bench", "lepton_networks": "bench/networks", "lepton_tune": "tune"},
    distclass=BinaryDistribution,
    cmdclass={"build_py": BuildFiles, "bdist_wheel": RepairedWheel},
    options={"build": {"build_base": str(WORK)}, "egg_info": {"egg_base": str(WORK)}, "bdist_wheel": {"bdist_dir": str(WORK / "wheel")}},
)
