from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.audit.lifecycle import Refused
from apps.audit.services import events_about
from apps.intake.models import Series
from apps.reviews.models import ReviewCase, ReviewPolicy, SeriesTime, TimeCorrection
from apps.reviews.policies import policy_of
from apps.reviews.selectors.times import case_times
from apps.reviews.services import active_seconds, beat, correct_time, release
from tests.cast import Cast
from tests.factories import claimed_case, worked_on
from tests.reviews.time_passes import silent_for
from tests.threads import at_once


@pytest.fixture
def desk(cast: Cast) -> ReviewCase:
    return claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)


def test_time_goes_to_the_series_in_view(client: Client, cast: Cast, desk: ReviewCase) -> None:
    first, second = desk.submission.series.order_by("pk")
    client.force_login(cast.anna)
    for series, seconds in ((first, 10), (first, 5), (second, 20)):
        silent_for(desk, seconds)
        client.post(reverse("reviews:beat", args=[desk.pk]), {"series": series.pk})
    times = case_times(desk, policy_of(cast.trial)).series
    assert [title for title, _ in times] == [second.title, first.title]
    assert [seconds for _, seconds in times] == [pytest.approx(20, abs=1), pytest.approx(15, abs=1)]


@pytest.mark.parametrize("series", ["", "none", "999999", "another case"])
def test_a_beat_without_a_series_of_the_case_counts_for_the_case_alone(
    client: Client, cast: Cast, desk: ReviewCase, series: str
) -> None:
    other = claimed_case(cast.chens_visit, by=cast.chen, analyst=cast.abel).submission.series.first()
    assert isinstance(other, Series)
    silent_for(desk, 10)
    client.force_login(cast.anna)
    client.post(reverse("reviews:beat", args=[desk.pk]), {"series": other.pk if series == "another case" else series})
    assert active_seconds(desk) == pytest.approx(10, abs=1) and not SeriesTime.objects.exists()


def test_the_trial_says_what_a_pause_is(cast: Cast, desk: ReviewCase) -> None:
    silent_for(desk, 90)
    assert beat(desk, by=cast.anna) == 0
    ReviewPolicy.objects.create(trial=cast.trial, idle_after_seconds=120)
    silent_for(desk, 90)
    assert beat(desk, by=cast.anna) == pytest.approx(90, abs=1)


def test_waiting_active_and_elapsed_are_kept_apart(cast: Cast, desk: ReviewCase) -> None:
    now = timezone.now()
    desk.submission.transferred_at = now - timedelta(hours=3)
    desk.sessions.update(started_at=now - timedelta(hours=1))
    worked_on(desk, 120)
    release(ReviewCase.objects.get(pk=desk.pk), by=cast.anna)
    times = case_times(desk, policy_of(cast.trial))
    assert times.elapsed.total_seconds() == pytest.approx(3 * 3600, abs=5)
    assert times.waiting.total_seconds() == pytest.approx(2 * 3600, abs=5)
    assert times.active_seconds == pytest.approx(120, abs=5)


@pytest.mark.parametrize("who", ["anna", "mira"])
def test_time_is_corrected_with_a_reason_and_what_was_measured_stays(cast: Cast, desk: ReviewCase, who: str) -> None:
    worked_on(desk, 100)
    correct_time(desk, cast.anna, -40, by=getattr(cast, who), because=" The telephone rang. ")
    assert active_seconds(desk) == 100 and case_times(desk, policy_of(cast.trial)).active_seconds == 60
    event = events_about(desk).get(action="reviewcase.time_corrected")
    assert (event.old["seconds"], event.new["seconds"], event.reason) == (100, 60, "The telephone rang.")


@pytest.mark.parametrize("who", ["abel", "carla", "otto", "root"])
def test_time_of_others_is_not_corrected(cast: Cast, desk: ReviewCase, who: str) -> None:
    worked_on(desk, 100)
    with pytest.raises(PermissionDenied):
        correct_time(desk, cast.anna, -40, by=getattr(cast, who), because="So there.")


@pytest.mark.parametrize(
    ("seconds", "because", "sentence"),
    [(-40, " ", "Say why"), (0, "Why not", "Say how many"), (-101, "All of it", "less than nothing")],
)
def test_a_correction_without_sense_is_refused(
    cast: Cast, desk: ReviewCase, seconds: float, because: str, sentence: str
) -> None:
    worked_on(desk, 100)
    with pytest.raises(Refused, match=sentence):
        correct_time(desk, cast.anna, seconds, by=cast.anna, because=because)
    assert not TimeCorrection.objects.exists()


def test_two_corrections_together_never_leave_less_than_nothing(cast: Cast, desk: ReviewCase) -> None:
    worked_on(desk, 100)
    correct_time(desk, cast.anna, -60, by=cast.anna, because="Telephone.")
    with pytest.raises(Refused, match="has 40 s"):
        correct_time(desk, cast.anna, -60, by=cast.anna, because="Telephone.")


def test_who_did_not_work_on_a_case_has_no_time_to_correct(cast: Cast, desk: ReviewCase) -> None:
    with pytest.raises(Refused, match="has not worked"):
        correct_time(desk, cast.abel, 60, by=cast.mira, because="He was there.")


def test_the_page_shows_measured_and_corrected(client: Client, cast: Cast, desk: ReviewCase) -> None:
    worked_on(desk, 100)
    client.force_login(cast.anna)
    given = {"analyst": cast.anna.pk, "seconds": "-40", "reason": "The telephone rang."}
    page = client.post(reverse("reviews:correct-time", args=[desk.pk]), given, follow=True).text
    assert "The telephone rang." in page and "-40 s by Anna" in page and "Correct my time" in page
    page = client.post(reverse("reviews:correct-time", args=[desk.pk]), {**given, "seconds": ""}, follow=True).text
    assert "Say how many seconds" in page


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_of_two_corrections_at_once_both_never_take_more_than_there_is(cast: Cast, desk: ReviewCase) -> None:
    worked_on(desk, 100)

    def correct() -> bool:
        try:
            correct_time(ReviewCase.objects.get(pk=desk.pk), cast.anna, -60, by=cast.anna, because="Telephone.")
        except Refused:
            return False
        return True

    assert sorted(at_once(correct, times=2)) == [False, True]
    assert case_times(desk, policy_of(cast.trial)).active_seconds == 40
