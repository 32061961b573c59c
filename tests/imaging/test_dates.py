"""The day of a scan: to the day, in words that may be read by whoever reads them."""

from datetime import date, timedelta
from typing import Any

import pytest

from apps.imaging.findings import Finding
from apps.imaging.rules import check_identity
from apps.imaging.rules.dates import DEIDENTIFIED_BEFORE, REMOVED, VisitDays, check_dates, dated, header_day
from tests.imaging.cases import a_digest, codes

WEEK_8 = VisitDays(
    opens_on=date(2026, 10, 20),
    closes_on=date(2026, 11, 3),
    consented_on=date(2026, 9, 1),
    latest=date(2026, 11, 25),
)


def made_on(day: str, *, shifted_by: int = 0, **header: Any) -> tuple[Finding, ...]:
    digest = a_digest(header={"AcquisitionDate": day, "StudyDate": None, **header})
    return check_dates([dated(digest, shifted_by=shifted_by)], WEEK_8)


@pytest.mark.parametrize(
    ("day", "code"),
    [
        ("20260831", "date_before_consent"),
        ("20260901", "date_outside_window"),
        ("20261019", "date_outside_window"),
        ("20261020", None),
        ("20261103", None),
        ("20261104", "date_outside_window"),
        ("20261125", "date_outside_window"),
        ("20261126", "date_in_future"),
    ],
)
def test_each_boundary_lies_on_its_day(day: str, code: str | None) -> None:
    assert codes(made_on(day)) == ([code] if code else [])


@pytest.mark.parametrize(
    ("day", "sentence"),
    [
        ("20261019", "on 19 Oct 2026, 1 day before it opens: the window of this visit is 20 Oct 2026 to 3 Nov 2026"),
        ("20261105", "on 5 Nov 2026, 2 days after it closes: the window of this visit is 20 Oct 2026 to 3 Nov 2026"),
        ("20260830", "on 30 Aug 2026, 2 days before the subject agreed to take part"),
        ("20261127", "on 27 Nov 2026, 2 days in the future"),
    ],
)
def test_both_dates_and_the_days_between_are_said(day: str, sentence: str) -> None:
    (finding,) = made_on(day)
    assert sentence in finding.sentence
    assert "series 4, 'Thorax'" in finding.sentence


def test_a_future_day_and_one_before_consent_block_and_one_outside_the_window_warns() -> None:
    severities = [made_on(day)[0].severity for day in ("20261126", "20260831", "20261104")]
    assert severities == ["block", "block", "warn"]


@pytest.mark.parametrize(("true_day", "code"), [("2026-11-03", None), ("2026-11-04", "date_outside_window")])
def test_a_shifted_date_is_counted_back_to_the_day(true_day: str, code: str | None) -> None:
    shifted = (date.fromisoformat(true_day) + timedelta(days=-200)).strftime("%Y%m%d")
    assert codes(made_on(shifted, shifted_by=-200)) == ([code] if code else [])


@pytest.mark.parametrize("true_day", ["2026-08-31", "2026-10-19", "2026-11-04", "2026-11-30"])
def test_the_day_of_a_shifted_scan_is_counted_and_never_written(true_day: str) -> None:
    day = date.fromisoformat(true_day)
    shifted = day + timedelta(days=-200)
    (finding,) = made_on(shifted.strftime("%Y%m%d"), shifted_by=-200)
    told = repr(finding)
    assert f"{day:%-d %b %Y}" not in told
    assert f"{shifted:%-d %b %Y}" not in told
    assert " day" in finding.found


def test_the_date_nearest_to_the_scanner_counts() -> None:
    header = {"StudyDate": "20261001", "SeriesDate": "20261002", "AcquisitionDate": "20261003"}
    assert header_day(header) == date(2026, 10, 3)
    assert header_day({"StudyDate": "20261001", "AcquisitionDate": "nonsense"}) == date(2026, 10, 1)
    assert header_day({"StudyDate": "2026.10.01"}) == date(2026, 10, 1)
    assert header_day({"StudyDate": "20260230"}) is None


def test_a_scan_without_a_date_is_told_and_stops_nobody() -> None:
    (finding,) = made_on("")
    assert (finding.code, finding.severity) == ("date_unknown", "info")
    assert "the header gives no date" in finding.sentence


def test_where_the_trial_removes_dates_the_sentence_says_so() -> None:
    digest = a_digest(header={"StudyDate": None})
    (finding,) = check_dates([dated(digest, removed=True)], WEEK_8)
    assert REMOVED in finding.sentence


def test_the_date_of_a_scan_that_was_deidentified_elsewhere_is_not_believed() -> None:
    (finding,) = made_on("19990101", PatientIdentityRemoved="YES")
    assert finding.code == "date_unknown"
    assert DEIDENTIFIED_BEFORE in finding.sentence


def test_series_of_one_day_are_told_in_one_sentence() -> None:
    scans = [dated(a_digest(number, header={"StudyDate": "20261104"})) for number in (3, 4)]
    (finding,) = check_dates(scans, WEEK_8)
    assert finding.where == "series 3, 'Thorax' and series 4, 'Thorax'"


def test_examinations_of_two_shifted_days_are_told_by_the_days_between() -> None:
    one, other = (
        a_digest(number, study_uid=f"1.{number}", header={"StudyDate": day})
        for number, day in ((1, "20260401"), (2, "20260415"))
    )
    (finding,) = check_identity([one, other], shifted_dates=True)
    assert finding.code == "two_dates"
    assert "2 different days, 14 days apart" in finding.sentence
    assert "2026" not in repr(finding)
