"""The whole story: files in, one report per series out, each file in a series or in a refusal."""

import json
from pathlib import Path

import numpy as np
import pytest

from apps.imaging import pipeline
from apps.imaging.bundle import ModelBundle, load_bundle
from apps.imaging.headers import RefusedFile
from apps.imaging.pipeline import SeriesReport, UncheckedSeries, check_paths, check_series, find_series, match_reports
from apps.imaging.spec import ImagingSpec, SeriesSpec
from tests.imaging.tiny_bundle import write_tiny_bundle
from tests.phantoms import cube_and_rod, write_series

REPORT_FIELDS = [
    "series_uid",
    "description",
    "n_instances",
    "geometry",
    "body_part",
    "contrast",
    "coverage",
    "abstained",
    "reason",
    "findings",
    "bundle",
    "recipe",
    "device",
    "seconds",
]
ANSWER_FIELDS = ["label", "score", "scores", "planes", "abstained", "distance"]

CHEST = ImagingSpec(
    "Trial",
    "1",
    (SeriesSpec(slot="chest", body_part="chest", contrast="enhanced", max_slice_thickness_mm=1.5),),
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> ModelBundle:
    """An ensemble that says "chest, enhanced" of everything but air."""
    return load_bundle(write_tiny_bundle(tmp_path_factory.mktemp("bundle") / "1.0.0"))


def report_of(folder: Path, bundle: ModelBundle, spec: ImagingSpec | None = None) -> SeriesReport:
    """Return the report of the one series in a folder."""
    (outcome,) = check_paths([folder], bundle, spec)
    assert isinstance(outcome, SeriesReport)
    return outcome


def test_a_report_has_exactly_the_promised_fields(tmp_path: Path, bundle: ModelBundle) -> None:
    write_series(tmp_path, cube_and_rod())
    report = json.loads(json.dumps(report_of(tmp_path, bundle).to_json(), allow_nan=False))
    assert list(report) == REPORT_FIELDS
    assert list(report["body_part"]) == list(report["contrast"]) == ANSWER_FIELDS
    assert (report["body_part"]["label"], report["contrast"]["label"]) == ("chest", "enhanced")
    assert report["body_part"]["planes"].keys() == {"axial", "sagittal", "coronal"}
    assert (report["abstained"], report["reason"]) == (False, "")
    assert report["bundle"] == bundle.identity
    assert report["n_instances"] == 12
    assert report["geometry"]["slice_spacing_mm"] == 2.0
    assert report["seconds"] >= 0


def test_a_localizer_is_not_asked_what_it_shows(tmp_path: Path, bundle: ModelBundle) -> None:
    write_series(tmp_path, cube_and_rod(), common={"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]})
    report = report_of(tmp_path, bundle).to_json()
    nothing = {"label": None, "score": None, "scores": {}, "planes": {}, "abstained": True, "distance": None}
    assert report["body_part"] == nothing
    assert report["abstained"] is True
    assert "localizer" in str(report["reason"])


def test_a_series_of_air_is_abstained_on(tmp_path: Path, bundle: ModelBundle) -> None:
    write_series(tmp_path, np.full((12, 16, 20), -1000, np.int16))
    report = report_of(tmp_path, bundle)
    assert report.abstained
    assert report.to_json()["body_part"]["label"] is None
    assert report.reason


def test_a_specification_adds_what_keeps_the_series_from_its_slot(tmp_path: Path, bundle: ModelBundle) -> None:
    write_series(tmp_path, cube_and_rod())
    assert "slice_thickness" not in {finding.code for finding in report_of(tmp_path, bundle).findings}
    assert "slice_thickness" in {finding.code for finding in report_of(tmp_path, bundle, CHEST).findings}


def test_each_file_ends_in_a_series_or_in_a_refusal(tmp_path: Path, bundle: ModelBundle) -> None:
    write_series(tmp_path / "a", cube_and_rod(), series=1)
    write_series(tmp_path / "b", cube_and_rod(), series=2)
    (tmp_path / "notes.dcm").write_text("not DICOM")
    calls: list[tuple[int, int]] = []
    outcomes = list(check_paths([tmp_path], bundle, progress=lambda number, total: calls.append((number, total))))
    assert [type(outcome) for outcome in outcomes] == [RefusedFile, SeriesReport, SeriesReport]
    assert calls == [(1, 2), (2, 2)]
    assert all(not outcome.digest.pictures for outcome in outcomes if isinstance(outcome, SeriesReport))


def test_the_worker_gets_the_same_report_as_the_command(tmp_path: Path, bundle: ModelBundle) -> None:
    write_series(tmp_path / "scan", cube_and_rod())
    (series,) = find_series([tmp_path / "scan"], tmp_path).series
    one, other = check_series(series, bundle).to_json(), report_of(tmp_path / "scan", bundle).to_json()
    assert {**one, "seconds": 0} == {**other, "seconds": 0}


def test_the_board_of_all_reports_names_series_by_their_place(tmp_path: Path, bundle: ModelBundle) -> None:
    write_series(tmp_path / "a", cube_and_rod(), series=1)
    write_series(tmp_path / "b", cube_and_rod(), series=2, spacing_mm=(1.0, 0.8, 0.7))
    reports = [outcome for outcome in check_paths([tmp_path], bundle) if isinstance(outcome, SeriesReport)]
    board = match_reports(CHEST, reports)
    assert [slot.series for slot in board.slots] == ["1"]
    assert [series.series for series in board.unused] == ["0"]


def test_an_error_of_our_own_in_one_series_leaves_the_others_alone(
    tmp_path: Path, bundle: ModelBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_series(tmp_path / "a", cube_and_rod(), series=1)
    write_series(tmp_path / "b", cube_and_rod(), series=2)
    build_digest = pipeline.build_digest

    def breaks_on_the_first(series):  # type: ignore[no-untyped-def]
        if series.number == 1:
            raise RuntimeError("the disk is full")
        return build_digest(series)

    monkeypatch.setattr(pipeline, "build_digest", breaks_on_the_first)
    broken, checked = check_paths([tmp_path], bundle)
    assert isinstance(broken, UncheckedSeries)
    assert "RuntimeError: the disk is full" in broken.sentence
    assert isinstance(checked, SeriesReport)
