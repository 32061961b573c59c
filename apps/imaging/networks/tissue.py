"""A small network that sees how bright soft tissue is, and little else: made for the question of contrast agent.

Contrast agent is a matter of Hounsfield units in vessels and organs. A deep network that is shown a few dozen patients
learns the scanner instead. This one begins with fixed measurements, cell by cell: how much of the soft tissue outside
bone is brighter than each of a row of thresholds. What is learned on top sees cells of a sixteenth of the picture and
their neighbours, no texture and no outline.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from apps.imaging.networks.plane_network import PlaneNetwork

LOW_HU, WIDTH_HU = -450.0, 1000.0
"""What 0 and 1 of the input stand for: the published window, with mean 0 and standard deviation 1 in the recipe."""

THRESHOLDS_HU = tuple(float(level) for level in (*range(0, 160, 10), *range(160, 301, 20)))
"""Soft tissue is compared with these."""

SOFTNESS_HU = 5.0
"""Width of a comparison: noise of a few HU moves it a little, not at once."""

BONE_HU = 330.0
"""What is brighter counts as bone, with a margin of three pixels around it."""

LEAST_TISSUE_HU = -30.0
SHARPEST_EDGE_HU = -120.0
"""Soft tissue is at least this bright, and so are its neighbours: edges to fat and air are no tissue."""

CELLS = 16
"""Rows and columns of cells."""

LEAST_SHARE = 0.02
"""Measurements are shares of the picture's soft tissue; of a picture with less than this they are shares of this."""


class ToHounsfield(nn.Module):
    """The first channel of the input in HU."""

    def forward(self, pictures: Tensor) -> Tensor:
        """Return (batch, 1, rows, columns)."""
        return pictures[:, :1] * WIDTH_HU + LOW_HU


class TissueMaps(nn.Module):
    """Fixed measurements per cell: roots of the shares brighter than each threshold, and of tissue, bone and body."""

    def __init__(self) -> None:
        super().__init__()
        levels = torch.tensor(THRESHOLDS_HU).reshape(1, -1, 1, 1)
        self.register_buffer("levels", levels, persistent=False)
        self.smooth = nn.Sequential(*(nn.AvgPool2d(3, 1, 1, count_include_pad=False) for _ in range(2)))
        self.near_bone = nn.MaxPool2d(7, 1, 3)
        self.around = nn.MaxPool2d(3, 1, 1)

    def forward(self, hounsfield: Tensor) -> Tensor:
        """Return (batch, thresholds + 3, CELLS, CELLS); the input has a multiple of CELLS rows and columns."""
        smooth = self.smooth(hounsfield)
        bone = (self.near_bone(hounsfield) > BONE_HU).float()
        inner = (-self.around(-smooth) > SHARPEST_EDGE_HU).float()
        tissue = (smooth > LEAST_TISSUE_HU).float() * inner * (1 - bone)
        brighter = torch.sigmoid((smooth - self.levels) / SOFTNESS_HU) * tissue
        side = hounsfield.shape[2] // CELLS
        cells = nn.functional.avg_pool2d(torch.cat([brighter, tissue], dim=1), side)
        share = cells[:, -1:].mean(dim=(2, 3), keepdim=True).clamp(min=LEAST_SHARE)
        rest = nn.functional.avg_pool2d(torch.cat([bone, (hounsfield > -300).float()], dim=1), side)
        # The root makes the few bright pixels of a thin vessel count beside whole organs.
        return torch.cat([cells / share, rest], dim=1).sqrt()  # (batch, thresholds + 3, CELLS, CELLS)


class TissueNetwork(PlaneNetwork):
    """Measurements per cell, three small layers, one linear layer. The first block is fixed: freeze it."""

    size = 256

    def __init__(self, classes: int, width: int = 48, dropout: float = 0.3) -> None:
        super().__init__()
        inputs = len(THRESHOLDS_HU) + 3
        self.stem = ToHounsfield()
        self.blocks = nn.Sequential(
            TissueMaps(),
            nn.Sequential(nn.BatchNorm2d(inputs), nn.Conv2d(inputs, width, 1), nn.ReLU()),
            nn.Sequential(nn.BatchNorm2d(width), nn.Conv2d(width, width, 3, padding=1), nn.ReLU()),
        )
        self.last = nn.Sequential(nn.BatchNorm2d(width), nn.Conv2d(width, width, 1), nn.ReLU())
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(width, classes)

    @property
    def head(self) -> nn.Linear:
        """The linear layer."""
        return self.classifier

    def pieces(self) -> Sequence[nn.Module]:
        """Return the input in HU, the fixed measurements, the learned layers."""
        return [self.stem, *self.blocks, self.last]
