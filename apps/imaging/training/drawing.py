"""What the drawn pictures of a run show: variations of its series, and series of nobody.

Each kind is one function that yields (StoredSeries, nine pictures); `draw_volume`, `draw_planes` and `draw_generated`
say which kinds there are.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from apps.imaging.phantom import make_phantom
from apps.imaging.projections import project
from apps.imaging.training.augmentation import AIR_HU, Scan, augment, prepare, quality_object, spine_centre
from apps.imaging.training.iodine import bone, vary
from apps.imaging.training.manifest import ManifestSeries
from apps.imaging.training.reading import VolumeReader, plane_pictures, read_planes
from apps.imaging.training.recipe import Recipe
from apps.imaging.training.store import StoredSeries
from apps.imaging.vocabulary import BODY_PARTS, CONTRASTS, PICTURES

Drawn = Iterator[tuple[StoredSeries, NDArray[np.uint8]]]
"""Series, each with its nine pictures (9, 512, 512)."""

FIRST_TRAINING_PHANTOM = 1_000_000
"""Seeds below belong to demonstrations and tests: no phantom that is shown was trained on."""

GOOD = ("", "A")
"""Qualities of a complete scan; others are drawn half as often and give no spines."""

TRUNKS = ("chest", "abdomen", "abdomen_pelvis")
"""Body parts that a spine can be cut out of."""

MARGIN_SLICES = 8
"""How far beyond its labelled range a series may be varied to reach."""

PLANES_SHARE = 12
"""A scan of which only middle planes are at hand gives one varied series per this many of a class."""


@dataclass(frozen=True)
class Plan:
    """What a run draws: its recipe, the classes per module, and how many variations each series (by name) gives."""

    recipe: Recipe
    classes: Mapping[str, tuple[str, ...]]
    shares: Mapping[str, float]

    def silent_labels(self) -> dict[str, str]:
        """Return labels that say "none of your classes", in the modules that have a class for it."""
        return {
            module: next(word for word in self.classes[module] if word in of_module.silent)
            for module, of_module in self.recipe.modules.items()
            if set(self.classes[module]) & set(of_module.silent)
        }

    def labels(self, wanted: Mapping[str, str]) -> dict[str, str]:
        """Return those labels that the run has a class for, of the modules that ask of such a body part."""
        body_part = wanted.get("body_part", "")
        return {
            module: word
            for module, word in wanted.items()
            if word in self.classes.get(module, ()) and self.recipe.modules[module].asks(body_part)
        }


def make_plan(recipe: Recipe, classes: Mapping[str, tuple[str, ...]], series: Sequence[ManifestSeries]) -> Plan:
    """Share `per_class` variations of each combination of labels among its development series.

    Good scans are drawn twice as often as short or coarse ones; every patient gets a share, however many ranges it has.
    """
    cells: dict[tuple[tuple[str, str], ...], list[ManifestSeries]] = {}
    for one in series:
        if one.set == "development" and one.kind != "planes":
            cells.setdefault(tuple(sorted(one.labels.items())), []).append(one)
    shares: dict[str, float] = {}
    for members in cells.values():
        of_patient = [sum(other.patient == one.patient for other in members) for one in members]
        weights = [
            (2.0 if one.quality in GOOD else 1.0) / count**0.7 for one, count in zip(members, of_patient, strict=True)
        ]
        for one, weight in zip(members, weights, strict=True):
            shares[one.name] = recipe.series_augmentation.per_class * weight / sum(weights)
    return Plan(recipe, classes, shares)


def draw_volume(
    reader: VolumeReader, of_volume: Sequence[ManifestSeries], plan: Plan, rng: np.random.Generator
) -> Drawn:
    """Yield variations of each series that is cut from one volume."""
    scan = prepare(*reader.voxels())
    for series in of_volume:
        low, high = reader.range_of(series)
        yield from _variations(scan, low, high, series, plan, rng)
        if series.labels.get("body_part") in TRUNKS and series.quality in GOOD:
            yield from _spines(scan, low, high, series, plan, rng)


def draw_planes(series: ManifestSeries, plan: Plan, rng: np.random.Generator) -> Drawn:
    """Yield variations of a scan of which only the middle planes are at hand."""
    planes = read_planes(series)
    for _ in range(_round_at_random(plan.recipe.series_augmentation.per_class / PLANES_SHARE, rng)):
        yield (
            _stored(series, "augmented"),
            plane_pictures({plane: _vary_plane(hounsfield, plane, rng) for plane, hounsfield in planes.items()}),
        )


def draw_phantom(person: int, plan: Plan, rng: np.random.Generator) -> Drawn:
    """Yield an imaginary person, each region with and without contrast, as made and varied.

    The same person in both states differs by the contrast alone, which no patient of a small archive does.
    """
    for region in BODY_PARTS:
        for contrast in CONTRASTS:
            labels = plan.labels({"body_part": region, "contrast": contrast})
            yield from _phantom(region, contrast, person, labels, rng)
    yield from _phantom("thigh", "non_contrast", person, plan.silent_labels(), rng)


def draw_test_object(number: int, plan: Plan, rng: np.random.Generator) -> Drawn:
    """Yield one quality-assurance object, where a module has a class for what is out of scope."""
    labels = plan.silent_labels()
    if labels:
        yield _generated(f"test object {number}", "test objects", labels), nine(quality_object(rng))


def people(seed: int, count: int) -> list[int]:
    """Return the seeds of the phantoms of a drawn set."""
    rng = np.random.default_rng([seed, FIRST_TRAINING_PHANTOM])
    return [int(person) for person in rng.integers(FIRST_TRAINING_PHANTOM, 2**31, count)]


def nine(voxels: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Return the nine pictures (9, 512, 512) of a volume with canonical axes."""
    pictures = project(voxels)
    return np.stack([pictures[name] for name in PICTURES])


