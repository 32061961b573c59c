"""Contrast agent taken out of enhanced scans and put into plain heads: pairs that differ by the iodine alone.

In a small archive plain and enhanced scans of a region come from different scanners, and a network learns the scanner.
Here the same scan is shown with both labels. What the change itself leaves behind (a touched bone edge, a flattened
bowel) stands on both sides: enhanced scans are weakened a little under the label "enhanced" and wholly under
"non_contrast".
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from apps.imaging.training.augmentation import COARSE_MM

CORTICAL_HU = 450
"""Cortical bone; blood in the arterial phase stays below."""

THICK_MM = 6.0
"""Half of what the thickest cortical bone of a trunk measures."""

MARROW_HU = 130
"""Trabecular bone beside cortical bone is brighter than this."""

BLOOD_HU = (45.0, 62.0)
"""Unenhanced soft tissue, from blood to liver: what contrast agent is taken down to."""

LARGEST_MARROW_MM2 = 2500.0
"""A hole in the bone of a slice up to this size is marrow; the inside of a skull is larger."""

SPINE_RADIUS_MM = 21.0
"""Half the width of a vertebral body, with its edge; the aorta lies outside."""

VESSEL_HU = (85.0, 190.0)
"""Enhanced dural sinuses and arteries of the head, from a late venous to an arterial phase."""


def vary(
    voxels: NDArray[np.int16],
    spacing_mm: NDArray[np.float64],
    bones: NDArray[np.bool_],
    body_part: str,
    contrast: str,
    rng: np.random.Generator,
) -> tuple[NDArray[np.int16], str]:
    """Return a series (slices, rows, columns) in another state of contrast, or in its own, and the label of that.

    Of the enhanced series a third becomes plain, most others get another strength; of the plain heads nearly half
    become enhanced; some plain series go through the same change, which must not tell them apart.

    Parameters
    ----------
    voxels
        The series, int16 HU (slices, rows, columns) with canonical axes.
    spacing_mm
        In the same order.
    bones
        What `bone` says of it.
    body_part, contrast
        Its labels.
    rng
        Source of all randomness.
    """
    chance = rng.random()
    if contrast == "enhanced" and chance < 0.75:
        plain = chance < 0.35
        weakest = 0.85 if spacing_mm[1] > COARSE_MM else 0.6
        left = rng.uniform(0, 0.08) if plain else rng.uniform(weakest, 1.15)
        return weaken(voxels, bones, left, rng), "non_contrast" if plain else "enhanced"
    if contrast == "non_contrast" and body_part == "brain" and chance < 0.45:
        return enhance_head(voxels, spacing_mm, rng), "enhanced"
    if contrast == "non_contrast" and chance > 0.75:
        return weaken(voxels, bones, rng.uniform(0, 1), rng), contrast
    return voxels, contrast


def bone(voxels: NDArray[np.int16], spacing_mm: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return where bone is, with its marrow and its edges, in `voxels` int16 HU (slices, rows, columns)."""
    cortical = voxels > CORTICAL_HU
    # Blood just after the injection can be as bright as bone, but bone is never that bright and that thick.
    thick = ndimage.binary_opening(cortical, iterations=max(2, round(THICK_MM / spacing_mm[1])))
    cortical &= ~ndimage.binary_dilation(thick, iterations=3)
    reach = max(1, round(4 / spacing_mm[1]))
    found = cortical | (ndimage.binary_dilation(cortical, iterations=reach) & (voxels > MARROW_HU))
    smallest = LARGEST_MARROW_MM2 / (spacing_mm[1] * spacing_mm[2])
    for index, part in enumerate(found):
        closed = ndimage.binary_closing(part, iterations=reach)
        holes, count = ndimage.label(~closed)
        sizes = np.bincount(holes.ravel(), minlength=count + 1)
        marrow = sizes < smallest
        marrow[0] = False
        found[index] = closed | marrow[holes]
    found |= _spine(cortical, voxels, spacing_mm)
    return ndimage.binary_dilation(found, np.ones((1, 3, 3), dtype=bool))


