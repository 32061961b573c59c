"""The archive that training reads: labelled ranges of volumes, and middle planes of scans.

volumes.csv      volume, subject, source, licence …
crops.csv        volume, z_low, z_high (inclusive), body_part, contrast, quality
volumes/<volume>.npz   slices (JPEG-LS, one after the other), ends, spacing_mm
midplanes.csv, midplanes/*.png   16-bit, HU + 1024; optional
"""

import csv
import functools
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from apps.imaging.vocabulary import OUT_OF_SCOPE, PLANES

OPTIONAL_COLUMNS = ("z_low", "z_high", "set", "source", "scanner", "quality", "name")
"""What a manifest may say of a series beside its path, patient and labels."""

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


Volume = tuple[NDArray[np.int16], NDArray[np.float64]]
"""Voxels, int16 HU (slices, rows, columns) with canonical axes, and their spacing in mm."""


@dataclass(frozen=True)
class LabelledVolumes:
    """Labelled ranges, and how the volumes are read that they name."""

    ranges: tuple[LabelledRange, ...]
    load: Callable[[str], Volume]


def archive_volumes(folder: Path) -> LabelledVolumes:
    """Return the labelled volumes of an archive."""
    return LabelledVolumes(tuple(read_ranges(folder)), functools.partial(load_volume, folder))


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


def load_volume(folder: Path, volume: str) -> Volume:
    """Return voxels and spacing of one volume of the archive, as `read_volume` does."""
    return read_volume(folder / "volumes" / f"{volume}.npz")


def read_volume(file: Path) -> Volume:
    """Return voxels, int16 HU (slices, rows, columns) with canonical axes, and their spacing in mm.

    The file holds `voxels` as they are, or `slices` and `ends` as the archive keeps them; and `spacing_mm`.
    """
    with np.load(file) as stored:
        spacing_mm = np.asarray(stored["spacing_mm"], dtype=np.float64)
        if "voxels" in stored:
            return _checked(stored["voxels"], spacing_mm)
        coded, ends = stored["slices"].tobytes(), stored["ends"]
    starts = [0, *ends[:-1]]
    slices = [imagecodecs.jpegls_decode(coded[start:end]) for start, end in zip(starts, ends, strict=True)]
    return np.stack(slices).astype(np.int16) * STORED_HU_STEP - STORED_HU_OFFSET, spacing_mm


def slices_of_volume(file: Path) -> int:
    """Return how many slices a volume has, without reading its voxels.

    Raises
    ------
    ValueError
        When the file is no volume.
    """
    try:
        with zipfile.ZipFile(file) as members:
            names = set(members.namelist())
            if "spacing_mm.npy" not in names or not names & {"voxels.npy", "ends.npy"}:
                raise ValueError("an .npz volume holds voxels (int16 HU) and spacing_mm")
            with members.open("voxels.npy" if "voxels.npy" in names else "ends.npy") as stored:
                np.lib.format.read_magic(stored)
                shape, _, _ = np.lib.format.read_array_header_1_0(stored)
    except zipfile.BadZipFile as error:
        raise ValueError("it is no .npz file") from error
    return int(shape[0])


def _checked(voxels: NDArray[np.int16], spacing_mm: NDArray[np.float64]) -> Volume:
    if voxels.ndim != 3 or voxels.dtype != np.int16 or spacing_mm.shape != (3,):
        raise ValueError(
            f"voxels have to be int16 (slices, rows, columns) with three spacings, not {voxels.dtype} "
            f"{voxels.shape} with {spacing_mm.size}"
        )
    return voxels, spacing_mm


def load_middle_plane(file: Path) -> NDArray[np.int16]:
    """Return one middle plane in HU (rows, columns) as displayed, without the empty margins around the scan."""
    hounsfield = np.asarray(Image.open(file)).astype(np.int16) - STORED_HU_OFFSET
    scanned = hounsfield > hounsfield.min()
    if not scanned.any():
        return hounsfield
    rows, columns = np.flatnonzero(scanned.any(axis=1)), np.flatnonzero(scanned.any(axis=0))
    return hounsfield[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _rows(table: Path) -> list[dict[str, str]]:
    with table.open(newline="") as lines:
        return list(csv.DictReader(lines))


MANIFEST_COLUMNS = ("path", "patient", "body_part", "contrast", *OPTIONAL_COLUMNS)
"""Columns of the manifest of an archive."""


def archive_manifest(folder: Path, beside: Path) -> list[dict[str, str]]:
    """Return the lines of a manifest of the archive, with paths relative to the folder `beside`.

    What is out of scope has no contrast: nobody has to tell a limb's.
    """
    lines = []
    for one in read_ranges(folder):
        line = {
            "path": os.path.relpath(folder / "volumes" / f"{one.volume}.npz", beside),
            "patient": one.subject,
            "body_part": one.body_part,
            "contrast": "" if one.body_part == OUT_OF_SCOPE else one.contrast,
            "z_low": str(one.low),
            "z_high": str(one.high),
            "source": one.source,
            "quality": one.quality,
            "name": one.name,
        }
        lines.append(line)
    makers = {(row["subject"], row["scan"]): row.get("manufacturer", "") for row in _optional(folder / "midplanes.csv")}
    for scan in read_middle_planes(folder):
        axial = os.path.relpath(scan.files["axial"], beside)
        line = {
            "path": axial.replace("axial.png", "{plane}.png"),
            "patient": scan.subject,
            "contrast": scan.contrast,
            "source": f"middle planes: {scan.covers}",
            "scanner": makers[scan.subject, scan.scan.removeprefix(f"{scan.subject}:")],
            "quality": "A",
            "name": scan.scan,
        }
        lines.append(line)
    return [{column: line.get(column, "") for column in MANIFEST_COLUMNS} for line in lines]


def _optional(table: Path) -> list[dict[str, str]]:
    return _rows(table) if table.exists() else []
