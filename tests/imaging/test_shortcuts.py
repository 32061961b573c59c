"""The labels hang on the anatomy: couch, mask, resolution and noise of a source may silence them, never change them."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from apps.imaging.__main__ import newest_bundle
from apps.imaging.bundle import load_bundle
from apps.imaging.projections import project
from apps.imaging.training.augmentation import AIR_HU, prepare
from apps.imaging.training.reading import VolumeReader

Voxels = NDArray[np.int16]

COARSE_MM = 4.0
"""Pixels of the planning scans that all but one neck of the training archive come from."""


def coarse(voxels: Voxels, spacing_mm: NDArray[np.float64]) -> Voxels:
    """Pixels of 4 mm, as planning archives have them."""
    step = max(1, round(COARSE_MM / spacing_mm[1]))
    means = ndimage.uniform_filter(voxels.astype(np.float32), (1, step, step))
    return np.rint(means[:, ::step, ::step]).astype(np.int16)


def noisy(voxels: Voxels) -> Voxels:
    """Noise of 20 HU more."""
    grain = np.random.default_rng(1).normal(0, 20, voxels.shape)
    return np.clip(voxels + grain, AIR_HU, 3071).astype(np.int16)


def as_other_sources(folder: Path) -> dict[str, Voxels]:
    """Return the scan of a folder as scans of other sources look."""
    voxels, spacing_mm = VolumeReader(folder).voxels()
    scan = prepare(voxels, np.asarray(spacing_mm))
    return {
        "without couch and clothes": scan.masked,
        "coarse": coarse(scan.voxels, scan.spacing_mm),
        "coarse, without couch and clothes": coarse(scan.masked, scan.spacing_mm),
        "noisy": noisy(scan.voxels),
    }


@pytest.mark.parametrize(
    ("folder", "body_part", "contrast"),
    [
        ("chest-enhanced", "chest", "enhanced"),
        ("chest-with-stray-head-slices", "chest", "non_contrast"),
        ("abdomen-portal", "abdomen", "enhanced"),
        ("abdomen-noncontrast-10mm", "abdomen", "non_contrast"),
        ("abdomenpelvis-enhanced", "abdomen_pelvis", "enhanced"),
    ],
)
def test_what_differs_between_sources_changes_no_label(
    real_ct: Path, folder: str, body_part: str, contrast: str
) -> None:
    shipped = newest_bundle()
    assert shipped is not None
    bundle = load_bundle(shipped)
    for change, voxels in as_other_sources(real_ct / "dicom" / folder).items():
        said = bundle.classify(project(voxels))
        assert said.body_part.label in (body_part, None), change
        assert said.contrast.label in (contrast, None), change
        assert said.body_part.label or said.contrast.label, f"{change}: both labels are silent"
