from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.utils import timezone

from apps.accounts.models import User
from apps.reviews.models import Decision, ReviewCase
from apps.reviews.services import claim_next, release
from apps.trials.services import enrol_subject
from tests.cast import Cast
from tests.factories import claimed_case, waiting_case
from tests.signing import decide


def test_nothing_waiting_gives_nothing(cast: Cast) -> None:
    assert claim_next(by=cast.anna) is None


def test_what_is_due_first_comes_first(cast: Cast) -> None:
    now = timezone.now()
    waiting_case(cast.visit, by=cast.carla, transferred_at=now - timedelta(hours=1))
    older = waiting_case(cast.chens_visit, by=cast.chen, transferred_at=now - timedelta(hours=30))
    assert claim_next(by=cast.anna) == older


def test_the_answer_to_a_return_comes_before_what_is_due_earlier(cast: Cast) -> None:
    returned = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    decide(returned, Decision.Verdict.RETURN_TO_SITE, by=cast.anna, reasons=["thick_slices"])
    waiting_case(cast.chens_visit, by=cast.chen, transferred_at=timezone.now() - timedelta(days=3))
    answer = waiting_case(cast.visit, by=cast.carla)
    assert claim_next(by=cast.anna) == answer


def test_the_case_already_on_the_desk_comes_before_any_other(cast: Cast) -> None:
    held = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    waiting_case(cast.chens_visit, by=cast.chen, transferred_at=timezone.now() - timedelta(days=3))
    assert claim_next(by=cast.anna) == held
    assert held.sessions.count() == 1


def test_the_filters_of_the_worklist_narrow_the_queue(cast: Cast) -> None:
    waiting_case(cast.visit, by=cast.carla, transferred_at=timezone.now() - timedelta(days=3))
    lakeside = waiting_case(cast.chens_visit, by=cast.chen)
    among = ReviewCase.objects.filter(submission__visit__subject__site=cast.other_site)
    assert claim_next(by=cast.anna, among=among) == lakeside
    release(ReviewCase.objects.get(pk=lakeside.pk), by=cast.anna)
    assert claim_next(by=cast.anna, among=ReviewCase.objects.filter(abstained=True)) is None


def test_an_analyst_of_another_trial_gets_none_of_its_cases(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    assert claim_next(by=cast.otto) is None
    case.refresh_from_db()
    assert case.status == ReviewCase.Status.WAITING


@pytest.mark.parametrize("who", ["carla", "mira", "root"])
def test_who_is_no_analyst_takes_nothing_from_the_queue(cast: Cast, who: str) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    with pytest.raises(PermissionDenied):
        claim_next(by=getattr(cast, who))
    case.refresh_from_db()
    assert case.status == ReviewCase.Status.WAITING


def test_a_case_taken_by_another_analyst_is_not_given_again(cast: Cast) -> None:
    first = waiting_case(cast.visit, by=cast.carla)
    second = waiting_case(cast.chens_visit, by=cast.chen)
    assert [claim_next(by=cast.anna), claim_next(by=cast.abel)] == [first, second]


def _at_once(analysts: list[User]) -> list[ReviewCase | None]:
    """Let each analyst press Claim next in the same moment, each with a database connection of their own."""
    together = Barrier(len(analysts))

    def press(analyst: User) -> ReviewCase | None:
        try:
            together.wait()
            return claim_next(by=analyst)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(analysts)) as people:
        return list(people.map(press, analysts))


needs_postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="two transactions at once need PostgreSQL; SQLite has one writer"
)


@pytest.mark.postgresql
@needs_postgresql
@pytest.mark.django_db(transaction=True)
def test_two_analysts_never_get_the_same_case(cast: Cast) -> None:
    day = date(2026, 9, 1)
    for number in range(2, 8):
        subject = enrol_subject(cast.site, f"101-{number:03}", consented_on=day, baseline_on=day, by=cast.root)
        waiting_case(subject.visits.get(), by=cast.carla)
    for _ in range(3):
        taken = _at_once([cast.anna, cast.abel])
        assert None not in taken and len(set(taken)) == 2
        for case, analyst in zip(taken, (cast.anna, cast.abel), strict=True):
            assert case is not None
            decide(ReviewCase.objects.get(pk=case.pk), Decision.Verdict.ACCEPT, by=analyst)
    assert Decision.objects.count() == 6


@pytest.mark.postgresql
@needs_postgresql
@pytest.mark.django_db(transaction=True)
def test_one_analyst_in_two_windows_gets_one_case(cast: Cast) -> None:
    waiting_case(cast.visit, by=cast.carla)
    waiting_case(cast.chens_visit, by=cast.chen)
    first, second = _at_once([cast.anna, cast.anna])
    assert first == second
    assert ReviewCase.objects.filter(status=ReviewCase.Status.CLAIMED).count() == 1
