from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import PermissionDenied

from apps.accounts.models import Membership
from apps.reviews.clock import BACK_TO_QUEUE_AFTER, IDLE_AFTER, active_gap
from apps.reviews.models import ReviewCase
from apps.reviews.services import beat, claim, release, return_idle_cases
from tests.cast import Cast
from tests.factories import claimed_case
from tests.reviews.time_passes import silent_for

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "counted"),
    [(0, 0), (10, 10), (IDLE_AFTER.total_seconds(), 60), (IDLE_AFTER.total_seconds() + 1, 0), (3600, 0), (-5, 0)],
)
def test_a_short_gap_is_work_and_a_long_one_a_pause(seconds: float, counted: float) -> None:
    assert active_gap(NOON, NOON + timedelta(seconds=seconds)) == counted


def test_a_beat_counts_the_gap_since_the_last_one(cast: Cast) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    silent_for(case, 10)
    assert beat(case, by=cast.anna) == pytest.approx(10, abs=1)
    silent_for(case, 10)
    assert beat(case, by=cast.anna) == pytest.approx(20, abs=2)


def test_a_pause_counts_nothing(cast: Cast) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    silent_for(case, 10)
    before = beat(case, by=cast.anna)
    silent_for(case, IDLE_AFTER.total_seconds() + 30)
    assert beat(case, by=cast.anna) == before
    silent_for(case, 10)
    assert beat(case, by=cast.anna) == pytest.approx(before + 10, abs=1)


def test_two_tabs_on_one_case_do_not_count_twice(cast: Cast) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    other_tab = ReviewCase.objects.get(pk=case.pk)
    silent_for(case, 10)
    beat(case, by=cast.anna)
    assert beat(other_tab, by=cast.anna) == pytest.approx(10, abs=1)


@pytest.mark.parametrize("who", ["abel", "mira", "root", "carla", "otto"])
def test_only_the_holder_makes_the_clock_go(cast: Cast, who: str) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    silent_for(case, 10)
    with pytest.raises(PermissionDenied, match="not on your desk"):
        beat(case, by=getattr(cast, who))
    assert case.sessions.get().active_seconds == 0


def test_a_released_case_has_no_clock(cast: Cast) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    in_another_tab = ReviewCase.objects.get(pk=case.pk)
    release(case, by=cast.anna)
    for seen in (case, in_another_tab):
        with pytest.raises(PermissionDenied, match="not on your desk"):
            beat(seen, by=cast.anna)


def test_a_beat_of_the_one_who_left_never_counts_for_the_one_who_took_over(cast: Cast) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    as_anna_sees_it = ReviewCase.objects.get(pk=case.pk)
    silent_for(case, BACK_TO_QUEUE_AFTER.total_seconds() + 60)
    return_idle_cases()
    claim(ReviewCase.objects.get(pk=case.pk), by=cast.abel)
    silent_for(case, 10)
    with pytest.raises(PermissionDenied, match="not on your desk"):
        beat(as_anna_sees_it, by=cast.anna)
    assert case.sessions.get(analyst=cast.abel).active_seconds == 0


def test_an_analyst_who_left_the_trial_has_no_clock(cast: Cast) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    Membership.objects.filter(user=cast.anna).delete()
    with pytest.raises(PermissionDenied):
        beat(case, by=cast.anna)
