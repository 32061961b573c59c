"""Solid shapes of the phantom and how they are painted into a slab of voxels.

Body coordinates in mm: x towards the patient's left, y towards the back, z towards the head. Every shape
knows its bounding box and the distance of points to its surface (negative inside; near enough to true
distance at the surface, where it decides how much of a voxel the shape fills).
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator

Floats = NDArray[np.float32]

ANGLES = 1440
"""Steps in which a loft tabulates its radius around the axis (a quarter of a degree)."""


class Shape(Protocol):
    """What can be painted: a bounding box and a distance."""

    @property
    def low(self) -> NDArray[np.float64]: ...

    @property
    def high(self) -> NDArray[np.float64]: ...

    def distance(self, x: Floats, y: Floats, z: Floats) -> Floats:
        """Return mm to the surface; x, y are (1, rows, columns), z is (slices, 1, 1)."""
        ...


@dataclass(frozen=True)
class Part:
    """A shape and the tissue it is made of; later parts are painted over earlier ones."""

    shape: Shape
    tissue: str


@dataclass(frozen=True)
class Grid:
    """Where the voxels of a slab lie in the body.

    Parameters
    ----------
    x, y
        Body coordinates of the pixels, (1, rows, columns), mm.
    z
        Body coordinates of the slices, (slices, 1, 1), mm, rising.
    to_pixel
        Affine (2, 3): (x, y, 1) in the body -> (column, row).
    edge_mm
        Width over which a surface is blended, about one pixel.
    """

    x: Floats
    y: Floats
    z: Floats
    to_pixel: NDArray[np.float64]
    edge_mm: float

    def window(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> tuple[slice, slice, slice] | None:
        """Return the slices, rows and columns that a box touches, None when it touches none."""
        z = self.z[:, 0, 0]
        first, last = np.searchsorted(z, [low[2] - self.edge_mm, high[2] + self.edge_mm])
        if first >= last:
            return None
        corners = np.array([[x, y, 1.0] for x in (low[0], high[0]) for y in (low[1], high[1])])
        pixels = corners @ self.to_pixel.T
        limits = np.array(self.x.shape[:0:-1])
        start = np.clip(np.floor(pixels.min(axis=0)).astype(int) - 1, 0, limits)
        stop = np.clip(np.ceil(pixels.max(axis=0)).astype(int) + 2, 0, limits)
        if (start >= stop).any():
            return None
        return slice(first, last), slice(start[1], stop[1]), slice(start[0], stop[0])

    def paint(self, canvas: Floats, part: Part, hu: float) -> None:
        """Blend `hu` into the canvas (slices, rows, columns) where the part fills the voxels."""
        box = self.window(part.shape.low, part.shape.high)
        if box is None:
            return
        rows_columns = (slice(None), box[1], box[2])
        filled = part.shape.distance(self.x[rows_columns], self.y[rows_columns], self.z[box[0]])
        filled *= np.float32(-1 / self.edge_mm)
        filled += np.float32(0.5)
        np.clip(filled, 0, 1, out=filled)
        view = canvas[box]
        filled *= np.float32(hu) - view
        view += filled


@dataclass(frozen=True)
class Ellipsoid:
    """An ellipsoid; `yaw` turns it about the body's long axis, `roll` about the front-back axis (degrees)."""

    centre: ArrayLike
    radii: ArrayLike
    yaw: float = 0.0
    roll: float = 0.0

    @cached_property
    def axes(self) -> NDArray[np.float64]:
        """Return the unit axes of the ellipsoid as rows, in body coordinates."""
        yaw, roll = np.deg2rad([self.yaw, self.roll])
        about_z = np.array([[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]])
        about_y = np.array([[np.cos(roll), 0, np.sin(roll)], [0, 1, 0], [-np.sin(roll), 0, np.cos(roll)]])
        return (about_z @ about_y).T

    @cached_property
    def reach(self) -> NDArray[np.float64]:
        return np.sqrt(((self.axes * np.asarray(self.radii, float)[:, None]) ** 2).sum(axis=0))

    @property
    def low(self) -> NDArray[np.float64]:
        return np.asarray(self.centre, float) - self.reach

    @property
    def high(self) -> NDArray[np.float64]:
        return np.asarray(self.centre, float) + self.reach

    def distance(self, x: Floats, y: Floats, z: Floats) -> Floats:
        cx, cy, cz = np.asarray(self.centre, np.float32)
        dx, dy, dz = x - cx, y - cy, z - cz
        if self.yaw == 0 and self.roll == 0:
            rx, ry, rz = np.asarray(self.radii, np.float32)
            squared = ((dx / rx) ** 2 + (dy / ry) ** 2) + (dz / rz) ** 2
        else:
            rows = (self.axes / np.asarray(self.radii, float)[:, None]).astype(np.float32)
            squared = sum(((a * dx + b * dy) + c * dz) ** 2 for a, b, c in rows)
        return (np.sqrt(squared) - 1) * np.float32(np.min(self.radii))


