"""Where the evidence lies, in the grid and on the picture."""

import numpy as np
import pytest

from apps.imaging.explanation import RAMP, STRONGEST_ALPHA, activation_grid, overlay

GRAY = np.full((512, 512), 90, dtype=np.uint8)


def luminance(colours):
    """Relative luminance of sRGB colours 0 to 255 (ITU-R BT.709 coefficients, IEC 61966-2-1 curve)."""
    share = np.asarray(colours, dtype=float) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def a_grid(row, column, size=8):
    grid = np.zeros((size, size), dtype=np.uint8)
    grid[row, column] = 255
    return grid


def test_the_evidence_is_what_a_class_gains_over_the_others():
    activation = np.zeros((3, 2, 2), dtype=np.float32)
    activation[:, 0, 0] = 5  # alike for all classes: decides nothing
    activation[1, 0, 1] = 2
    activation[1, 1, 0] = 1
    activation[1, 1, 1] = -4
    assert activation_grid(activation, 1).tolist() == [[0, 255], [128, 0]]


def test_a_picture_that_speaks_against_its_class_everywhere_has_no_evidence():
    activation = np.stack([np.full((7, 7), -1.0), np.ones((7, 7))])
    assert not activation_grid(activation, 0).any()


@pytest.mark.parametrize(("row", "column"), [(0, 0), (1, 6), (7, 3)])
def test_a_bright_place_of_the_grid_lands_at_the_same_place_of_the_picture(row, column):
    changed = np.abs(overlay(GRAY, a_grid(row, column)).astype(int) - 90).sum(axis=-1)
    rows, columns = np.indices(changed.shape)
    assert (changed * rows).sum() / changed.sum() == pytest.approx(64 * row + 32, abs=24)
    assert (changed * columns).sum() / changed.sum() == pytest.approx(64 * column + 32, abs=24)
    assert changed[64 * row + 32, 64 * column + 32] >= 0.95 * changed.max()


def test_where_there_is_no_evidence_the_picture_stays_as_it_is():
    picture = np.random.default_rng(3).integers(0, 256, (512, 512), dtype=np.uint8)
    shown = overlay(picture, a_grid(0, 0))
    assert (shown[200:] == picture[200:, :, np.newaxis]).all()
    assert (overlay(picture, np.zeros((7, 7), dtype=np.uint8)) == picture[..., np.newaxis]).all()


def test_the_picture_stays_readable_where_the_evidence_is_strongest():
    picture = GRAY.copy()
    picture[:, 256:] = 190
    shown = overlay(picture, np.full((7, 7), 255, dtype=np.uint8)).astype(int)
    assert (shown[:, -1] - shown[:, 0]).min() == round((1 - STRONGEST_ALPHA) * 100)


def test_more_evidence_is_lighter_and_yellower_so_that_print_and_colour_blind_eyes_keep_the_order():
    assert (np.diff(luminance(RAMP)) > 0).all()
    yellow_less_blue = RAMP[:, :2].mean(axis=1) - RAMP[:, 2]
    assert (np.diff(yellow_less_blue) > 0).all() and yellow_less_blue[-1] - yellow_less_blue[0] > 150
    assert (np.ptp(RAMP, axis=1) > 100).all()  # none of it could be taken for gray tissue


@pytest.mark.parametrize(
    ("picture", "grid"),
    [
        (GRAY.astype(np.float32), a_grid(0, 0)),
        (np.stack([GRAY] * 3, axis=-1), a_grid(0, 0)),
        (GRAY, a_grid(0, 0).astype(np.int64)),
        (GRAY, np.zeros((0, 0), dtype=np.uint8)),
    ],
)
def test_what_is_no_gray_picture_or_no_grid_is_refused(picture, grid):
    with pytest.raises(ValueError, match="not uint8"):
        overlay(picture, grid)
