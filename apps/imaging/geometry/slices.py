"""One slice of a series, and which slices are of one kind."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.imaging.headers import Frame, InstanceHeader, SeriesFiles

ORIENTATION_TOLERANCE = 0.01
"""How much the direction cosines of two slices of one stack may differ: half a degree."""

PIXEL_SPACING_TOLERANCE = 0.01
"""How much the pixel spacings of two slices of one stack may differ, as a part of them."""

UNIT_TOLERANCE = 0.02
"""How far a direction may be from unit length, and two of them from a right angle, before the header is wrong."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One slice: an object of classic CT, or one frame of an Enhanced one (`frame_index` from 0)."""

    header: InstanceHeader
    frame_index: int

    @property
    def frame(self) -> Frame:
        """Where it lies and how its values are scaled."""
        return self.header.frames[self.frame_index]

    @property
    def number(self) -> int:
        """What a viewer calls the slice: InstanceNumber, or the frame's number in a multi-frame object."""
        if len(self.header.frames) > 1:
            return self.frame_index + 1
        return self.header.instance_number or 0

    @property
    def is_localizer(self) -> bool:
        """Whether it is a scout picture by its ImageType."""
        return "LOCALIZER" in self.frame.image_type

    @property
    def is_gray(self) -> bool:
        """Whether it has one value per pixel."""
        return self.header.pixels.samples == 1

    def sits(self) -> bool:
        """Whether its header says where it lies: position, orientation at right angles, pixel spacing."""
        frame = self.frame
        return (
            frame.position is not None
            and frame.spacing is not None
            and frame.orientation is not None
            and _is_orthonormal(frame.orientation)
        )


def slices_of(series: SeriesFiles) -> list[Slice]:
    """Return every slice of `series`."""
    return [Slice(header, index) for header in series.headers for index in range(len(header.frames))]


def _is_orthonormal(orientation: tuple[float, ...]) -> bool:
    x1, y1, z1, x2, y2, z2 = orientation
    return (
        abs(math.hypot(x1, y1, z1) - 1) < UNIT_TOLERANCE
        and abs(math.hypot(x2, y2, z2) - 1) < UNIT_TOLERANCE
        and abs(x1 * x2 + y1 * y2 + z1 * z2) < UNIT_TOLERANCE
    )


def kinds(slices: Iterable[Slice]) -> list[list[Slice]]:
    """Return `slices` in groups of one matrix size, orientation and pixel spacing, the largest group first.

    All of them must say where they lie (`Slice.sits`).
    """
    exact: dict[tuple, list[Slice]] = {}
    for one in slices:
        frame = one.frame
        exact.setdefault((one.header.rows, one.header.columns, frame.orientation, frame.spacing), []).append(one)
    groups: list[list[Slice]] = []
    for same in sorted(exact.values(), key=len, reverse=True):
        fitting = next((group for group in groups if _of_one_kind(group[0], same[0])), None)
        if fitting is None:
            groups.append(list(same))
        else:
            fitting.extend(same)
    return sorted(groups, key=len, reverse=True)


def _of_one_kind(one: Slice, other: Slice) -> bool:
    if (one.header.rows, one.header.columns) != (other.header.rows, other.header.columns):
        return False
    return not differences(one, other)


def differences(one: Slice, other: Slice) -> list[str]:
    """Return in which respects two slices are of different kinds, in words."""
    found = []
    if np.abs(directions(one) - directions(other)).max() > ORIENTATION_TOLERANCE:
        found.append("orientation")
    if (one.header.rows, one.header.columns) != (other.header.rows, other.header.columns):
        found.append("matrix size")
    spacings = zip(one.frame.spacing or (), other.frame.spacing or (), strict=True)
    if any(abs(mine - theirs) > PIXEL_SPACING_TOLERANCE * mine for mine, theirs in spacings):
        found.append("pixel size")
    return found


def directions(one: Slice) -> NDArray[np.float64]:
    """Return the unit vectors (along a row, down a column) in the patient, shape (2, 3)."""
    assert one.frame.orientation is not None
    vectors = np.array(one.frame.orientation, np.float64).reshape(2, 3)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
