"""The vertebral column: bodies, discs, arches, the canal with the cord."""

import itertools

import numpy as np

from apps.imaging.phantom.shapes import Capsule, Column, Part, tube
from apps.imaging.phantom.subject import VERTEBRAE, Subject


def _sizes(name: str) -> tuple[float, float, float, float]:
    """Return half width, half depth, half height of the body and the reach of the spinous process (mm)."""
    level, number = name[0], int(name[1:])
    if level == "C":
        return 11 + 0.5 * number, 8.0, 6.2, 22 + 2.5 * number
    if level == "T":
        return 12.5 + 0.55 * number, 11 + 0.4 * number, 8.6 + 0.28 * number, 36 - 0.5 * number
    return 22 + 0.8 * number, 16.5, 13.2, 32


def column(subject: Subject) -> list[Part]:
    """Return the spine from C1 to L5, in paint order; the skull and the sacrum end it."""
    names = list(VERTEBRAE)
    heights = [VERTEBRAE[name] for name in names]
    line = [(*subject.spine(z), z) for z in heights]
    parts: list[Part] = []
    for (name, below), upper, lower in zip(list(itertools.pairwise(names)), line, line[1:], strict=False):
        if name == "C1":
            continue
        half_width, half_depth, _, _ = _sizes(below)
        centre = (np.array(upper) + np.array(lower)) / 2
        gap = upper[2] - lower[2]
        parts.append(Part(Column(centre, half_width * 0.97, half_depth * 0.97, gap * 0.3), "disc"))
    for name, (x, y, z) in zip(names, line, strict=True):
        parts += _vertebra(name, np.array([x, y, z]))
    canal = [(x, y + _sizes(name)[1] + 8.5, z) for name, (x, y, z) in zip(names, line, strict=True)]
    canal = [(0.0, 14.0, 1552.0), *canal[1:], (*np.add(subject.spine(958), (0, 24)), 950.0)]
    parts += tube("fat", canal, 7.6, smooth=1)
    parts += tube("csf", canal, 6.6, smooth=1)
    cord = [point for point in canal if point[2] > 1110]
    return parts + tube("cord", cord, 4.2, smooth=1)


def _vertebra(name: str, centre: np.ndarray) -> list[Part]:
    half_width, half_depth, half_height, reach = _sizes(name)
    back = half_depth
    if name == "C1":
        ring = [
            (centre[0] + 17 * np.sin(a), centre[1] + 12 - 18 * np.cos(a), centre[2])
            for a in np.linspace(0, 2 * np.pi, 13)
        ]
        parts = tube("cortical_thin", ring, 4.0, smooth=1)
        for side in (-1, 1):
            parts.append(Part(Column(np.add(centre, [side * 19, 4, 0]), 8, 9, 8), "cortical_thin"))
            parts += tube(
                "cortical_thin", [np.add(centre, [side * 20, 8, 0]), np.add(centre, [side * 38, 10, -3])], [5, 4]
            )
        return parts
    parts = []
    thick = 2.6 if name[0] == "C" else 3.8 if name[0] == "T" else 5.0
    for side in (-1, 1):
        root = np.add(centre, [side * half_width * 0.72, back * 0.8, 2])
        corner = np.add(centre, [side * (half_width * 0.72 + 1), back + 11, 0])
        tip = np.add(centre, [0, back + 21, -5])
        parts += tube("cortical_thin", [root, corner], thick, smooth=1) + tube(
            "cortical", [corner, tip], thick, smooth=1
        )
        out = 20 if name[0] == "C" else 31 if name[0] == "T" else 40
        backward = 4 if name[0] == "C" else 16 if name[0] == "T" else 6
        transverse = [np.subtract(corner, [0, 4, 0]), np.add(centre, [side * out, back + backward, 3])]
        parts += tube("cortical_thin", transverse, [thick, thick * 0.85], smooth=1)
        pillar = np.add(centre, [side * (half_width * 0.72 + 3), back + 9, 0])
        parts.append(
            Part(
                Capsule(
                    np.subtract(pillar, [0, 0, half_height + 3]), np.add(pillar, [0, 0, half_height + 1]), 5.0, 5.0
                ),
                "cortical_thin",
            )
        )
    droop = 0.25 if name[0] == "C" else 0.75 if name[0] == "T" else 0.2
    end = np.add(centre, [0, back + 14 + reach * (0.75 if name[0] == "T" else 1.0) * 0.9, -reach * droop])
    parts += tube("cortical_thin", [np.add(centre, [0, back + 18, -3]), end], [thick, thick * 0.9], smooth=1)
    parts.append(Part(Column(centre, half_width, half_depth, half_height), "cortical_thin"))
    parts.append(Part(Column(centre, half_width - 1.6, half_depth - 1.6, half_height - 1.4), "spongy"))
    if name == "C2":
        dens = [np.add(centre, [0, 0, 5]), [0.0, centre[1] - 3, 1538]]
        parts += tube("cortical_thin", dens, [6, 5], smooth=1)
    return parts
