"""The slot board: which series stands for which slot, and what the coordinator reads."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.imaging.coverage import CoverageAnswer, CoveredRegion
from apps.imaging.digest.sentences import checked_after_transfer
from apps.imaging.slots import Candidate, SlotBoard, SlotState, match
from apps.imaging.spec import ImagingSpec, SeriesSpec
from apps.imaging.vocabulary import BODY_PARTS, CONTRASTS
from tests.imaging.cases import a_candidate, a_digest, body_part_answer, contrast_unsure, labels

NECK = SeriesSpec(slot="neck", body_part="neck", contrast="enhanced", optional=True)
CHEST = SeriesSpec(slot="chest", body_part="chest", contrast="enhanced", max_slice_thickness_mm=5)
ABDOMEN_PELVIS = SeriesSpec(slot="abdomen_pelvis", body_part="abdomen_pelvis", contrast="enhanced")
SPEC = ImagingSpec("Trial", "1", (NECK, CHEST, ABDOMEN_PELVIS))

SCOUT = Candidate(
    "1",
    a_digest(1, "Scout", header={"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, geometry={"slices": 2}),
    labels("chest"),
)
THORAX = a_candidate(4, "Thorax", "chest")
NATIVE = a_candidate(3, "Abd nativ", "abdomen_pelvis", "non_contrast")
PORTAL = a_candidate(7, "PV 3.0", "abdomen_pelvis")


def slot(board: SlotBoard, name: str) -> SlotState:
    """Return the slot of that name."""
    (state,) = (state for state in board.slots if state.slot == name)
    return state


def unused(board: SlotBoard) -> dict[str, str]:
    """Return the unused series and their reasons."""
    return {series.series: series.reason for series in board.unused}


def test_each_series_stands_where_it_belongs_and_the_rest_is_explained() -> None:
    board = match(SPEC, [SCOUT, THORAX, NATIVE, PORTAL])
    assert [state.series for state in board.slots] == [None, "4", "7"]
    assert [str(state.status) for state in board.slots] == ["missing", "ok", "ok"]
    assert board.complete
    assert not board.blocks
    assert slot(board, "chest").sentence == "Chest CT with contrast: series 4, 'Thorax', looks right."
    assert slot(board, "neck").sentence == (
        "Neck CT with contrast is not here. It is optional, so nothing is to be done."
    )
    assert unused(board) == {
        "1": "It is a localizer (scout picture); it is not needed.",
        "3": "It looks like an abdomen-pelvis CT without contrast; series 7, 'PV 3.0', fits "
        "Abdomen-pelvis CT with contrast better.",
    }


def test_a_wrong_choice_is_kept_and_the_right_series_is_named() -> None:
    board = match(SPEC, [THORAX, NATIVE, PORTAL], {"3": "abdomen_pelvis"})
    state = slot(board, "abdomen_pelvis")
    assert (state.series, state.status, state.suggestion, state.chosen_by_person) == ("3", "problem", "7", True)
    assert state.sentence == (
        "Abdomen-pelvis CT with contrast: you chose a non-contrast series (series 3, 'Abd nativ'); "
        "series 7, 'PV 3.0', looks right."
    )
    assert state.blocks
    assert board.blocks


def test_a_near_miss_is_shown_as_the_problem_of_its_slot() -> None:
    state = slot(match(SPEC, [THORAX, NATIVE]), "abdomen_pelvis")
    assert (state.series, state.status, state.blocks) == ("3", "problem", True)
    assert state.sentence.startswith(
        "Abdomen-pelvis CT with contrast: series 3, 'Abd nativ', does not fit. "
        "The protocol asks here for a scan with contrast; this one looks like a scan without contrast."
    )


def test_the_abdomen_alone_is_a_near_miss_of_abdomen_and_pelvis() -> None:
    state = slot(match(SPEC, [a_candidate(5, "Liver", "abdomen")]), "abdomen_pelvis")
    assert (state.series, state.status) == ("5", "problem")
    assert "Choose the series that shows the pelvis too" in state.sentence


def test_a_missing_slot_says_what_is_missing_and_blocks() -> None:
    state = slot(match(SPEC, [PORTAL]), "chest")
    assert (state.series, state.status, state.blocks) == (None, "missing", True)
    assert state.sentence == (
        "Chest CT with contrast is missing: none of the series here shows the chest. "
        "Add the series to this visit, or transfer with a reason."
    )


def test_a_slot_without_a_sure_series_names_those_that_are_not_sure() -> None:
    unsure = a_candidate(6, "?", body_part_answer(None, brain=0.48, neck=0.48))
    board = match(SPEC, [unsure, THORAX])
    assert slot(board, "neck").series == "6"
    without_neck = match(ImagingSpec("Trial", "1", (CHEST, ABDOMEN_PELVIS)), [unsure, THORAX])
    assert slot(without_neck, "abdomen_pelvis").sentence == (
        "Abdomen-pelvis CT with contrast is missing: none of the series here clearly shows the abdomen and pelvis. "
        "Look at series 6, '?', and choose it if it is the right one."
    )
    assert unused(without_neck) == {
        "6": "Not sure what it shows. Look at it, and choose it for its slot if this visit asks for it."
    }


def covering(number: int, description: str, *regions: str) -> Candidate:
    """Return a series without a label that shows some of each region."""
    shown = [CoveredRegion(name, 0, 1, 0.9, True, True, 100, 0, 100, False) for name in regions]
    said = replace(labels(body_part_answer(None, brain=0.48, chest=0.48)), coverage=CoverageAnswer(tuple(shown)))
    return Candidate(str(number), a_digest(number, description), said)


def test_a_scan_that_shows_some_of_a_slot_is_named_where_nothing_else_stands() -> None:
    spec = ImagingSpec("Trial", "1", (replace(NECK, optional=False), CHEST))
    board = match(spec, [covering(3, "Neck CE", "neck", "chest"), THORAX])
    assert slot(board, "neck").sentence == (
        "Neck CT with contrast is missing: only part of the neck is on series 3, 'Neck CE'. "
        "Choose it here if the scan has no more, or add the whole series."
    )
    assert unused(board) == {
        "3": "It covers neck and chest, and not all that Neck CT with contrast or Chest CT with contrast asks for. "
        "Choose it for its slot if the scan has no more."
    }
    assert slot(match(spec, [covering(3, "Knee", "pelvis"), THORAX]), "neck").sentence == (
        "Neck CT with contrast is missing: none of the series here shows the neck. "
        "Add the series to this visit, or transfer with a reason."
    )


def test_an_empty_visit_misses_everything_that_is_mandatory() -> None:
    board = match(SPEC, [])
    assert [state.blocks for state in board.slots] == [False, True, True]
    assert slot(board, "chest").sentence.startswith("Chest CT with contrast is missing. Add the series")


def test_a_series_fills_one_slot_only() -> None:
    twice = ImagingSpec("Trial", "1", (CHEST, SeriesSpec(slot="chest_again", body_part="chest")))
    board = match(twice, [THORAX])
    assert sorted(str(state.status) for state in board.slots) == ["missing", "ok"]
    missing = next(state for state in board.slots if state.series is None)
    assert "series 4, 'Thorax', already stands for" in missing.sentence


def test_a_mandatory_slot_is_served_before_an_optional_one() -> None:
    optional_first = ImagingSpec("Trial", "1", (SeriesSpec(slot="extra", body_part="chest", optional=True), CHEST))
    board = match(optional_first, [a_candidate(4, "Thorax", "chest", "non_contrast")])
    assert slot(board, "chest").series == "4"


def test_the_wrong_contrast_does_not_turn_an_optional_slot_into_a_problem() -> None:
    board = match(SPEC, [THORAX, PORTAL, a_candidate(2, "Neck", "neck", "non_contrast")])
    assert slot(board, "neck").status == "missing"
    assert unused(board) == {"2": "It looks like a neck CT without contrast, which does not fit Neck CT with contrast."}


def test_the_thinner_of_two_good_series_is_taken() -> None:
    thin = a_candidate(9, "Thorax thin", "chest", geometry={"slice_spacing_mm": 1.0})
    assert slot(match(SPEC, [THORAX, thin]), "chest").series == "9"


def test_the_longer_of_two_good_series_is_taken() -> None:
    part = a_candidate(3, "Thorax part", "chest", geometry={"coverage_mm": 150.0})
    assert slot(match(SPEC, [part, THORAX]), "chest").series == "4"


def test_the_abdomen_itself_is_taken_before_abdomen_and_pelvis() -> None:
    spec = ImagingSpec("Trial", "1", (SeriesSpec(slot="abdomen", body_part="abdomen"),))
    liver = a_candidate(8, "Liver", "abdomen", geometry={"coverage_mm": 150.0})
    assert slot(match(spec, [PORTAL, liver]), "abdomen").series == "8"
    alone = slot(match(spec, [PORTAL]), "abdomen")
    assert (alone.series, alone.status) == ("7", "ok")


def test_a_series_within_the_limits_is_taken_before_a_thicker_one() -> None:
    thick = a_candidate(2, "Thorax thick", "chest", header={"SliceThickness": 7.5})
    board = match(SPEC, [thick, THORAX])
    assert slot(board, "chest").series == "4"
    alone = slot(match(SPEC, [thick]), "chest")
    assert (alone.series, alone.status) == ("2", "problem")
    assert "this series has 7.5 mm. Send a thinner reconstruction" in alone.sentence


@pytest.mark.parametrize(
    ("body_part", "contrast", "said"),
    [
        (body_part_answer(None, chest=0.4), "enhanced", "Not sure that this is the chest"),
        ("chest", contrast_unsure(), "Not sure that this scan was made with contrast"),
    ],
)
def test_a_series_that_is_not_sure_may_stand_and_asks_for_a_look(body_part, contrast, said) -> None:  # type: ignore[no-untyped-def]
    state = slot(match(SPEC, [a_candidate(4, "Thorax", body_part, contrast)]), "chest")
    assert (state.series, state.status, state.blocks) == ("4", "problem", False)
    assert state.sentence.startswith(f"Chest CT with contrast: series 4, 'Thorax', may be right. {said}")


def test_a_sure_series_is_taken_before_one_that_is_not_sure() -> None:
    unsure = a_candidate(2, "?", body_part_answer(None, chest=0.4), geometry={"slice_spacing_mm": 1.0})
    assert slot(match(SPEC, [unsure, THORAX]), "chest").series == "4"


def test_what_is_no_ct_scan_never_fills_a_slot() -> None:
    spec = ImagingSpec("Trial", "1", (SeriesSpec(slot="chest", body_part="chest"),))
    mr = Candidate("2", a_digest(2, "T1", modality="MR"), None)
    broken = Candidate("5", a_digest(5, "Broken", geometry={"slices": 0}), None)
    limb = a_candidate(6, "Knee", body_part_answer(None, other=0.8))
    board = match(spec, [SCOUT, mr, broken, limb])
    assert slot(board, "chest").series is None
    assert unused(board) == {
        "1": "It is a localizer (scout picture); it is not needed.",
        "2": "It is an MR series, not CT; it is not needed.",
        "5": "Its files do not make a scan; it is not needed.",
        "6": "It looks like none of the body parts from head to pelvis. "
        "Look at it, and choose it for its slot if it is one of them.",
    }


def test_a_localizer_that_the_person_chose_is_kept_and_told() -> None:
    state = slot(match(SPEC, [SCOUT, THORAX], {"1": "chest"}), "chest")
    assert (state.series, state.suggestion) == ("1", "4")
    assert state.sentence == (
        "Chest CT with contrast: you chose a localizer (series 1, 'Scout'); series 4, 'Thorax', looks right."
    )


def test_a_series_that_the_person_left_out_is_not_used_but_suggested() -> None:
    board = match(SPEC, [THORAX], {"4": None})
    state = slot(board, "chest")
    assert (state.series, state.status, state.suggestion) == (None, "missing", "4")
    assert state.sentence == "Chest CT with contrast is missing; series 4, 'Thorax', looks right. Choose it."
    assert unused(board) == {"4": "You left it out."}


def test_a_series_that_no_browser_could_show_is_offered_and_not_called_needless() -> None:
    unseen = Candidate(
        "5",
        a_digest(5, "Thorax J2K", geometry={"slices": 0}, findings=(checked_after_transfer("is compressed"),)),
        None,
    )
    board = match(SPEC, [unseen, PORTAL])
    assert "Look at series 5, 'Thorax J2K', and choose it if it is the right one." in slot(board, "chest").sentence
    assert unused(board)["5"].startswith("It could not be looked at in this browser.")
    chosen = match(SPEC, [unseen, PORTAL], {"5": "chest"})
    assert slot(chosen, "chest").sentence.startswith(
        "Chest CT with contrast: you chose series 5, 'Thorax J2K'. The images of this series could not be looked at"
    )
    assert not slot(chosen, "chest").blocks


def test_a_choice_of_a_few_slices_is_named_by_them() -> None:
    bolus = a_candidate(5, "Premonitoring", "chest", geometry={"slices": 4})
    board = match(SPEC, [bolus, THORAX], {"5": "chest"})
    assert "you chose a series of only 4 slices (series 5, 'Premonitoring'); series 4, 'Thorax', looks right." in (
        slot(board, "chest").sentence
    )


def test_of_two_series_chosen_for_one_slot_the_better_stands() -> None:
    thick = a_candidate(2, "", "chest", header={"SliceThickness": 7.5})
    board = match(SPEC, [thick, THORAX], {"2": "chest", "4": "chest"})
    assert slot(board, "chest").series == "4"
    assert unused(board) == {"2": "You chose two series for Chest CT with contrast; series 4, 'Thorax', fits better."}


def test_swapped_choices_are_told_for_both_slots() -> None:
    board = match(SPEC, [THORAX, PORTAL], {"4": "abdomen_pelvis", "7": "chest"})
    assert [slot(board, name).suggestion for name in ("chest", "abdomen_pelvis")] == ["4", "7"]
    assert "you chose a series of the chest (series 4, 'Thorax'); series 7" in slot(board, "abdomen_pelvis").sentence


def test_choices_that_do_not_exist_are_refused() -> None:
    with pytest.raises(ValueError, match="none of the series at hand"):
        match(SPEC, [THORAX], {"99": "chest"})
    with pytest.raises(ValueError, match="'knee' is no slot"):
        match(SPEC, [THORAX], {"4": "knee"})
    with pytest.raises(ValueError, match="same key"):
        match(SPEC, [THORAX, THORAX])


def test_the_board_can_be_stored() -> None:
    stored = json.loads(json.dumps(match(SPEC, [SCOUT, NATIVE]).to_json()))
    assert stored["blocks"] is True
    assert [state["series"] for state in stored["slots"]] == [None, None, "3"]
    assert stored["slots"][2]["findings"][0]["code"] == "contrast"
    assert stored["unused"][0]["series"] == "1"


PARTS = st.sampled_from([*BODY_PARTS, None])
SERIES = st.lists(
    st.tuples(
        PARTS,
        st.sampled_from([*CONTRASTS, None]),
        st.sampled_from([1.0, 5.0, 7.5]),
        st.sampled_from(["AXIAL", "LOCALIZER"]),
    ),
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(series=SERIES, shuffle=st.randoms(use_true_random=False))
def test_the_board_does_not_depend_on_the_order_and_uses_each_series_once(series, shuffle) -> None:  # type: ignore[no-untyped-def]
    candidates = [
        a_candidate(
            number,
            f"series {number}",
            body_part_answer(part) if part else body_part_answer(None, chest=0.4),
            contrast or contrast_unsure(),
            header={"SliceThickness": thickness, "ImageType": ["ORIGINAL", "PRIMARY", kind]},
            geometry={"slice_spacing_mm": thickness},
        )
        for number, (part, contrast, thickness, kind) in enumerate(series, start=1)
    ]
    board = match(SPEC, candidates)
    shuffled = list(candidates)
    shuffle.shuffle(shuffled)
    assert match(SPEC, shuffled) == board
    placed = [state.series for state in board.slots if state.series]
    assert len(placed) == len(set(placed))
    assert sorted([*placed, *(series.series for series in board.unused)]) == sorted(one.key for one in candidates)
    localizers = {str(number) for number, one in enumerate(series, start=1) if one[3] == "LOCALIZER"}
    assert not localizers & set(placed)
    for state in board.slots:
        assert state.sentence.startswith(state.title)
        assert (state.status == "missing") == (state.series is None)
