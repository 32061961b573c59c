"""Which slices of a labelled volume show which regions: what a coverage network is taught and judged by.

A labelled range says what a series of these slices would be, not where an organ begins: near the end that faces a
neighbouring region, whether that one is already seen is left open. Slices in no range are left open altogether.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.imaging.training.archive import LabelledRange
from apps.imaging.vocabulary import OUT_OF_SCOPE, REGIONS

SHOWN, ABSENT, OPEN = 1, 0, -1
"""Targets: the region is on this slice, it is not, nobody has said."""

Targets = NDArray[np.int8]
"""Per slice (or row of a picture) and region `SHOWN`, `ABSENT` or `OPEN`."""

REGION_OF = {"brain": "head", "neck": "neck", "chest": "chest", "abdomen": "abdomen"}
"""The region of each body part that is one region; `abdomen_pelvis` is parted where the abdomen ends."""

OPEN_SHARE = {
    ("head", "neck"): 0.15,
    ("neck", "head"): 0.25,
    ("neck", "chest"): 0.2,
    ("chest", "neck"): 0.1,
    ("chest", "abdomen"): 0.25,
    ("abdomen", "chest"): 0.2,
    ("abdomen", "pelvis"): 0.08,
    ("pelvis", "abdomen"): 0.1,
}
"""Share of a region's range, at the end that faces a neighbour, in which the neighbour may be seen too: a chest ends
deep in the liver, an abdomen seldom ends below the iliac crests."""

OUTSIDE = "outside"
"""Name of a range that shows none of the regions."""


@dataclass(frozen=True)
class RegionRange:
    """Slices `low` to `high` (inclusive, 0 = most inferior) of one region, or of none (`OUTSIDE`)."""

    region: str
    low: int
    high: int


def region_ranges(ranges: Iterable[LabelledRange]) -> list[RegionRange]:
    """Return the regions of the labelled ranges of one volume, from superior to inferior.

    `abdomen_pelvis` around an `abdomen` is the pelvis below it; without one inside, nobody has said where the pelvis
    begins, and the range is left out.
    """
    ranges = list(ranges)
    found = set()
    for labelled in ranges:
        if labelled.body_part in REGION_OF:
            found.add(RegionRange(REGION_OF[labelled.body_part], labelled.low, labelled.high))
        elif labelled.body_part == OUT_OF_SCOPE:
            found.add(RegionRange(OUTSIDE, labelled.low, labelled.high))
        elif labelled.body_part == "abdomen_pelvis":
            inside = [
                other
                for other in ranges
                if other.body_part == "abdomen" and labelled.low < other.low <= other.high <= labelled.high
            ]
            if inside:
                found.add(RegionRange("pelvis", labelled.low, min(other.low for other in inside) - 1))
    return sorted(found, key=lambda one: (-one.high, one.region))


def row_targets(ranges: Sequence[RegionRange], slices: int) -> Targets:
    """Return the targets of a volume, int8 (slices, regions), slice 0 the most inferior."""
    targets = np.full((slices, len(REGIONS)), OPEN, np.int8)
    labelled = {one.region for one in ranges}
    for one in ranges:
        targets[one.low : one.high + 1] = np.maximum(targets[one.low : one.high + 1], ABSENT)
    for one in ranges:
        for neighbour in REGIONS:
            share = OPEN_SHARE.get((one.region, neighbour), 0.0)
            # Where the volume says itself where the neighbour begins, nothing is open.
            if share and neighbour not in labelled:
                length = round(share * (one.high - one.low + 1))
                above = REGIONS.index(neighbour) < REGIONS.index(one.region)
                start = one.high + 1 - length if above else one.low
                targets[start : start + length, REGIONS.index(neighbour)] = OPEN
    for one in ranges:
        if one.region != OUTSIDE:
            targets[one.low : one.high + 1, REGIONS.index(one.region)] = SHOWN
    return targets


def at_heights(targets: Targets, heights: int) -> Targets:
    """Return targets of slices (slices, regions) as those of `heights` rows of a picture, row 0 the most superior."""
    nearest = np.floor((np.arange(heights) + 0.5) * len(targets) / heights).astype(np.intp)
    return np.asarray(targets[nearest][::-1], dtype=np.int8)
