"""The kept corpora: corpora/NAME.tar.xz holds inputs of a fuzzer that together reach every branch which any of its runs reached.

    python test/fuzz/corpora.py [NAME...]    adds what runs found (build/fuzzers/NAME), drops what reaches nothing new; wants `ninja -C build fuzzers`
"""

import io
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "corpora"
BUILD = FOLDER.parent.parent.parent / "build"
LIMITS = ("-timeout=10", "-rss_limit_mb=2048", "-max_len=16384")  # of one input


def unpack(name, folder):
    with tarfile.open(FOLDER / f"{name}.tar.xz") as archive:
        archive.extractall(folder)


def pack(name, files):
    """The same files make the same archive."""
    with tarfile.open(FOLDER / f"{name}.tar.xz", "w:xz", preset=9) as archive:
        for file in sorted(files, key=lambda file: file.name):
            entry = tarfile.TarInfo(file.name)
            entry.size = file.stat().st_size
            archive.addfile(entry, io.BytesIO(file.read_bytes()))


def keep(name):
    with tempfile.TemporaryDirectory() as work:
        kept, merged = Path(work, "kept"), Path(work, "merged")
        kept.mkdir()
        merged.mkdir()
        unpack(name, kept)
        # Of a branch it counts that an input reaches it, not how often.
        command = [BUILD / f"test/bin/{name}_fuzzer", "-set_cover_merge=1", "-use_counters=0", *LIMITS, merged, kept, BUILD / "fuzzers" / name]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        files = list(merged.iterdir())
        pack(name, files)
        print(f"{name}: {len(files)} inputs, {sum(file.stat().st_size for file in files)} bytes")


if __name__ == "__main__":
    for chosen in sys.argv[1:] or sorted(file.name.removesuffix(".tar.xz") for file in FOLDER.iterdir()):
        keep(chosen)
