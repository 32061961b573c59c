"""Slices put in order: what makes one volume, in which direction, and what is wrong with it."""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.imaging.findings import Finding
from apps.imaging.geometry import sentences
from apps.imaging.geometry.facts import GeometryFacts
from apps.imaging.geometry.slices import Slice, differences, directions, kinds
from apps.imaging.hounsfield import Rescale, usable
from apps.imaging.projections import Orientation

SAME_PLACE_MM = 0.05
"""Slices nearer than this along the normal lie at the same place; headers round to a hundredth."""

SPACING_TOLERANCE_MM = 0.1
SPACING_TOLERANCE_PART = 0.01
"""How far a distance may be from the median and count as even: the larger of 0.1 mm and 1 %."""

GAP_FACTOR = 1.5
"""From this many times the median on, a distance is a gap: a slice is missing."""

MOST_GAPS_PART = 0.1
"""Up to this part of all distances are gaps; when more are that wide, the spacing is uneven instead."""

STRAY_FACTOR = 5
STRAY_LEAST_MM = 25.0
"""A gap this wide separates stray slices from the stack, when few lie behind it."""

MOST_STRAY_PART = 0.2
LEAST_KEPT_PART = 2 / 3
"""The largest group of slices of one kind must be at least this part of all, or it is unclear what the series is."""

TILT_DEGREES = 0.5
"""Least angle between normal and stacking direction that is a gantry tilt."""

SIDEWAYS_MM = 2.0
"""How far a slice may lie beside the line of the others: a few pixels."""


@dataclass(frozen=True)
class Stack:
    """The slices of one volume in order along their normal, those at one place together.

    `places` is empty when the slices make no volume; a finding of severity block then says why. `left_out` are slices
    that are in the series but not in the volume.
    """

    places: tuple[tuple[Slice, ...], ...]
    orientation: Orientation
    facts: GeometryFacts
    findings: tuple[Finding, ...]

    @property
    def chosen(self) -> list[Slice]:
        """One slice per place, in order."""
        return [place[0] for place in self.places]


def arrange(slices: Sequence[Slice]) -> Stack:
    """Return `slices` as a stack: ordered by position along the normal, never by name or number.

    The normal is row direction x column direction (PS3.3 section C.7.6.2.1.1); the stack runs along it.
    """
    findings: list[Finding] = []
    kept = _those_that_can_be_used(slices, findings)
    if not kept:
        return _no_volume(slices, findings)
    groups = kinds(kept)
    if len(groups) > 1:
        different = sorted({word for group in groups[1:] for word in differences(groups[0][0], group[0])})
        rest = [one for group in groups[1:] for one in group]
        if len(groups[0]) < LEAST_KEPT_PART * len(kept):
            return _no_volume(slices, [*findings, sentences.mixed_without_a_main_part(groups, different)])
        findings.append(sentences.mixed(groups[0], rest, different))
        kept = groups[0]
    kept, strays = _without_strays(_in_order(kept))
    if strays:
        findings.append(sentences.stray_slices(kept, strays))
    places = _places(kept)
    if len(places) == 1:
        return _no_volume(slices, [*findings, sentences.single_place(len(kept))])
    orientation, oblique = _orientation(kept[0])
    findings += _spacing_findings(places)
    tilt = _tilt(kept)
    findings += _line_findings(kept, tilt)
    if oblique > sentences.OBLIQUE_DEGREES and tilt <= TILT_DEGREES:
        findings.append(sentences.oblique(oblique, orientation.plane))
    findings += sentences.mixed_thickness(kept)
    facts = _facts(places, orientation, tilt, oblique, len(slices))
    return Stack(tuple(map(tuple, places)), orientation, facts, tuple(findings))


def _no_volume(slices: Sequence[Slice], findings: list[Finding]) -> Stack:
    sizes = Counter((one.header.rows, one.header.columns) for one in slices)
    rows, columns = sizes.most_common(1)[0][0] if sizes else (0, 0)
    facts = GeometryFacts(rows=rows, columns=columns, left_out=len(slices))
    return Stack((), Orientation(), facts, tuple(findings))


def _those_that_can_be_used(slices: Sequence[Slice], findings: list[Finding]) -> list[Slice]:
    """Return the slices that can be in a volume, and add a finding for each kind of others."""
    localizers = [one for one in slices if one.is_localizer]
    if localizers and len(localizers) < len(slices):
        findings.append(sentences.localizers_inside(localizers, len(slices)))
        slices = [one for one in slices if not one.is_localizer]
    gray = [one for one in slices if one.is_gray]
    if len(gray) < len(slices):
        findings.append(sentences.colour(len(slices) - len(gray), len(slices)))
    sitting = [one for one in gray if one.sits()]
    if len(sitting) < len(gray):
        findings.append(sentences.without_position([one for one in gray if not one.sits()], len(gray)))
    return sitting


