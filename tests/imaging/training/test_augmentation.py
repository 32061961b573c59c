"""Variations of volumes before they are projected."""

import numpy as np
import pytest

from apps.imaging.training.augmentation import augment, prepare, quality_object, random_range


@pytest.fixture
def cylinder():
    """A body of water, 40 slices of 64 x 64 pixels of 6 mm, on a couch."""
    rows, columns = np.ogrid[:64, :64]
    voxels = np.full((40, 64, 64), -1000, dtype=np.int16)
    voxels[:, (rows - 30) ** 2 + (columns - 32) ** 2 < 20**2] = 40
    voxels[:, 55:57, 10:54] = 200
    return voxels, np.array([3.0, 6.0, 6.0])


def test_the_body_is_kept_and_the_couch_masked(cylinder):
    scan = prepare(*cylinder)
    assert scan.masked[20, 30, 32] == 40
    assert scan.masked[20, 56, 32] == -1024
    assert scan.voxels[20, 56, 32] == 200


def test_the_same_seed_gives_the_same_series(cylinder):
    scan = prepare(*cylinder)
    first, again, other = (augment(scan, 5, 34, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert first.shape != other.shape or not np.array_equal(first, other)


def test_an_augmented_series_still_shows_the_body(cylinder):
    scan = prepare(*cylinder)
    for seed in range(8):
        voxels = augment(scan, 5, 34, np.random.default_rng(seed))
        assert voxels.dtype == np.int16
        centre = voxels[len(voxels) // 2, voxels.shape[1] // 2 - 8 : voxels.shape[1] // 2 + 8]
        assert -40 < np.median(centre[:, voxels.shape[2] // 2]) < 120


def test_a_random_range_stays_in_the_volume():
    for seed in range(50):
        start, end = random_range(0, 39, 40, np.random.default_rng(seed))
        assert 0 <= start < end <= 40


def test_a_quality_object_is_brighter_than_air():
    assert quality_object(np.random.default_rng(3)).max() > -100
