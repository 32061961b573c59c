"""Coverage: profiles read as regions, put in millimetres, and what slots make of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from apps.imaging.bundle import load_bundle
from apps.imaging.coverage import CoverageAnswer, CoverageLimits, CoveredRegion, decode
from apps.imaging.ensemble import ModuleAnswer
from apps.imaging.geometry import GeometryFacts
from apps.imaging.phantom import make_phantom
from apps.imaging.pipeline import SeriesReport, check_paths, locate, match_reports
from apps.imaging.slots import Candidate, SlotStatus, match
from apps.imaging.spec import ImagingSpec, SeriesSpec
from apps.imaging.text_report import series_text
from apps.imaging.vocabulary import REGIONS
from tests.imaging.cases import a_candidate, a_digest, body_part_answer, codes, labels
from tests.imaging.tiny_bundle import write_tiny_bundle
from tests.phantoms import write_series

LIMITS = CoverageLimits(0.5, 0.1, 0.05, 0.3, dict.fromkeys(REGIONS, 150.0))
BINS = 20

TRIAL = ImagingSpec(
    "Trial",
    "1",
    (
        SeriesSpec(slot="chest", body_part="chest", contrast="enhanced"),
        SeriesSpec(slot="belly", body_part="abdomen_pelvis", contrast="enhanced"),
    ),
)
AXIAL = GeometryFacts(slices=61, plane="axial", slice_spacing_mm=10.0, z_mm=(-300.0, 300.0))


def profile(**regions: tuple[float, float]) -> NDArray[np.float64]:
    """Return logits of BINS heights: 4 between the given fractions, -4 elsewhere."""
    middles = (np.arange(BINS) + 0.5) / BINS
    logits = np.full((BINS, len(REGIONS)), -4.0)
    for name, (top, bottom) in regions.items():
        logits[(middles > top) & (middles < bottom), REGIONS.index(name)] = 4
    return logits


def read(**regions: tuple[float, float]) -> CoverageAnswer:
    return decode({"coronal": profile(**regions), "sagittal": profile(**regions)}, LIMITS)


def covering(
    body_part: str | ModuleAnswer = "chest", geometry: GeometryFacts = AXIAL, /, **regions: tuple[float, float]
) -> CoverageAnswer:
    """Return the located answer of a series of that body part."""
    answer = body_part_answer(body_part) if isinstance(body_part, str) else body_part
    return locate(read(**regions), answer, geometry, LIMITS)


def trunk(
    number: int, body_part: str | ModuleAnswer, /, contrast: str = "enhanced", **regions: tuple[float, float]
) -> Candidate:
    """Return a series of 610 mm that covers those regions."""
    said = replace(labels(body_part, contrast), coverage=covering(body_part, **regions))
    return Candidate(str(number), a_digest(number, "trunk", geometry={"coverage_mm": 610.0}), said)


CHEST_TO_PELVIS = {"chest": (0.0, 0.45), "abdomen": (0.4, 0.75), "pelvis": (0.75, 1.0)}


# What profiles say ----------------------------------------------------------------------------------------------------


def test_an_end_lies_where_the_probability_passes_the_limit_between_two_bins():
    logits = profile(chest=(0, 0.5))
    logits[10, REGIONS.index("chest")] = 0  # exactly the limit: still inside
    logits[11, REGIONS.index("chest")] = np.log(1 / 3)  # 0.25
    (chest,) = decode({"coronal": logits, "sagittal": logits}, LIMITS).regions
    assert chest.bottom == pytest.approx(10.5 / BINS)
    logits[10, REGIONS.index("chest")] = np.log(3)  # 0.75, so the limit is passed half way to the next
    (chest,) = decode({"coronal": logits, "sagittal": logits}, LIMITS).regions
    assert chest.bottom == pytest.approx(11 / BINS)


def test_a_region_at_the_edge_of_the_picture_is_cut_there():
    chest, abdomen = read(chest=(0, 0.5), abdomen=(0.5, 0.9)).regions
    assert (chest.top, chest.cut_top, chest.cut_bottom) == (0, True, False)
    assert (abdomen.cut_top, abdomen.cut_bottom) == (False, False)


def test_the_planes_are_averaged_before_the_limit():
    sure, doubting = profile(chest=(0, 1)), np.full((BINS, len(REGIONS)), -1.0)
    assert decode({"coronal": sure, "sagittal": doubting}, replace(LIMITS, max_disagreement=1)).names == ("chest",)


def test_planes_that_say_different_things_are_not_answered():
    answer = decode({"coronal": profile(chest=(0, 1)), "sagittal": profile(abdomen=(0, 1))}, LIMITS)
    assert "from the side" in answer.reason and not answer.answered


def test_a_small_gap_is_closed_and_a_sliver_dropped():
    logits = profile(chest=(0, 0.5), abdomen=(0.5, 1))
    logits[4, REGIONS.index("chest")] = -4
    logits[18, REGIONS.index("pelvis")] = 0.5
    answer = decode({"coronal": logits, "sagittal": logits}, LIMITS)
    assert answer.names == ("chest", "abdomen") and not answer.reason
    assert answer.regions[0].top == 0


@pytest.mark.parametrize(
    ("regions", "words"),
    [
        ({}, "none of the regions"),
        ({"abdomen": (0, 0.5), "chest": (0.5, 1)}, "the abdomen seems to lie above the chest"),
        ({"head": (0, 0.5), "chest": (0.5, 1)}, "without the neck"),
        ({"chest": (0, 0.3), "abdomen": (0.6, 1)}, "between the chest and the abdomen"),
        ({"chest": (0, 1), "abdomen": (0.1, 1), "pelvis": (0.2, 1)}, "three regions"),
    ],
)
def test_what_contradicts_anatomy_is_not_answered(regions: dict[str, tuple[float, float]], words: str):
    assert words in read(**regions).reason


def test_a_region_at_two_heights_is_not_answered():
    logits = np.maximum(profile(chest=(0, 0.3)), profile(chest=(0.6, 1)))
    assert "at two heights" in decode({"coronal": logits, "sagittal": logits}, LIMITS).reason


@pytest.mark.parametrize(
    "profiles",
    [
        {},
        {"axial": np.zeros((BINS, 5))},
        {"coronal": np.zeros((BINS, 4))},
        {"coronal": np.zeros((BINS, 5)), "sagittal": np.zeros((BINS + 1, 5))},
        {"coronal": np.full((BINS, 5), np.nan)},
    ],
)
def test_what_is_no_profile_is_an_error(profiles: dict[str, NDArray[np.float64]]):
    with pytest.raises(ValueError, match="profile"):
        decode(profiles, LIMITS)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"max_gap": 2.0}, "max_gap is 2"),
        ({"min_tail_mm": 2.0}, "min_tail_mm is not known"),
        ({"min_neck_mm": -1.0}, "min_neck_mm is -1"),
    ],
)
def test_limits_that_cannot_be_meant_are_refused(change: dict[str, float], words: str):
    with pytest.raises(ValueError, match=words):
        CoverageLimits.from_table(LIMITS.to_table() | change)


def test_a_missing_limit_is_refused():
    table = LIMITS.to_table()
    del table["min_pelvis_mm"]
    with pytest.raises(ValueError, match="min_pelvis_mm is missing"):
        CoverageLimits.from_table(table)
    assert CoverageLimits.from_table(LIMITS.to_table()) == LIMITS


# In millimetres -------------------------------------------------------------------------------------------------------


def test_heights_are_z_of_the_patient_slices_included_to_their_edges():
    chest = covering(chest=(0.0, 0.5), abdomen=(0.5, 1.0)).region("chest")
    assert chest is not None
    assert (chest.top_mm, chest.bottom_mm, chest.length_mm) == (305.0, 0.0, 305.0)


def test_an_answer_survives_its_json():
    answer = covering(**CHEST_TO_PELVIS)
    assert CoverageAnswer.from_json(answer.to_json()) == replace(
        answer, regions=tuple(CoveredRegion(**region.to_json()) for region in answer.regions)
    )


def test_the_sentence_says_what_is_covered_from_where_to_where():
    assert covering(chest=(0.0, 0.5), abdomen=(0.5, 0.7), pelvis=(0.7, 0.8)).sentence == (
        "covers chest, abdomen and pelvis: chest from 305 to 0 mm (305 mm), abdomen from 0 to -122 mm (122 mm), "
        "pelvis from -122 to -183 mm (61 mm, in part)"
    )


@pytest.mark.parametrize(
    ("geometry", "words"),
    [
        (replace(AXIAL, plane="coronal"), "not axial"),
        (replace(AXIAL, z_mm=None), "not known at which heights"),
        (replace(AXIAL, gaps=1), "slices are missing"),
    ],
)
def test_without_sound_heights_nothing_is_answered(geometry: GeometryFacts, words: str):
    answer = covering("chest", geometry, **CHEST_TO_PELVIS)
    assert words in answer.reason and not answer.answered
    assert not answer.covers(("chest",)) and answer.lacking(("chest",)) == ()


def test_coverage_that_contradicts_the_label_is_not_answered():
    assert "looks like the brain" in covering("brain", **CHEST_TO_PELVIS).reason


def test_a_limb_that_looks_like_a_region_is_not_answered():
    limb = body_part_answer(None, other=0.8)
    assert "none of the body parts" in covering(limb, pelvis=(0, 1)).reason
    assert covering(limb, **CHEST_TO_PELVIS).answered


def test_a_region_that_the_series_cuts_short_is_not_complete():
    answer = covering(chest=(0.0, 0.1), abdomen=(0.1, 1.0))
    assert not answer.covers(("chest",)) and answer.covers(("abdomen",))
    assert answer.lacking(("chest", "abdomen", "pelvis")) == ("chest", "pelvis")


# On the slot board ----------------------------------------------------------------------------------------------------


def test_one_series_from_chest_to_pelvis_fills_two_slots():
    board = match(TRIAL, [trunk(1, "chest", **CHEST_TO_PELVIS)])
    assert [slot.series for slot in board.slots] == ["1", "1"]
    assert board.complete and not board.unused
    assert codes(board.slots[1].findings) == ["body_part_covered"]
    assert "also stands for Abdomen-pelvis CT with contrast" in board.slots[0].sentence


def test_a_trunk_whose_body_part_is_not_answered_is_explained_by_what_it_covers():
    unsure = body_part_answer(None, chest=0.4, abdomen=0.3)
    board = match(TRIAL, [trunk(1, unsure, **CHEST_TO_PELVIS)])
    assert board.complete
    brain = ImagingSpec("Trial", "1", (SeriesSpec(slot="brain", body_part="brain"),))
    (unused,) = match(brain, [trunk(1, unsure, **CHEST_TO_PELVIS)]).unused
    assert (
        unused.reason
        == "It looks like a scan that covers chest, abdomen and pelvis, which this visit does not ask for."
    )


def test_a_series_without_an_answered_coverage_fills_one_slot():
    board = match(TRIAL, [a_candidate(1, "trunk", "chest")])
    assert [slot.series for slot in board.slots] == ["1", None]


def test_an_abdomen_that_ends_at_the_iliac_crest_does_not_fill_abdomen_and_pelvis():
    board = match(TRIAL, [trunk(1, "abdomen_pelvis", abdomen=(0.0, 1.0))])
    belly = board.slots[1]
    assert belly.status is SlotStatus.PROBLEM and belly.blocks
    (finding,) = belly.findings
    assert finding.code == "coverage_incomplete"
    assert finding.found == "abdomen 610 mm, pelvis none"
    assert finding.expected == "abdomen 150 mm or more, pelvis 150 mm or more"
    assert "the pelvis is not on this series" in finding.sentence


def test_a_pelvis_that_is_cut_off_is_told_with_its_length():
    board = match(TRIAL, [trunk(1, "abdomen_pelvis", abdomen=(0.0, 0.85), pelvis=(0.85, 1.0))])
    assert "the pelvis is cut off after 92 mm" in board.slots[1].findings[0].sentence


def test_a_series_of_the_part_alone_is_preferred_to_a_trunk():
    candidates = [trunk(1, "abdomen_pelvis", **CHEST_TO_PELVIS), trunk(2, "chest", chest=(0.0, 1.0))]
    assert [slot.series for slot in match(TRIAL, candidates).slots] == ["2", "1"]


def test_contrast_is_judged_in_each_slot():
    spec = ImagingSpec("Trial", "1", (TRIAL.series[0], SeriesSpec("belly", "abdomen_pelvis", "non_contrast")))
    chest, belly = match(spec, [trunk(1, "chest", **CHEST_TO_PELVIS)]).slots
    assert chest.status is SlotStatus.OK
    assert belly.series == "1" and "contrast" in codes(belly.findings)


def test_one_series_never_fills_two_slots_of_the_same_part():
    for one, other in (("chest", "chest"), ("abdomen_pelvis", "abdomen")):
        spec = ImagingSpec("Trial", "1", (SeriesSpec("first", one), SeriesSpec("second", other)))
        filled = [slot.series for slot in match(spec, [trunk(1, "chest", **CHEST_TO_PELVIS)]).slots]
        assert sorted(map(str, filled)) == ["1", "None"]


def test_a_series_that_a_person_chose_for_one_slot_still_fills_the_other():
    board = match(TRIAL, [trunk(1, "chest", **CHEST_TO_PELVIS)], {"1": "chest"})
    assert [(slot.series, slot.chosen_by_person) for slot in board.slots] == [("1", True), ("1", False)]


def test_a_person_can_choose_one_series_for_two_slots_and_leave_another_out():
    unsure = a_candidate(1, "trunk", body_part_answer(None, neck=0.6))
    board = match(TRIAL, [unsure, trunk(2, "chest", **CHEST_TO_PELVIS)], {"1": ("chest", "belly"), "2": None})
    assert [slot.series for slot in board.slots] == ["1", "1"]
    assert [unused.reason for unused in board.unused] == ["You left it out."]


def test_a_trunk_that_stands_elsewhere_is_suggested_for_a_slot_that_it_covers():
    wrong = a_candidate(2, "head", "brain")
    board = match(TRIAL, [trunk(1, "chest", **CHEST_TO_PELVIS), wrong], {"2": "chest"})
    assert board.slots[0].suggestion == "1"
    assert board.slots[1].series == "1"


def test_one_region_is_no_label_where_the_body_part_is_not_answered():
    board = match(TRIAL, [trunk(1, body_part_answer(None, chest=0.4), chest=(0.0, 1.0))])
    assert codes(board.slots[0].findings) == ["body_part_unsure"]


def test_a_trunk_without_the_pelvis_is_a_near_miss_and_without_the_head_none():
    unsure = body_part_answer(None, chest=0.4, abdomen=0.3)
    board = match(TRIAL, [trunk(1, unsure, chest=(0.0, 0.5), abdomen=(0.5, 1.0))])
    chest, belly = board.slots
    assert chest.status is SlotStatus.OK
    assert belly.series == "1" and codes(belly.findings) == ["coverage_incomplete"]
    head = ImagingSpec("Trial", "1", (SeriesSpec(slot="head", body_part="brain"),))
    assert match(head, [trunk(1, unsure, **CHEST_TO_PELVIS)]).slots[0].series is None
    chosen = match(head, [trunk(1, unsure, **CHEST_TO_PELVIS)], {"1": "head"}).slots[0]
    assert "the pictures look like the chest, abdomen and pelvis" in chosen.sentence


# From files to the board ----------------------------------------------------------------------------------------------


def test_one_series_of_a_person_from_chest_to_pelvis_is_sent_and_fills_two_slots(tmp_path: Path):
    covers = {"chest": (0.0, 0.45), "abdomen": (0.45, 0.7), "pelvis": (0.7, 1.0)}
    bundle = load_bundle(write_tiny_bundle(tmp_path / "bundle", coverage=covers))
    voxels, spacing_mm = make_phantom("chest_abdomen_pelvis", enhanced=True, matrix=64, slice_thickness_mm=10)
    write_series(tmp_path / "scan", voxels, spacing_mm=spacing_mm)
    (report,) = check_paths([tmp_path / "scan"], bundle)
    assert isinstance(report, SeriesReport)
    said = report.to_json()["coverage"]
    assert [region["name"] for region in said["regions"]] == ["chest", "abdomen", "pelvis"]
    length = report.digest.geometry.slices * 10.0
    assert said["regions"][0]["length_mm"] == pytest.approx(length * 0.45, abs=length / 32)
    assert "covers chest, abdomen and pelvis: chest from" in " ".join(series_text(report).split())
    board = match_reports(TRIAL, [report])
    assert [slot.series for slot in board.slots] == ["0", "0"] and not board.unused
