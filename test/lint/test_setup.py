"""The set-up script's checks of packages, with apt and dpkg played by functions of the shell."""

import subprocess

from test_lint import ROOT

# Packages are installed in the versions of HAVE; apt-get install puts those of GETS in their place.
STAGE = """
source tools/setup/setup.sh
build=$OUT log=$OUT/log here=$OUT
dpkg-query() { local version; version=$(sed -n "s/^${@: -1} //p" $OUT/have); [ -n "$version" ] && printf 'installed %s\\n' "$version"; }
apt-get() { echo "apt-get $*" >>$OUT/calls; case "$*" in *install*) cp $OUT/gets $OUT/have ;; esac; }
apt-cache() { true; }
as_root() { if [ "$1" = env ]; then shift 2; fi; "$@"; }
install_packages
"""


def install(folder, wanted, have, gets):
    for name, text in (("packages.txt", wanted), ("have", have), ("gets", gets), ("calls", "")):
        (folder / name).write_text(text)
    result = subprocess.run(["bash", "-c", STAGE], cwd=ROOT, env={"OUT": str(folder), "PATH": "/usr/bin:/bin", "HOME": str(folder)}, capture_output=True, text=True)
    recorded = folder / "setup-packages.txt"
    return result, recorded.read_text() if recorded.exists() else "", (folder / "calls").read_text()


def test_versions_are_recorded_and_nothing_is_done_twice(tmp_path):
    have = "llvm 1:22.1.8-1~deb12u1\nzip 3.0-13\n"
    result, recorded, calls = install(tmp_path, "# comment\nllvm 1:22.1\n\nzip\n", have, "")
    assert result.returncode == 0 and recorded == have and calls == "", result.stderr


def test_packages_that_are_missing_or_too_old_are_installed(tmp_path):
    result, recorded, calls = install(tmp_path, "llvm 1:22.1\nzip\ngit\n", "llvm 1:22.0.9-1\ngit 2.39\n", "llvm 1:22.1.0-1\nzip 3.0\ngit 2.39\n")
    assert result.returncode == 0 and recorded == "llvm 1:22.1.0-1\nzip 3.0\ngit 2.39\n", result.stderr
    assert calls.splitlines()[-1].endswith("--no-install-recommends llvm zip")


def test_package_that_stays_too_old_is_named(tmp_path):
    result, _, _ = install(tmp_path, "llvm 1:22.1\n", "llvm 1:22.0.9-1\n", "llvm 1:22.0.9-1\n")
    assert result.returncode == 1 and "FAILED: the package llvm is 1:22.0.9-1, older than 1:22.1" in result.stderr
    assert "to mend it: " in result.stderr
