"""Plane classifiers (torch), backbone by name. Training only: serving runs their ONNX export."""

from pathlib import Path

import torch
from torch import Tensor, nn

LITE0_STAGES = (
    # expansion, kernel, stride, channels, blocks
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
"""Stages of EfficientNet-Lite0 (EfficientNet without squeeze-and-excitation, ReLU6 for swish)."""

BATCH_NORM_EPSILON = 1e-3
"""Of the TensorFlow weights; torch's own 1e-5 would shift every activation."""


class ConvNormAct(nn.Sequential):
    """Convolution padded as TensorFlow does ("same"), batch norm and ReLU6 or nothing.

    With stride 2 and an even size, "same" pads one pixel more behind than before; torch's symmetric padding would
    move every feature by half a pixel against the weights.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, groups: int = 1, act: bool = True) -> None:
        before = (kernel - stride) // 2
        super().__init__(
            nn.ZeroPad2d((before, before + 1, before, before + 1)) if stride == 2 else nn.Identity(),
            nn.Conv2d(
                inputs,
                outputs,
                kernel,
                stride,
                padding=0 if stride == 2 else kernel // 2,
                groups=groups,
                bias=False,
            ),
            nn.BatchNorm2d(outputs, eps=BATCH_NORM_EPSILON),
            nn.ReLU6(inplace=True) if act else nn.Identity(),
        )


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project; added to its input where the shapes allow."""

    def __init__(self, inputs: int, outputs: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.expand = ConvNormAct(inputs, wide, 1, 1) if expansion > 1 else nn.Identity()
        self.depthwise = ConvNormAct(wide, wide, kernel, stride, groups=wide)
        self.project = ConvNormAct(wide, outputs, 1, 1, act=False)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, features: Tensor) -> Tensor:
        """Return the block's output."""
        out = self.project(self.depthwise(self.expand(features)))
        return out + features if self.adds else out


class EfficientNetLite0(nn.Module):
    """A classifier for pictures whose size is a multiple of 32."""

    def __init__(self, classes: int, dropout: float = 0.2) -> None:
        super().__init__()
        self.stem = ConvNormAct(3, 32, 3, 2)
        blocks: list[nn.Module] = []
        inputs = 32
        for expansion, kernel, stride, channels, count in LITE0_STAGES:
            for index in range(count):
                blocks.append(InvertedResidual(inputs, channels, expansion, kernel, stride if index == 0 else 1))
                inputs = channels
        self.blocks = nn.Sequential(*blocks)
        self.head = ConvNormAct(inputs, 1280, 1, 1)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(1280, classes)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the logits."""
        features = self.head(self.blocks(self.stem(pictures)))  # (batch, 1280, size / 32, size / 32)
        return self.classifier(self.dropout(features.mean(dim=(2, 3))))  # (batch, classes)


def load_imagenet(network: EfficientNetLite0, weights: Path) -> None:
    """Fill the network with ImageNet weights, all but the last layer.

    Parameters
    ----------
    network
        A network of any number of classes.
    weights
        A state dict of EfficientNet-Lite0 in the published layer order; names may differ.

    Raises
    ------
    ValueError
        When the number of tensors or any shape differs: never a partial load.
    """
    stored = _without_counters(torch.load(weights, map_location="cpu", weights_only=True))
    wanted = _without_counters(network.state_dict())
    if len(stored) != len(wanted):
        raise ValueError(f"{weights} has {len(stored)} tensors, EfficientNet-Lite0 has {len(wanted)}")
    filled = {}
    for (name, ours), (their_name, theirs) in zip(wanted.items(), stored.items(), strict=True):
        if name.startswith("classifier."):
            continue
        if ours.shape != theirs.shape:
            raise ValueError(f"{weights}: {their_name} is {tuple(theirs.shape)}, {name} {tuple(ours.shape)}")
        filled[name] = theirs
    network.load_state_dict(filled, strict=False)


def _without_counters(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}


def make_network(backbone: str, classes: int, weights: Path | None) -> nn.Module:
    """Return a network for `classes` classes, from ImageNet weights when a file is given."""
    if backbone != "efficientnet_lite0":
        raise ValueError(f"the backbone {backbone!r} is not known; known is efficientnet_lite0")
    network = EfficientNetLite0(classes)
    if weights is not None:
        load_imagenet(network, weights)
    return network
