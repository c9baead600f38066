"""Models whose code, and the runtime's, a sanitizer of LLVM looks into."""

import re
import subprocess

from common import CLANG, ROOT

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