def heights(slices: Sequence[Slice]) -> NDArray[np.float64]:
    """Return the position of each slice along the normal of the first, in mm."""
    row, column = directions(slices[0])
    normal = np.cross(row, column)
    return np.array([one.frame.position for one in slices], np.float64) @ normal


def _in_order(slices: list[Slice]) -> list[Slice]:
    """Return slices of one kind along their normal; at one place by acquisition, then by number."""
    along = heights(slices)
    order = sorted(range(len(slices)), key=lambda index: (along[index], *_tie(slices[index])))
    return [slices[index] for index in order]


def _tie(one: Slice) -> tuple[int, int, str, int]:
    return (
        one.header.acquisition_number or 0,
        one.header.instance_number or 0,
        one.header.sop_instance_uid,
        one.frame_index,
    )


def _without_strays(slices: list[Slice]) -> tuple[list[Slice], list[Slice]]:
    """Part the slices that lie far from the others: a few of the head in a scan of the chest."""
    distances = np.diff(heights(slices))
    apart = distances[distances > SAME_PLACE_MM]
    if len(apart) < 3:
        return slices, []
    far = max(STRAY_FACTOR * float(np.median(apart)), STRAY_LEAST_MM)
    cuts = [0, *(np.flatnonzero(distances > far) + 1), len(slices)]
    runs = [slices[start:end] for start, end in itertools.pairwise(cuts)]
    main = max(runs, key=len)
    strays = [one for run in runs if run is not main for one in run]
    return (main, strays) if 0 < len(strays) <= MOST_STRAY_PART * len(slices) else (slices, [])


def _places(slices: list[Slice]) -> list[list[Slice]]:
    """Gather slices at the same place; within one, the order of `_tie` decides which is shown."""
    along = heights(slices)
    places: list[list[Slice]] = []
    start = -np.inf
    for one, height in zip(slices, along, strict=True):
        if height - start > SAME_PLACE_MM:
            places.append([])
            start = height
        places[-1].append(one)
    return [sorted(place, key=_tie) for place in places]


def _orientation(one: Slice) -> tuple[Orientation, float]:
    """Return the nearest canonical orientation, and the angle between the normal and the nearest axis in degrees."""
    row, column = directions(one)
    normal = np.cross(row, column)
    # acquired axes: slices, rows, columns; patient axes in canonical order: z, y, x
    components = np.stack([normal, column, row])[:, ::-1]
    axes = max(
        itertools.permutations(range(3)),
        key=lambda axes: sum(abs(components[acquired, axis]) for axis, acquired in enumerate(axes)),
    )
    flipped = tuple(bool(components[acquired, axis] < 0) for axis, acquired in enumerate(axes))
    oblique = float(np.degrees(np.arccos(min(1.0, np.abs(normal).max()))))
    return Orientation((axes[0], axes[1], axes[2]), (flipped[0], flipped[1], flipped[2])), oblique


def spacings(places: Sequence[Sequence[Slice]]) -> NDArray[np.float64]:
    """Return the distances of neighbouring places along the normal, in mm."""
    return np.diff(heights([place[0] for place in places]))


def spacing_tolerance(median: float) -> float:
    """Return how far a distance may be from the median, in mm."""
    return max(SPACING_TOLERANCE_MM, SPACING_TOLERANCE_PART * median)


def gaps(distances: NDArray[np.float64]) -> list[int]:
    """Return the indices of the distances at which slices are missing."""
    wide = np.flatnonzero(distances > GAP_FACTOR * np.median(distances))
    few = len(wide) <= max(2, MOST_GAPS_PART * len(distances)) and len(distances) > 2
    return wide.tolist() if few else []


def _spacing_findings(places: list[list[Slice]]) -> list[Finding]:
    distances = spacings(places)
    median = float(np.median(distances))
    missing = gaps(distances)
    found = [sentences.missing_slices(places, distances, missing)] if missing else []
    others = np.delete(distances, missing)
    if np.abs(others - median).max(initial=0) > spacing_tolerance(median):
        found.append(sentences.uneven_spacing(others))
    return found


def _tilt(slices: list[Slice]) -> float:
    """Return the angle between the normal and the line through the slices' positions, in degrees."""
    step = _steps(slices)
    return float(np.degrees(np.arctan(np.hypot(step[0], step[1]))))


