"""Stored pictures: what the networks see, drawn once per run and read from disk as it is needed.

<name>.npy   pixels, uint8 (series, pictures, 512, 512)
<name>.csv   one line per series: what it is, whose, its labels
<name>.json  the names of the pictures, in the order of the second axis; written last, so a set that has it is whole
"""

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from apps.imaging.errors import BadRun
from apps.imaging.vocabulary import PICTURE_SIZE

SETS = ("development", "internal", "external")
"""What a series is for: training and cross-validation, or validation of the same or of other hospitals."""

ORIGINS = ("real", "augmented", "generated")
"""A series as it was scanned, a variation of one, or one of nobody (phantom, test object)."""

LABEL = "label:"
"""Prefix of the columns that hold labels, one per module."""


@dataclass(frozen=True)
class StoredSeries:
    """What is known of one series; `labels` per module, without the modules that it is not for.

    `body_part` is what the manifest tells, also where the run has no such module; empty where nobody has told.
    """

    name: str
    patient: str
    labels: dict[str, str]
    set: str
    source: str
    scanner: str
    quality: str
    origin: str
    body_part: str = ""


FACTS = ("name", "patient", "set", "source", "scanner", "quality", "origin")
BODY_PART = "body_part"


@dataclass(frozen=True)
class PictureStore:
    """Pictures of many series: `pixels` uint8 (series, pictures, 512, 512), `rows` one per series."""

    pixels: NDArray[np.uint8]
    pictures: tuple[str, ...]
    rows: list[StoredSeries]

    def picture(self, name: str) -> NDArray[np.uint8]:
        """Return one picture of every series, (series, 512, 512), still on disk."""
        if name not in self.pictures:
            raise BadRun(f"The stored pictures are {', '.join(self.pictures)}; {name} is not among them.")
        return self.pixels[:, self.pictures.index(name)]

    def in_set(self, name: str) -> NDArray[np.intp]:
        """Return the indices of the series of one set."""
        return np.flatnonzero([row.set == name for row in self.rows])


def is_stored(stem: Path) -> bool:
    """Return whether a whole set lies at `stem` (a path without extension)."""
    return stem.with_suffix(".json").is_file()


def write_store(
    stem: Path,
    pictures: Sequence[str],
    rows: Sequence[StoredSeries],
    pixels: Iterable[NDArray[np.uint8]],
) -> None:
    """Write a set; `pixels` yields (pictures, 512, 512) per series, in the order of `rows`."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    modules = sorted({module for row in rows for module in row.labels})
    shape = (len(rows), len(pictures), PICTURE_SIZE, PICTURE_SIZE)
    stored = np.lib.format.open_memmap(stem.with_suffix(".npy"), mode="w+", dtype=np.uint8, shape=shape)
    for index, of_series in enumerate(pixels):
        stored[index] = of_series
    stored.flush()
    with stem.with_suffix(".csv").open("w", newline="", encoding="utf-8") as lines:
        table = csv.writer(lines)
        table.writerow([*FACTS, BODY_PART, *(LABEL + module for module in modules)])
        for row in rows:
            facts = [getattr(row, fact) for fact in (*FACTS, BODY_PART)]
            table.writerow([*facts, *(row.labels.get(module, "") for module in modules)])
    whole = {"pictures": list(pictures), "series": len(rows)}
    stem.with_suffix(".json").write_text(json.dumps(whole) + "\n", encoding="utf-8")


def open_store(stem: Path) -> PictureStore:
    """Read a set that `write_store` wrote; its pixels stay on disk.

    Raises
    ------
    BadRun
        When it is not there or its parts do not belong together.
    """
    if not is_stored(stem):
        raise BadRun(f"There are no stored pictures at {stem}; `train` draws them.")
    whole = json.loads(stem.with_suffix(".json").read_text(encoding="utf-8"))
    try:
        with stem.with_suffix(".csv").open(newline="", encoding="utf-8") as lines:
            rows = [_read_row(line) for line in csv.DictReader(lines)]
        pixels = _pixels(stem.with_suffix(".npy"), len(rows))
    except (OSError, KeyError, ValueError) as error:
        raise BadRun(
            f"The stored pictures at {stem} cannot be read ({error}); delete them to draw them again."
        ) from error
    shape = (whole["series"], len(whole["pictures"]), PICTURE_SIZE, PICTURE_SIZE)
    if len(rows) != whole["series"] or pixels.shape != shape:
        raise BadRun(f"The stored pictures at {stem} are not whole; delete {stem}.* to draw them again.")
    return PictureStore(pixels, tuple(whole["pictures"]), rows)


def _pixels(file: Path, series: int) -> NDArray[np.uint8]:
    # A file without a single value cannot be mapped into memory.
    pixels: NDArray[np.uint8] = np.load(file, mmap_mode="r" if series else None)
    return pixels


def _read_row(line: dict[str, str]) -> StoredSeries:
    labels = {column.removeprefix(LABEL): word for column, word in line.items() if column.startswith(LABEL) and word}
    # Runs that were begun earlier know it from the label alone.
    body_part = line.get(BODY_PART) or labels.get(BODY_PART, "")
    return StoredSeries(labels=labels, body_part=body_part, **{fact: line[fact] for fact in FACTS})