def _spine(
    cortical: NDArray[np.bool_], voxels: NDArray[np.int16], spacing_mm: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return the vertebral column: its marrow has no closed shell at a few millimetres, and the brightness of blood."""
    body = np.argwhere((voxels > -300).any(axis=0))
    found = np.zeros(voxels.shape, dtype=bool)
    if not len(body):
        return found
    (top, left), (bottom, right) = body.min(axis=0), body.max(axis=0)
    y, x = np.ogrid[: voxels.shape[1], : voxels.shape[2]]
    window = (y > top + 0.5 * (bottom - top)) & (np.abs(x - (left + right) / 2) < 0.15 * (right - left))
    for index in range(len(voxels)):
        around = cortical[max(0, index - 2) : index + 3] & window
        places = np.argwhere(around)[:, 1:]
        if len(places) < 30:
            continue
        row, column = np.median(places, axis=0)
        away_mm = np.hypot((y - row + 8 / spacing_mm[1]) * spacing_mm[1], (x - column) * spacing_mm[2])
        found[index] = (away_mm < SPINE_RADIUS_MM) & (voxels[index] > 80)
    return found


def weaken(
    voxels: NDArray[np.int16], bones: NDArray[np.bool_], left: float, rng: np.random.Generator
) -> NDArray[np.int16]:
    """Return an enhanced scan with the share `left` (0 to 1, or more) of its enhancement.

    What is brighter than unenhanced soft tissue outside bone is brought down smoothly; its noise stays.
    """
    smooth = ndimage.gaussian_filter(voxels.astype(np.float32), (0.4, 0.9, 0.9))
    outside = ndimage.gaussian_filter((~bones).astype(np.float32), (0, 0.7, 0.7))
    excess = np.maximum(smooth - rng.uniform(*BLOOD_HU), 0) * outside**2
    return np.clip(voxels - (1 - left) * excess, -1024, 3071).astype(np.int16)


def enhance_head(
    voxels: NDArray[np.int16], spacing_mm: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.int16]:
    """Return a plain head as it would look after contrast agent.

    Dural sinuses under the skull's midline and at its back, arteries from the base outwards, veins on the surface of
    the brain; a little more in brain, muscle and mucosa. Vessels are curves drawn at random inside the skull.
    """
    skull = ndimage.binary_closing(voxels > 300, np.ones((1, 5, 5), dtype=bool), iterations=1)
    inside = np.stack([ndimage.binary_fill_holes(part) for part in skull]) & ~skull
    inside &= (voxels > -20) & (voxels < 110)
    inside = ndimage.binary_opening(inside, iterations=1)
    changed = voxels.astype(np.float32)
    soft = (voxels > 20) & (voxels < 110)
    changed[soft & ~inside] += rng.uniform(5, 30)
    if inside.sum() < 500:
        return np.clip(changed, -1024, 3071).astype(np.int16)
    changed[inside] += rng.uniform(1, 6)
    box = tuple(slice(max(0, places.min() - 2), places.max() + 3) for places in np.nonzero(inside))
    within, part = inside[box], changed[box]
    depth_mm = _depth_mm(within, spacing_mm)
    vessels = np.maximum(_sinuses(within, depth_mm, spacing_mm, rng), _curves(within, depth_mm, spacing_mm, rng))
    vessels = ndimage.gaussian_filter(vessels, 0.45 / np.maximum(spacing_mm, 0.5))
    filled = np.minimum(vessels, 1) * (within | (ndimage.binary_dilation(within) & ~skull[box]))
    part += filled * np.maximum(rng.uniform(*VESSEL_HU) - part, 0)
    return np.clip(changed, -1024, 3071).astype(np.int16)


def _sinuses(
    inside: NDArray[np.bool_], depth_mm: NDArray[np.float64], spacing_mm: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return the share of dural sinus, float32 (slices, rows, columns): sagittal, transverse and straight sinus."""
    places = np.argwhere(inside)
    low, high = places.min(axis=0), places.max(axis=0)
    middle = np.median(places[:, 2]) + rng.normal(0, 1) / spacing_mm[2]
    z, y, x = np.ogrid[: inside.shape[0], : inside.shape[1], : inside.shape[2]]
    off_midline_mm = np.abs(x - middle) * spacing_mm[2]
    back = (y - low[1]) / max(1, high[1] - low[1])
    up = (z - low[0]) / max(1, high[0] - low[0])
    sagittal = inside & (off_midline_mm < rng.uniform(3, 6)) & (depth_mm < rng.uniform(4, 8)) & (back + 0.6 * up > 0.55)
    level = rng.uniform(0.12, 0.4)
    sagittal &= up > level
    transverse = inside & (depth_mm < rng.uniform(4, 7)) & (back > 0.6) & (off_midline_mm > 6)
    transverse &= np.abs(up - level) < rng.uniform(0.03, 0.07)
    straight = inside & (off_midline_mm < rng.uniform(1.5, 3)) & (back > 0.55)
    straight &= np.abs(up - level - (1 - back) * rng.uniform(0.3, 0.8)) < rng.uniform(0.01, 0.02)
    falx = inside & (off_midline_mm < 1.2) & (up > rng.uniform(0.4, 0.7))
    found = (sagittal | transverse | straight).astype(np.float32)
    return np.maximum(found, falx * np.float32(rng.uniform(0, 0.5)))


def _curves(
    inside: NDArray[np.bool_], depth_mm: NDArray[np.float64], spacing_mm: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return the share of arteries and cortical veins, float32 (slices, rows, columns), as random curves in mm."""
    drawn = np.zeros(inside.shape, dtype=np.float32)
    places = np.argwhere(inside)
    low, high = places.min(axis=0), places.max(axis=0)
    base = low + (high - low) * [0.2, 0.42, 0.5]
    surface = np.argwhere(inside & (depth_mm < 6))
    for index in range(int(rng.integers(14, 50))):
        from_base = index < 5
        here = (base + rng.normal(0, 9, 3) / spacing_mm) if from_base else surface[rng.integers(len(surface))]
        step = rng.normal(0, 1, 3)
        thick_mm = rng.uniform(0.8, 1.6) if from_base else rng.uniform(0.5, 1.5)
        for _ in range(int(rng.integers(20, 70))):
            step = step + rng.normal(0, 0.35, 3)
            step /= np.linalg.norm(step)
            here = here + step / spacing_mm
            nearest = np.rint(here).astype(int)
            if (nearest < 0).any() or (nearest >= inside.shape).any() or not inside[tuple(nearest)]:
                break
            _dot(drawn, here, thick_mm, spacing_mm)
    return drawn


def _depth_mm(inside: NDArray[np.bool_], spacing_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far each voxel lies from the skull; where the scan ends there is none."""
    beyond = np.pad(inside, [(3, 3), (0, 0), (0, 0)], mode="edge")
    return ndimage.distance_transform_edt(beyond, sampling=spacing_mm)[3:-3]


def _dot(drawn: NDArray[np.float32], centre: NDArray, radius_mm: float, spacing_mm: NDArray[np.float64]) -> None:
    """Draw a ball of `radius_mm`, in place, with soft edges of one voxel."""
    reach = np.ceil(radius_mm / spacing_mm + 1).astype(int)
    low = np.maximum(np.rint(centre).astype(int) - reach, 0)
    high = np.minimum(np.rint(centre).astype(int) + reach + 1, drawn.shape)
    z, y, x = np.ogrid[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
    away_mm = np.sqrt(
        ((z - centre[0]) * spacing_mm[0]) ** 2
        + ((y - centre[1]) * spacing_mm[1]) ** 2
        + ((x - centre[2]) * spacing_mm[2]) ** 2
    )
    edge_mm = float(spacing_mm[1])
    part = drawn[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
    np.maximum(part, np.clip((radius_mm - away_mm) / edge_mm + 0.5, 0, 1), out=part)
