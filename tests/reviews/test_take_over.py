from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection

from apps.accounts.models import Membership, Role, User
from apps.audit.lifecycle import Refused, StaleState, WrongState
from apps.audit.services import events_about
from apps.reviews.models import ReviewCase, ReviewPolicy
from apps.reviews.services import beat, claim, claim_next, put_back, return_idle_cases, take_over
from tests.cast import Cast, person
from tests.factories import claimed_case, waiting_case, worked_on
from tests.reviews.time_passes import silent_for
from tests.signing import decide

ILL = "Anna is ill today."


@pytest.fixture
def annas(cast: Cast) -> ReviewCase:
    return claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)


def fresh(case: ReviewCase) -> ReviewCase:
    return ReviewCase.objects.get(pk=case.pk)


def test_an_analyst_takes_a_case_over_with_a_reason_and_the_time_stays(cast: Cast, annas: ReviewCase) -> None:
    worked_on(annas, 30)
    before = annas.sessions.get().active_seconds
    take_over(fresh(annas), by=cast.abel, because=ILL)
    case = fresh(annas)
    assert (case.holder, case.status) == (cast.abel, ReviewCase.Status.CLAIMED)
    hers, his = case.sessions.order_by("pk")
    assert hers.active_seconds == before and hers.ended_at is not None
    assert (his.analyst, his.active_seconds, his.ended_at) == (cast.abel, 0, None)
    event = events_about(case).get(action="reviewcase.taken_over")
    assert (event.actor, event.reason) == (cast.abel, ILL)
    assert (event.old, event.new) == ({"holder": "anna"}, {"holder": "abel"})
    with pytest.raises(PermissionDenied, match="Abel took this case over: Anna is ill today"):
        beat(case, by=cast.anna)
    decide(case, "accept", by=cast.abel)


@pytest.mark.parametrize("who", ["carla", "mira", "otto", "root"])
def test_who_may_not_review_takes_nothing_over(cast: Cast, annas: ReviewCase, who: str) -> None:
    with pytest.raises(PermissionDenied):
        take_over(annas, by=getattr(cast, who), because=ILL)
    assert fresh(annas).holder == cast.anna


def test_what_cannot_be_taken_over_is_refused_in_words(cast: Cast, annas: ReviewCase) -> None:
    with pytest.raises(Refused, match="Say why"):
        take_over(annas, by=cast.abel, because="  ")
    with pytest.raises(Refused, match="on your desk already"):
        take_over(annas, by=cast.anna, because=ILL)
    other = waiting_case(cast.chens_visit, by=cast.chen)
    with pytest.raises(WrongState, match="Nobody has this case"):
        take_over(other, by=cast.abel, because=ILL)
    claim(other, by=cast.abel)
    with pytest.raises(Refused, match="You have"):
        take_over(annas, by=cast.abel, because=ILL)
    decide(annas, "accept", by=cast.anna)
    with pytest.raises(WrongState, match="decided"):
        take_over(fresh(annas), by=person_of(cast), because=ILL)


def person_of(cast: Cast) -> User:
    """Return one more analyst of the trial."""
    user = person("ada", "Ada")
    Membership.objects.create(user=user, role=Role.ANALYST, trial=cast.trial)
    return user


def test_a_page_that_is_out_of_date_takes_nothing_over_twice(cast: Cast, annas: ReviewCase) -> None:
    ada, seen_before = person_of(cast), fresh(annas)
    take_over(fresh(annas), by=cast.abel, because=ILL)
    with pytest.raises(StaleState):
        take_over(seen_before, by=ada, because=ILL)
    assert fresh(annas).holder == cast.abel


@pytest.mark.postgresql
@pytest.mark.skipif(connection.vendor != "postgresql", reason="two transactions at once need PostgreSQL")
@pytest.mark.django_db(transaction=True)
def test_of_two_who_take_over_at_once_one_wins(cast: Cast, annas: ReviewCase) -> None:
    people, together = [cast.abel, person_of(cast)], Barrier(2)
    copies = [fresh(annas), fresh(annas)]

    def press(number: int) -> bool:
        try:
            together.wait()
            take_over(copies[number], by=people[number], because=ILL)
        except Refused:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(2) as both:
        assert sorted(both.map(press, (0, 1))) == [False, True]
    assert annas.sessions.filter(ended_at=None).count() == 1


def test_a_manager_frees_a_case_with_a_reason(cast: Cast, annas: ReviewCase) -> None:
    for who in (cast.abel, cast.root, cast.carla):
        with pytest.raises(PermissionDenied):
            put_back(annas, by=who, because=ILL)
    with pytest.raises(Refused, match="Say why"):
        put_back(annas, by=cast.mira, because="")
    put_back(annas, by=cast.mira, because=ILL)
    case = fresh(annas)
    assert (case.status, case.holder) == (ReviewCase.Status.WAITING, None)
    with pytest.raises(PermissionDenied, match="Mira put this case back into the queue: Anna is ill today"):
        beat(case, by=cast.anna)
    with pytest.raises(WrongState):
        put_back(case, by=cast.mira, because=ILL)


def test_each_trial_waits_as_long_as_its_policy_says(cast: Cast, annas: ReviewCase) -> None:
    ReviewPolicy.objects.create(trial=cast.trial, back_to_queue_minutes=30)
    silent_for(annas, 20 * 60)
    assert return_idle_cases() == 0
    silent_for(annas, 31 * 60)
    assert return_idle_cases() == 1
    assert events_about(annas).filter(reason="No sign of work for 30 minutes.").exists()


def test_urgent_visits_come_first_and_what_waits_for_the_site_is_passed_over(cast: Cast) -> None:
    first = waiting_case(cast.visit, by=cast.carla)
    urgent = waiting_case(cast.chens_visit, by=cast.chen)
    ReviewCase.objects.filter(pk=urgent.pk).update(priority=2)
    assert ReviewCase.objects.in_due_order().first() == urgent
    ReviewCase.objects.filter(pk=urgent.pk).update(queries_open=1)
    assert claim_next(by=cast.anna) == first


def test_a_second_review_is_not_for_who_gave_the_first(cast: Cast, annas: ReviewCase) -> None:
    decide(annas, "accept", by=cast.anna)
    second = ReviewCase.objects.create(
        submission=annas.submission, round=2, kind="second", trial=annas.trial, site=annas.site, due_at=annas.due_at
    )
    assert claim_next(by=cast.anna) is None
    with pytest.raises(PermissionDenied, match="in an earlier round"):
        claim(second, by=cast.anna)
    assert list(ReviewCase.objects.filter(pk=second.pk).not_reviewed_before_by(cast.abel)) == [second]
