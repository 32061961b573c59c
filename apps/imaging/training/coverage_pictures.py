"""Pictures that coverage networks learn from and are judged by: real, augmented, composite and of phantoms.

Each set lies in the run as a store of two pictures per series (`store.py`), with `<name>-targets.npy`, int8 (series,
TARGET_ROWS, regions), and `<name>-lengths.npy`, the length of each series in mm.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from apps.imaging.coverage import PLANES_OF_COVERAGE
from apps.imaging.phantom import REGIONS as EXAMINATIONS
from apps.imaging.phantom import make_phantom
from apps.imaging.projections import Projector, resize, to_gray
from apps.imaging.training.archive import LabelledRange, LabelledVolumes
from apps.imaging.training.augmentation import Scan, augment, prepare, quality_object
from apps.imaging.training.folds import assign_folds, read_folds, write_folds
from apps.imaging.training.region_targets import (
    ABSENT,
    OPEN,
    OUTSIDE,
    SHOWN,
    RegionRange,
    Targets,
    at_heights,
    region_ranges,
    row_targets,
)
from apps.imaging.training.stacking import GRID_MM, Piece, stack, take
from apps.imaging.training.store import PictureStore, StoredSeries, is_stored, open_store, write_store
from apps.imaging.vocabulary import REGIONS

COVERAGE_PICTURES = tuple(f"mip_{plane}" for plane in PLANES_OF_COVERAGE)
"""The pictures that the members look at, in the order of the store."""

TARGET_ROWS = 128
"""Heights of a picture at which targets are kept; a network has fewer bins."""

SIZES = (96, 150)
"""Rows and columns of augmented series: a maximum intensity projection needs no fine volume."""

LEAST_MM = 70.0
"""Length of the shortest window that is cut out of a volume."""

FIRST_PERSON = 1_500_000
"""Seeds below belong to demonstrations, tests and the training of the classifiers."""

RARE_FACTOR = 4
"""How many times as often a volume with a pelvis is drawn: few archives have many."""

COMPOSITE_TO_JUDGE = "judged"
"""Source of a composite of one fold's patients, which no network learns from."""

BETWEEN = " + "
"""Between the patients of a composite."""

PHANTOM_HEIGHTS: Mapping[str, tuple[float, float, float, float]] = {
    "head": (1520, 1548, 1800, 1800),
    "neck": (1392, 1412, 1535, 1560),
    "chest": (1130, 1200, 1412, 1430),
    "abdomen": (985, 1010, 1215, 1245),
    "pelvis": (808, 830, 992, 1015),
}
"""mm above the soles: below the first and above the fourth a phantom does not show the region, between the second
and third it does; in between it is open."""

SPANS: Mapping[tuple[str, ...], float] = {
    ("pelvis", "abdomen", "chest"): 3,
    ("pelvis", "abdomen", "chest", "neck"): 2,
    ("pelvis", "abdomen", "chest", "neck", "head"): 1,
    ("pelvis", "abdomen"): 2.5,
    ("abdomen", "chest"): 2,
    ("abdomen", "chest", "neck"): 1,
    ("chest", "neck"): 1.5,
    ("chest", "neck", "head"): 1,
    ("neck", "head"): 0.5,
    ("pelvis",): 0.5,
}
"""What composites consist of, from inferior to superior, and how often."""

TRIMMED: Mapping[str, tuple[float, float]] = {
    "pelvis": (0.0, 0.03),
    "abdomen": (0.0, 0.08),
    "chest": (0.25, 0.03),
    "neck": (0.25, 0.15),
    "head": (0.15, 0.0),
}
"""Share of a piece that is cut at most below and above, where a neighbour follows: a chest goes on into the liver."""


@dataclass(frozen=True)
class CoverageSet:
    """One set of series: its pictures, its targets (series, TARGET_ROWS, regions) and lengths in mm (series,)."""

    store: PictureStore
    targets: Targets
    lengths_mm: NDArray[np.float64]

    def patients(self, index: int) -> list[str]:
        """Return whose pictures these are; several for a composite, none for a phantom."""
        return [name for name in self.store.rows[index].patient.split(BETWEEN) if name]


