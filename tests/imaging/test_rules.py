"""The rules: what is found, how severe it is, and what the coordinator reads."""

import ast
import string
from pathlib import Path
from typing import Any

import pytest

from apps.imaging.findings import Finding, Severity
from apps.imaging.rules import RULES, KnownInstances, check_against, check_identity, check_series_rules
from apps.imaging.rules.header import BODY_PART_TERMS, header_body_parts, header_contrast
from apps.imaging.spec import SeriesSpec
from apps.imaging.vocabulary import BODY_PARTS
from tests.imaging.cases import a_digest, body_part_answer, codes, contrast_unsure, instances, labels

IMAGING = Path(__file__).parents[2] / "apps" / "imaging"
CHECKS_PAGE = Path(__file__).parents[2] / "docs" / "checks.md"

CHEST = SeriesSpec(
    slot="chest",
    body_part="chest",
    contrast="enhanced",
    max_slice_thickness_mm=5,
    max_spacing_mm=5,
    min_coverage_mm=220,
    kvp_range=(80, 140),
    kernels=("B30f", "STANDARD"),
    field_of_view_range_mm=(300, 500),
)
ABDOMEN = SeriesSpec(slot="abdomen", body_part="abdomen")
ABDOMEN_PELVIS = SeriesSpec(slot="abdomen_pelvis", body_part="abdomen_pelvis")


def only(findings: tuple[Finding, ...]) -> Finding:
    """Return the one finding that is there."""
    (finding,) = findings
    return finding


def test_a_sound_chest_ct_has_no_findings() -> None:
    assert check_series_rules(a_digest(), labels()) == ()
    assert check_against(a_digest(), labels(), CHEST) == ()