def _steps(slices: list[Slice]) -> NDArray[np.float64]:
    """Return how far the slices move along a row and down a column per mm along the normal (medians)."""
    along, beside = heights(slices), _beside(slices)
    apart = np.diff(along)
    real = apart > SAME_PLACE_MM
    if not real.any():
        return np.zeros(2)
    return np.median(np.diff(beside, axis=0)[real] / apart[real, np.newaxis], axis=0)


def _beside(slices: list[Slice]) -> NDArray[np.float64]:
    """Return the positions along a row and down a column, (slices, 2), in mm."""
    positions = np.array([one.frame.position for one in slices], np.float64)
    return positions @ directions(slices[0]).T


def _line_findings(slices: list[Slice], tilt: float) -> list[Finding]:
    found = [sentences.tilt(tilt)] if tilt > TILT_DEGREES else []
    along, beside = heights(slices), _beside(slices)
    straight = beside - along[:, np.newaxis] * _steps(slices)
    away = np.abs(straight - np.median(straight, axis=0)).max(axis=1)
    shifted = [one for one, distance in zip(slices, away, strict=True) if distance > SIDEWAYS_MM]
    if shifted:
        found.append(sentences.sideways(shifted, float(away.max())))
    return found


def _facts(
    places: list[list[Slice]], orientation: Orientation, tilt: float, oblique: float, in_all: int
) -> GeometryFacts:
    first = places[0][0]
    distances = spacings(places)
    median = float(np.median(distances))
    spacing = first.frame.spacing
    assert spacing is not None
    thickness = _usual_thickness([place[0] for place in places])
    coverage = float(distances.sum()) + (thickness or median)
    acquired_mm = (coverage, first.header.rows * spacing[0], first.header.columns * spacing[1])
    extent = [round(acquired_mm[axis], 3) for axis in orientation.axes]
    return GeometryFacts(
        slices=len(places),
        rows=first.header.rows,
        columns=first.header.columns,
        plane=orientation.plane,
        pixel_spacing_mm=(spacing[0], spacing[1]),
        slice_spacing_mm=round(median, 4),
        smallest_spacing_mm=round(float(distances.min()), 4),
        largest_spacing_mm=round(float(distances.max()), 4),
        slice_thickness_mm=thickness,
        coverage_mm=round(coverage, 3),
        extent_mm=(extent[0], extent[1], extent[2]),
        z_mm=_ends(places) if orientation.plane == "axial" else None,
        tilt_degrees=round(tilt, 2) if tilt > TILT_DEGREES else 0.0,
        oblique_degrees=round(oblique, 2),
        gaps=len(gaps(distances)),
        duplicates=sum(len(place) - 1 for place in places),
        left_out=in_all - sum(map(len, places)),
    )


def _ends(places: list[list[Slice]]) -> tuple[float, float]:
    """Return z (LPS) of the middles of the first and the last slice, the lower one first."""
    first, last = (_middle_z(place[0]) for place in (places[0], places[-1]))
    return round(min(first, last), 2), round(max(first, last), 2)


def _middle_z(one: Slice) -> float:
    frame = one.frame
    assert frame.position is not None and frame.spacing is not None
    row, column = directions(one)
    across, down = frame.spacing[1] * (one.header.columns - 1) / 2, frame.spacing[0] * (one.header.rows - 1) / 2
    return float(frame.position[2] + row[2] * across + column[2] * down)


def _usual_thickness(slices: list[Slice]) -> float | None:
    counted = Counter(one.frame.thickness for one in slices if one.frame.thickness is not None)
    return counted.most_common(1)[0][0] if counted else None


def common_rescale(slices: Sequence[Slice]) -> tuple[float, float] | None:
    """Return the rescale (slope, intercept) to use where a slice has none: what at least two thirds of all say."""
    said = Counter(
        (one.frame.slope, one.frame.intercept) for one in slices if usable(one.frame.slope, one.frame.intercept)
    )
    if not said:
        return None
    (slope, intercept), count = said.most_common(1)[0]
    if slope is None or intercept is None or count < LEAST_KEPT_PART * len(slices):
        return None
    return slope, intercept


def rescales(slices: Sequence[Slice]) -> list[Rescale] | None:
    """Return how each slice becomes HU: by its own rescale, or as most others where it has none.

    None when some have none and nothing sound can be assumed.
    """
    common = common_rescale(slices)
    found = []
    for one in slices:
        slope, intercept = one.frame.slope, one.frame.intercept
        if slope is None or intercept is None or not usable(slope, intercept):
            if common is None:
                return None
            slope, intercept = common
        found.append(Rescale(slope, intercept, one.header.pixels.padding))
    return found
