"""How right the coverage of held-out patients is: which regions are seen, and by how many mm their ends are off.

Each series is judged by the networks that were trained without its patient. `real` series are scans as they came;
`composites` are put together from the patients of one fold alone, and only they hold many seams.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.imaging.coverage import PLANES_OF_COVERAGE, REGIONS_OF, CoverageAnswer, CoverageLimits, decode
from apps.imaging.training.coverage_pictures import COMPOSITE_TO_JUDGE, open_set
from apps.imaging.training.evaluate.statistics import wilson
from apps.imaging.training.folds import read_folds
from apps.imaging.training.region_targets import ABSENT, OPEN, SHOWN, Targets
from apps.imaging.vocabulary import REGIONS

LEAST_SHOWN_MM = 20.0
"""A region of which less than this is on a series is not asked for."""

WIDEST_OPEN_MM = 25.0
"""Ends that are known less exactly than this are not measured."""

LEAST_LENGTHS_MM = {"head": 85.0, "neck": 60.0, "chest": 175.0, "abdomen": 135.0, "pelvis": 130.0}
"""Where a series ends inside a region, it can be whole from this length on: below the shortest whole series of the
training archive, so that small patients are not blamed, and above what a series of the neighbour shows of it."""

MIN_PROBABILITY = 0.5
MAX_GAP = 0.1
MIN_EXTENT = 0.04
"""Fractions of the picture's height: about one and two bins of a network."""

DISAGREEMENT_QUANTILE = 0.98
"""Share of the held-out series whose planes agree well enough to be answered."""


@dataclass(frozen=True)
class Judged:
    """One held-out series: what it shows (TARGET_ROWS, regions), and what its profiles were read as."""

    name: str
    body_part: str
    quality: str
    targets: Targets
    length_mm: float
    answer: CoverageAnswer

    @property
    def row_mm(self) -> float:
        """Height of one row of the targets."""
        return self.length_mm / len(self.targets)


@dataclass(frozen=True)
class End:
    """One end of a region that is known: it lies between two heights, mm below the top of the series."""

    region: str
    edge: str
    from_mm: float
    to_mm: float


def read_judged(run: Path, name: str, limits: CoverageLimits) -> list[Judged]:
    """Return the held-out series of a set, each read by the networks of the fold that its patient was left out of."""
    drawn, folds = open_set(run / "pictures" / name), read_folds(run / "folds.csv")
    profiles = {fold: _profiles(run, name, fold) for fold in sorted(set(folds.values()))}
    judged = []
    for index, row in enumerate(drawn.store.rows):
        of_patients = {folds[patient] for patient in drawn.patients(index)}
        if len(of_patients) != 1 or (name == "composites" and row.source != COMPOSITE_TO_JUDGE):
            continue
        of_fold = profiles[of_patients.pop()]
        length = float(drawn.lengths_mm[index])
        answer = decode({plane: of_fold[plane][index] for plane in PLANES_OF_COVERAGE}, limits)
        judged.append(
            Judged(
                row.name,
                row.labels.get("body_part", ""),
                row.quality,
                drawn.targets[index],
                length,
                answer.located(length, 0.0, limits),
            )
        )
    return judged


def choose_limits(run: Path) -> CoverageLimits:
    """Return the limits that go into a bundle; how far planes may differ is taken from held-out real series."""
    folds = read_folds(run / "folds.csv")
    drawn = open_set(run / "pictures" / "real")
    apart = []
    for fold in sorted(set(folds.values())):
        of_fold = [1 / (1 + np.exp(-profile)) for profile in _profiles(run, "real", fold).values()]
        differences = np.ptp(of_fold, axis=0).mean(axis=1).max(axis=1)  # (series,)
        apart += [
            float(differences[index])
            for index in range(len(drawn.lengths_mm))
            if {folds[patient] for patient in drawn.patients(index)} == {fold}
        ]
    widest = float(np.ceil(np.quantile(apart, DISAGREEMENT_QUANTILE) * 50) / 50)
    return CoverageLimits(MIN_PROBABILITY, MAX_GAP, MIN_EXTENT, min(widest, 1.0), LEAST_LENGTHS_MM)


def coverage_metrics(run: Path, limits: CoverageLimits) -> dict[str, Any]:
    """Return all figures of a run as plain values."""
    real, composites = read_judged(run, "real", limits), read_judged(run, "composites", limits)
    good = [one for one in real if one.quality != "C"]
    return {
        "limits": limits.to_table(),
        "real": _figures(real),
        "real_full_resolution": _figures(good),
        "composites": _figures(composites),
        "slots": slots(real),
        "slots_full_resolution": slots(good),
    }


