"""Teaching coverage: targets of volumes, composites, and how its figures are counted."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("scipy", reason="the training tools are not installed")

from apps.imaging.coverage import CoverageAnswer, CoveredRegion
from apps.imaging.training.archive import LabelledRange
from apps.imaging.training.augmentation import AIR_HU, Scan
from apps.imaging.training.coverage_evaluate import Judged, ends, known_ends, presence, slots
from apps.imaging.training.coverage_pictures import phantom_targets, possible_spans, random_window
from apps.imaging.training.region_targets import (
    ABSENT,
    OPEN,
    OUTSIDE,
    SHOWN,
    RegionRange,
    at_heights,
    region_ranges,
    row_targets,
)
from apps.imaging.training.stacking import GRID_MM, GRID_SIZE, Piece, body_width_mm, stack, take
from apps.imaging.vocabulary import REGIONS

HEAD, NECK, CHEST, ABDOMEN, PELVIS = range(len(REGIONS))


def labelled(body_part: str, low: int, high: int) -> LabelledRange:
    return LabelledRange("volume", "patient", "source", body_part, "enhanced", "A", low, high)


# Targets --------------------------------------------------------------------------------------------------------------


def test_the_pelvis_is_what_lies_below_the_abdomen():
    ranges = region_ranges([labelled("abdomen_pelvis", 0, 86), labelled("abdomen", 40, 82)])
    assert ranges == [RegionRange("abdomen", 40, 82), RegionRange("pelvis", 0, 39)]


def test_an_abdomen_and_pelvis_that_nobody_parted_teaches_nothing():
    assert region_ranges([labelled("abdomen_pelvis", 0, 86)]) == []


def test_slices_outside_all_ranges_are_open():
    targets = row_targets([RegionRange("chest", 10, 19)], 40)
    assert (targets[:10] == OPEN).all() and (targets[20:] == OPEN).all()
    assert (targets[10:20, CHEST] == SHOWN).all() and (targets[10:20, HEAD] == ABSENT).all()


def test_the_end_of_a_range_is_open_for_the_neighbour_that_it_faces():
    targets = row_targets([RegionRange("chest", 0, 99)], 100)
    assert (targets[:25, ABDOMEN] == OPEN).all() and (targets[25:, ABDOMEN] == ABSENT).all()
    assert (targets[90:, NECK] == OPEN).all() and (targets[:90, NECK] == ABSENT).all()
    assert (targets[:, PELVIS] == ABSENT).all()


def test_a_volume_that_says_where_the_neighbour_begins_leaves_nothing_open():
    targets = row_targets([RegionRange("chest", 30, 99), RegionRange("abdomen", 0, 37)], 100)
    assert (targets[38:100, ABDOMEN] == ABSENT).all() and (targets[:38, ABDOMEN] == SHOWN).all()
    assert (targets[30:38, [CHEST, ABDOMEN]] == SHOWN).all()


def test_a_limb_shows_no_region():
    assert (row_targets([RegionRange(OUTSIDE, 0, 9)], 10) == ABSENT).all()


def test_heights_run_from_the_top_and_are_those_of_the_nearest_slice():
    targets = np.full((4, len(REGIONS)), ABSENT, np.int8)
    targets[2:, CHEST] = SHOWN
    assert at_heights(targets, 4)[:, CHEST].tolist() == [SHOWN, SHOWN, ABSENT, ABSENT]
    assert at_heights(targets, 8)[:, CHEST].tolist() == [SHOWN] * 4 + [ABSENT] * 4


def test_a_phantom_of_the_trunk_shows_its_regions_in_order():
    targets = phantom_targets("chest_abdomen_pelvis", 150)
    middles = [np.flatnonzero(targets[:, column] == SHOWN).mean() for column in (PELVIS, ABDOMEN, CHEST)]
    assert middles == sorted(middles)
    assert (targets[:, HEAD] == ABSENT).all()


def test_a_random_window_lies_in_the_volume_and_is_long_enough():
    rng = np.random.default_rng(1)
    for _ in range(100):
        start, end = random_window([RegionRange("chest", 5, 30)], 40, 5.0, rng)
        assert 0 <= start < end <= 40 and (end - start) * 5.0 >= 70


# Composites -----------------------------------------------------------------------------------------------------------


def cylinder(width: int, value: int, slices: int = 12, column: int = GRID_SIZE // 2) -> Piece:
    """Return a piece with a body of `width` columns and rows."""
    voxels = np.full((slices, GRID_SIZE, GRID_SIZE), AIR_HU, np.int16)
    rows = slice(GRID_SIZE // 2 - width // 2, GRID_SIZE // 2 - width // 2 + width)
    voxels[:, rows, column - width // 2 : column - width // 2 + width] = value
    return Piece(voxels, np.full((slices, len(REGIONS)), ABSENT, np.int8), (f"patient {value}",))


def test_the_width_of_a_body_is_measured_in_millimetres():
    assert body_width_mm(cylinder(50, 40).voxels) == pytest.approx(50 * GRID_MM[2])
    assert body_width_mm(np.full((3, 8, 8), AIR_HU, np.int16)) == 0


def test_a_composite_goes_on_where_the_lower_piece_ended():
    whole = stack([cylinder(50, 40, column=60), cylinder(46, 80, column=90)])
    lower, upper = whole.voxels[2], whole.voxels[-2]
    assert body_width_mm(whole.voxels[-3:]) == pytest.approx(50 * GRID_MM[2], abs=2 * GRID_MM[2])
    edges = [np.flatnonzero((picture > -300).any(axis=0))[0] for picture in (lower, upper)]
    assert abs(int(edges[0]) - int(edges[1])) <= 2
    assert whole.subjects == ("patient 40", "patient 80")


def test_a_seam_is_blended_and_open_where_the_pieces_disagree():
    below, above = cylinder(50, 0), cylinder(50, 100)
    above.targets[:, CHEST] = SHOWN
    whole = stack([below, above])
    assert len(whole.voxels) == len(whole.targets) == 12 + 12 - 3
    assert whole.voxels[9:12, GRID_SIZE // 2, GRID_SIZE // 2].tolist() == [25, 50, 75]
    assert whole.targets[8:13, CHEST].tolist() == [ABSENT, OPEN, OPEN, OPEN, SHOWN]
    assert (whole.targets[:, HEAD] == ABSENT).all()


def test_patients_that_fit_nowhere_together_give_no_composite() -> None:
    piece = Piece(np.zeros((2, GRID_SIZE, GRID_SIZE), np.int16), np.zeros((2, len(REGIONS)), np.int8), ("p",))
    alone = {region: [piece] if region in ("head", "chest") else [] for region in REGIONS}
    assert possible_spans(alone, {}) == []
    assert possible_spans(alone, {"pelvis": [piece]}) == [("pelvis",)]
    together = {**alone, "neck": [piece]}
    assert possible_spans(together, {}) == [("chest", "neck"), ("chest", "neck", "head"), ("neck", "head")]


def test_a_piece_has_the_common_grid_and_the_body_in_the_middle():
    voxels = np.full((10, 64, 64), AIR_HU, np.int16)
    voxels[:, 10:30, 40:60] = 40
    targets = np.full((10, len(REGIONS)), SHOWN, np.int8)
    piece = take(Scan(voxels, voxels, np.array([8.0, 3.2, 3.2])), targets, 0, 9, "patient")
    assert piece.voxels.shape == (20, GRID_SIZE, GRID_SIZE) and len(piece.targets) == 20
    body = np.argwhere(piece.voxels[5] > -300)
    assert np.abs(body.mean(axis=0) - (GRID_SIZE - 1) / 2).max() < 1
    assert len(body) == pytest.approx(400, abs=45)


# Figures --------------------------------------------------------------------------------------------------------------


def judged(body_part: str, shown: dict[str, tuple[float, float]], said: dict[str, tuple[float, float]]) -> Judged:
    """Return a series of 400 mm in 100 rows: what it shows and what was said, from and to in mm from the top."""
    targets = np.full((100, len(REGIONS)), ABSENT, np.int8)
    for name, (top, bottom) in shown.items():
        targets[round(top / 4) : round(bottom / 4), REGIONS.index(name)] = SHOWN
    regions = tuple(
        CoveredRegion(
            name, top / 400, bottom / 400, 0.9, top == 0, bottom == 400, 400 - top, 400 - bottom, bottom - top, True
        )
        for name, (top, bottom) in said.items()
    )
    return Judged("series", body_part, "A", targets, 400.0, CoverageAnswer(regions))


def test_a_region_counts_as_found_missed_or_falsely_found():
    right = judged("", {"chest": (0, 200), "abdomen": (200, 400)}, {"chest": (0, 200), "abdomen": (200, 400)})
    wrong = judged("", {"chest": (0, 400)}, {"abdomen": (0, 400)})
    table = presence([right, wrong])
    assert (table["chest"]["shown"], table["chest"]["found"], table["chest"]["recall"]) == (2, 1, 0.5)
    assert (table["abdomen"]["found"], table["abdomen"]["falsely_found"], table["abdomen"]["precision"]) == (1, 1, 0.5)
    assert table["head"]["recall"] is None


def test_what_is_not_answered_counts_neither_way():
    silent = judged("", {"chest": (0, 400)}, {"abdomen": (0, 400)})
    silent = replace(silent, answer=silent.answer.without("The planes disagree."))
    assert presence([silent])["chest"]["shown"] == 0


def test_an_end_is_off_by_its_distance_in_millimetres():
    one = judged("", {"chest": (0, 200), "abdomen": (200, 400)}, {"chest": (0, 212), "abdomen": (180, 400)})
    table = ends([one])
    assert table["chest bottom"] == {"n": 1, "median_mm": 12.0, "p90_mm": 12.0, "missed": 0}
    assert table["abdomen top"]["median_mm"] == 20.0
    assert table["all"]["n"] == 2


def open_between(rows: int) -> NDArray[np.int8]:
    targets = np.full((100, len(REGIONS)), ABSENT, np.int8)
    targets[:50, CHEST] = SHOWN
    targets[50 : 50 + rows, CHEST] = OPEN
    return targets


def test_an_end_that_is_not_known_well_is_not_measured():
    (end,) = known_ends(open_between(5), 400.0)
    assert (end.region, end.edge, end.from_mm, end.to_mm) == ("chest", "bottom", 200.0, 220.0)
    assert known_ends(open_between(20), 400.0) == []


def test_an_abdomen_that_would_fill_a_slot_for_the_pelvis_is_counted():
    whole = {"abdomen": (0.0, 200.0), "pelvis": (200.0, 400.0)}
    table = slots([judged("abdomen_pelvis", whole, whole), judged("abdomen", {"abdomen": (0, 400)}, whole)])
    of_slot = table["abdomen_pelvis"]
    assert (of_slot["series"], of_slot["filled"], of_slot["falsely_filled"]) == (1, 1, 1)
    assert of_slot["abdomens_falsely_filling"] == 1
