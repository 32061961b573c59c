"""How the scans of earlier visits were made stands beside the case; what became of them does not."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.imageqc.models import SlotMatch
from apps.intake.models import Series, Submission
from apps.protocols.models import RequiredSeries
from apps.reviews.models import LabelCorrection, ReviewCase
from apps.reviews.selectors.evidence import case_evidence
from apps.reviews.selectors.evidence.earlier import SlotOverTime
from apps.trials.models import Visit, VisitType
from tests.cast import Cast
from tests.factories import claimed_case, waiting_case


def visit_before(cast: Cast, name: str, weeks: int) -> Visit:
    """Return a visit of the subject that many weeks before the one of the cast, asking for the same series."""
    earlier = VisitType.objects.create(trial=cast.trial, name=name, target_day=56 - 7 * weeks)
    for required in RequiredSeries.objects.filter(visit_type=cast.week_8):
        required.pk, required.visit_type = None, earlier
        required.save()
    on = cast.visit.target_on - timedelta(weeks=weeks)
    return Visit.objects.create(subject=cast.subject, visit_type=earlier, target_on=on, opens_on=on, closes_on=on)


def scanned(case: ReviewCase, slot: str = "chest", **header: Any) -> Series:
    """Let the headers of the series in the slot say this."""
    series = SlotMatch.objects.get(submission=case.submission, required__slot=slot).series
    assert series is not None and series.digest is not None
    series.digest["header"] |= header
    series.save()
    return series


def decided(visit: Visit, cast: Cast, status: str = Submission.Status.ACCEPTED, **header: Any) -> ReviewCase:
    """Return the case of a visit that was decided."""
    case = waiting_case(visit, by=cast.carla)
    if header:
        scanned(case, **header)
    ReviewCase.objects.filter(pk=case.pk).update(status=ReviewCase.Status.DECIDED)
    Submission.objects.filter(pk=case.submission_id).update(status=status)
    return case


@pytest.fixture
def desk(client: Client, cast: Cast) -> ReviewCase:
    """A case that Anna holds, and Anna signed in."""
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    client.force_login(cast.anna)
    return case


def chest_over_time(case: ReviewCase) -> SlotOverTime:
    case.refresh_from_db()
    return next(slot for slot in case_evidence(case).earlier if slot.title.startswith("Chest"))


def cells_of(slot: SlotOverTime) -> dict[str, tuple[str, ...]]:
    return {fact.name: tuple(cell.replace("\xa0", " ") for cell in fact.cells) for fact in slot.facts}


def aside_of(client: Client, case: ReviewCase) -> str:
    page = unescape(client.get(reverse("reviews:case", args=[case.pk])).text).replace("\xa0", " ")
    return page.split("<h2>Earlier visits</h2>")[1].split("</section>")[0]


def test_a_scan_made_as_at_baseline_says_so(client: Client, cast: Cast, desk: ReviewCase) -> None:
    decided(visit_before(cast, "Screening", 8), cast)
    slot = chest_over_time(desk)
    assert slot.baseline == "Screening" and not slot.differing
    assert cells_of(slot) == {
        "Slice thickness": ("2.5 mm", "2.5 mm"),
        "Scanner": ("CoreQC Phantom", "CoreQC Phantom"),
        "Contrast": ("Contrast-enhanced", "Contrast-enhanced"),
    }
    aside = aside_of(client, desk)
    assert aside.count("Made as at Screening") == 2


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ({"SliceThickness": 5.0}, "slice thickness"),
        ({"SliceThickness": 2.55}, ""),
        ({"ConvolutionKernel": "B70f"}, "kernel"),
        ({"ConvolutionKernel": "b30F"}, ""),
        ({"ConvolutionKernel": ["B30f", "3"]}, "kernel"),
        ({"ManufacturerModelName": "Two"}, "scanner"),
        ({"SliceThickness": None, "ConvolutionKernel": "", "Manufacturer": "", "ManufacturerModelName": ""}, ""),
        ({"ContrastBolusAgent": "Another name of it"}, ""),
        ({"SliceThickness": 5.0, "ConvolutionKernel": "B70f"}, "slice thickness, kernel"),
    ],
)
def test_what_differs_from_baseline_is_named(
    client: Client, cast: Cast, desk: ReviewCase, header: dict[str, Any], named: str
) -> None:
    same = {"ConvolutionKernel": "B30f", "ManufacturerModelName": "One", "ContrastBolusAgent": "Iohexol"}
    decided(visit_before(cast, "Screening", 8), cast, **same)
    scanned(desk, **(same | header))
    slot = chest_over_time(desk)
    assert ", ".join(fact.name.lower() for fact in slot.differing) == named
    aside = aside_of(client, desk)
    assert aside.count("not as at Screening:") == aside.count("#warn") == len(slot.differing)
    assert aside.count("Made as at Screening") == 2 - bool(named)
    if "SliceThickness" in header and named:
        assert "Slice thickness not as at Screening:</b> 5 mm, was 2.5 mm" in aside


def test_an_analysts_label_goes_before_the_ensembles(cast: Cast, desk: ReviewCase) -> None:
    earlier = decided(visit_before(cast, "Screening", 8), cast)
    series = earlier.submission.series.get(number=1)
    LabelCorrection.objects.create(
        case=earlier, series=series, module="contrast", ensemble_label="", label="non_contrast", corrected_by=cast.abel
    )
    slot = chest_over_time(desk)
    assert cells_of(slot)["Contrast"] == ("Non-contrast", "Contrast-enhanced")
    assert [fact.name for fact in slot.differing] == ["Contrast"]


def test_baseline_last_and_now_are_shown_in_the_order_of_the_visits(cast: Cast, desk: ReviewCase) -> None:
    for name, weeks, thickness in (("Week 4", 4, 3.0), ("Screening", 8, 2.5), ("Week 2", 6, 1.0)):
        decided(visit_before(cast, name, weeks), cast, SliceThickness=thickness)
    slot = chest_over_time(desk)
    assert slot.visits == ("Screening", "Week 4", "This visit") and slot.left_out == 1
    assert cells_of(slot)["Slice thickness"] == ("2.5 mm", "3 mm", "2.5 mm") and not slot.differing


@pytest.mark.parametrize("status", [Submission.Status.TRANSFERRED, Submission.Status.IN_REVIEW])
def test_what_is_not_decided_is_no_baseline(client: Client, cast: Cast, desk: ReviewCase, status: str) -> None:
    decided(visit_before(cast, "Screening", 8), cast, status)
    assert case_evidence(desk).earlier == ()
    assert "there is nothing to compare with" in aside_of(client, desk)


def test_later_visits_and_other_subjects_are_no_baseline(cast: Cast, desk: ReviewCase) -> None:
    decided(visit_before(cast, "Week 12", -4), cast)
    case = waiting_case(cast.chens_visit, by=cast.chen)
    Submission.objects.filter(pk=case.submission_id).update(status="accepted")
    on = cast.visit.target_on - timedelta(weeks=2)
    Visit.objects.filter(pk=cast.chens_visit.pk).update(target_on=on, opens_on=on)
    assert case_evidence(desk).earlier == ()


def test_of_a_visit_sent_twice_the_accepted_submission_counts(cast: Cast, desk: ReviewCase) -> None:
    visit = visit_before(cast, "Screening", 8)
    decided(visit, cast, Submission.Status.RETURNED, SliceThickness=5.0)
    assert cells_of(chest_over_time(desk))["Slice thickness"] == ("5 mm", "2.5 mm")
    decided(visit, cast, Submission.Status.ACCEPTED, SliceThickness=3.0)
    slot = chest_over_time(desk)
    assert cells_of(slot)["Slice thickness"] == ("3 mm", "2.5 mm") and slot.left_out == 0


def test_nothing_of_outcome_or_people_is_told(client: Client, cast: Cast, desk: ReviewCase) -> None:
    earlier = decided(visit_before(cast, "Screening", 8), cast, Submission.Status.REJECTED)
    Submission.objects.filter(pk=earlier.submission_id).update(transfer_reason="Progression is likely.")
    aside = aside_of(client, desk)
    for told in ("Rejected", "reject", "Carla", "Progression", "AI labels"):
        assert told not in aside, told


def test_a_hidden_case_learns_no_label_from_earlier_visits(client: Client, cast: Cast, desk: ReviewCase) -> None:
    decided(visit_before(cast, "Screening", 8), cast, ContrastBolusAgent="Iohexol")
    ReviewCase.objects.filter(pk=desk.pk).update(arm=ReviewCase.Arm.HIDDEN)
    slot = chest_over_time(desk)
    assert "Contrast" not in cells_of(slot) and cells_of(slot)["Contrast agent"] == ("Iohexol", "")
    aside = aside_of(client, desk)
    assert "Contrast-enhanced" not in aside and "2.5 mm" in aside


def test_what_another_reader_still_reviews_tells_no_label(cast: Cast, desk: ReviewCase) -> None:
    earlier = decided(visit_before(cast, "Screening", 8), cast)
    ReviewCase.objects.create(
        submission=earlier.submission,
        round=2,
        kind=ReviewCase.Kind.SECOND,
        arm=ReviewCase.Arm.HIDDEN,
        trial=earlier.trial,
        site=earlier.site,
        due_at=earlier.due_at,
    )
    assert cells_of(chest_over_time(desk))["Contrast"] == ("", "Contrast-enhanced")


def test_a_slot_that_is_empty_now_is_left_out(cast: Cast, desk: ReviewCase) -> None:
    decided(visit_before(cast, "Screening", 8), cast)
    SlotMatch.objects.filter(submission=desk.submission, required__slot="chest").update(series=None, state="missing")
    assert [slot.title for slot in case_evidence(desk).earlier] == ["Abdomen-pelvis CT with contrast"]


def test_the_number_of_queries_does_not_grow_with_the_visits(client: Client, cast: Cast, desk: ReviewCase) -> None:
    address = reverse("reviews:case", args=[desk.pk])
    decided(visit_before(cast, "Screening", 8), cast)
    client.get(address)
    with CaptureQueriesContext(connection) as one:
        client.get(address)
    for weeks in (2, 4, 6):
        decided(visit_before(cast, f"{weeks} weeks before", weeks), cast, SliceThickness=4.0)
    with CaptureQueriesContext(connection) as four:
        assert re.search(r"2 visits between are not shown", client.get(address).text)
    assert len(four) == len(one)
