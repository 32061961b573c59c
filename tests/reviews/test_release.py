from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from apps.audit.lifecycle import WrongState
from apps.audit.services import events_about
from apps.intake.models import Submission
from apps.reviews.clock import BACK_TO_QUEUE_AFTER
from apps.reviews.models import Decision, ReviewCase
from apps.reviews.services import beat, claim, release, return_idle_cases
from tests.cast import Cast
from tests.factories import claimed_case, worked_on
from tests.reviews.time_passes import silent_for
from tests.signing import decide

LONG_GONE = BACK_TO_QUEUE_AFTER.total_seconds() + 60


def test_a_case_put_back_waits_again_and_keeps_its_time(cast: Cast) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    worked_on(case, 30)
    release(case, by=cast.anna)
    case.refresh_from_db()
    assert (case.status, case.holder) == (ReviewCase.Status.WAITING, None)
    assert case.submission.status == Submission.Status.TRANSFERRED
    session = case.sessions.get()
    assert session.ended_at is not None and 30.9 < session.active_seconds < 35
    assert events_about(case).filter(action="reviewcase.waiting", actor=cast.anna).count() == 1


def test_only_the_holder_puts_a_case_back(cast: Cast) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    for who in (cast.abel, cast.mira, cast.root, cast.carla):
        with pytest.raises(PermissionDenied):
            release(case, by=who)
    case.refresh_from_db()
    assert case.holder == cast.anna


def test_a_case_is_not_put_back_twice(cast: Cast) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    same_case = ReviewCase.objects.get(pk=case.pk)
    release(case, by=cast.anna)
    for again in (case, same_case):
        with pytest.raises(PermissionDenied):
            release(again, by=cast.anna)
    assert events_about(case).filter(action="reviewcase.waiting").count() == 1


def test_a_decided_case_cannot_be_put_back(cast: Cast) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    decide(case, Decision.Verdict.ACCEPT, by=cast.anna)
    with pytest.raises((WrongState, PermissionDenied)):
        release(ReviewCase.objects.get(pk=case.pk), by=cast.anna)
    assert ReviewCase.objects.get(pk=case.pk).status == ReviewCase.Status.DECIDED


def test_a_left_case_goes_back_to_the_queue_with_its_time(cast: Cast) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    worked_on(case, 42)
    silent_for(case, LONG_GONE)
    assert return_idle_cases() == 1
    case.refresh_from_db()
    assert (case.status, case.holder) == (ReviewCase.Status.WAITING, None)
    assert case.submission.status == Submission.Status.TRANSFERRED
    session = case.sessions.get()
    assert session.active_seconds == 42
    assert session.ended_at == session.last_beat_at < timezone.now() - timedelta(minutes=15)
    event = events_about(case).get(action="reviewcase.waiting")
    assert event.actor is None and event.reason == "No sign of work for 15 minutes."
    assert return_idle_cases() == 0


def test_a_case_in_work_stays_on_its_desk(cast: Cast) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    silent_for(case, BACK_TO_QUEUE_AFTER.total_seconds() - 60)
    assert return_idle_cases() == 0
    beat(case, by=cast.anna)


def test_the_time_of_two_analysts_adds_up_on_one_case(cast: Cast) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    worked_on(case, 20)
    silent_for(case, LONG_GONE)
    return_idle_cases()
    case = ReviewCase.objects.get(pk=case.pk)
    claim(case, by=cast.abel)
    worked_on(case, 10)
    decision = decide(case, Decision.Verdict.ACCEPT, by=cast.abel)
    assert 30 < decision.active_seconds < 36
