"""Plane classifiers (torch), backbone by name. Training only: serving runs their ONNX export."""

from apps.imaging.errors import BadRecipe
from apps.imaging.networks.efficientnet_lite0 import EfficientNetLite0
from apps.imaging.networks.inception_resnet_v2 import InceptionResNetV2
from apps.imaging.networks.plane_network import PlaneNetwork, count_parameters
from apps.imaging.networks.tissue import TissueNetwork
from apps.imaging.networks.weights import BadWeights, Weights, load_weights, read_weights

__all__ = [
    "BACKBONES",
    "BadWeights",
    "PlaneNetwork",
    "Weights",
    "count_parameters",
    "make_network",
    "read_weights",
]

BACKBONES: dict[str, type[EfficientNetLite0] | type[InceptionResNetV2] | type[TissueNetwork]] = {
    "efficientnet_lite0": EfficientNetLite0,
    "inception_resnet_v2": InceptionResNetV2,
    "tissue": TissueNetwork,
}
"""The networks that a recipe can name."""


def make_network(name: str, classes: int, weights: Weights | None = None) -> PlaneNetwork:
    """Return the network `name` for `classes` classes, from ImageNet weights when they are given.

    Raises
    ------
    BadRecipe
        When no network has this name.
    BadWeights
        When the weights belong to another network.
    """
    if name not in BACKBONES:
        raise BadRecipe(f"The backbone {name!r} is not known; known are {', '.join(BACKBONES)}.")
    network = BACKBONES[name](classes)
    if weights is not None:
        load_weights(network, weights)
    return network
