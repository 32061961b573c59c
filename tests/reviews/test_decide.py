import pytest
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, transaction

from apps.audit.lifecycle import Refused, WrongState
from apps.audit.services import events_about
from apps.intake.models import Submission
from apps.reviews.clock import BACK_TO_QUEUE_AFTER
from apps.reviews.models import Decision, ReviewCase
from apps.reviews.services import claim, return_idle_cases
from tests.cast import Cast
from tests.factories import claimed_case, waiting_case, worked_on
from tests.reviews.time_passes import silent_for
from tests.signing import decide


@pytest.mark.parametrize(
    ("verdict", "reasons", "outcome"),
    [
        ("accept", [], "accepted"),
        ("accept_with_deviation", ["thick_slices"], "accepted"),
        ("return_to_site", ["series_missing", "slices_missing"], "returned"),
        ("reject", ["wrong_subject"], "rejected"),
    ],
)
def test_each_verdict_ends_case_and_submission(cast: Cast, verdict: str, reasons: list[str], outcome: str) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    worked_on(case, 25)
    decision = decide(case, verdict, by=cast.anna, reasons=reasons, note="  Seen.  ")
    case.refresh_from_db()
    assert case.status == ReviewCase.Status.DECIDED
    assert case.submission.status == outcome and case.submission.decided_at is not None
    assert (decision.verdict, decision.reasons, decision.note) == (verdict, reasons, "Seen.")
    assert decision.decided_by == cast.anna and 25 < decision.active_seconds < 30
    assert not case.sessions.filter(ended_at=None).exists()
    event = events_about(case).get(action="reviewcase.verdict")
    assert event.new == {"verdict": verdict, "reasons": reasons} and event.reason == "Seen."
    assert events_about(case.submission).filter(action=f"submission.{outcome}", actor=cast.anna).count() == 1


@pytest.mark.parametrize(
    ("verdict", "reasons", "note", "sentence"),
    [
        ("accept_with_deviation", [], "", "Choose at least one reason"),
        ("return_to_site", [], "a note alone", "Choose at least one reason"),
        ("reject", [], "", "Choose at least one reason"),
        ("accept", ["artefacts"], "", "Choose Accept with deviation"),
        ("return_to_site", ["other"], "   ", "Write the other reason"),
        ("return_to_site", ["bad_hair"], "", "Unknown reason: bad_hair"),
        ("maybe", [], "", "The verdict is one of"),
    ],
)
def test_an_incomplete_verdict_is_refused_and_changes_nothing(
    cast: Cast, verdict: str, reasons: list[str], note: str, sentence: str
) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    with pytest.raises(Refused, match=sentence):
        decide(case, verdict, by=cast.anna, reasons=reasons, note=note)
    case.refresh_from_db()
    assert case.status == ReviewCase.Status.CLAIMED and not Decision.objects.exists()


@pytest.mark.parametrize("who", ["abel", "mira", "root", "carla", "otto"])
def test_only_the_holder_decides(cast: Cast, who: str) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    with pytest.raises(PermissionDenied):
        decide(case, "accept", by=getattr(cast, who))
    assert not Decision.objects.exists()


def test_a_waiting_case_is_not_decided(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    with pytest.raises(PermissionDenied, match="not on your desk"):
        decide(case, "accept", by=cast.anna)


def test_a_case_is_decided_once(cast: Cast) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    in_another_tab = ReviewCase.objects.get(pk=case.pk)
    decide(case, "accept", by=cast.anna)
    with pytest.raises(WrongState, match="was decided by Anna"):
        decide(ReviewCase.objects.get(pk=case.pk), "reject", by=cast.anna, reasons=["artefacts"])
    with pytest.raises(PermissionDenied):
        decide(in_another_tab, "reject", by=cast.anna, reasons=["artefacts"])
    assert Decision.objects.get().verdict == "accept"
    case.submission.refresh_from_db()
    assert case.submission.status == Submission.Status.ACCEPTED


def test_an_analyst_who_lost_the_case_does_not_decide_for_its_new_holder(cast: Cast) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    as_anna_sees_it = ReviewCase.objects.get(pk=case.pk)
    silent_for(case, BACK_TO_QUEUE_AFTER.total_seconds() + 60)
    return_idle_cases()
    claim(ReviewCase.objects.get(pk=case.pk), by=cast.abel)
    with pytest.raises(PermissionDenied, match="not on your desk"):
        decide(as_anna_sees_it, "accept", by=cast.anna)
    case.refresh_from_db()
    assert (case.status, case.holder) == (ReviewCase.Status.CLAIMED, cast.abel)


@pytest.mark.parametrize("change", ["update", "delete"])
def test_the_database_keeps_decisions_as_they_were_made(cast: Cast, change: str) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    decide(case, "accept", by=cast.anna)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        if change == "update":
            Decision.objects.update(verdict="reject")
        else:
            Decision.objects.all()._raw_delete(using="default")
    assert Decision.objects.get().verdict == "accept"
