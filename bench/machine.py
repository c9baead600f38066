"""What the machine is, and what it can do at most."""

import json
import os
import subprocess
import time
from pathlib import Path


def cache():
    """Where networks and the peers' environments are kept, as tools/setup does."""
    return Path(os.environ.get("LEPTON_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lepton")


def describe():
    names = [line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {"cpu": f"{names[0] if names else 'unknown'} x{os.cpu_count()}", "date": time.strftime("%Y-%m-%d %H:%M")}


def limits(threads):
    """GFLOP/s and GB/s from caches and memory, by number of threads; {} where they cannot be measured. See limits.cpp and tune/MachineLimits.h."""
    # Beside the command in a build, in this package in a wheel.
    folders = Path(os.environ.get("LEPTON_COMMAND", "lepton")).parent, Path(__file__).parent
    program = next((folder / "lepton-limits" for folder in folders if (folder / "lepton-limits").exists()), None)
    if program is None:
        return {}
    result = subprocess.run([program, str(threads)], stdout=subprocess.PIPE, text=True)
    return json.loads(result.stdout) if result.returncode == 0 else {}