@dataclass(frozen=True)
class Capsule:
    """A straight rod with round ends whose radius changes evenly from one end to the other."""

    start: NDArray[np.float64]
    end: NDArray[np.float64]
    start_radius: float
    end_radius: float

    @property
    def low(self) -> NDArray[np.float64]:
        return np.minimum(self.start - self.start_radius, self.end - self.end_radius)

    @property
    def high(self) -> NDArray[np.float64]:
        return np.maximum(self.start + self.start_radius, self.end + self.end_radius)

    def distance(self, x: Floats, y: Floats, z: Floats) -> Floats:
        axis = (self.end - self.start).astype(np.float32)
        length = np.float32(max(float(axis @ axis), 1e-6))
        sx, sy, sz = self.start.astype(np.float32)
        dx, dy, dz = x - sx, y - sy, z - sz
        along = np.clip(((dx * axis[0] + dy * axis[1]) + dz * axis[2]) / length, 0, 1)
        squared = (dx - along * axis[0]) ** 2 + (dy - along * axis[1]) ** 2 + (dz - along * axis[2]) ** 2
        growth = np.float32(self.end_radius - self.start_radius)
        return np.sqrt(squared) - (np.float32(self.start_radius) + along * growth)


@dataclass(frozen=True)
class Column:
    """An upright elliptic cylinder: vertebral bodies, discs."""

    centre: ArrayLike
    half_width: float
    half_depth: float
    half_height: float

    @cached_property
    def reach(self) -> NDArray[np.float64]:
        return np.array([self.half_width, self.half_depth, self.half_height])

    @property
    def low(self) -> NDArray[np.float64]:
        return np.asarray(self.centre, float) - self.reach

    @property
    def high(self) -> NDArray[np.float64]:
        return np.asarray(self.centre, float) + self.reach

    def distance(self, x: Floats, y: Floats, z: Floats) -> Floats:
        cx, cy, cz = np.asarray(self.centre, np.float32)
        ring = np.sqrt(((x - cx) / np.float32(self.half_width)) ** 2 + ((y - cy) / np.float32(self.half_depth)) ** 2)
        aside = (ring - 1) * np.float32(min(self.half_width, self.half_depth))
        return np.maximum(aside, np.abs(z - cz) - np.float32(self.half_height))


@dataclass(frozen=True)
class Loft:
    """A body of changing cross-section around an upright axis: outlines, cavities, the skull.

    `levels` rows: z, half width, depth to the front, depth to the back, roundness (2 is an ellipse,
    more is squarer); between levels the outline changes smoothly. `wobble` multiplies the radius around
    the axis, as {harmonic: (cosine, sine)}, so that no two persons have the same outline.
    """

    axis: tuple[float, float]
    levels: ArrayLike
    wobble: tuple[tuple[int, float, float], ...] = ()

    @cached_property
    def table(self) -> PchipInterpolator:
        levels = np.asarray(self.levels, float)
        angle = np.arange(ANGLES) * 2 * np.pi / ANGLES
        across, along = np.abs(np.cos(angle)), np.abs(np.sin(angle))
        z, width, front, back, power = (levels[:, [i]] for i in range(5))
        depth = np.where(np.sin(angle)[None, :] > 0, back, front)
        radius = ((across / width) ** power + (along / depth) ** power) ** (-1 / power)
        change = sum(c * np.cos(n * angle) + s * np.sin(n * angle) for n, c, s in self.wobble)
        return PchipInterpolator(z[:, 0], radius * (1 + change), axis=0)

    @cached_property
    def low(self) -> NDArray[np.float64]:
        reach = self.table(np.asarray(self.levels)[:, 0]).max()
        return np.array([self.axis[0] - reach, self.axis[1] - reach, np.asarray(self.levels)[0, 0]])

    @cached_property
    def high(self) -> NDArray[np.float64]:
        reach = self.table(np.asarray(self.levels)[:, 0]).max()
        return np.array([self.axis[0] + reach, self.axis[1] + reach, np.asarray(self.levels)[-1, 0]])

    def radius(self, z: ArrayLike, angle: ArrayLike) -> NDArray[np.float64]:
        """Return the radius at heights z (mm) and angles (radians, 0 is left, pi/2 is back)."""
        heights = np.clip(z, self.low[2], self.high[2])
        steps = np.round(np.asarray(angle) * ANGLES / (2 * np.pi)).astype(int) % ANGLES
        return self.table(heights)[..., steps]

    def point(self, z: float, degrees: float, outward: float = 0.0) -> NDArray[np.float64]:
        """Return the point of the surface at a height and an angle, moved `outward` mm."""
        angle = np.deg2rad(degrees)
        reach = float(self.radius(z, angle)) + outward
        return np.array([self.axis[0] + reach * np.cos(angle), self.axis[1] + reach * np.sin(angle), z])

    def distance(self, x: Floats, y: Floats, z: Floats) -> Floats:
        dx, dy = (x - np.float32(self.axis[0]))[0], (y - np.float32(self.axis[1]))[0]
        steps = np.round(np.arctan2(dy, dx) * np.float32(ANGLES / (2 * np.pi))).astype(np.int32) % ANGLES
        heights = np.clip(z[:, 0, 0], self.low[2], self.high[2])
        radii = self.table(heights).astype(np.float32)
        beyond = np.sqrt(dx**2 + dy**2)[None] - np.take(radii, steps, axis=1)
        ends = np.maximum(np.float32(self.low[2]) - z, z - np.float32(self.high[2]))
        return np.maximum(beyond, ends) if ends.max() > -3 else beyond


