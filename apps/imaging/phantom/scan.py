"""A phantom as a scanner would deliver it: a stretch of a subject's body on a couch, with noise."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from apps.imaging.phantom import abdomen, head, pelvis, spine, thorax
from apps.imaging.phantom.shapes import Ellipsoid, Floats, Grid, HalfSpace, Intersection, Part, Ribbon
from apps.imaging.phantom.subject import Subject
from apps.imaging.phantom.tissues import hounsfield_units


@dataclass(frozen=True)
class Region:
    """What one examination covers: a stretch of the body (mm above the soles) and a field of view (mm)."""

    low: float
    high: float
    field_mm: float
    centre: tuple[float, float]
    arms_up: bool
    noise_hu: float
    slack: float
    phases: tuple[str, ...]
    slice_mm: float


_VENOUS = ("portal",)
_MIXED = ("portal", "portal", "arterial")
_EARLY = ("arterial", "arterial", "portal")

REGIONS: dict[str, Region] = {
    "brain": Region(1546, 1718, 235, (0, 0), False, 4.5, 6, _VENOUS, 4.0),
    "head_neck": Region(1385, 1718, 300, (0, 5), False, 9, 8, _VENOUS, 3.0),
    "neck": Region(1388, 1572, 280, (0, 5), False, 10, 10, _VENOUS, 2.5),
    "chest": Region(1128, 1425, 390, (0, 8), True, 16, 12, _EARLY, 2.5),
    "abdomen": Region(1000, 1236, 390, (0, 8), True, 12, 10, _MIXED, 3.0),
    "abdomen_pelvis": Region(822, 1238, 395, (0, 8), True, 12, 12, _MIXED, 3.0),
    "chest_abdomen": Region(1000, 1425, 395, (0, 8), True, 14, 12, _MIXED, 3.0),
    "chest_abdomen_pelvis": Region(822, 1425, 395, (0, 8), True, 14, 12, _MIXED, 4.0),
    "pelvis": Region(815, 1010, 395, (0, 8), True, 12, 10, _MIXED, 3.0),
    "thigh": Region(520, 780, 400, (0, 8), True, 10, 20, _VENOUS, 4.0),
}
"""The examinations that a phantom can be. Ranges differ by `slack` mm from subject to subject."""

_SLAB = 12
"""Slices painted at once: keeps the working memory at a few tens of megabytes."""

_BONE_TEXTURE = 0.11
"""How uneven bone is, as a share of its brightness."""

_AIR_HU = -1000
_OUTSIDE_HU = -1024


def make_phantom(
    region: str,
    *,
    enhanced: bool = False,
    seed: int = 0,
    slices: int | None = None,
    slice_thickness_mm: float | None = None,
    matrix: int = 256,
    pixel_mm: float | None = None,
    phase: str | None = None,
) -> tuple[NDArray[np.int16], tuple[float, float, float]]:
    """Return the CT of an imaginary subject.

    Parameters
    ----------
    region
        A key of `REGIONS`.
    enhanced
        Whether intravenous contrast was given.
    seed
        Who it is: size, fat, organs, and also couch, field of view and noise. The same seed gives the same
        person in every region and phase.
    slices, slice_thickness_mm
        Give at most one; the region is covered in that many slices, or in slices that thick (mm).
    matrix, pixel_mm
        Rows and columns, and their spacing; the spacing follows from the region's field of view if not given.
    phase
        "arterial" or "portal"; drawn from what is usual in the region if not given.

    Returns
    -------
    voxels, spacing_mm
        int16 HU (slices from inferior to superior, rows from anterior to posterior, columns from the patient's
        right to left) and the spacing in that order.
    """
    if region not in REGIONS:
        raise ValueError(f"No phantom of '{region}'; there are {', '.join(REGIONS)}.")
    plan, subject = REGIONS[region], Subject(seed)
    random = np.random.default_rng([seed, *region.encode()])
    stretch, tall = random.normal(0, plan.slack / 2, 2), subject.size[2]
    low, high = plan.low + stretch[0], plan.high + stretch[1]
    if slices is not None:
        thick = (high - low) * tall / slices
    else:
        thick = slice_thickness_mm or plan.slice_mm
        slices = max(1, round((high - low) * tall / thick))
    field = plan.field_mm * float(random.uniform(0.97, 1.6 if region == "neck" else 1.15))
    if plan.arms_up:
        field *= max(1.0, 0.88 + 0.1 * subject.fatness) * subject.size[0]
    pixel = pixel_mm or field / matrix
    arms_up = plan.arms_up and bool(random.random() < 0.88)
    usual = str(random.choice(plan.phases))
    phase = phase or usual
    units = hounsfield_units(phase if enhanced else "plain", subject.random("tissues"))
    parts = [*_couch(subject, plan, region), *_anatomy(seed, arms_up, low - 10, high + 10)]
    centre = np.array(plan.centre) + np.clip(random.normal(0, 4, 2), -8, 8)
    painter = _Painter(subject, matrix, pixel, centre, float(np.clip(random.normal(0, 1.6), -4, 4)))
    texture = _noise_tile(random, matrix)
    sigma = plan.noise_hu * float(np.clip(random.lognormal(0.0, 0.3), 0.6, 2.2)) * (2.5 / max(thick, 0.8)) ** 0.35
    heights = low + (np.arange(slices) + 0.5) * thick / tall
    voxels = np.empty((slices, matrix, matrix), np.int16)
    fine = 2 if thick > 3.6 else 1
    for start in range(0, slices, _SLAB):
        z = heights[start : start + _SLAB]
        between = ((np.arange(fine) + 0.5) / fine - 0.5) * thick / tall
        canvas = painter.paint(parts, units, (z[:, None] + between).ravel())
        canvas = canvas.reshape(len(z), fine, matrix, matrix).mean(axis=1) if fine > 1 else canvas
        _add_noise(canvas, texture, random, sigma, z)
        np.rint(canvas, out=canvas)
        voxels[start : start + len(z)] = np.clip(canvas, _OUTSIDE_HU, 3071)
    if random.random() < 0.5:
        index = np.arange(matrix) - (matrix - 1) / 2
        voxels[:, np.hypot(index[:, None], index[None, :]) > matrix / 2] = _OUTSIDE_HU
    return voxels, (float(thick), float(pixel), float(pixel))


class _Painter:
    """Paints parts into slabs for one subject, field of view and position on the couch."""

    def __init__(self, subject: Subject, matrix: int, pixel: float, centre: NDArray[np.float64], turn: float) -> None:
        angle = np.deg2rad(turn)
        rotate = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        scale = np.array(subject.size[:2])
        to_body = rotate / scale[:, None] * pixel
        middle = (matrix - 1) / 2
        columns, rows = np.meshgrid(np.arange(matrix) - middle, np.arange(matrix) - middle)
        xy = np.stack([columns, rows], -1) @ to_body.T + centre
        self.x = xy[None, ..., 0].astype(np.float32)
        self.y = xy[None, ..., 1].astype(np.float32)
        back = np.linalg.inv(to_body)
        self.to_pixel = np.column_stack([back, middle - back @ centre])
        self.edge_mm = 1.25 * pixel / float(scale.mean())

    def paint(self, parts: list[Part], units: dict[str, float], z: NDArray[np.float64]) -> Floats:
        """Return HU (slices, rows, columns) at heights z."""
        heights = z.astype(np.float32)[:, None, None]
        grid = Grid(self.x, self.y, heights, self.to_pixel, self.edge_mm)
        canvas = np.full((len(z), *self.x.shape[1:]), _AIR_HU, np.float32)
        for part in parts:
            grid.paint(canvas, part, units[part.tissue])
        return canvas


@lru_cache(maxsize=4)
def _anatomy(seed: int, arms_up: bool, low: float, high: float) -> tuple[Part, ...]:
    """Return the parts of a person between two heights, in paint order."""
    subject = Subject(seed)
    coverings = [Part(outline(skin=True), "skin") for outline in (subject.trunk, subject.head)]
    coverings += [Part(outline(under_skin=True), "fat") for outline in (subject.trunk, subject.head)]
    coverings += [Part(outline(), "muscle") for outline in (subject.trunk, subject.head)]
    coverings += thorax.arm_coverings(subject, arms_up) + pelvis.legs(subject)
    layers = ("skin", "fat", "muscle", "fat_stranded")
    parts = sorted(coverings, key=lambda part: layers.index(part.tissue))
    parts += thorax.breast_tissue(subject)
    for paint, start, stop in _PAINTERS:
        if low < stop and high > start:
            parts += paint(subject)
    parts += thorax.chest_wall(subject, arms_up) if high > 1080 else []
    parts += spine.column(subject)
    return tuple(part for part in parts if part.shape.high[2] > low and part.shape.low[2] < high)


_PAINTERS: tuple[tuple[Callable[[Subject], list[Part]], float, float], ...] = (
    (abdomen.planes_of_back, 960, 1170),
    (abdomen.belly, 800, 1260),
    (abdomen.organs, 860, 1260),
    (pelvis.soft_tissue, 0, 1040),
    (thorax.lungs, 1080, 1430),
    (thorax.mediastinum, 1100, 1460),
    (abdomen.vessels, 980, 1260),
    (head.face, 1470, 1640),
    (head.skull_and_brain, 1520, 1730),
    (head.neck, 1380, 1600),
    (pelvis.bones, 0, 1030),
)
"""Who paints what in which order, and between which heights there is anything to paint."""


def _couch(subject: Subject, plan: Region, region: str) -> list[Part]:
    """Return the table under the back, or the holder of the head."""
    ends = (plan.low - 60, plan.high + 60)
    if region in ("brain", "head_neck"):
        shell = Ellipsoid((0, 0, 1640), (132, 128, 900))
        foam = Ellipsoid((0, -4, 1640), (118, 116, 900))
        behind = HalfSpace(lambda x, y, z: 30 - y)
        holder = HalfSpace(lambda x, y, z: np.maximum(30 - y, z * 0 + 1520 - z))
        return [
            Part(Intersection([shell, holder]), "holder"),
            Part(Intersection([shell, behind, holder], shrink=3), "couch_foam"),
            Part(Intersection([foam, holder]), "cushion"),
        ]
    outline = subject.trunk(skin=True)
    resting = np.linspace(max(plan.low, 830), min(plan.high, 1400), 12)
    deep = outline.axis[1] + float(outline.radius(resting, np.pi / 2).max())
    random = subject.random("couch")
    curve, wide = float(random.uniform(8, 30)), float(random.uniform(190, 240))
    across = np.linspace(-1, 1, 9)
    top = tuple((wide * u, deep + 10 - curve * u**2) for u in across)
    soft = tuple((x, y - 6) for x, y in top)
    parts = [Part(Ribbon([(ends[0], soft), (ends[1], soft)], 6.0), "cushion")]
    if random.random() < 0.5:
        keel = float(random.uniform(34, 60))
        under = (
            (-wide, top[0][1]),
            (-wide * 0.55, deep + 10 + keel),
            (wide * 0.55, deep + 10 + keel),
            (wide, top[-1][1]),
        )
        parts.append(Part(Ribbon([(ends[0], under), (ends[1], under)], 1.3), "couch_shell"))
        return [*parts, Part(Ribbon([(ends[0], top), (ends[1], top)], 1.3), "couch_shell")]
    table = tuple((x, y + 13) for x, y in top)
    return [
        *parts,
        Part(Ribbon([(ends[0], table), (ends[1], table)], 13.0), "couch_shell"),
        Part(Ribbon([(ends[0], table), (ends[1], table)], 11.2), "couch_foam"),
    ]


def _noise_tile(random: np.random.Generator, matrix: int) -> Floats:
    """Return noise of unit strength with the grain of a reconstruction kernel, (8, matrix, matrix)."""
    tile = random.standard_normal((8, matrix, matrix), np.float32)
    grain = float(random.uniform(0.5, 0.95)) * matrix / 256
    tile = gaussian_filter(tile, (0.35, grain, grain), mode="wrap") - 0.5 * gaussian_filter(
        tile, (0.35, 3 * grain, 3 * grain), mode="wrap"
    )
    return np.asarray(tile / tile.std(), np.float32)


def _add_noise(
    canvas: Floats, texture: Floats, random: np.random.Generator, sigma: float, z: NDArray[np.float64]
) -> None:
    """Add noise, stronger through shoulders and hips, with faint horizontal streaks there."""
    for i, height in enumerate(z):
        thickness = 1 + 0.7 * np.exp(-(((height - 1392) / 26) ** 2)) + 0.35 * np.exp(-(((height - 885) / 40) ** 2))
        grain = np.roll(texture[int(random.integers(8))], random.integers(0, 4096, 2), axis=(0, 1))
        marrow = np.clip(canvas[i] - 120, 0, 600) * np.float32(_BONE_TEXTURE)
        canvas[i] += grain * (np.float32(sigma * thickness) + marrow)
        streaks = np.float32((thickness - 1) * 12) * random.standard_normal(canvas.shape[1], np.float32)
        body = np.clip((canvas[i] + 300) / 300, 0, 1)
        canvas[i] += gaussian_filter(streaks, 0.8)[:, None] * body
