"""Picture sets: what the networks see, drawn from the archive once and kept as one file."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from apps.imaging.ensemble import shrink
from apps.imaging.phantom import make_phantom
from apps.imaging.projections import project, resize, to_gray
from apps.imaging.training.archive import (
    LabelledRange,
    MiddlePlanes,
    load_middle_plane,
    load_volume,
    read_middle_planes,
    read_ranges,
)
from apps.imaging.training.augmentation import Scan, augment, prepare, quality_object, spine_centre
from apps.imaging.vocabulary import BODY_PARTS, CONTRASTS, OUT_OF_SCOPE, PLANES

NETWORK_SIZE = 224
"""Rows and columns at which pictures are kept: the input size of the networks."""

PICTURE_NAMES = tuple(f"{conversion}_{plane}" for conversion in ("mip", "mid") for plane in PLANES)
"""Of the nine pictures those that the published ensemble looks at, in the order of `PictureSet.pixels`."""

OUT_OF_TRAINING = ""
"""Label of a picture that one module must not learn from: no MIP, or a contrast nobody can see."""


FIRST_TRAINING_PHANTOM = 1_000_000
"""Seeds below belong to demonstrations and tests: no phantom that is shown was trained on."""


@dataclass(frozen=True)
class PictureSet:
    """Pictures of many series, real or augmented.

    `pixels` uint8 (series, pictures, rows, columns) in the order of `PICTURE_NAMES`; the lists have one entry per
    series. `body_part` or `contrast` is empty where the series is not for that module.
    """

    pixels: NDArray[np.uint8]
    name: list[str]
    subject: list[str]
    source: list[str]
    quality: list[str]
    body_part: list[str]
    contrast: list[str]

    def save(self, file: Path) -> None:
        """Write the set as one npz."""
        columns = {column: np.array(getattr(self, column)) for column in COLUMNS}
        np.savez(file, allow_pickle=False, pixels=self.pixels, **columns)

    @classmethod
    def load(cls, *files: Path) -> "PictureSet":
        """Read sets that `save` wrote, one after the other."""
        parts = []
        for file in files:
            with np.load(file) as stored:
                parts.append({key: stored[key] for key in ("pixels", *COLUMNS)})
        return cls(
            pixels=np.concatenate([part["pixels"] for part in parts]),
            **{column: [str(entry) for part in parts for entry in part[column]] for column in COLUMNS},
        )


Row = tuple[NDArray[np.uint8], tuple[str, ...]]
"""Pictures of one series, and its entries for `COLUMNS`."""

COLUMNS = ("name", "subject", "source", "quality", "body_part", "contrast")


def network_pictures(voxels: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Return the pictures of a volume at network size, uint8 (pictures, rows, columns)."""
    pictures = project(voxels)
    return np.stack([shrink(pictures[name], NETWORK_SIZE) for name in PICTURE_NAMES])


def plain_set(archive: Path) -> PictureSet:
    """Return each labelled range and scan as it is: what held-out subjects are judged by."""
    rows: list[Row] = []
    for volume, ranges in _by_volume(read_ranges(archive)):
        voxels, _ = load_volume(archive, volume)
        for labelled in ranges:
            rows.append((network_pictures(voxels[labelled.low : labelled.high + 1]), _labels(labelled)))
    for scan in read_middle_planes(archive):
        rows.append((_middle_pictures(_load_planes(scan)), _scan_labels(scan)))
    return _gather(rows)


