"""Contrast is answered only of bodies: what the body part module does not know has none."""

from dataclasses import replace
from pathlib import Path

import pytest

from apps.imaging.__main__ import newest_bundle
from apps.imaging.bundle import load_bundle
from apps.imaging.coverage import CoverageAnswer, CoveredRegion
from apps.imaging.ensemble import Abstention, ModuleAnswer
from apps.imaging.pipeline import SeriesReport, check_paths, of_a_known_body, of_what_is_asked
from apps.imaging.rules import check_against, why_never_a_slot
from apps.imaging.spec import SeriesSpec
from apps.imaging.text_report import series_text
from apps.imaging.vocabulary import BODY_PARTS, CONTRASTS
from tests.imaging.cases import a_digest, an_answer, body_part_answer, codes, labels
from tests.imaging.tiny_bundle import CLASSES, write_tiny_bundle
from tests.phantoms import cube_and_rod, write_series

LIMITS = Abstention(min_score=0.5, min_planes_agreeing=2, tissue_hu=-300, min_tissue_share=0.02, max_distance=0.4)
ENHANCED = an_answer(CONTRASTS, "enhanced", enhanced=0.99)
LIMB = body_part_answer(None, other=0.8)
UNSURE = replace(body_part_answer(None, brain=0.49, chest=0.3), distance=0.2)
FAR_CHEST = replace(body_part_answer(None, chest=0.8), distance=0.41)


def covering(*names: str, reason: str = "") -> CoverageAnswer:
    regions = tuple(CoveredRegion(name, 0, 1, 0.9, False, False, 300, 0, 300, True) for name in names)
    return CoverageAnswer(regions, reason)


def silenced(body_part: ModuleAnswer, coverage: CoverageAnswer | None = None) -> bool:
    """Return whether a sure answer of the contrast module is silenced, with its scores kept and a sentence."""
    said = of_a_known_body(ENHANCED, body_part, coverage, LIMITS)
    assert said.scores == ENHANCED.scores
    assert said is ENHANCED or (
        said.label is None and said.abstained and "do not clearly show a body part" in said.reason
    )
    return said is not ENHANCED


@pytest.mark.parametrize(
    "body_part", [LIMB, FAR_CHEST, UNSURE], ids=["a silent class", "unlike the training pictures", "a low score"]
)
def test_what_the_body_part_module_does_not_know_has_no_contrast(body_part: ModuleAnswer) -> None:
    assert silenced(body_part)
    assert silenced(body_part, covering("head"))
    assert silenced(body_part, covering("head", "neck", reason="The two planes disagree."))


@pytest.mark.parametrize(
    "body_part",
    [
        replace(body_part_answer("chest"), distance=0.4),
        replace(body_part_answer(None, chest=0.6, abdomen=0.35), distance=0.2),
        body_part_answer(None, chest=0.6),
    ],
    ids=["a label", "a plane that disagrees", "kept without a distance"],
)
def test_a_body_without_a_body_part_keeps_its_contrast(body_part: ModuleAnswer) -> None:
    assert not silenced(body_part)


def test_what_covers_several_regions_is_a_body_whatever_the_label() -> None:
    assert not silenced(LIMB, covering("chest", "abdomen", "pelvis"))
    assert not silenced(FAR_CHEST, covering("abdomen", "pelvis"))
    assert not silenced(UNSURE, covering("neck", "chest"))


def test_a_contrast_that_was_silent_already_keeps_its_own_reason() -> None:
    unsure = an_answer(CONTRASTS, None, enhanced=0.55)
    assert of_a_known_body(unsure, LIMB, None, LIMITS) is unsure


