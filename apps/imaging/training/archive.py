"""The archive that training reads: labelled ranges of volumes, and middle planes of scans.

volumes.csv      volume, subject, source, licence …
crops.csv        volume, z_low, z_high (inclusive), body_part, contrast, quality
volumes/<volume>.npz   slices (JPEG-LS, one after the other), ends, spacing_mm
midplanes.csv, midplanes/*.png   16-bit, HU + 1024; optional
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from apps.imaging.vocabulary import PLANES

STORED_HU_STEP = 4
STORED_HU_OFFSET = 1024


@dataclass(frozen=True)
class LabelledRange:
    """Slices of one volume that would make a series of one class; `high` is inclusive, 0 is most inferior."""

    volume: str
    subject: str
    source: str
    body_part: str
    contrast: str
    quality: str
    low: int
    high: int

    @property
    def name(self) -> str:
        """A name that is unique in the archive."""
        return f"{self.volume}:{self.low}-{self.high}"


@dataclass(frozen=True)
class MiddlePlanes:
    """The three middle planes of a scan of which nothing else is at hand: for the contrast module."""

    scan: str
    subject: str
    covers: str
    contrast: str
    files: dict[str, Path]


def read_ranges(folder: Path) -> list[LabelledRange]:
    """Return the labelled ranges of the archive."""
    volumes = {row["volume"]: row for row in _rows(folder / "volumes.csv")}
    return [
        LabelledRange(
            volume=row["volume"],
            subject=volumes[row["volume"]]["subject"],
            source=volumes[row["volume"]]["source"],
            body_part=row["body_part"],
            contrast=row["contrast"],
            quality=row["quality"],
            low=int(row["z_low"]),
            high=int(row["z_high"]),
        )
        for row in _rows(folder / "crops.csv")
    ]


def read_middle_planes(folder: Path) -> list[MiddlePlanes]:
    """Return the scans of which there are only middle planes; none when the archive has no such table."""
    table = folder / "midplanes.csv"
    if not table.exists():
        return []
    scans: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in _rows(table):
        scans.setdefault((row["subject"], row["scan"]), []).append(row)
    return [
        MiddlePlanes(
            scan=f"{subject}:{scan}",
            subject=subject,
            covers=rows[0]["covers"],
            contrast=rows[0]["contrast"],
            files={row["plane"]: folder / "midplanes" / row["picture"] for row in rows},
        )
        for (subject, scan), rows in scans.items()
        if {row["plane"] for row in rows} == set(PLANES)
    ]


def load_volume(folder: Path, volume: str) -> tuple[NDArray[np.int16], NDArray[np.float64]]:
    """Return voxels, int16 HU (slices, rows, columns) with canonical axes, and their spacing in mm."""
    with np.load(folder / "volumes" / f"{volume}.npz") as stored:
        coded, ends, spacing_mm = stored["slices"].tobytes(), stored["ends"], stored["spacing_mm"]
    starts = [0, *ends[:-1]]
    slices = [imagecodecs.jpegls_decode(coded[start:end]) for start, end in zip(starts, ends, strict=True)]
    voxels = np.stack(slices).astype(np.int16) * STORED_HU_STEP - STORED_HU_OFFSET
    return voxels, np.asarray(spacing_mm, dtype=np.float64)


def load_middle_plane(file: Path) -> NDArray[np.int16]:
    """Return one middle plane in HU (rows, columns) as displayed, without the empty margins around the scan."""
    hounsfield = np.asarray(Image.open(file)).astype(np.int16) - STORED_HU_OFFSET
    scanned = hounsfield > hounsfield.min()
    rows, columns = np.flatnonzero(scanned.any(axis=1)), np.flatnonzero(scanned.any(axis=0))
    return hounsfield[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _rows(table: Path) -> list[dict[str, str]]:
    with table.open(newline="") as lines:
        return list(csv.DictReader(lines))
