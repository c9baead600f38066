"""Writes what Python needs of ops.hpp: bind_ops.py ops.hpp > Ops.inc (bindings), bind_ops.py ops.hpp nn.pyi.in > nn.pyi (types)

A declaration `/// text` `Value name(Type argument = default, ...);` becomes `module.def("name", wrap(&name), ..., signature, text)`, so that a function
of the library, its defaults and its documentation stand in one place for both languages.
"""

import re
import sys

DECLARATION = re.compile(r"((?:^///[^\n]*\n)+)^(Values?) (\w+)\(([^;]*)\);", re.MULTILINE)
# C++ type -> Python's in the signature.
TYPES = {
    "Operand": "Operand", "Operands": "Sequence[Operand]", "Ints": "int | Sequence[int]", "Padding": "int | str | Sequence[int]",
    "std::vector<int64_t>": "Sequence[int]", "std::vector<double>": "Sequence[float]", "int64_t": "int", "double": "float", "bool": "bool",
    "std::string": "str", "Dtype": "DTypeLike", "Build": "Callable[..., Value | Sequence[Value]]", "At": "str",
}
RESULTS = {"Value": "Value", "Values": "list[Value]"}
# C++ default -> Python's, where it is written differently.
DEFAULTS = {"false": "False", "true": "True"}
BY_HAND = {"op"}  # takes attributes by their names


def split(arguments):
    """(type, name, default or None) of each argument."""
    for argument in re.split(r",\s*(?![^<]*>)", " ".join(arguments.split())):
        declared, _, default = argument.partition(" = ")
        kind, name = declared.rsplit(" ", 1)
        yield kind, name, default or None


def default_of(kind, default):
    if default == "{}":
        return {"At": '""', "Operand": "None"}.get(kind, "()")
    return DEFAULTS.get(default, default)


def text_of(comment):
    return " ".join(line.removeprefix("///").strip() for line in comment.strip().splitlines())


def signature_of(result, name, arguments):
    """The function's head, as Python writes it."""
    parts = []
    for kind, argument, default in split(arguments):
        optional = " | None" if kind == "Operand" and default else ""
        parts.append(f"{argument}: {TYPES[kind]}{optional}" + (f" = {default_of(kind, default)}" if default else ""))
    return f"def {name}({', '.join(parts)}) -> {RESULTS[result]}"


def binding(comment, result, name, arguments):
    lines = [f'module.def("{name}", wrap(&nn::{name})']
    for kind, argument, default in split(arguments):
        value = default_of(kind, default) if default else None
        given = {"None": "nb::none()", "()": "nb::make_tuple()", "False": "false", "True": "true"}.get(value, value)
        lines.append(f'nb::arg("{argument}")' + (f" = {given}" if default else ""))
    lines.append(f'nb::sig(R"({signature_of(result, name, arguments)})")')
    lines.append(f'R"({text_of(comment)})"')
    return ", ".join(lines) + ");"


def main():
    declarations, *template = [open(file).read() for file in sys.argv[1:]]
    print(*template, end="")
    for comment, result, name, arguments in DECLARATION.findall(declarations):
        if name in BY_HAND:
            continue
        if template:
            print(f'{signature_of(result, name, arguments)}:\n    """{text_of(comment)}"""')
        else:
            print(binding(comment, result, name, arguments))


main()
