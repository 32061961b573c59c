"""EfficientNet-Lite0: EfficientNet-B0 without squeeze-and-excitation, ReLU6 for swish. 3.4 million parameters."""

from collections.abc import Sequence

from torch import Tensor, nn

from apps.imaging.networks.plane_network import PlaneNetwork

STAGES = (
    # expansion, kernel, stride, channels, blocks
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
"""Of EfficientNet-B0 (Tan and Le 2019, Table 1), which Lite0 keeps."""

FEATURES = 1280

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
        out: Tensor = self.project(self.depthwise(self.expand(features)))
        return out + features if self.adds else out


class EfficientNetLite0(PlaneNetwork):
    """A classifier for pictures whose size is a multiple of 32; 16 blocks."""

    size = 224

    def __init__(self, classes: int, dropout: float = 0.2) -> None:
        super().__init__()
        self.stem = ConvNormAct(3, 32, 3, 2)
        blocks: list[nn.Module] = []
        inputs = 32
        for expansion, kernel, stride, channels, count in STAGES:
            for index in range(count):
                blocks.append(InvertedResidual(inputs, channels, expansion, kernel, stride if index == 0 else 1))
                inputs = channels
        self.blocks = nn.Sequential(*blocks)
        self.last = ConvNormAct(inputs, FEATURES, 1, 1)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(FEATURES, classes)

    @property
    def head(self) -> nn.Linear:
        """The linear layer."""
        return self.classifier

    def pieces(self) -> Sequence[nn.Module]:
        """Return stem, 16 blocks and last layer."""
        return [self.stem, *self.blocks, self.last]
