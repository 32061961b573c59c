"""Classes beyond the published ones: named by the bundle and the protocol, understood by rules and slots."""

from pathlib import Path

import pytest

from apps.imaging.ensemble import ModuleAnswer
from apps.imaging.errors import BadSpec
from apps.imaging.rules import check_against, check_series_rules
from apps.imaging.slots import SlotStatus, match
from apps.imaging.spec import ImagingSpec, SeriesSpec, load_spec
from apps.imaging.vocabulary import BODY_PARTS, CONTRASTS, PUBLISHED_CLASSES, body_part_name, contrast_words
from tests.imaging.cases import a_candidate, a_digest, an_answer, codes, labels

PHASES = ("arterial", "portal_venous", "non_contrast")
PARTS = (*BODY_PARTS, "spine", "whole_body")


def phase(label: str | None, **scores: float) -> ModuleAnswer:
    return an_answer(PHASES, label, **scores)


def part(label: str) -> ModuleAnswer:
    return an_answer(PARTS, label)


@pytest.mark.parametrize(
    ("asked", "shown", "found"),
    [
        ("enhanced", phase("arterial"), []),
        ("enhanced", phase("portal_venous"), []),
        ("enhanced", phase("non_contrast"), ["contrast"]),
        ("non_contrast", phase("arterial"), ["contrast"]),
        ("arterial", phase("arterial"), []),
        ("arterial", phase("portal_venous"), ["contrast"]),
        ("either", phase("portal_venous"), []),
        ("arterial", an_answer(CONTRASTS, "enhanced"), ["contrast_unsure"]),
        ("arterial", an_answer(CONTRASTS, "non_contrast"), ["contrast"]),
        ("arterial", phase(None, arterial=0.5), ["contrast_unsure"]),
    ],
)
def test_enhanced_is_any_phase_with_contrast_and_a_phase_is_itself_alone(
    asked: str, shown: ModuleAnswer, found: list[str]
) -> None:
    required = SeriesSpec(slot="s", body_part="chest", contrast=asked)
    assert codes(check_against(a_digest(), labels("chest", shown), required)) == found


def test_the_wrong_phase_is_said_in_words() -> None:
    required = SeriesSpec(slot="s", body_part="chest", contrast="arterial")
    (finding,) = check_against(a_digest(), labels("chest", phase("portal_venous")), required)
    assert "asks here for a scan with contrast (arterial)" in finding.sentence
    assert "looks like a scan with contrast (portal venous)" in finding.sentence


def test_a_series_of_a_further_class_fills_its_slot() -> None:
    spec = ImagingSpec("Trial", "1", (SeriesSpec(slot="spine", body_part="spine"), SeriesSpec("chest", "chest")))
    board = match(spec, [a_candidate(1, "L-Spine", part("spine")), a_candidate(2, "Thorax", part("chest"))])
    assert [(slot.series, slot.status) for slot in board.slots] == [("1", SlotStatus.OK), ("2", SlotStatus.OK)]
    assert board.slots[0].title == "Spine CT"


def test_a_class_that_the_ensemble_does_not_know_is_left_to_a_person() -> None:
    required = SeriesSpec(slot="spine", body_part="spine")
    (finding,) = check_against(a_digest(), labels("abdomen"), required)
    assert finding.code == "body_part_unsure"
    assert "the ensemble does not know the spine" in finding.sentence
    board = match(ImagingSpec("Trial", "1", (required,)), [a_candidate(1, "L-Spine", "abdomen")])
    assert board.slots[0].status is SlotStatus.MISSING


@pytest.mark.parametrize(
    ("written", "shown", "contradicts"),
    [
        ("LSPINE", part("spine"), False),
        ("CHEST", part("spine"), True),
        ("WHOLEBODY", part("whole_body"), False),
        ("KNEE", an_answer(("knee", "chest"), "knee"), False),
        ("CHEST", an_answer(("knee", "chest"), "knee"), False),
        ("KNEE", part("chest"), True),
    ],
)
def test_a_header_contradicts_only_labels_that_its_terms_can_mean(
    written: str, shown: ModuleAnswer, contradicts: bool
) -> None:
    found = check_series_rules(a_digest(header={"BodyPartExamined": written}), labels(shown))
    assert codes(found) == (["body_part_header"] if contradicts else [])


@pytest.mark.parametrize("name", ["Spine", "whole body", "", "9th", "x" * 41])
def test_a_class_name_of_another_form_is_refused(name: str) -> None:
    with pytest.raises(BadSpec, match="expected a class such as chest or whole_body"):
        SeriesSpec(slot="s", body_part=name)


def test_a_protocol_file_may_ask_for_the_classes_of_the_bundle_and_no_others(tmp_path: Path) -> None:
    path = tmp_path / "protocol.toml"
    text = 'name = "T"\nversion = "1"\n[[series]]\nslot = "a"\nbody_part = "spine"\ncontrast = "arterial"\n'
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadSpec, match=r"series 1, body_part: expected one of brain, .*, found 'spine'"):
        load_spec(path)
    spec = load_spec(path, {"body_part": PARTS, "contrast": PHASES})
    assert spec.slot("a").title == "Spine CT with contrast (arterial)"
    with pytest.raises(BadSpec, match=r"contrast: expected one of enhanced, non_contrast, either, found 'arterial'"):
        load_spec(path, {**PUBLISHED_CLASSES, "body_part": PARTS})


def test_classes_read_as_words() -> None:
    assert body_part_name("whole_body") == "whole body"
    assert body_part_name("abdomen_pelvis") == "abdomen and pelvis"
    assert contrast_words("late_arterial") == "with contrast (late arterial)"