@dataclass(frozen=True)
class Ribbon:
    """A plate of even thickness along a line that changes with height: iliac wings, scapulae, jaw, falx.

    `lines` rows: (z, ((x, y), ...)); all lines have the same number of points.
    """

    lines: Sequence[tuple[float, Sequence[tuple[float, float]]]]
    half_thickness: float | Sequence[float]

    @cached_property
    def heights(self) -> NDArray[np.float64]:
        return np.array([z for z, _ in self.lines], float)

    @cached_property
    def points(self) -> NDArray[np.float64]:
        """Return (levels, points, 2)."""
        return np.array([points for _, points in self.lines], float)

    @cached_property
    def halves(self) -> NDArray[np.float64]:
        return np.broadcast_to(np.asarray(self.half_thickness, float), self.heights.shape)

    @cached_property
    def low(self) -> NDArray[np.float64]:
        return np.array([*(self.points.min(axis=(0, 1)) - self.halves.max()), self.heights.min()])

    @cached_property
    def high(self) -> NDArray[np.float64]:
        return np.array([*(self.points.max(axis=(0, 1)) + self.halves.max()), self.heights.max()])

    def distance(self, x: Floats, y: Floats, z: Floats) -> Floats:
        order = np.argsort(self.heights)
        at = np.clip(z[:, 0, 0], self.heights.min(), self.heights.max())
        line = PchipInterpolator(self.heights[order], self.points[order], axis=0)(at).astype(np.float32)
        half = np.interp(at, self.heights[order], self.halves[order]).astype(np.float32)
        nearest = np.full((len(at), *x.shape[1:]), np.inf, np.float32)
        for i in range(line.shape[1] - 1):
            start, end = line[:, i, :, None, None], line[:, i + 1, :, None, None]
            axis = end - start
            dx, dy = x - start[:, 0], y - start[:, 1]
            length = np.maximum(axis[:, 0] ** 2 + axis[:, 1] ** 2, np.float32(1e-6))
            along = np.clip((dx * axis[:, 0] + dy * axis[:, 1]) / length, 0, 1)
            squared = (dx - along * axis[:, 0]) ** 2 + (dy - along * axis[:, 1]) ** 2
            np.minimum(nearest, squared, out=nearest)
        beyond = np.sqrt(nearest) - half[:, None, None]
        return np.maximum(beyond, np.maximum(self.low[2] - z, z - self.high[2]).astype(np.float32))


@dataclass(frozen=True)
class HalfSpace:
    """All points where `signed(x, y, z)` is negative; only meaningful inside an `Intersection`."""

    signed: Callable[[Floats, Floats, Floats], Floats]
    low: NDArray[np.float64] = field(default_factory=lambda: np.full(3, -np.inf))
    high: NDArray[np.float64] = field(default_factory=lambda: np.full(3, np.inf))

    def distance(self, x: Floats, y: Floats, z: Floats) -> Floats:
        return np.asarray(self.signed(x, y, z), np.float32)


@dataclass(frozen=True)
class Intersection:
    """What lies in all of the shapes, optionally `shrink` mm below their surface."""

    shapes: Sequence[Shape]
    shrink: float = 0.0

    @cached_property
    def low(self) -> NDArray[np.float64]:
        return np.max([shape.low for shape in self.shapes], axis=0)

    @cached_property
    def high(self) -> NDArray[np.float64]:
        return np.min([shape.high for shape in self.shapes], axis=0)

    def distance(self, x: Floats, y: Floats, z: Floats) -> Floats:
        inside = self.shapes[0].distance(x, y, z)
        for shape in self.shapes[1:]:
            inside = np.maximum(inside, shape.distance(x, y, z))
        full = np.broadcast_to(inside, (z.shape[0], *x.shape[1:]))
        return full + np.float32(self.shrink)


def tube(tissue: str, points: Sequence[ArrayLike], radii: ArrayLike, smooth: int = 4) -> list[Part]:
    """Return a smooth tube through points (mm) as capsules; `smooth` of them between two points."""
    knots = np.array([np.asarray(point, float) for point in points])
    widths = np.broadcast_to(np.asarray(radii, float), len(knots))
    if len(knots) > 2 and smooth > 1:
        steps = np.linalg.norm(np.diff(knots, axis=0), axis=1)
        at = np.concatenate([[0], np.cumsum(np.maximum(steps, 1e-3))])
        fine = np.unique(np.concatenate([np.linspace(a, b, smooth + 1) for a, b in itertools.pairwise(at)]))
        knots, widths = PchipInterpolator(at, knots, axis=0)(fine), np.interp(fine, at, widths)
    pairs = zip(knots, knots[1:], widths, widths[1:], strict=False)
    return [Part(Capsule(a, b, float(ra), float(rb)), tissue) for a, b, ra, rb in pairs]
