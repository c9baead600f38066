"""The command `lepton` of an installed package."""
import os
import sys

from . import _lepton


def main():
    """Runs the command line on sys.argv, and exits with its status."""
    os.environ.setdefault("LEPTON_COMMAND", os.path.abspath(sys.argv[0]))
    os.environ.setdefault("LEPTON_PYTHON", sys.executable)
    sys.exit(_lepton.command(["lepton", *sys.argv[1:]]))
