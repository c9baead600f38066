"""The networks by name, each a function that returns a model."""

NETWORKS = {}


def network(build):
    NETWORKS[build.__name__] = build
    return build
