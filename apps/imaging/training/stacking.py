"""Composites: series from neck to pelvis, put together from ranges of different subjects.

An archive has few series of a whole trunk. A composite is no person, but a network that knows what lies above and
below what learns the order of the body from it. Seams are smoothed, and some lie within a region, so that a seam is no
sign that a region ends.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from apps.imaging.training.augmentation import AIR_HU, BODY_HU, Scan
from apps.imaging.training.region_targets import OPEN, Targets

GRID_MM = (4.0, 3.2, 3.2)
"""Spacing of composites: about that of the coarse planning scans, a series with arms fits in the grid."""

GRID_SIZE = 144
"""Rows and columns of the grid, 46 cm."""

BLEND_SLICES = 3
"""Over how many slices one subject turns into the other."""

MOST_SCALED = 1.2
"""How much a piece is widened or narrowed at most to meet its neighbour."""

WIDTH_SLICES = 5
"""The width of the body at a seam is the median of this many slices."""

_PADDING = np.array([0, 1, 1])
"""Air around the slices, so that what lies outside the scan is air."""


@dataclass(frozen=True)
class Piece:
    """Slices of one subject on the common grid, or several subjects put together.

    `voxels` int16 HU (slices, GRID_SIZE, GRID_SIZE) with canonical axes, air outside the body, the body in the middle;
    `targets` int8 (slices, regions).
    """

    voxels: NDArray[np.int16]
    targets: Targets
    subjects: tuple[str, ...]

    def part(self, low: float, high: float) -> "Piece":
        """Return the slices between two shares (0 to 1, from the lower end) of the piece."""
        count = len(self.voxels)
        start = min(round(low * count), count - 1)
        end = max(round(high * count), start + 1)
        return Piece(self.voxels[start:end], self.targets[start:end], self.subjects)

    def scan(self) -> Scan:
        """Return the piece as something to augment."""
        return Scan(self.voxels, self.voxels, np.array(GRID_MM))


def take(scan: Scan, targets: Targets, low: int, high: int, subject: str) -> Piece:
    """Return slices `low` to `high` (inclusive) of a scan on the common grid."""
    source, named = scan.masked[low : high + 1], targets[low : high + 1]
    zoom = scan.spacing_mm / np.array(GRID_MM)
    count = max(2, round(len(source) * zoom[0]))
    row, column = _middle(source)
    steps = np.array([len(source) / count, 1 / zoom[1], 1 / zoom[2]])
    centre = np.array([(len(source) - 1) / 2, row, column])
    offset = centre - steps * (np.array([count, GRID_SIZE, GRID_SIZE]) - 1) / 2
    smooth = ndimage.uniform_filter(source, (1, 2, 2)) if zoom[1] < 0.6 else source
    voxels = ndimage.affine_transform(
        np.pad(smooth, ((0, 0), (1, 1), (1, 1)), constant_values=AIR_HU),
        steps,
        offset + _PADDING,
        (count, GRID_SIZE, GRID_SIZE),
        np.float32,
        order=1,
        mode="nearest",
    )
    nearest = np.clip((np.arange(count) + 0.5) * len(source) / count, 0, len(source) - 1).astype(np.intp)
    return Piece(np.rint(voxels).astype(np.int16), named[nearest], (subject,))


def stack(pieces: Sequence[Piece]) -> Piece:
    """Return pieces, from inferior to superior, as one: widths matched at the seams and blended over a few slices."""
    whole = pieces[0]
    for upper in pieces[1:]:
        whole = _join(whole, upper)
    return whole


def body_width_mm(voxels: NDArray[np.int16]) -> float:
    """Return the median width of the body over slices (slices, rows, columns), 0 where there is none."""
    columns = (voxels > BODY_HU).sum(axis=1) > 2  # (slices, columns)
    spans = [float(np.ptp(np.flatnonzero(row)) + 1) for row in columns if row.any()]
    return float(np.median(spans)) * GRID_MM[2] if spans else 0.0


def _join(lower: Piece, upper: Piece) -> Piece:
    below, above = body_width_mm(lower.voxels[-WIDTH_SLICES:]), body_width_mm(upper.voxels[:WIDTH_SLICES])
    if below and above:
        upper = _widened(upper, float(np.clip(below / above, 1 / MOST_SCALED, MOST_SCALED)))
    upper = _shifted(upper, lower)
    blend = min(BLEND_SLICES, len(lower.voxels) - 1, len(upper.voxels) - 1)
    if blend < 1:
        voxels, targets = [lower.voxels, upper.voxels], [lower.targets, upper.targets]
    else:
        share = ((np.arange(blend) + 1) / (blend + 1)).astype(np.float32)[:, np.newaxis, np.newaxis]
        mixed = lower.voxels[-blend:] * (1 - share) + upper.voxels[:blend] * share
        ends, begins = lower.targets[-blend:], upper.targets[:blend]
        seam = np.where(ends == begins, ends, np.int8(OPEN))
        voxels = [lower.voxels[:-blend], np.rint(mixed).astype(np.int16), upper.voxels[blend:]]
        targets = [lower.targets[:-blend], seam, upper.targets[blend:]]
    subjects = tuple(dict.fromkeys((*lower.subjects, *upper.subjects)))
    return Piece(np.concatenate(voxels), np.concatenate(targets), subjects)


def _widened(piece: Piece, factor: float) -> Piece:
    middle = (GRID_SIZE - 1) / 2
    offset = np.array([0, middle - middle / factor, middle - middle / factor])
    voxels = ndimage.affine_transform(
        piece.voxels, np.array([1, 1 / factor, 1 / factor]), offset, order=1, cval=AIR_HU, output=np.int16
    )
    return Piece(voxels, piece.targets, piece.subjects)


def _shifted(upper: Piece, lower: Piece) -> Piece:
    """Move a piece so that the body goes on where it ended below."""
    ended, begins = _middle(lower.voxels[-WIDTH_SLICES:]), _middle(upper.voxels[:WIDTH_SLICES])
    step = [round(end - begin) for end, begin in zip(ended, begins, strict=True)]
    if not any(step):
        return upper
    voxels = ndimage.shift(upper.voxels, (0, *step), order=0, cval=AIR_HU)
    return Piece(voxels, upper.targets, upper.subjects)


def _middle(voxels: NDArray[np.int16]) -> tuple[float, float]:
    """Return (row, column) of the middle of the body's outline, that of the picture where there is no body."""
    body = (voxels > BODY_HU).mean(axis=0) > 0.3
    if not body.any():
        return (voxels.shape[1] - 1) / 2, (voxels.shape[2] - 1) / 2
    rows, columns = np.flatnonzero(body.any(axis=1)), np.flatnonzero(body.any(axis=0))
    return float(rows[0] + rows[-1]) / 2, float(columns[0] + columns[-1]) / 2