def _variations(scan: Scan, low: int, high: int, series: ManifestSeries, plan: Plan, rng: np.random.Generator) -> Drawn:
    """Augmented series of one range; where its contrast is known and two states are, some in the other state."""
    contrast = series.labels.get("contrast", "")
    both = contrast in CONTRASTS and set(CONTRASTS) <= set(plan.classes["contrast"])
    start, end = max(0, low - MARGIN_SLICES), min(len(scan.voxels), high + 1 + MARGIN_SLICES)
    part = Scan(scan.voxels[start:end], scan.masked[start:end], scan.spacing_mm)
    bones = bone(part.voxels, part.spacing_mm) if both else None
    for _ in range(_round_at_random(plan.shares.get(series.name, 0), rng)):
        varied, labels = part, series.labels
        if bones is not None:
            body_part = series.labels.get("body_part", "")
            voxels, state = vary(part.voxels, part.spacing_mm, bones, body_part, contrast, rng)
            outside = part.masked == AIR_HU
            varied = Scan(voxels, np.where(outside, np.int16(AIR_HU), voxels), part.spacing_mm)
            labels = {**series.labels, "contrast": state}
        pictures = nine(augment(varied, low - start, high - start, rng))
        yield replace(_stored(series, "augmented"), labels=labels), pictures


def _spines(scan: Scan, low: int, high: int, series: ManifestSeries, plan: Plan, rng: np.random.Generator) -> Drawn:
    """A spine examination cut out of a trunk: out of scope, though its bones are a trunk's bones."""
    labels = plan.silent_labels()
    centre = spine_centre(scan, low, high) if labels else None
    if centre is not None:
        for _ in range(plan.recipe.series_augmentation.spines):
            voxels = augment(scan, low, high, rng, fov_mm=rng.uniform(90, 170), centre=centre)
            yield replace(_stored(series, "augmented"), name=f"spine {series.name}", labels=labels), nine(voxels)


def _phantom(region: str, contrast: str, person: int, labels: dict[str, str], rng: np.random.Generator) -> Drawn:
    if labels:
        voxels, spacing_mm = make_phantom(region, enhanced=contrast == "enhanced", seed=person)
        series = _generated(f"phantom {person} {region}", f"phantom {person}", labels)
        yield series, nine(voxels)
        yield series, nine(augment(prepare(voxels, np.asarray(spacing_mm)), 0, len(voxels) - 1, rng))


def _stored(series: ManifestSeries, origin: str) -> StoredSeries:
    return StoredSeries(
        series.name,
        series.patient,
        series.labels,
        series.set,
        series.source,
        series.scanner,
        series.quality,
        origin,
    )


def _generated(name: str, patient: str, labels: dict[str, str]) -> StoredSeries:
    kind = name.partition(" ")[0]
    return StoredSeries(name, patient, labels, "development", f"generated {kind}", "", "A", "generated")


def _round_at_random(expected: float, rng: np.random.Generator) -> int:
    return int(expected + rng.random())


def _vary_plane(hounsfield: NDArray[np.int16], plane: str, rng: np.random.Generator) -> NDArray[np.int16]:
    """Vary a single plane: another range of the body, turned, shifted, noisier, a little off in HU."""
    rows = len(hounsfield)
    if plane != "axial":
        kept = round(rows * rng.uniform(0.6, 1))
        start = rng.integers(0, rows - kept + 1)
        hounsfield = hounsfield[start : start + kept]
    values = ndimage.rotate(hounsfield.astype(np.float32), rng.uniform(-12, 12), reshape=False, order=1, cval=-1024)
    margin = rng.integers(0, max(1, values.shape[1] // 10), 2)
    values = values[:, margin[0] : values.shape[1] - margin[1]]
    values = ndimage.gaussian_filter(values, rng.choice([0, 0, 1, 2.5]))
    values += rng.normal(0, 6) + rng.choice([0, 10, 25]) * rng.standard_normal(values.shape)
    return np.clip(values, -1024, 3071).astype(np.int16)
