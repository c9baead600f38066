"""Single products, and what a call costs."""

from functools import partial

from lepton_networks.registry import NETWORKS, network
from lepton_networks.writer import Graph


def product(name, rows, columns, is_computed=False):
    """(rows, columns) times (columns, columns): a constant, or an input."""
    g = Graph(name, [rows, columns], columns)
    right = g.input("y", [columns, columns]) if is_computed else g.normal(columns, columns, variance=1 / columns)
    return g.finish(g.op("MatMul", g.x, right))


PRODUCTS = {
    "matmul512": (512, 512), "matmul1024": (1024, 1024), "matmul2048": (2048, 2048), "matmul1024_dyn": (1024, 1024, True),
    "gemv1024": (1, 1024), "gemv4096": (1, 4096),
}
NETWORKS.update({name: partial(product, name, *arguments) for name, arguments in PRODUCTS.items()})


@network
def noop():
    """A Relu of sixteen numbers."""
    g = Graph("noop", [1, 16])
    return g.finish(g.relu(g.x))
