"""Fixtures of the training tests: a manifest of small volumes, and a run that was never trained."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from apps.imaging.training.run import Run
from tests.imaging.training.tiny_run import write_tiny_run


@pytest.fixture
def tiny_run(tmp_path: Path) -> Run:
    """A finished run of six plane classifiers with two folds, made without torch."""
    return write_tiny_run(tmp_path / "run")


WriteManifest = Callable[..., Path]


@pytest.fixture
def write_manifest(tmp_path: Path) -> Iterator[WriteManifest]:
    """Write a manifest of the given lines (column to text) and return its path."""

    def write(*lines: dict[str, str], name: str = "manifest.csv") -> Path:
        file = tmp_path / name
        columns = list(dict.fromkeys(column for line in lines for column in line))
        with file.open("w", newline="", encoding="utf-8") as stream:
            table = csv.DictWriter(stream, columns, restval="")
            table.writeheader()
            table.writerows(lines)
        return file

    yield write


@pytest.fixture
def tiny_manifest(tmp_path: Path, write_manifest: WriteManifest) -> Path:
    """Small volumes of fourteen patients: round brains and wide chests, plain and enhanced, and two limbs."""
    lines = []
    for number, (body_part, contrast) in enumerate(
        [("brain", "enhanced"), ("brain", "non_contrast"), ("chest", "enhanced"), ("chest", "non_contrast")] * 3
        + [("other", ""), ("other", "")]
    ):
        name = f"v{number}"
        write_volume(tmp_path / f"{name}.npz", body_part, enhanced=contrast == "enhanced", seed=number)
        line = {"path": f"{name}.npz", "patient": f"p{number}", "body_part": body_part, "contrast": contrast}
        lines.append(line | {"z_low": "", "z_high": "", "source": f"source {number % 2}", "quality": "A", "name": name})
    lines[0] |= {"z_low": "2", "z_high": "9"}
    return write_manifest(*lines)


def write_volume(file: Path, body_part: str, *, enhanced: bool, seed: int) -> None:
    """Write a volume of 12 slices of 40 x 40: an ellipse of tissue with a bright vessel where it is enhanced."""
    rng = np.random.default_rng(seed)
    radii = {"brain": (14, 12), "chest": (11, 18), "other": (6, 6)}[body_part]
    rows, columns = np.ogrid[:40, :40]
    voxels = np.full((12, 40, 40), -1000, dtype=np.int16)
    voxels[:, ((rows - 20) / radii[0]) ** 2 + ((columns - 20) / radii[1]) ** 2 < 1] = 40 + seed
    voxels[:, 18:22, 18:22] = 250 if enhanced else 45
    voxels += rng.integers(-5, 6, voxels.shape, dtype=np.int16)
    np.savez(file, voxels=voxels, spacing_mm=np.array([4.0, 5.0, 5.0]))
