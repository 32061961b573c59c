"""The coverage network (torch): frozen blocks of a plane network, then a profile of regions from top to bottom.

Only what reads the rows is trained: a few seconds on a processor, since the rows of every picture are computed once.
"""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from apps.imaging.bundle.serving import COVERAGE_OUTPUTS, INPUT
from apps.imaging.training.export import to_onnx
from apps.imaging.training.quantise import halve_weights
from apps.imaging.vocabulary import REGIONS

WIDTH = 64
"""Channels of the trained part: enough to tell five regions, few enough for few patients."""

DILATIONS = (1, 2, 4, 8)
"""Steps between the rows that a layer compares: together they see the whole height, so the order of the body."""


class RowPool(nn.Module):
    """What a row of a feature map holds: mean, largest and mean of the middle half of its columns."""

    def forward(self, maps: Tensor) -> Tensor:
        """Return (batch, 3 * features, rows) of maps (batch, features, rows, columns)."""
        columns = maps.shape[3]
        middle = maps[:, :, :, columns // 4 : columns - columns // 4]
        return torch.cat([maps.mean(dim=3), maps.amax(dim=3), middle.mean(dim=3)], dim=1)


class ProfileHead(nn.Module):
    """From rows (batch, features, rows) to logits (batch, rows, regions)."""

    def __init__(self, features: int, dropout: float = 0.3) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.begin = nn.Sequential(nn.BatchNorm1d(features), nn.Conv1d(features, WIDTH, 3, padding=1))
        self.rows = nn.ModuleList(
            nn.Sequential(
                nn.BatchNorm1d(WIDTH),
                nn.ReLU6(),
                nn.Conv1d(WIDTH, WIDTH, 3, padding=dilation, dilation=dilation),
            )
            for dilation in DILATIONS
        )
        self.end = nn.Conv1d(WIDTH, len(REGIONS), 1)

    def forward(self, rows: Tensor) -> Tensor:
        """Return the logits of each row, row 0 the most superior."""
        rows = self.begin(self.dropout(rows))  # (batch, WIDTH, rows)
        for layer in self.rows:
            rows = rows + layer(rows)
        logits: Tensor = self.end(self.dropout(rows)).transpose(1, 2)
        return logits  # (batch, rows, regions)


class CoverageNetwork(nn.Module):
    """Frozen lower blocks and a trained head: input (batch, 3, size, size), output the profile."""

    def __init__(self, lower: nn.Module, head: ProfileHead) -> None:
        super().__init__()
        self.lower = lower
        self.pool = RowPool()
        self.head = head

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the profile (batch, bins, regions)."""
        profile: Tensor = self.head(self.pool(self.lower(pixels)))
        return profile


def export_coverage(network: CoverageNetwork, size: int, file: Path, inputs: NDArray[np.float32]) -> float:
    """Write a network as ONNX and return by how much a probability differs at most from torch's.

    Parameters
    ----------
    network
        Trained.
    size
        Rows and columns of the input.
    file
        Where to write; weights are stored as float16.
    inputs
        Network inputs of real pictures, float32 (pictures, 3, size, size), to measure the difference.
    """
    network = network.eval()
    (output,) = COVERAGE_OUTPUTS
    onnx.save(halve_weights(to_onnx(network, size, COVERAGE_OUTPUTS)), file)
    with torch.inference_mode():
        wanted = torch.sigmoid(network(torch.from_numpy(inputs))).numpy()
    found = 1 / (1 + np.exp(-open_session(file).run([output], {INPUT: inputs})[0]))
    return float(np.abs(found - wanted).max())


def open_session(model: Path | bytes) -> onnxruntime.InferenceSession:
    """Return a session on the CPU, in as many threads as torch may use."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    source = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