@pytest.mark.parametrize(
    ("changes", "code", "severity"),
    [
        ({"modality": "MR"}, "not_ct", "block"),
        ({"header": {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}}, "localizer", "block"),
        ({"header": {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}}, "secondary_capture", "block"),
        ({"header": {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7.2"}}, "secondary_capture", "block"),
        ({"header": {"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}}, "secondary_capture", "block"),
        ({"header": {"ImageType": ["DERIVED", "PRIMARY", "AXIAL", "MPR"]}}, "reformatted", "block"),
        ({"header": {"ImageType": ["ORIGINAL", "PRIMARY", "MIP"]}}, "reformatted", "block"),
        ({"header": {"ImageType": ["DERIVED", "PRIMARY", "AXIAL", "CT_SOM5 SPI"]}}, "derived", "warn"),
        ({"header": {"BurnedInAnnotation": "YES"}}, "burned_in_annotation", "block"),
        ({"geometry": {"slices": 9}}, "few_slices", "block"),
    ],
)
def test_a_series_that_is_no_plain_scan_is_told(changes: dict[str, Any], code: str, severity: str) -> None:
    finding = only(check_series_rules(a_digest(**changes)))
    assert (finding.code, finding.severity) == (code, severity)


@pytest.mark.parametrize(
    "changes",
    [
        {"header": {"ImageType": ["ORIGINAL", "SECONDARY", "AXIAL"]}},
        {"header": {"ImageType": None}},
        {"header": {"BurnedInAnnotation": "NO"}},
        {"geometry": {"slices": 10}},
        {"geometry": {"slices": 0}},
    ],
)
def test_what_hospitals_commonly_write_is_no_finding(changes: dict[str, Any]) -> None:
    assert check_series_rules(a_digest(**changes)) == ()


def test_a_protocol_can_allow_derived_images() -> None:
    derived = a_digest(header={"ImageType": ["DERIVED", "PRIMARY", "MPR"]})
    assert check_series_rules(derived, allow_derived=True) == ()


def test_a_series_that_is_not_ct_is_told_that_alone() -> None:
    secondary = a_digest(modality="OT", header={"ImageType": ["DERIVED"], "BurnedInAnnotation": "YES"})
    assert codes(check_series_rules(secondary)) == ["not_ct"]


# Body part


@pytest.mark.parametrize(
    ("required", "shown", "found"),
    [
        (CHEST, "chest", []),
        (CHEST, "neck", ["body_part"]),
        (ABDOMEN, "abdomen", []),
        (ABDOMEN, "abdomen_pelvis", ["body_part_wider"]),
        (ABDOMEN, "chest", ["body_part"]),
        (ABDOMEN_PELVIS, "abdomen_pelvis", []),
        (ABDOMEN_PELVIS, "abdomen", ["body_part"]),
    ],
)
def test_the_body_part_of_the_pictures_is_held_against_the_slot(
    required: SeriesSpec, shown: str, found: list[str]
) -> None:
    assert codes(check_against(a_digest(), labels(shown), required)) == found


def test_the_sentence_on_a_wrong_body_part_names_both_and_the_next_step() -> None:
    finding = only(check_against(a_digest(), labels("neck"), CHEST))
    assert finding.sentence == (
        "The protocol asks here for the chest; the pictures look like the neck. "
        "Choose the series that shows the chest, or transfer with a reason."
    )
    assert finding.severity is Severity.BLOCK


def test_an_abdomen_at_the_border_to_the_pelvis_warns_instead_of_blocking() -> None:
    answer = body_part_answer("abdomen", abdomen=0.6, abdomen_pelvis=0.35)
    finding = only(check_against(a_digest(), labels(answer), ABDOMEN_PELVIS))
    assert (finding.code, finding.severity) == ("body_part_border", Severity.WARN)
    assert "the abdomen (score 0.60) or the abdomen and pelvis (score 0.35)" in finding.sentence


def test_an_abstention_asks_for_a_look_and_does_not_block() -> None:
    answer = body_part_answer(None, chest=0.45, abdomen=0.4)
    finding = only(check_against(a_digest(), labels(answer), CHEST))
    assert (finding.code, finding.severity) == ("body_part_unsure", Severity.WARN)
    assert finding.sentence.startswith("Not sure that this is the chest: it looks most like the chest (score 0.45)")
    assert "Look at the thumbnails" in finding.sentence


def test_a_limb_is_called_none_of_the_body_parts() -> None:
    finding = only(check_against(a_digest(), labels(body_part_answer(None, other=0.8)), CHEST))
    assert "none of the body parts from head to pelvis" in finding.sentence


def test_without_pictures_the_labels_are_not_known() -> None:
    assert codes(check_against(a_digest(), None, CHEST)) == ["no_labels"]


# Contrast


@pytest.mark.parametrize(
    ("wanted", "shown", "found"),
    [
        ("enhanced", "enhanced", []),
        ("enhanced", "non_contrast", ["contrast"]),
        ("non_contrast", "enhanced", ["contrast"]),
        ("either", "non_contrast", []),
    ],
)
def test_the_contrast_of_the_pictures_is_held_against_the_slot(wanted: str, shown: str, found: list[str]) -> None:
    required = SeriesSpec(slot="chest", body_part="chest", contrast=wanted)
    assert codes(check_against(a_digest(), labels("chest", shown), required)) == found


def test_a_contrast_that_is_not_sure_matters_only_where_it_is_asked_for() -> None:
    unsure = labels("chest", contrast_unsure())
    assert codes(check_against(a_digest(), unsure, CHEST)) == ["contrast_unsure"]
    assert check_against(a_digest(), unsure, SeriesSpec(slot="chest", body_part="chest")) == ()


# The header is evidence, never truth


def test_a_header_that_contradicts_the_pictures_is_told_and_decides_nothing() -> None:
    digest = a_digest(header={"BodyPartExamined": "BREAST"})
    finding = only(check_series_rules(digest, labels("neck")))
    assert (finding.code, finding.severity) == ("body_part_header", Severity.INFO)
    assert '"BREAST"' in finding.sentence
    assert check_against(digest, labels("neck"), SeriesSpec(slot="neck", body_part="neck")) == ()


def test_a_header_that_agrees_with_the_slot_does_not_outvote_the_pictures() -> None:
    digest = a_digest(header={"BodyPartExamined": "CHEST"})
    assert codes(check_against(digest, labels("abdomen"), CHEST)) == ["body_part", "body_part_header_agrees"]


def test_a_contrast_agent_in_the_header_does_not_outvote_the_pictures() -> None:
    digest = a_digest(header={"ContrastBolusAgent": "OMNI", "ContrastBolusRoute": "IV"})
    assert codes(check_series_rules(digest, labels("chest", "non_contrast"))) == ["contrast_header"]
    assert codes(check_against(digest, labels("chest", "non_contrast"), CHEST)) == [
        "contrast",
        "contrast_header_agrees",
    ]


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({}, None),
        ({"ContrastBolusAgent": ""}, None),
        ({"ContrastBolusAgent": "OMNIPAQUE 350"}, "OMNIPAQUE 350"),
        ({"ContrastBolusAgent": "None"}, None),
        ({"ContrastBolusAgent": "ORAL"}, None),
        ({"ContrastBolusAgent": "GASTRO", "ContrastBolusRoute": "ORAL"}, None),
        ({"ContrastBolusAgent": "", "ContrastBolusRoute": "Oral & IV"}, "Oral & IV"),
        ({"ContrastBolusRoute": "I.V."}, "I.V."),
        ({"ContrastBolusVolume": 100.0}, "100 ml"),
        ({"ContrastBolusVolume": 0.0}, None),
    ],
)
def test_the_header_speaks_for_an_injection_only_where_it_says_so(header: dict[str, Any], words: str | None) -> None:
    assert header_contrast(a_digest(header=header)) == words


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("CHEST", {"chest"}),
        ("Abdomen/Pelvis", {"abdomen", "abdomen_pelvis"}),
        ("C-SPINE", {"neck", "spine"}),
        ("HEAD_NECK", {"brain", "neck"}),
        ("KNEE", {"extremity"}),
        ("XYZ", None),
        ("", None),
    ],
)
def test_body_part_examined_is_mapped_as_far_as_it_can_be(written: str, parts: set[str] | None) -> None:
    said = header_body_parts(a_digest(header={"BodyPartExamined": written}))
    assert (None if said is None else set(said[1])) == parts


def test_terms_are_mapped_to_known_body_parts() -> None:
    known = {*BODY_PARTS, "spine", "extremity", "whole_body"}
    assert all(parts and parts <= known for parts in BODY_PART_TERMS.values())
    assert all(term.isalpha() and term.isupper() for term in BODY_PART_TERMS)


# Limits of the protocol


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"header": {"SliceThickness": 5.04}}, []),
        ({"header": {"SliceThickness": 5.06}}, ["slice_thickness"]),
        ({"header": {"SliceThickness": None}}, ["slice_thickness_unknown"]),
        ({"header": {"SliceThickness": "not a number"}}, ["slice_thickness_unknown"]),
        ({"geometry": {"slice_spacing_mm": 5.1}}, []),
        ({"geometry": {"slice_spacing_mm": 7.5}}, ["spacing", "contiguity"]),
        ({"geometry": {"slice_spacing_mm": 4.0, "largest_spacing_mm": 7.0}}, ["spacing"]),
        ({"geometry": {"slice_spacing_mm": 5.0, "largest_spacing_mm": 10.0, "gaps": 1}}, []),
        ({"geometry": {"slice_spacing_mm": 5.0, "largest_spacing_mm": 5.05}}, []),
        ({"geometry": {"slice_spacing_mm": None}}, ["spacing_unknown"]),
        ({"header": {"SliceThickness": 2.0}}, ["contiguity"]),
        ({"geometry": {"slice_spacing_mm": 2.5}}, []),
        ({"geometry": {"coverage_mm": 216.0}}, []),
        ({"geometry": {"coverage_mm": 214.0}}, ["coverage"]),
        ({"header": {"KVP": 119.7}}, []),
        ({"header": {"KVP": 70}}, ["tube_voltage"]),
        ({"header": {"KVP": None}}, []),
        ({"header": {"ConvolutionKernel": "standard"}}, []),
        ({"header": {"ConvolutionKernel": "B70f"}}, ["kernel"]),
        ({"header": {"ConvolutionKernel": ["Br40f", "B30f"]}}, []),
        ({"header": {"ReconstructionDiameter": 501.0}}, []),
        ({"header": {"ReconstructionDiameter": 700.0}}, ["field_of_view"]),
    ],
)
def test_limits_are_kept_within_their_tolerance(changes: dict[str, Any], found: list[str]) -> None:
    assert codes(check_against(a_digest(**changes), labels(), CHEST)) == found


