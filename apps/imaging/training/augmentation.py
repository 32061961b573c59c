"""Augmentation of volumes before they are projected: what differs between scanners, patients and protocols.

A few dozen subjects from a dozen sources invite a network to learn the source. So each class is shown with and without
the couch, fine and coarse, masked and unmasked, sharp, smooth and noisy, with the field of view of each source.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

AIR_HU = -1024
BODY_HU = -350
BONE_HU = 200

FINE_SIZES = (160, 257)
"""Rows and columns of a finely sampled volume, drawn from this range."""

COARSE_SIZES = (96, 133)
"""Rows and columns of a coarse one: what radiotherapy planning archives hold."""

COARSE_MM = 3.5
"""A volume with larger pixels is coarse as it is: its vessels would not survive another blurring."""


@dataclass(frozen=True)
class Scan:
    """A volume ready to be augmented.

    `voxels` int16 HU (slices, rows, columns), canonical axes; `masked` the same with air outside the body, as
    planning archives have it; `spacing_mm` in that order.
    """

    voxels: NDArray[np.int16]
    masked: NDArray[np.int16]
    spacing_mm: NDArray[np.float64]


def prepare(voxels: NDArray[np.int16], spacing_mm: NDArray[np.float64]) -> Scan:
    """Find the body once, so that each augmentation can leave couch and clothing away."""
    body = np.zeros(voxels.shape, dtype=bool)
    for index, hounsfield in enumerate(voxels):
        parts, count = ndimage.label(ndimage.binary_opening(hounsfield > BODY_HU, iterations=2))
        if count:
            largest = np.argmax(np.bincount(parts.ravel())[1:]) + 1
            body[index] = ndimage.binary_dilation(ndimage.binary_fill_holes(parts == largest), iterations=2)
    return Scan(voxels, np.where(body, voxels, np.int16(AIR_HU)), spacing_mm)


def random_range(low: int, high: int, slices: int, rng: np.random.Generator) -> tuple[int, int]:
    """Return other ends for a labelled range: up to 15 % further in, up to 4 % further out at each end."""
    length = high - low + 1
    start = low + rng.uniform(-0.04, 0.15) * length
    end = high + 1 - rng.uniform(-0.04, 0.15) * length
    return max(0, round(start)), min(slices, max(round(end), round(start) + 2))


def augment(
    scan: Scan,
    low: int,
    high: int,
    rng: np.random.Generator,
    *,
    fov_mm: float | None = None,
    centre: tuple[float, float] | None = None,
    ends: tuple[int, int] | None = None,
    sizes: tuple[int, int] | None = None,
) -> NDArray[np.int16]:
    """Return one random series of the slices `low` to `high` (inclusive), int16 HU, canonical axes.

    Parameters
    ----------
    scan
        The volume.
    low, high
        Labelled range.
    rng
        Source of all randomness.
    fov_mm, centre
        Field of view and its centre (row, column) instead of one around the whole picture.
    ends
        First slice and the one behind the last, instead of ends near those of the labelled range.
    sizes
        The range from which rows and columns are drawn, instead of fine and coarse ones.
    """
    start, end = ends or random_range(low, high, len(scan.voxels), rng)
    source = (scan.masked if rng.random() < 0.5 else scan.voxels)[start:end]
    _, rows, columns = source.shape
    if fov_mm is None and rng.random() < 0.5:
        centre, fov_mm = _body_frame(scan, start, end, rng)
    width_mm = fov_mm or max(rows, columns) * scan.spacing_mm[1] * rng.uniform(0.78, 1.2)
    is_coarse = bool(scan.spacing_mm[1] > COARSE_MM)
    thickest_mm = 4.0 if is_coarse else 8.0
    thickness_mm = float(np.exp(rng.uniform(np.log(1.5), np.log(thickest_mm))))
    depth_mm = len(source) * scan.spacing_mm[0]
    count = int(np.clip(depth_mm / thickness_mm, 8, 110))
    coarse = not is_coarse and rng.random() < 0.4
    size = int(rng.integers(*(sizes or (COARSE_SIZES if coarse else FINE_SIZES))))
    pixel_mm = width_mm / size
    if pixel_mm > 2 * scan.spacing_mm[1]:
        source = ndimage.uniform_filter(source, size=(1, 2, 2))

    angles = np.radians([rng.uniform(-15, 15), rng.uniform(-7, 7), rng.uniform(-7, 7)])
    mirror = -1.0 if rng.random() < 0.3 else 1.0
    to_mm = np.diag([depth_mm / count, pixel_mm, pixel_mm * mirror])
    stretch = np.diag([1.0, rng.uniform(0.93, 1.07), rng.uniform(0.93, 1.07)])
    matrix = np.diag(1 / scan.spacing_mm) @ _rotation(angles) @ stretch @ to_mm
    middle = np.array([len(source) / 2, *(centre or (rows / 2, columns / 2))]) - 0.5
    middle[1:] += rng.uniform(-0.05, 0.05, 2) * width_mm / scan.spacing_mm[1:]
    offset = middle - matrix @ (np.array([count, size, size]) / 2 - 0.5)
    # Along the slices the edge is repeated: a tilted series would else begin with wedges of air.
    voxels = ndimage.affine_transform(
        _padded(source), matrix, offset + _PADDING, (count, size, size), np.float32, order=1, mode="nearest"
    )
    return _degrade(voxels, coarse or is_coarse, rng)


def _body_frame(scan: Scan, start: int, end: int, rng: np.random.Generator) -> tuple[tuple[float, float], float | None]:
    """Return centre and width in mm of a field of view that is set to the body, as a technologist would.

    Planning archives hold heads in a field of view for shoulders; elsewhere a head fills its picture.
    """
    body = np.argwhere((scan.masked[start:end] > BODY_HU).mean(axis=0) > 0.15)
    if len(body) < 50:
        return (scan.masked.shape[1] / 2, scan.masked.shape[2] / 2), None
    low, high = body.min(axis=0), body.max(axis=0)
    row, column = (low + high) / 2
    return (float(row), float(column)), float((high - low).max() * scan.spacing_mm[1] * rng.uniform(0.92, 1.45))


_PADDING = np.array([0, 1, 1])


def _padded(source: NDArray[np.int16]) -> NDArray[np.int16]:
    return np.pad(source, [(int(edge), int(edge)) for edge in _PADDING], constant_values=AIR_HU)


def _rotation(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    matrix = np.eye(3)
    for angle, (first, second) in zip(angles, ((1, 2), (0, 1), (0, 2)), strict=True):
        turn = np.eye(3)
        turn[[first, second], [first, second]] = np.cos(angle)
        turn[first, second], turn[second, first] = -np.sin(angle), np.sin(angle)
        matrix = matrix @ turn
    return matrix


def _degrade(voxels: NDArray[np.float32], coarse: bool, rng: np.random.Generator) -> NDArray[np.int16]:
    """Couch, field of view, calibration, kernel and noise."""
    _, rows, columns = voxels.shape
    down, across = np.ogrid[:rows, :columns]
    if rng.random() < 0.3:
        _add_couch(voxels, rng)
    voxels = (voxels - AIR_HU) * rng.uniform(0.98, 1.02) + AIR_HU + rng.normal(0, 6)
    if not coarse and rng.random() < 0.3:
        voxels = ndimage.gaussian_filter(voxels, (0, *[rng.uniform(0.4, 1.2)] * 2))
    noise_hu = rng.choice([0, 10, 25, 45]) * rng.uniform(0.5, 1)
    if noise_hu:
        voxels = voxels + noise_hu * rng.standard_normal(voxels.shape, dtype=np.float32)
    if rng.random() < 0.35:
        radius = rng.uniform(0.94, 1.02) * rows / 2
        outside = (down - rows / 2) ** 2 + (across - columns / 2) ** 2 > radius**2
        voxels[:, outside] = AIR_HU
    return np.clip(np.rint(voxels), -1024, 3071).astype(np.int16)


def _add_couch(voxels: NDArray[np.float32], rng: np.random.Generator) -> None:
    """Draw a curved shell under the body, in place."""
    _, rows, columns = voxels.shape
    body = np.flatnonzero((voxels > BODY_HU).any(axis=(0, 2)))
    lowest = body[-1] if len(body) else rows - 1
    row = min(rows - 3, int(lowest + rng.integers(1, 4)))
    down, across = np.ogrid[:rows, :columns]
    curve = row - rng.uniform(0, 0.25) * np.abs(across - columns / 2) ** 2 / columns
    shell = np.abs(down - curve) < rng.uniform(0.6, 1.6)
    shell &= np.abs(across - columns / 2) < rng.uniform(0.3, 0.55) * columns
    empty = voxels < BODY_HU
    voxels[empty & shell] = rng.uniform(-300, 350)


def spine_centre(scan: Scan, low: int, high: int) -> tuple[float, float] | None:
    """Return (row, column) of the vertebral column in the given slices, None where no bone is."""
    part = scan.masked[low : high + 1]
    body = np.argwhere((part > BODY_HU).any(axis=0))
    if not len(body):
        return None
    (top, left), (bottom, right) = body.min(axis=0), body.max(axis=0)
    bone = (part > BONE_HU).mean(axis=0)
    bone[: round(top + 0.5 * (bottom - top))] = 0
    bone[:, : round(left + 0.35 * (right - left))] = 0
    bone[:, round(left + 0.65 * (right - left)) :] = 0
    if bone.sum() == 0:
        return None
    row, column = ndimage.center_of_mass(bone)
    return float(row), float(column)


def quality_object(rng: np.random.Generator) -> NDArray[np.int16]:
    """Return a quality-assurance object: a cylinder or ellipsoid with a shell and inserts, int16 HU.

    A scanner's water or skull phantom is no body part, however much its shell looks like a skull.
    """
    slices, size = int(rng.integers(12, 60)), int(rng.integers(128, 224))
    z, y, x = np.ogrid[-1 : 1 : slices * 1j, -1 : 1 : size * 1j, -1 : 1 : size * 1j]
    radii = rng.uniform(0.35, 0.85) * np.array([1, rng.uniform(0.75, 1)])
    bulge = rng.choice([0.0, 0.0, rng.uniform(0.2, 0.9)])
    distance = np.sqrt((y / radii[0]) ** 2 + (x / radii[1]) ** 2 + bulge * z**2)
    voxels = np.full(distance.shape, AIR_HU, dtype=np.float32)
    voxels[distance < 1] = rng.uniform(-100, 150)
    if rng.random() < 0.7:
        voxels[(distance < 1) & (distance > rng.uniform(0.85, 0.96))] = rng.uniform(100, 1200)
    for _ in range(rng.integers(0, 9)):
        row, column = rng.uniform(-0.6, 0.6, 2) * radii
        insert = (y - row) ** 2 + (x - column) ** 2 < rng.uniform(0.02, 0.15) ** 2
        voxels[np.broadcast_to(insert, voxels.shape) & (distance < 0.85)] = rng.uniform(-1000, 900)
    return _degrade(voxels, False, rng)