def _figures(judged: Sequence[Judged]) -> dict[str, Any]:
    return {
        "series": len(judged),
        "answered": sum(one.answer.answered for one in judged),
        "presence": presence(judged),
        "ends": ends(judged),
    }


def presence(judged: Iterable[Judged]) -> dict[str, dict[str, Any]]:
    """Return per region how many answered series show it and say so; series of which nobody has said are left out."""
    answered = [one for one in judged if one.answer.answered]
    table = {}
    for column, region in enumerate(REGIONS):
        shown = [one for one in answered if (one.targets[:, column] == SHOWN).sum() * one.row_mm >= LEAST_SHOWN_MM]
        absent = [one for one in answered if (one.targets[:, column] == ABSENT).all()]
        found = sum(region in one.answer.names for one in shown)
        false = sum(region in one.answer.names for one in absent)
        table[region] = {
            "shown": len(shown),
            "found": found,
            "recall": _share(found, len(shown)),
            "recall_wilson_95": wilson(found, len(shown)) if shown else None,
            "absent": len(absent),
            "falsely_found": false,
            "precision": _share(found, found + false),
        }
    return table


def ends(judged: Iterable[Judged]) -> dict[str, dict[str, Any]]:
    """Return per known end of a region, and over all, the distance in mm of the answered end from it."""
    errors: dict[str, list[float]] = {}
    missed: dict[str, int] = {}
    for one in judged:
        if not one.answer.answered:
            continue
        for end in known_ends(one.targets, one.length_mm):
            name = f"{end.region} {end.edge}"
            region = one.answer.region(end.region)
            if region is None:
                missed[name] = missed.get(name, 0) + 1
                continue
            found = (region.top if end.edge == "top" else region.bottom) * one.length_mm
            errors.setdefault(name, []).append(max(end.from_mm - found, found - end.to_mm, 0.0))
    table = {name: _distances(values, missed.get(name, 0)) for name, values in sorted(errors.items())}
    every = [value for values in errors.values() for value in values]
    return {"all": _distances(every, sum(missed.values())), **table} if every else {}


def known_ends(targets: Targets, length_mm: float) -> list[End]:
    """Return where the targets of one series (rows, regions) pass from shown to absent, with little open in between."""
    row_mm = length_mm / len(targets)
    found = []
    for column, region in enumerate(REGIONS):
        told = np.flatnonzero(targets[:, column] != OPEN)
        for before, after in itertools.pairwise(told):
            first, second = targets[before, column], targets[after, column]
            if first != second and (after - before - 1) * row_mm <= WIDEST_OPEN_MM:
                edge = "top" if second == SHOWN else "bottom"
                found.append(End(region, edge, (before + 1) * row_mm, after * row_mm))
    return found


def slots(judged: Iterable[Judged]) -> dict[str, dict[str, Any]]:
    """Return per slot how many series of its body part would fill it by coverage, and how many others would, wrongly.

    A series counts as short when all of it is below the least length of a region of its slot: it cannot fill it.
    Others are series of a body part that lacks one of the slot's regions.
    """
    judged = list(judged)
    table = {}
    for body_part, regions in REGIONS_OF.items():
        least_mm = max(LEAST_LENGTHS_MM[region] for region in regions)
        own = [one for one in judged if one.body_part == body_part]
        others = [one for one in judged if one.body_part and not set(regions) <= set(REGIONS_OF.get(one.body_part, ()))]
        table[body_part] = {
            "series": len(own),
            "short": sum(one.length_mm < least_mm for one in own),
            "filled": sum(one.answer.covers(regions) for one in own),
            "cut_short": sum(bool(one.answer.lacking(regions)) for one in own),
            "not_answered": sum(not one.answer.answered for one in own),
            "others": len(others),
            "falsely_filled": sum(one.answer.covers(regions) for one in others),
        }
    # What the check has to tell apart: an abdomen that ends at the iliac crests in a slot for the pelvis too.
    crest = [one for one in judged if one.body_part == "abdomen"]
    table["abdomen_pelvis"]["abdomens"] = len(crest)
    table["abdomen_pelvis"]["abdomens_falsely_filling"] = sum(
        one.answer.covers(REGIONS_OF["abdomen_pelvis"]) for one in crest
    )
    return table


def _profiles(run: Path, name: str, fold: int) -> dict[str, NDArray[np.float32]]:
    return {plane: np.load(run / "coverage" / plane / f"fold-{fold}" / f"{name}.npy") for plane in PLANES_OF_COVERAGE}


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _distances(values: Sequence[float], missed: int) -> dict[str, Any]:
    return {
        "n": len(values),
        "median_mm": round(float(np.median(values)), 1),
        "p90_mm": round(float(np.quantile(values, 0.9)), 1),
        "missed": missed,
    }