def test_a_slot_without_limits_asks_for_none() -> None:
    thick = a_digest(
        header={"SliceThickness": None, "KVP": 60}, geometry={"coverage_mm": 20.0, "slice_spacing_mm": 10.0}
    )
    assert check_against(thick, labels("abdomen"), ABDOMEN) == ()


def test_the_sentence_on_thick_slices_is_the_coordinators() -> None:
    finding = check_against(a_digest(header={"SliceThickness": 7.5}), labels(), CHEST)[0]
    assert finding.sentence == (
        "The protocol asks for slices of at most 5 mm; this series has 7.5 mm. "
        "Send a thinner reconstruction, or transfer with a reason."
    )
    assert (finding.expected, finding.found, finding.where) == (
        "at most 5 mm",
        "7.5 mm",
        "SliceThickness (0018,0050)",
    )


# The submission as a whole


def test_one_patient_and_one_study_is_as_it_should_be() -> None:
    assert check_identity([a_digest(2), a_digest(3)], KnownInstances(patient_keys=frozenset({"patient-a"}))) == ()
    assert check_identity([]) == ()


def test_two_patients_in_one_drop_block_and_are_told_apart_by_their_series() -> None:
    finding = only(check_identity([a_digest(2, "Neck"), a_digest(5, "", patient_key="patient-b", study_uid="9")]))
    assert (finding.code, finding.severity) == ("two_patients", Severity.BLOCK)
    assert finding.where == "patient 1: series 2, 'Neck'; patient 2: series 5"
    assert "patient-a" not in finding.sentence


def test_series_of_one_name_are_told_apart_by_their_size() -> None:
    alike = [a_digest(2, "", n_instances=28), a_digest(2, "", n_instances=64, patient_key="patient-b")]
    where = only(check_identity(alike)).where
    assert where == "patient 1: series 2 of 28 images; patient 2: series 2 of 64 images"


