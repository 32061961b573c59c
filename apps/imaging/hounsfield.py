"""Stored values to Hounsfield units, by each slice's own rescale.

HU = floor(stored * slope + intercept + 0.5), clipped to int16; padding is -1024 HU. Pictures need values only within
the window, which is much cheaper for whole numbers: both ways give the same gray levels, a test compares them.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.imaging.projections import HIGHEST_HU, LOWEST_HU

PADDING_HU = -1024
"""What a voxel counts as that was not measured: air."""


@dataclass(frozen=True, slots=True)
class Rescale:
    """How the stored values of a slice become HU.

    `padding` is the lowest and the highest stored value that stand for "not measured", None when there are none.
    """

    slope: float
    intercept: float
    padding: tuple[int, int] | None = None

    def hounsfield(self, stored: NDArray) -> NDArray[np.int16]:
        """Return HU of `stored` (rows, columns)."""
        exact = np.floor(stored * np.float64(self.slope) + self.intercept + 0.5)
        voxels = np.clip(exact, -32768, 32767).astype(np.int16)
        if self.padding is not None:
            low, high = self.padding
            voxels[(stored >= low) & (stored <= high)] = PADDING_HU
        return voxels

    def windowed(self, stored: NDArray) -> NDArray[np.int16]:
        """Return HU of `stored` (rows, columns), clipped to the window of the pictures."""
        bounds = self._stored_window(stored.dtype)
        if bounds is not None:
            # The result fits int16 whatever the stored type: adding may wrap on the way, never at the end.
            low, high = bounds
            clipped = np.clip(stored, low, high).view(np.int16)
            clipped += np.int16(self.intercept)
            return clipped
        if stored.dtype.itemsize == 2:
            return _windowed_values(self, stored.dtype.kind)[stored.view(np.uint16)]
        return _to_window(self.hounsfield(stored))

    def _stored_window(self, kind: np.dtype) -> tuple[np.integer, np.integer] | None:
        """Return the window in stored values, None when a whole number must not simply be added to them."""
        if self.slope != 1 or not float(self.intercept).is_integer() or abs(self.intercept) > 32000:
            return None
        if kind not in (np.dtype(np.uint16), np.dtype(np.int16)):
            return None
        if self.padding is not None and self.padding[1] + self.intercept > LOWEST_HU:
            return None
        limits = np.iinfo(kind)
        low = max(LOWEST_HU - int(self.intercept), limits.min)
        high = min(HIGHEST_HU - int(self.intercept), limits.max)
        return (kind.type(low), kind.type(high)) if low <= high else None


@functools.lru_cache(maxsize=32)
def _windowed_values(rescale: Rescale, kind: str) -> NDArray[np.int16]:
    """Return the windowed HU of every 16-bit stored value, indexed by its bits."""
    stored = np.arange(1 << 16, dtype=np.uint16).view(np.int16 if kind == "i" else np.uint16)
    return _to_window(rescale.hounsfield(stored))


def _to_window(voxels: NDArray[np.int16]) -> NDArray[np.int16]:
    return np.clip(voxels, np.int16(LOWEST_HU), np.int16(HIGHEST_HU))


def usable(slope: float | None, intercept: float | None) -> bool:
    """Return whether a header's rescale can be computed with: both there, numbers, and no slope of zero."""
    if slope is None or intercept is None:
        return False
    return math.isfinite(slope) and math.isfinite(intercept) and slope != 0
