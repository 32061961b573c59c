"""Nine pictures of a CT volume: maximum, average and middle plane, seen from three sides.

`docs/pictures.md` defines them to the gray level, with a worked example; another implementation (the browser's) has to
match that page and this module alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from apps.imaging.vocabulary import CONVERSIONS, PICTURE_SIZE, PLANES, WINDOW_LEVEL_HU, WINDOW_WIDTH_HU

LOWEST_HU = WINDOW_LEVEL_HU - WINDOW_WIDTH_HU // 2
"""Lower end of the window: everything below counts as this."""

HIGHEST_HU = WINDOW_LEVEL_HU + WINDOW_WIDTH_HU // 2
"""Upper end of the window: everything above counts as this."""

Pictures = dict[str, NDArray[np.uint8]]


@dataclass(frozen=True)
class Orientation:
    """How acquired axes lie in the patient.

    Canonical axes are slices from inferior to superior, rows from anterior to posterior, columns from the patient's
    right to left (the direction of DICOM's x, y, z: LPS). Canonical axis `k` is acquired axis `axes[k]`, run through
    backwards where `flipped[k]`.
    """

    axes: tuple[int, int, int] = (0, 1, 2)
    flipped: tuple[bool, bool, bool] = (False, False, False)

    @property
    def plane(self) -> str:
        """The plane in which the slices were acquired."""
        return ("axial", "coronal", "sagittal")[self.axes.index(0)]

    def canonical(self, voxels: NDArray[np.int16]) -> NDArray[np.int16]:
        """Return acquired `voxels` (slices, rows, columns) as a view with canonical axes."""
        turned = voxels.transpose(self.axes)
        return turned[tuple(slice(None, None, -1) if back else slice(None) for back in self.flipped)]


CANONICAL = Orientation()


class Projector:
    """Nine pictures of a volume that is never held: acquired slices arrive one at a time, in any order.

    Parameters
    ----------
    shape
        (slices, rows, columns) as acquired.
    orientation
        How the acquired axes lie in the patient.
    """

    def __init__(self, shape: tuple[int, int, int], orientation: Orientation = CANONICAL) -> None:
        if min(shape) < 1:
            raise ValueError(f"a volume has at least one voxel along each axis, not {shape}")
        self.shape = shape
        self.orientation = orientation
        slices, rows, columns = shape
        across = ((rows, columns), (slices, columns), (slices, rows))
        self._highest = [np.full(size, LOWEST_HU, np.int16) for size in across]
        self._sums = [np.zeros(size, np.int32) for size in across]
        self._middles = [np.full(size, LOWEST_HU, np.int16) for size in across]
        self._middle_index = self._acquired_middles()

    def _acquired_middles(self) -> tuple[int, ...]:
        """Return, per acquired axis, the index of what is plane n // 2 in canonical direction."""
        middles = [0, 0, 0]
        for axis, flipped in zip(self.orientation.axes, self.orientation.flipped, strict=True):
            count = self.shape[axis]
            middles[axis] = count - 1 - count // 2 if flipped else count // 2
        return tuple(middles)

    def add(self, index: int, hounsfield: NDArray[np.int16]) -> None:
        """Take acquired slice `index`: `hounsfield` int16 (rows, columns) in HU, clipped here to the window."""
        self.add_windowed(index, np.clip(hounsfield, np.int16(LOWEST_HU), np.int16(HIGHEST_HU)))

    def add_windowed(self, index: int, values: NDArray[np.int16]) -> None:
        """Take acquired slice `index`, already clipped to the window."""
        if values.shape != self.shape[1:]:
            raise ValueError(f"slice {index} is {values.shape}, the others are {self.shape[1:]}")
        np.maximum(self._highest[0], values, out=self._highest[0])
        values.max(axis=0, out=self._highest[1][index])
        values.max(axis=1, out=self._highest[2][index])
        # Widened once: three sums that each widen on the way take twice as long.
        wide = values.astype(np.int32)
        self._sums[0] += wide
        wide.sum(axis=0, out=self._sums[1][index])
        wide.sum(axis=1, out=self._sums[2][index])
        middle_slice, middle_row, middle_column = self._middle_index
        if index == middle_slice:
            self._middles[0][:] = values
        self._middles[1][index] = values[middle_row]
        self._middles[2][index] = values[:, middle_column]

    def merge(self, other: "Projector") -> None:
        """Take over what another projector of the same volume gathered from other slices."""
        if (other.shape, other.orientation) != (self.shape, self.orientation):
            raise ValueError("projectors of two volumes cannot be merged")
        for mine, theirs in zip(self._highest, other._highest, strict=True):
            np.maximum(mine, theirs, out=mine)
        for mine, theirs in zip(self._middles, other._middles, strict=True):
            np.maximum(mine, theirs, out=mine)
        for total, more in zip(self._sums, other._sums, strict=True):
            total += more

    @property
    def highest_along_slices(self) -> NDArray[np.int16]:
        """The highest value along the acquired slices, (rows, columns), in HU within the window."""
        return self._highest[0]

    def planes(self) -> dict[str, NDArray[np.float64]]:
        """Return the nine projections in HU at the volume's own size, rows and columns as displayed."""
        pictures: dict[str, NDArray[np.float64]] = {}
        for plane in PLANES:
            acquired_axis = self.orientation.axes[_LOOKED_ALONG[plane]]
            count = self.shape[acquired_axis]
            kinds: dict[str, NDArray] = {
                "mip": self._highest[acquired_axis],
                "aip": self._sums[acquired_axis] / count,
                "mid": self._middles[acquired_axis],
            }
            for conversion, acquired in kinds.items():
                pictures[f"{conversion}_{plane}"] = self._displayed(acquired, acquired_axis, plane).astype(np.float64)
        return pictures

    def _displayed(self, acquired: NDArray, acquired_axis: int, plane: str) -> NDArray:
        """Turn a projection along `acquired_axis` into the rows and columns in which people look at it."""
        left = [axis for axis in range(3) if axis != acquired_axis]
        down, right = (axis for axis in range(3) if axis != _LOOKED_ALONG[plane])
        wanted = [self.orientation.axes[down], self.orientation.axes[right]]
        turned = acquired if wanted == left else acquired.T
        # Coronal and sagittal pictures show the head at the top, canonical slices begin at the feet.
        upside_down = self.orientation.flipped[down] != (plane != "axial")
        mirrored = self.orientation.flipped[right]
        return turned[:: -1 if upside_down else 1, :: -1 if mirrored else 1]

    def pictures(self) -> Pictures:
        """Return the nine pictures, uint8 (512, 512) each, by name."""
        planes = self.planes()
        names = (f"{conversion}_{plane}" for conversion in CONVERSIONS for plane in PLANES)
        return {name: to_gray(resize(planes[name])) for name in names}


_LOOKED_ALONG = {"axial": 0, "coronal": 1, "sagittal": 2}
"""The canonical axis that each plane's projection runs along."""


def project(voxels: NDArray[np.int16]) -> Pictures:
    """Return the nine pictures of `voxels`, int16 (slices, rows, columns) in HU with canonical axes (LPS)."""
    slices, rows, columns = voxels.shape
    projector = Projector((slices, rows, columns))
    for index, hounsfield in enumerate(voxels):
        projector.add(index, hounsfield)
    return projector.pictures()


def resize(values: NDArray[np.float64], size: int = PICTURE_SIZE) -> NDArray[np.float64]:
    """Return `values` (rows, columns) at `size` x `size`: bilinear, half-pixel centres, edges repeated.

    Columns first, then rows, each as `a + (b - a) * t`: written down because float64 then gives the same bits in any
    language that follows IEEE 754.
    """
    return _resize_rows(_resize_rows(values.T, size).T, size)


def _resize_rows(values: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    count = values.shape[0]
    if count == size:
        return values
    source = (np.arange(size) + 0.5) * count / size - 0.5
    before = np.floor(source)
    part = (source - before)[:, np.newaxis]
    first = values[np.clip(before, 0, count - 1).astype(np.intp)]
    second = values[np.clip(before + 1, 0, count - 1).astype(np.intp)]
    # In place: the same operations on the same numbers, without three more arrays of this size.
    second -= first
    second *= part
    first += second
    return first


def to_gray(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return HU as 8-bit gray: the lower end of the window is 0, the upper end 255, halves rounded up."""
    return np.floor((values - LOWEST_HU) * 255 / WINDOW_WIDTH_HU + 0.5).astype(np.uint8)


def write_pictures(pictures: Mapping[str, NDArray[np.uint8]], folder: Path) -> list[Path]:
    """Write each picture to `folder` as `<name>.png`, 8-bit grayscale, and return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, picture in pictures.items():
        paths.append(folder / f"{name}.png")
        Image.fromarray(picture).save(paths[-1])
    return paths