def augmented_set(archive: Path, per_class: int, seed: int) -> PictureSet:
    """Return about `per_class` augmented series of each body part and contrast.

    Good scans are drawn twice as often as short or coarse ones; within a class every subject gets its share, however
    many ranges it has.
    """
    rng = np.random.default_rng(seed)
    ranges = read_ranges(archive)
    shares = _shares(ranges, per_class)
    rows: list[Row] = []
    for volume, labelled_ranges in _by_volume(ranges):
        scan = prepare(*load_volume(archive, volume))
        for labelled in labelled_ranges:
            for _ in range(_round_at_random(shares[labelled], rng)):
                voxels = augment(scan, labelled.low, labelled.high, rng)
                rows.append((network_pictures(voxels), _labels(labelled)))
            if labelled.body_part in ("abdomen", "chest") and labelled.quality == "A":
                for _ in range(_round_at_random(per_class / 30, rng)):
                    rows.extend(_spine(scan, labelled, rng))
    for scan_planes in read_middle_planes(archive):
        planes = _load_planes(scan_planes)
        for _ in range(_round_at_random(per_class / 12, rng)):
            varied = {plane: _vary_plane(hounsfield, plane, rng) for plane, hounsfield in planes.items()}
            rows.append((_middle_pictures(varied), _scan_labels(scan_planes)))
    for index in range(per_class // 2):
        labels = ("test object", f"test object {index}", "generated", "A", OUT_OF_SCOPE, OUT_OF_TRAINING)
        rows.append((network_pictures(quality_object(rng)), labels))
    return _gather(rows)


def phantom_set(people: int, seed: int) -> PictureSet:
    """Return phantoms of imaginary people, each region with and without contrast, as made and augmented.

    The same person in both states differs by the contrast alone, which no patient of a small archive does.
    """
    rng = np.random.default_rng(seed)
    rows: list[Row] = []
    for person in rng.integers(FIRST_TRAINING_PHANTOM, 2**31, people):
        for region in BODY_PARTS:
            for contrast in CONTRASTS:
                rows.extend(_phantom(region, contrast, int(person), region, contrast, rng))
        rows.extend(_phantom("thigh", "non_contrast", int(person), OUT_OF_SCOPE, OUT_OF_TRAINING, rng))
    return _gather(rows)


def _phantom(
    region: str, scanned: str, person: int, body_part: str, contrast: str, rng: np.random.Generator
) -> Iterator[Row]:
    voxels, spacing_mm = make_phantom(region, enhanced=scanned == "enhanced", seed=person)
    labels = (f"phantom {person} {region}", f"phantom {person}", "phantom", "A", body_part, contrast)
    yield network_pictures(voxels), labels
    scan = prepare(voxels, np.asarray(spacing_mm))
    yield network_pictures(augment(scan, 0, len(voxels) - 1, rng)), labels


def _spine(scan: Scan, labelled: LabelledRange, rng: np.random.Generator) -> Iterator[Row]:
    """A spine examination cut out of a trunk: out of scope, though its bones are a trunk's bones."""
    centre = spine_centre(scan, labelled.low, labelled.high)
    if centre is not None:
        voxels = augment(scan, labelled.low, labelled.high, rng, fov_mm=rng.uniform(90, 170), centre=centre)
        labels = ("spine " + labelled.name, labelled.subject, labelled.source, "A", OUT_OF_SCOPE, OUT_OF_TRAINING)
        yield network_pictures(voxels), labels


def _shares(ranges: list[LabelledRange], per_class: int) -> dict[LabelledRange, float]:
    """Return how many augmented series each range gives."""
    weights = {}
    for labelled in ranges:
        siblings = [other for other in ranges if _cell(other) == _cell(labelled)]
        of_subject = sum(other.subject == labelled.subject for other in siblings)
        weights[labelled] = (2.0 if labelled.quality == "A" else 1.0) / of_subject**0.7
    totals: dict[tuple[str, str], float] = {}
    for labelled, weight in weights.items():
        totals[_cell(labelled)] = totals.get(_cell(labelled), 0) + weight
    return {labelled: per_class * weight / totals[_cell(labelled)] for labelled, weight in weights.items()}


def _cell(labelled: LabelledRange) -> tuple[str, str]:
    return labelled.body_part, labelled.contrast


def _round_at_random(expected: float, rng: np.random.Generator) -> int:
    return int(expected + rng.random())


def _by_volume(ranges: list[LabelledRange]) -> Iterator[tuple[str, list[LabelledRange]]]:
    for volume in dict.fromkeys(labelled.volume for labelled in ranges):
        yield volume, [labelled for labelled in ranges if labelled.volume == volume]


def _labels(labelled: LabelledRange) -> tuple[str, ...]:
    contrast = OUT_OF_TRAINING if labelled.body_part == OUT_OF_SCOPE else labelled.contrast
    return (
        labelled.name,
        labelled.subject,
        labelled.source,
        labelled.quality,
        labelled.body_part,
        contrast,
    )


def _scan_labels(scan: MiddlePlanes) -> tuple[str, ...]:
    return (scan.scan, scan.subject, f"middle planes: {scan.covers}", "A", OUT_OF_TRAINING, scan.contrast)


def _load_planes(scan: MiddlePlanes) -> dict[str, NDArray[np.int16]]:
    return {plane: load_middle_plane(file) for plane, file in scan.files.items()}


def _vary_plane(hounsfield: NDArray[np.int16], plane: str, rng: np.random.Generator) -> NDArray[np.int16]:
    """Augment a single plane: another range of the body, turned, shifted, noisier, a little off in HU."""
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


def _middle_pictures(planes: dict[str, NDArray[np.int16]]) -> NDArray[np.uint8]:
    """Return the pictures of a scan that has middle planes only; its MIPs are empty."""
    pictures = np.zeros((len(PICTURE_NAMES), NETWORK_SIZE, NETWORK_SIZE), dtype=np.uint8)
    for plane, hounsfield in planes.items():
        windowed = np.clip(hounsfield, -450, 550).astype(np.float64)
        pictures[PICTURE_NAMES.index(f"mid_{plane}")] = shrink(to_gray(resize(windowed)), NETWORK_SIZE)
    return pictures


def _gather(rows: list[Row]) -> PictureSet:
    columns = zip(*(labels for _, labels in rows), strict=True)
    named = dict(zip(COLUMNS, (list(column) for column in columns), strict=True))
    return PictureSet(pixels=np.stack([pixels for pixels, _ in rows]), **named)
