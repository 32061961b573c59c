"""Analysts ask again, close and cancel."""

from collections.abc import Callable

import pytest
from django.core.exceptions import PermissionDenied

from apps.audit.lifecycle import Refused, StaleState, WrongState
from apps.audit.services import events_about
from apps.notices.models import Notice
from apps.queries.models import Query
from apps.queries.services import ask_again, cancel, close
from apps.queries.services import recount as count_anew
from apps.reviews.models import ReviewCase
from apps.reviews.services import claim
from tests.cast import Cast
from tests.factories import waiting_case
from tests.queries.scenes import answered, asked, counts, thread
from tests.signing import decide
from tests.threads import at_once

Step = Callable[..., None]


def kinds() -> list[str]:
    return list(Notice.objects.order_by("pk").values_list("kind", flat=True))


def test_asking_again_waits_for_the_site_once_more_and_tells_it(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    query = answered(cast, case)
    ask_again(query, "In which phase?", by=cast.abel)
    query.refresh_from_db()
    assert (query.status, query.answered_at) == (Query.Status.OPEN, None)
    assert thread(query)[-1] == ("question", "In which phase?")
    assert counts(case) == (1, 0)
    assert kinds() == ["query", "query_again"]


def test_an_answer_that_is_enough_closes_the_query_without_a_word(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    query = answered(cast, case)
    close(query, by=cast.abel)
    query.refresh_from_db()
    assert (query.status, query.settled_by) == (Query.Status.CLOSED, cast.abel)
    assert query.settled_at is not None
    assert thread(query)[-1] == ("event", "Closed.")
    assert counts(case) == (0, 0)
    assert kinds() == ["query"], "the site has nothing to do: it had answered"
    assert events_about(query).filter(action="query.closed", actor=cast.abel).count() == 1


def test_closing_without_an_answer_says_why_and_tells_the_site(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    query = asked(cast, case)
    with pytest.raises(Refused, match="The site has not answered"):
        close(query, by=cast.anna, text=" ")
    assert counts(case) == (1, 0)
    close(query, by=cast.anna, text="The header tells it.")
    assert thread(query)[-1] == ("event", "Closed. The header tells it.")
    assert kinds() == ["query", "query_settled"]
    assert events_about(query).get(action="query.closed").reason == "The header tells it."


@pytest.mark.parametrize("scene", [asked, answered])
def test_a_query_that_was_asked_in_error_is_cancelled_with_a_reason(
    cast: Cast, scene: Callable[[Cast, ReviewCase], Query]
) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    query = scene(cast, case)
    with pytest.raises(Refused, match="Say why the question is taken back"):
        cancel(query, "", by=cast.anna)
    cancel(query, "Meant for another visit.", by=cast.anna)
    assert Query.objects.get().status == Query.Status.CANCELLED
    assert thread(query)[-1] == ("event", "Cancelled. Meant for another visit.")
    assert counts(case) == (0, 0)


def steps(query: Query) -> dict[str, Step]:
    return {
        "ask again": lambda by: ask_again(query, "When?", by=by),
        "close": lambda by: close(query, by=by, text="Done."),
        "cancel": lambda by: cancel(query, "In error.", by=by),
    }


@pytest.mark.parametrize("step", ["ask again", "close", "cancel"])
@pytest.mark.parametrize("who", ["carla", "chen", "mira", "otto", "root"])
def test_only_analysts_of_the_trial_settle(cast: Cast, who: str, step: str) -> None:
    query = answered(cast)
    with pytest.raises(PermissionDenied, match="Only the image analysts of this trial"):
        steps(query)[step](getattr(cast, who))
    assert Query.objects.get().status == Query.Status.ANSWERED


@pytest.mark.parametrize("step", ["ask again", "close", "cancel"])
def test_what_is_settled_stays_settled(cast: Cast, step: str) -> None:
    query = answered(cast)
    close(query, by=cast.anna)
    with pytest.raises(WrongState, match="This query is closed"):
        steps(query)[step](cast.anna)
    assert len(thread(query)) == 3


def test_asking_again_follows_an_answer(cast: Cast) -> None:
    with pytest.raises(WrongState, match="asking again follows an answer"):
        ask_again(asked(cast), "When?", by=cast.anna)


def test_who_comes_second_is_told_and_writes_nothing(cast: Cast) -> None:
    query = answered(cast)
    seen_before = Query.objects.get(pk=query.pk)
    close(query, by=cast.anna)
    with pytest.raises(StaleState):
        ask_again(seen_before, "When?", by=cast.abel)
    assert len(thread(query)) == 3 and kinds() == ["query"]


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_two_analysts_at_once_settle_once(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    query = answered(cast, case)
    people = iter((cast.anna, cast.abel))

    def try_to_close() -> str:
        try:
            close(Query.objects.get(pk=query.pk), by=next(people))
        except (StaleState, WrongState):
            return "refused"
        return "closed"

    assert sorted(at_once(try_to_close, times=2)) == ["closed", "refused"]
    assert len(thread(query)) == 3 and counts(case) == (0, 0)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_question_and_an_acceptance_at_once_never_stand_together(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    claim(case, by=cast.anna)
    steps = iter(("ask", "accept"))

    def one_of_them() -> str:
        step = next(steps)
        try:
            if step == "ask":
                asked(cast, ReviewCase.objects.get(pk=case.pk))
            else:
                decide(ReviewCase.objects.get(pk=case.pk), "accept", by=cast.anna)
        except Refused:
            return "refused"
        return step

    done = set(at_once(one_of_them, times=2))
    assert done in ({"ask", "refused"}, {"accept", "refused"})
    accepted = ReviewCase.objects.get(pk=case.pk).status == ReviewCase.Status.DECIDED
    assert accepted != Query.objects.exists()


@pytest.mark.parametrize("verdict", ["accept", "accept_with_deviation"])
@pytest.mark.parametrize("scene", [asked, answered])
def test_nothing_is_accepted_before_its_queries_are_settled(
    cast: Cast, scene: Callable[[Cast, ReviewCase], Query], verdict: str
) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    query = scene(cast, case)
    claim(case, by=cast.anna)
    reasons = ["artefacts"] if verdict == "accept_with_deviation" else []
    with pytest.raises(Refused, match="queries that are not settled"):
        decide(case, verdict, by=cast.anna, reasons=reasons)
    close(query, by=cast.anna, text="Told by telephone.")
    assert decide(case, verdict, by=cast.anna, reasons=reasons).verdict == verdict


def test_counting_anew_mends_a_case_that_opened_later(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    asked(cast, case)
    ReviewCase.objects.filter(pk=case.pk).update(queries_open=0, queries_answered=7)
    count_anew(case.submission)
    assert counts(case) == (1, 0)