@dataclass(frozen=True)
class Drawn:
    """One series before it is stored."""

    series: StoredSeries
    pictures: NDArray[np.uint8]
    targets: Targets
    length_mm: float


@dataclass(frozen=True)
class Plan:
    """How many series are drawn."""

    per_volume: int = 10
    per_coarse_volume: int = 4
    composites: int = 200
    """Per fold that is left out."""
    held_out_composites: int = 30
    """Per fold."""
    people: int = 30
    objects: int = 60
    folds: int = 3
    seed: int = 1


def coverage_pictures(voxels: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Return the pictures of a volume (slices, rows, columns), uint8 (2, 512, 512), as serving makes them."""
    slices, rows, columns = voxels.shape
    projector = Projector((slices, rows, columns))
    for index, hounsfield in enumerate(voxels):
        projector.add(index, hounsfield)
    planes = projector.planes()
    return np.stack([to_gray(resize(planes[name])) for name in COVERAGE_PICTURES])


def draw_sets(source: LabelledVolumes, run: Path, plan: Plan, tell: Callable[[str], None] = lambda _: None) -> None:
    """Draw all sets of a run; one that is there is kept."""
    volumes = volumes_with_regions(source)
    if not (run / "folds.csv").exists():
        run.mkdir(parents=True, exist_ok=True)
        write_folds(run / "folds.csv", fold_patients(volumes, plan.folds))
    folds = read_folds(run / "folds.csv")
    # Each with a generator of its own: one set can be drawn again without the others.
    sets: dict[str, Callable[[np.random.Generator], Iterator[Drawn]]] = {
        "real": lambda rng: real_series(source, volumes),
        "augmented": lambda rng: augmented_series(source, volumes, plan, rng),
        "phantoms": lambda rng: phantom_series(plan, rng),
        "composites": lambda rng: composite_series(source, volumes, folds, plan, rng),
    }
    for number, (name, draw) in enumerate(sets.items()):
        if not is_stored(run / "pictures" / name):
            write_set(run / "pictures" / name, list(draw(np.random.default_rng([plan.seed, number]))))
        tell(f"{name}: {len(open_set(run / 'pictures' / name).lengths_mm)} series")


def write_set(stem: Path, drawn: Sequence[Drawn]) -> None:
    """Write a set; the store itself last, because it says that the set is whole."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    np.save(stem.with_name(f"{stem.name}-targets.npy"), np.stack([one.targets for one in drawn]))
    np.save(stem.with_name(f"{stem.name}-lengths.npy"), np.array([one.length_mm for one in drawn]))
    write_store(stem, COVERAGE_PICTURES, [one.series for one in drawn], (one.pictures for one in drawn))


def open_set(stem: Path) -> CoverageSet:
    """Read a set that `write_set` wrote; its pixels stay on disk."""
    store = open_store(stem)
    targets = np.load(stem.with_name(f"{stem.name}-targets.npy"))
    return CoverageSet(store, targets, np.load(stem.with_name(f"{stem.name}-lengths.npy")))


@dataclass(frozen=True)
class LabelledVolume:
    """A volume and the regions of its labelled ranges."""

    name: str
    subject: str
    source: str
    quality: str
    labelled: tuple[LabelledRange, ...]
    ranges: tuple[RegionRange, ...]


def volumes_with_regions(source: LabelledVolumes) -> list[LabelledVolume]:
    """Return the volumes whose ranges say anything of regions."""
    found: dict[str, list[LabelledRange]] = {}
    for labelled in source.ranges:
        found.setdefault(labelled.volume, []).append(labelled)
    volumes = [
        LabelledVolume(
            name, of_volume[0].subject, of_volume[0].source, min(one.quality for one in of_volume),
            tuple(of_volume), tuple(region_ranges(of_volume)),
        )
        for name, of_volume in found.items()
    ]  # fmt: skip
    return [volume for volume in volumes if volume.ranges]


def fold_patients(volumes: Sequence[LabelledVolume], folds: int) -> dict[str, int]:
    """Return the fold of each patient, regions spread over the folds."""
    return assign_folds(
        (
            _stored(f"{volume.name}:{one.region}", volume, "real", {"region": f"{one.region} {volume.quality}"})
            for volume in volumes
            for one in volume.ranges
        ),
        folds,
    )


def real_series(source: LabelledVolumes, volumes: Sequence[LabelledVolume]) -> Iterator[Drawn]:
    """Yield each labelled range as a series of its own, and each volume of several ranges or with more around them."""
    for volume in volumes:
        voxels, spacing_mm = source.load(volume.name)
        targets = row_targets(volume.ranges, len(voxels))
        ends = {(labelled.low, labelled.high): labelled.body_part for labelled in volume.labelled}
        ends.setdefault((0, len(voxels) - 1), "")
        for (low, high), body_part in ends.items():
            series = _stored(f"{volume.name}:{low}-{high}", volume, "real", {"body_part": body_part})
            yield Drawn(
                series,
                coverage_pictures(voxels[low : high + 1]),
                at_heights(targets[low : high + 1], TARGET_ROWS),
                (high + 1 - low) * float(spacing_mm[0]),
            )


def augmented_series(
    source: LabelledVolumes, volumes: Sequence[LabelledVolume], plan: Plan, rng: np.random.Generator
) -> Iterator[Drawn]:
    """Yield augmented windows of every volume: of its ranges, of one range, or of any part of them."""
    for volume in volumes:
        voxels, spacing_mm = source.load(volume.name)
        scan = prepare(*_halved(voxels, spacing_mm))
        targets = row_targets(volume.ranges, len(voxels))
        rare = any(one.region == "pelvis" for one in volume.ranges)
        count = plan.per_coarse_volume if volume.quality == "C" else plan.per_volume * (RARE_FACTOR if rare else 1)
        for index in range(count):
            ends = random_window(volume.ranges, len(voxels), float(spacing_mm[0]), rng)
            series = _stored(f"{volume.name} {index}", volume, "augmented", {})
            yield _augmented(series, scan, targets, ends, rng)


def random_window(
    ranges: Sequence[RegionRange], slices: int, spacing_mm: float, rng: np.random.Generator
) -> tuple[int, int]:
    """Return first slice and the one behind the last of a random series."""
    if rng.random() < 0.5:
        chosen = [ranges[int(rng.integers(len(ranges)))]]
        slack = 0.1
    else:
        chosen, slack = list(ranges), 0.3
    low, high = min(one.low for one in chosen), max(one.high for one in chosen) + 1
    length = high - low
    start, end = low + rng.uniform(-0.05, slack) * length, high - rng.uniform(-0.05, slack) * length
    least = min(slices, round(LEAST_MM / spacing_mm) + 2)
    start = int(np.clip(round(start), 0, slices - least))
    return start, int(np.clip(round(end), start + least, slices))


def phantom_series(plan: Plan, rng: np.random.Generator) -> Iterator[Drawn]:
    """Yield windows of imaginary people, whole from head to thigh, and objects that are no people."""
    for person in range(plan.people):
        pieces = phantom_pieces(FIRST_PERSON + person, enhanced=bool(rng.random() < 0.5))
        whole = stack([pieces["thigh"], pieces["trunk"], pieces["head"]])
        for index in range(7):
            piece = (whole, whole, whole, pieces["trunk"], pieces["trunk"], pieces["head"], pieces["thigh"])[index]
            count = len(piece.voxels)
            least = min(count, round(LEAST_MM / GRID_MM[0]))
            start = int(rng.integers(0, count - least + 1)) if rng.random() < 0.8 else 0
            end = int(rng.integers(start + least, count + 1)) if rng.random() < 0.8 else count
            series = _generated(f"phantom {person} {index}", "", "phantom")
            yield _augmented(series, piece.scan(), piece.targets, (start, end), rng)
    for index in range(plan.objects):
        voxels = quality_object(rng)
        targets = np.full((TARGET_ROWS, len(REGIONS)), ABSENT, np.int8)
        yield Drawn(_generated(f"object {index}", "", "object"), coverage_pictures(voxels), targets, 2.0 * len(voxels))


def phantom_pieces(person: int, *, enhanced: bool) -> dict[str, Piece]:
    """Return one person in three examinations, the head without what the trunk shows already."""
    pieces = {}
    for name, examination in {"thigh": "thigh", "trunk": "chest_abdomen_pelvis", "head": "head_neck"}.items():
        voxels, spacing_mm = make_phantom(
            examination, enhanced=enhanced, seed=person, matrix=128, slice_thickness_mm=GRID_MM[0]
        )
        targets = phantom_targets(examination, len(voxels))
        scan = prepare(voxels, np.array(spacing_mm))
        if name == "thigh":
            # The body that `prepare` finds is one leg.
            scan = Scan(voxels, voxels, scan.spacing_mm)
        pieces[name] = take(scan, targets, 0, len(voxels) - 1, "")
    trunk, head = EXAMINATIONS["chest_abdomen_pelvis"], EXAMINATIONS["head_neck"]
    pieces["head"] = pieces["head"].part((trunk.high - head.low) / (head.high - head.low), 1)
    return pieces


def phantom_targets(examination: str, slices: int) -> Targets:
    """Return the targets of a phantom by the heights of its slices; people's ends differ by some mm."""
    region = EXAMINATIONS[examination]
    heights = region.low + (np.arange(slices) + 0.5) * (region.high - region.low) / slices
    targets = np.full((slices, len(REGIONS)), OPEN, np.int8)
    for column, name in enumerate(REGIONS):
        never_below, low, high, never_above = PHANTOM_HEIGHTS[name]
        targets[(heights < never_below) | (heights > never_above), column] = ABSENT
        targets[(heights >= low) & (heights <= high), column] = SHOWN
    return targets


def composite_series(
    source: LabelledVolumes,
    volumes: Sequence[LabelledVolume],
    folds: Mapping[str, int],
    plan: Plan,
    rng: np.random.Generator,
) -> Iterator[Drawn]:
    """Yield composites: of the patients of two folds to learn from, of one fold to judge by (origin `generated`).

    A fold whose patients fit nowhere together gives none to judge by; those to learn from may always be of phantoms.
    """
    pool = real_pieces(source, volumes)
    people = [phantom_pieces(FIRST_PERSON + 500 + index, enhanced=index % 2 == 0) for index in range(8)]
    phantoms = {"pelvis": [_only(one["trunk"], "pelvis") for one in people], "thigh": [one["thigh"] for one in people]}
    count = plan.folds
    for left_out in range(count):
        groups = [{fold for fold in range(count) if fold != left_out}] * plan.composites
        groups += [{left_out}] * plan.held_out_composites
        for index, group in enumerate(groups):
            of_group = {
                region: [piece for piece in pieces if folds[piece.subjects[0]] in group]
                for region, pieces in pool.items()
            }
            judged = len(group) == 1
            if judged and not possible_spans(of_group, {}):
                continue
            piece = composite(of_group, phantoms, rng, real_only=judged)
            name = f"composite {left_out}-{index}"
            series = _generated(
                name, BETWEEN.join(filter(None, piece.subjects)), COMPOSITE_TO_JUDGE if judged else "composite"
            )
            yield _augmented(series, piece.scan(), piece.targets, (0, len(piece.voxels)), rng)


def real_pieces(source: LabelledVolumes, volumes: Sequence[LabelledVolume]) -> dict[str, list[Piece]]:
    """Return the labelled ranges as pieces by region; of short and cropped trunks none."""
    pool: dict[str, list[Piece]] = {region: [] for region in REGIONS}
    for volume in volumes:
        ranges = [one for one in volume.ranges if one.region != OUTSIDE and (volume.quality != "B")]
        if not ranges:
            continue
        voxels, spacing_mm = source.load(volume.name)
        scan, targets = prepare(*_halved(voxels, spacing_mm)), row_targets(volume.ranges, len(voxels))
        for one in ranges:
            if one.region in ("head", "neck") or (one.high - one.low + 1) * spacing_mm[0] > 140:
                pool[one.region].append(take(scan, targets, one.low, one.high, volume.subject))
    return pool


def possible_spans(
    pool: Mapping[str, Sequence[Piece]], phantoms: Mapping[str, Sequence[Piece]]
) -> list[tuple[str, ...]]:
    """Return which composites can be put together of these pieces."""
    return [span for span in SPANS if all(pool[region] or region in phantoms for region in span)]


def composite(
    pool: Mapping[str, Sequence[Piece]],
    phantoms: Mapping[str, Sequence[Piece]],
    rng: np.random.Generator,
    *,
    real_only: bool,
) -> Piece:
    """Return one random composite of the pieces at hand, its ends cut anywhere."""
    spans = possible_spans(pool, {} if real_only else phantoms)
    weights = np.array([SPANS[span] for span in spans])
    span = spans[int(rng.choice(len(spans), p=weights / weights.sum()))]
    pieces: list[Piece] = []
    if span[0] == "pelvis" and not real_only and rng.random() < 0.4:
        pieces.append(_pick(phantoms["thigh"], rng).part(1 - rng.uniform(0.15, 1), 1))
    for place, region in enumerate(span):
        generated = region in phantoms and not real_only and (not pool[region] or rng.random() < 0.5)
        choices = phantoms[region] if generated else pool[region]
        below, above = (rng.uniform(0, most) for most in TRIMMED[region])
        low = below if place else 0.0
        high = 1 - (above if place < len(span) - 1 else 0.0)
        if place == 0 and len(pieces) == 0 and rng.random() < 0.6:
            low = rng.uniform(0, 0.6)
        if place == len(span) - 1 and rng.random() < 0.5:
            high = max(low + 0.3, 1 - rng.uniform(0, 0.6))
        if rng.random() < 0.4:
            cut = low + rng.uniform(0.35, 0.65) * (high - low)
            pieces.append(stack([_pick(choices, rng).part(low, cut), _pick(choices, rng).part(cut, high)]))
        else:
            pieces.append(_pick(choices, rng).part(low, high))
    return stack(pieces)


def _only(piece: Piece, region: str) -> Piece:
    """Return the slices of a piece that surely show a region."""
    shown = np.flatnonzero(piece.targets[:, REGIONS.index(region)] == SHOWN)
    return Piece(piece.voxels[shown[0] : shown[-1] + 1], piece.targets[shown[0] : shown[-1] + 1], piece.subjects)


def _pick(pieces: Sequence[Piece], rng: np.random.Generator) -> Piece:
    return pieces[int(rng.integers(len(pieces)))]


def _augmented(
    series: StoredSeries, scan: Scan, targets: Targets, ends: tuple[int, int], rng: np.random.Generator
) -> Drawn:
    voxels = augment(scan, 0, 0, rng, ends=ends, sizes=SIZES)
    length_mm = (ends[1] - ends[0]) * float(scan.spacing_mm[0])
    return Drawn(series, coverage_pictures(voxels), at_heights(targets[ends[0] : ends[1]], TARGET_ROWS), length_mm)


def _halved(
    voxels: NDArray[np.int16], spacing_mm: NDArray[np.float64]
) -> tuple[NDArray[np.int16], NDArray[np.float64]]:
    """Return a finely sampled volume at half its in-plane resolution: four times as fast to augment."""
    if spacing_mm[1] >= 2.5:
        return voxels, spacing_mm
    slices, rows, columns = (size - size % 2 if axis else size for axis, size in enumerate(voxels.shape))
    blocks = voxels[:, :rows, :columns].reshape(slices, rows // 2, 2, columns // 2, 2)
    return blocks.mean(axis=(2, 4)).astype(np.int16), spacing_mm * (1, 2, 2)


def _stored(name: str, volume: LabelledVolume, origin: str, labels: dict[str, str]) -> StoredSeries:
    return StoredSeries(name, volume.subject, labels, "development", volume.source, "", volume.quality, origin)


def _generated(name: str, patients: str, source: str) -> StoredSeries:
    return StoredSeries(name, patients, {}, "development", source, "", "", "generated")