def test_of_many_series_the_first_few_are_named() -> None:
    digests = [*(a_digest(number, "") for number in range(1, 8)), a_digest(9, "", patient_key="patient-b")]
    assert only(check_identity(digests)).where == (
        "patient 1: series 1 and series 2 and series 3 and series 4 and 3 more; patient 2: series 9"
    )


def test_another_patient_than_at_earlier_visits_blocks() -> None:
    known = KnownInstances(patient_keys=frozenset({"patient-z"}))
    assert codes(check_identity([a_digest()], known)) == ["other_patient"]


def test_two_studies_of_one_day_warn_and_of_two_days_block() -> None:
    same_day = [a_digest(2), a_digest(3, study_uid="1.9")]
    assert only(check_identity(same_day)).severity is Severity.WARN
    two_days = [a_digest(2), a_digest(3, study_uid="1.9", header={"StudyDate": "20270118"})]
    finding = only(check_identity(two_days))
    assert (finding.code, finding.severity) == ("two_dates", Severity.BLOCK)
    assert "23 Nov 2026 and 18 Jan 2027" in finding.sentence


def test_an_instance_of_another_subject_blocks() -> None:
    digest = a_digest(instances=instances("a", "b"), n_instances=2)
    finding = only(check_identity([digest], KnownInstances(other_subjects={"b": "subject 014"})))
    assert (finding.code, finding.severity) == ("other_subject", Severity.BLOCK)
    assert finding.sentence.startswith("1 of 2 images of series 4, 'Thorax', were already sent for subject 014.")


def test_the_same_pixels_under_new_names_are_the_same_scan() -> None:
    digest = a_digest(instances=instances(*"abcd"), n_instances=4)
    shared = {f"pixels-{name}": "subject 014" for name in "abc"}
    assert codes(check_identity([digest], KnownInstances(other_subjects=shared))) == ["other_subject"]


def test_one_shared_slice_of_padding_is_no_shared_scan() -> None:
    digest = a_digest(instances=instances(*"abcd"), n_instances=4)
    shared = {"pixels-a": "subject 014"}
    assert check_identity([digest], KnownInstances(other_subjects=shared)) == ()


def test_a_scan_sent_again_for_another_visit_blocks() -> None:
    digest = a_digest(instances=instances("a"), n_instances=1)
    finding = only(check_identity([digest], KnownInstances(other_visits={"a": "Week 8"})))
    assert (finding.code, finding.where) == ("other_visit", "Week 8")


def test_identity_does_not_depend_on_the_order_of_series() -> None:
    digests = [a_digest(2), a_digest(3, patient_key="patient-b"), a_digest(4, study_uid="1.9")]
    assert check_identity(digests) == check_identity(digests[::-1])


# The page that tells the rules


def test_each_code_is_used_once() -> None:
    rules = [rule for group in RULES.values() for rule in group]
    assert len({rule.code for rule in rules}) == len(rules) > 30


def test_each_sentence_says_what_to_do_next() -> None:
    steps = "choose send transfer look remove check leave ask export keep nothing need tell mend correct find".split()
    for group in RULES.values():
        for rule in group:
            words = {word.strip(string.punctuation).lower() for word in rule.sentence.split()}
            assert words & set(steps), rule.code
            assert rule.sentence.endswith(".")


@pytest.mark.parametrize("group", list(RULES))
def test_the_page_of_checks_says_what_the_code_does(group: str) -> None:
    page = CHECKS_PAGE.read_text(encoding="utf-8")
    for rule in RULES[group]:
        expected = (
            f"### `{rule.code}` · {rule.severity}\n\n"
            f"{rule.sentence}\n\n"
            f"| looks at | expected | tolerance |\n|---|---|---|\n"
            f"| {rule.looks_at} | {rule.expected} | {rule.tolerance} |\n"
        )
        assert expected in page, f"docs/checks.md does not say this of {rule.code}:\n{expected}"


def test_the_page_of_checks_tells_no_rule_that_is_gone() -> None:
    page = CHECKS_PAGE.read_text(encoding="utf-8").split("## Reading and geometry")[0]
    told = [line.split("`")[1] for line in page.splitlines() if line.startswith("### `")]
    assert told == [rule.code for group in RULES.values() for rule in group]


def test_the_page_of_checks_names_what_reading_finds() -> None:
    sources = [path for part in ("geometry", "digest") for path in (IMAGING / part).glob("*.py")]
    found = {
        str(call.args[0].value)
        for source in sources
        for call in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Finding" and call.args
        if isinstance(call.args[0], ast.Constant)
    }
    section = CHECKS_PAGE.read_text(encoding="utf-8").split("## Reading and geometry")[1]
    told = {line.split("`")[1] for line in section.splitlines() if line.startswith("| `")}
    assert len(found) > 10
    assert told == found