def test_of_a_body_part_that_the_bundle_leaves_out_no_contrast_is_said(tmp_path: Path) -> None:
    write_series(tmp_path / "scan", cube_and_rod())
    for body_part, label in (("brain", None), ("chest", "enhanced")):
        folder = write_tiny_bundle(tmp_path / body_part, body_part=body_part, not_of={"contrast": ["brain"]})
        (report,) = check_paths([tmp_path / "scan"], load_bundle(folder))
        assert isinstance(report, SeriesReport) and report.classification is not None
        assert report.classification.body_part.label == body_part
        contrast = report.classification.contrast
        assert contrast.label == label and contrast.scores["enhanced"] > 0.8
        assert label or "of the brain this ensemble cannot tell it. Look at the series" in contrast.reason


def test_a_head_that_is_no_label_is_still_a_head() -> None:
    unsure = replace(body_part_answer(None, brain=0.6, chest=0.3), distance=0.2)
    assert of_what_is_asked(ENHANCED, unsure, ("brain",)).label is None
    assert of_what_is_asked(ENHANCED, unsure, ("neck",)) is ENHANCED
    silent = an_answer(CONTRASTS, None, enhanced=0.55)
    assert of_what_is_asked(silent, unsure, ("brain",)) is silent


@pytest.mark.parametrize("silent_class", ["limb", "spine"])
def test_a_check_says_neither_label_of_what_it_does_not_know(tmp_path: Path, silent_class: str) -> None:
    classes = {**CLASSES, "body_part": (*BODY_PARTS, "limb", "spine")}
    silent = {"body_part": (silent_class,), "contrast": ()}
    folder = write_tiny_bundle(tmp_path / "bundle", body_part=silent_class, classes=classes, silent=silent)
    write_series(tmp_path / "scan", cube_and_rod())
    (report,) = check_paths([tmp_path / "scan"], load_bundle(folder))
    assert isinstance(report, SeriesReport) and report.classification is not None
    assert report.to_json()["contrast"]["label"] is None
    assert report.classification.contrast.score == pytest.approx(0.9, abs=1e-4)
    assert "The contrast is not answered: the pictures do not clearly show" in report.reason
    assert "something else 0.90" in " ".join(series_text(report).split())


def test_a_class_is_out_of_scope_where_the_bundle_says_so_whatever_it_is_called() -> None:
    parts = (*BODY_PARTS, "limb", "spine")
    limb = replace(an_answer(parts, None, limb=0.9), silent=("limb",))
    assert "none of the body parts" in why_never_a_slot(a_digest(), labels(limb))
    assert why_never_a_slot(a_digest(), labels(replace(limb, silent=("spine",)))) == ""
    (finding,) = check_against(a_digest(), labels(limb), SeriesSpec(slot="s", body_part="chest", contrast="enhanced"))
    assert finding.code == "body_part_unsure" and "none of the body parts" in finding.sentence


def test_a_silenced_contrast_asks_for_a_look_and_says_what_it_would_have_been() -> None:
    silent = of_a_known_body(ENHANCED, FAR_CHEST, None, LIMITS)
    required = SeriesSpec(slot="s", body_part="chest", contrast="enhanced")
    findings = check_against(a_digest(), labels(FAR_CHEST, silent), required)
    assert codes(findings) == ["body_part_unsure", "contrast_unsure"]
    assert "a scan with contrast (score 0.99), but the ensemble leaves that open" in findings[1].sentence


def test_the_shipped_ensemble_names_no_contrast_of_a_test_object(real_ct: Path) -> None:
    newest = newest_bundle()
    assert newest is not None
    shipped = load_bundle(newest)
    (skull,) = check_paths([real_ct / "dicom" / "skull-phantom"], shipped)
    assert isinstance(skull, SeriesReport) and skull.classification is not None
    assert (skull.classification.body_part.label, skull.classification.contrast.label) == (None, None)
    (trunk,) = check_paths([real_ct / "dicom" / "headneck-petct"], shipped)
    assert isinstance(trunk, SeriesReport) and trunk.classification is not None
    assert (trunk.classification.body_part.label, trunk.classification.contrast.label) == (None, "non_contrast")
