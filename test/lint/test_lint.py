"""Rules of the sources that no compiler checks. Each test is a rule; its message lists every breach."""

import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
LLVM = Path("/usr/lib/llvm-22")
MAX_LINES = 600
CPP = (".cpp", ".h", ".hpp", ".c")
SOURCE = (*CPP, ".td", ".py", ".mlir", ".sh", ".cmake")


def tracked(*endings):
    """The tracked files with one of these endings; all of them when none is given."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    files = [ROOT / name for name in names.split("\0") if name]
    return [file for file in files if file.is_file() and (not endings or file.name.endswith(endings))]


def name(file):
    return str(file.relative_to(ROOT))


def require_none(breaches):
    assert not breaches, "\n" + "\n".join(breaches)


def records(td_file):
    """The records of a TableGen file, as llvm-tblgen dumps them."""
    command = [LLVM / "bin/llvm-tblgen", "--dump-json", "-I", LLVM / "include", "-I", ROOT, "-I", td_file.parent, td_file]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def kebab(camel):
    """FuseElementwise -> fuse-elementwise, LowerToLLVM -> lower-to-llvm."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", camel).lower()


def test_cpp_is_formatted():
    files = [str(file) for file in tracked(*CPP)]
    command = ["clang-format-22", "--dry-run", "-Werror", "--ferror-limit=1", *files]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    unformatted = sorted({line.split(":")[0] for line in result.stderr.splitlines() if ": error:" in line})
    require_none([f"{name(Path(file))}: not formatted; run `make format`" for file in unformatted])
    assert result.returncode == 0, result.stderr


def test_files_are_short():
    lines = {file: len(file.read_bytes().splitlines()) for file in tracked(*SOURCE)}
    require_none([f"{name(file)}: {n} lines, split it (at most {MAX_LINES})" for file, n in lines.items() if n > MAX_LINES])


def test_files_begin_with_a_comment():
    bare = [file for file in tracked(*CPP, ".td", ".py") if not file.read_text().startswith(("//", "/*", '"""', "#"))]
    require_none([f"{name(file)}: does not say in a comment on top what it is" for file in bare])


def test_passes_have_one_name_in_four_places():
    """Passes.td's FuseElementwise, --lepton-fuse-elementwise, FuseElementwise.cpp and fuse-elementwise.mlir."""
    tests = {file.name for file in tracked(".mlir") if name(file).startswith("test/")}
    breaches = []
    for layer in ("passes", "codegen"):
        sources = {file.name for file in tracked(".cpp") if name(file).startswith(f"{layer}/")}
        dump = records(ROOT / layer / "Passes.td")
        for record in dump["!instanceof"]["PassBase"]:
            stem = kebab(record)
            if dump[record]["argument"] != f"lepton-{stem}":
                breaches.append(f"{record}: its argument is {dump[record]['argument']}, not lepton-{stem}")
            if f"{record}.cpp" not in sources:
                breaches.append(f"{record}: no {record}.cpp under {layer}/")
            if f"{stem}.mlir" not in tests:
                breaches.append(f"{record}: no {stem}.mlir under test/")
            if not dump[record]["summary"] or not dump[record]["description"]:
                breaches.append(f"{record}: no summary or no description")
    # A pass that is in no Passes.td has no page in the reference, and no name in reports of time.
    bare = [file for file in tracked(".cpp", ".h") if "PassWrapper<" in file.read_text()]
    require_none(breaches + [f"{name(file)}: has a pass that is in no Passes.td" for file in bare])


def test_ops_are_documented():
    breaches = []
    for declarations in sorted((ROOT / "dialects").glob("*/*Ops.td")):
        dump = records(declarations)
        for record in dump["!instanceof"]["Op"]:
            op = dump[record]
            text = op["description"] or ""
            wanted = {"summary": bool(op["summary"]), "description": bool(text.strip()), "example": "```mlir" in text}
            breaches += [f"{name(declarations)}: {record}: no {what}" for what, there in wanted.items() if not there]
    require_none(breaches)


def test_no_machine_is_named():
    """Neither paths of one machine nor hosts of package registries, which belong to the machine's configuration."""
    # Written in pieces, since this file is tracked too.
    paths = ["/" + path for path in ("work/", "tmp/w", "root/", "home/")]
    hosts = ["pypi" + ".org", "pythonhosted" + ".org", "deb.debian" + ".org", "snapshot.debian" + ".org", "apt.llvm" + ".org"]
    # A path starts after anything but a name: "build/work/" is a path in the tree.
    pattern = re.compile("|".join([r"(?<![\w.})])" + re.escape(p) for p in paths] + [re.escape(h) for h in hosts]))
    breaches = []
    for file in tracked():
        try:
            lines = file.read_text().splitlines()
        except UnicodeDecodeError:
            continue
        breaches += [f"{name(file)}:{i}: {line.strip()[:100]}" for i, line in enumerate(lines, 1) if pattern.search(line)]
    require_none(breaches)


def test_nothing_is_left_to_do():
    marks = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
    breaches = []
    for file in tracked(*SOURCE):
        lines = file.read_text().splitlines()
        breaches += [f"{name(file)}:{i}: {line.strip()[:100]}" for i, line in enumerate(lines, 1) if marks.search(line)]
    require_none(breaches)


# Layer -> what its files must not include. Everyone may include dialects; api and tools see all.
FORBIDDEN_INCLUDES = {
    "runtime": r"(llvm|mlir|lld|dialects|passes|codegen|frontend|api)/",
    "dialects": r"(passes|codegen|frontend|api|tools)/",
    "passes": r"(codegen|frontend|api|tools)/",
    "codegen": r"(passes|frontend|api|tools)/",
    "frontend": r"(passes|codegen|api|tools)/",
    "api": r"tools/",
}


@pytest.mark.parametrize("layer", FORBIDDEN_INCLUDES)
def test_layers_include_only_what_lies_below(layer):
    pattern = re.compile(r'^\s*#\s*include\s*["<]' + FORBIDDEN_INCLUDES[layer])
    breaches = []
    for file in tracked(*CPP):
        if name(file).startswith(layer + "/"):
            lines = file.read_text().splitlines()
            breaches += [f"{name(file)}:{i}: {line}" for i, line in enumerate(lines, 1) if pattern.match(line)]
    require_none(breaches)


def test_objects_wait_for_the_headers_they_include():
    """A header that is generated must be there before an object that includes it is compiled, in any order of the build."""
    missing = subprocess.run(["ninja", "-C", ROOT / "build", "-t", "missingdeps"], capture_output=True, text=True).stdout
    assert "Processed" in missing, missing
    # What only CMake reads again when it changes counts as generated too, "by phony"; it is a source.
    generated = [line for line in missing.splitlines() if line.endswith("(generated by CUSTOM_COMMAND)")]
    require_none([f"{line}: add LINK or DEPENDS to its library" for line in generated])
