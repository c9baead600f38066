"""Single products, and what a call costs."""

from lepton_networks.registry import network
from lepton_networks.writer import Graph


def product(name, rows, columns, is_computed=False):
    """(rows, columns) times (columns, columns): a constant, or an input."""
    g = Graph(name, [rows, columns], columns)
    right = g.input("y", [columns, columns]) if is_computed else g.normal(columns, columns, variance=1 / columns)
    return g.finish(g.op("MatMul", g.x, right))


@network
def matmul512():
    return product("matmul512", 512, 512)


@network
def matmul1024():
    return product("matmul1024", 1024, 1024)


@network
def matmul2048():
    return product("matmul2048", 2048, 2048)


@network
def matmul1024_dyn():
    return product("matmul1024_dyn", 1024, 1024, is_computed=True)


@network
def gemv1024():
    return product("gemv1024", 1, 1024)


@network
def gemv4096():
    return product("gemv4096", 1, 4096)


@network
def noop():
    """A Relu of sixteen numbers."""
    g = Graph("noop", [1, 16])
    return g.finish(g.relu(g.x))
