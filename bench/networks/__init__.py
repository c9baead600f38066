"""The networks that `lepton bench` measures, written layer by layer (writer.py) with random weights: NETWORKS has a function for each, by name."""

from lepton_networks import convolutional, generative, products, sequential  # noqa: F401  each registers its networks
from lepton_networks.registry import NETWORKS  # noqa: F401
