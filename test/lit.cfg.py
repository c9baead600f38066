"""lit's settings. Run one test with: build/venv/bin/lit -v build/test --filter NAME"""

import os

import lit.formats

config.name = "lepton"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "lint", "e2e", "fuzz", "runtime"]
config.test_source_root = config.source_dir
config.test_exec_root = os.path.join(config.build_dir, "test")

# lepton and lepton-opt of this build, then FileCheck, not, mlir-opt and the other programs of LLVM 22.
config.environment["PATH"] = os.pathsep.join(
    [os.path.join(config.build_dir, "bin"), config.llvm_tools_dir, os.environ.get("PATH", "")]
)
config.environment["PYTHONPATH"] = os.path.join(config.build_dir, "python")
config.substitutions.append(("%python", config.python))
config.substitutions.append(("%models", os.path.join(os.path.dirname(config.source_dir), "build", "models")))
