"""InceptionResNetV2 (Szegedy et al. 2016), the backbone of the published method. 54 million parameters.

Layers bear the names of timm's `inception_resnet_v2`, so that its ImageNet weights fit as they are.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from apps.imaging.networks.plane_network import PlaneNetwork

FEATURES = 1536

BATCH_NORM_EPSILON = 1e-3
"""Of the TensorFlow weights."""

Kernel = int | tuple[int, int]


class ConvNormRelu(nn.Module):
    """Convolution, batch norm, ReLU; `padding` 0 is the paper's "V" (valid)."""

    def __init__(self, inputs: int, outputs: int, kernel: Kernel, stride: int = 1, padding: Kernel = 0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=BATCH_NORM_EPSILON)
        self.act = nn.ReLU()

    def forward(self, features: Tensor) -> Tensor:
        """Return the layer's output."""
        out: Tensor = self.act(self.bn(self.conv(features)))
        return out


def _tower(inputs: int, *layers: tuple[int, Kernel]) -> nn.Sequential:
    """Return convolutions one behind the other, (channels, kernel) each, that keep rows and columns."""
    made = []
    for channels, kernel in layers:
        rows, columns = (kernel, kernel) if isinstance(kernel, int) else kernel
        made.append(ConvNormRelu(inputs, channels, kernel, padding=(rows // 2, columns // 2)))
        inputs = channels
    return nn.Sequential(*made)


class Branches(nn.Module):
    """Towers side by side, their outputs one behind the other along the channels: `branch0`, `branch1` ..."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.count = len(branches)
        for index, branch in enumerate(branches):
            self.add_module(f"branch{index}", branch)

    def forward(self, features: Tensor) -> Tensor:
        """Return all branches' outputs."""
        return torch.cat([getattr(self, f"branch{index}")(features) for index in range(self.count)], dim=1)


class Residual(Branches):
    """Towers, a 1 x 1 convolution back to the input's channels, scaled and added to the input."""

    def __init__(self, channels: int, inside: int, scale: float, *branches: nn.Module, last: bool = False) -> None:
        super().__init__(*branches)
        self.conv2d = nn.Conv2d(inside, channels, 1)
        self.scale = scale
        self.act = nn.Identity() if last else nn.ReLU()

    def forward(self, features: Tensor) -> Tensor:
        """Return the block's output."""
        out: Tensor = self.act(features + self.scale * self.conv2d(super().forward(features)))
        return out


def _block35() -> Residual:
    """Inception-ResNet-A, 35 x 35 places."""
    towers = _tower(320, (32, 1), (32, 3)), _tower(320, (32, 1), (48, 3), (64, 3))
    return Residual(320, 128, 0.17, ConvNormRelu(320, 32, 1), *towers)


def _block17() -> Residual:
    """Inception-ResNet-B, 17 x 17 places."""
    return Residual(1088, 384, 0.10, ConvNormRelu(1088, 192, 1), _tower(1088, (128, 1), (160, (1, 7)), (192, (7, 1))))


def _block8(scale: float = 0.20, last: bool = False) -> Residual:
    """Inception-ResNet-C, 8 x 8 places."""
    tower = _tower(2080, (192, 1), (224, (1, 3)), (256, (3, 1)))
    return Residual(2080, 448, scale, ConvNormRelu(2080, 192, 1), tower, last=last)


def _halving(inputs: int, *layers: tuple[int, Kernel]) -> nn.Sequential:
    """Return a tower with a last 3 x 3 convolution of stride 2 without padding; `layers` ends with its channels."""
    *before, (channels, kernel) = layers
    tower = _tower(inputs, *before)
    return nn.Sequential(*tower, ConvNormRelu(before[-1][0], channels, kernel, stride=2))


class InceptionResNetV2(PlaneNetwork):
    """A classifier for pictures of 299 x 299 (75 or more); 43 blocks: mixed_5b, 10, mixed_6a, 20, mixed_7a, 9, 1."""

    size = 299

    def __init__(self, classes: int, dropout: float = 0.2) -> None:
        super().__init__()
        self.conv2d_1a = ConvNormRelu(3, 32, 3, stride=2)
        self.conv2d_2a = ConvNormRelu(32, 32, 3)
        self.conv2d_2b = ConvNormRelu(32, 64, 3, padding=1)
        self.maxpool_3a = nn.MaxPool2d(3, stride=2)
        self.conv2d_3b = ConvNormRelu(64, 80, 1)
        self.conv2d_4a = ConvNormRelu(80, 192, 3)
        self.maxpool_5a = nn.MaxPool2d(3, stride=2)
        self.mixed_5b = Branches(
            ConvNormRelu(192, 96, 1),
            _tower(192, (48, 1), (64, 5)),
            _tower(192, (64, 1), (96, 3), (96, 3)),
            nn.Sequential(nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False), ConvNormRelu(192, 64, 1)),
        )  # 320 channels
        self.repeat = nn.Sequential(*(_block35() for _ in range(10)))
        self.mixed_6a = Branches(
            ConvNormRelu(320, 384, 3, stride=2),
            _halving(320, (256, 1), (256, 3), (384, 3)),
            nn.MaxPool2d(3, stride=2),
        )  # 1088 channels
        self.repeat_1 = nn.Sequential(*(_block17() for _ in range(20)))
        self.mixed_7a = Branches(
            _halving(1088, (256, 1), (384, 3)),
            _halving(1088, (256, 1), (288, 3)),
            _halving(1088, (256, 1), (288, 3), (320, 3)),
            nn.MaxPool2d(3, stride=2),
        )  # 2080 channels
        self.repeat_2 = nn.Sequential(*(_block8() for _ in range(9)))
        self.block8 = _block8(scale=1.0, last=True)
        self.conv2d_7b = ConvNormRelu(2080, FEATURES, 1)
        self.dropout = nn.Dropout(dropout)
        self.classif = nn.Linear(FEATURES, classes)

    @property
    def head(self) -> nn.Linear:
        """The linear layer."""
        return self.classif

    def pieces(self) -> Sequence[nn.Module]:
        """Return stem, 43 blocks and last layer."""
        stem = nn.Sequential(
            self.conv2d_1a,
            self.conv2d_2a,
            self.conv2d_2b,
            self.maxpool_3a,
            self.conv2d_3b,
            self.conv2d_4a,
            self.maxpool_5a,
        )
        blocks = [self.mixed_5b, *self.repeat, self.mixed_6a, *self.repeat_1, self.mixed_7a, *self.repeat_2]
        return [stem, *blocks, self.block8, self.conv2d_7b]
