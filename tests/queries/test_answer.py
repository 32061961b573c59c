"""A coordinator answers in words; new images answer, too."""

import pytest
from django.core.exceptions import PermissionDenied

from apps.audit.lifecycle import Refused, StaleState, WrongState
from apps.audit.services import events_about
from apps.intake.models import Submission
from apps.queries.models import Message, Query
from apps.queries.services import answer, answer_by_submission, ask_again, close, open_for_return
from apps.reviews.services import claim
from tests.cast import Cast
from tests.factories import claimed_case, waiting_case
from tests.queries.scenes import answered, asked, counts, thread
from tests.signing import decide
from tests.threads import at_once


def test_an_answer_waits_for_the_core_lab(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    query = asked(cast, case)
    answer(query, " Yes, 80 ml. ", by=cast.carla)
    query.refresh_from_db()
    assert query.status == Query.Status.ANSWERED and query.answered_at is not None
    assert thread(query)[-1] == ("answer", "Yes, 80 ml.")
    assert counts(case) == (0, 1)
    assert events_about(query).filter(action="query.answered", actor=cast.carla).count() == 1


@pytest.mark.parametrize("who", ["chen", "anna", "mira", "otto", "root"])
def test_only_coordinators_of_the_site_answer(cast: Cast, who: str) -> None:
    query = asked(cast)
    with pytest.raises(PermissionDenied, match="Only the coordinators of this site"):
        answer(query, "Yes.", by=getattr(cast, who))
    assert Message.objects.count() == 1


@pytest.mark.parametrize("text", ["", "  \n", "t" * 4001])
def test_an_answer_without_words_or_with_too_many_is_refused(cast: Cast, text: str) -> None:
    query = asked(cast)
    with pytest.raises(Refused):
        answer(query, text, by=cast.carla)
    assert Query.objects.get().status == Query.Status.OPEN


def test_a_query_is_answered_once(cast: Cast) -> None:
    query = answered(cast)
    with pytest.raises(WrongState, match="This query is answered"):
        answer(query, "No.", by=cast.carla)
    assert len(thread(query)) == 2


def test_a_settled_query_is_not_answered(cast: Cast) -> None:
    query = asked(cast)
    close(query, by=cast.anna, text="It stood in the header.")
    with pytest.raises(WrongState, match="This query is closed"):
        answer(query, "Yes.", by=cast.carla)


def test_who_comes_second_is_told_and_writes_nothing(cast: Cast) -> None:
    query = asked(cast)
    seen_before = Query.objects.get(pk=query.pk)
    answer(query, "Yes.", by=cast.carla)
    with pytest.raises(StaleState):
        answer(seen_before, "No.", by=cast.carla)
    assert [text for _, text in thread(query)][1:] == ["Yes."]


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_two_answers_at_once_are_one(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    query = asked(cast, case)

    def try_to_answer() -> str:
        try:
            answer(Query.objects.get(pk=query.pk), "Yes.", by=cast.carla)
        except (StaleState, WrongState):
            return "refused"
        return "answered"

    assert sorted(at_once(try_to_answer, times=3)) == ["answered", "refused", "refused"]
    assert len(thread(query)) == 2 and counts(case) == (0, 1)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_answers_to_two_queries_at_once_are_both_counted(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    queries = iter([asked(cast, case, subject=subject) for subject in ("One?", "Two?")])
    at_once(lambda: answer(next(queries), "Yes.", by=cast.carla), times=2)
    assert counts(case) == (0, 2)


def returned(cast: Cast) -> Query:
    """Return the query of a submission that Anna sent back."""
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    query = open_for_return(decide(case, "return_to_site", by=cast.anna, reasons=["artefacts"]))
    assert query is not None
    return query


def test_new_images_answer_the_query_of_the_return_and_are_linked(cast: Cast) -> None:
    query = returned(cast)
    new = waiting_case(cast.visit, by=cast.carla).submission
    old = Submission.objects.values().get(pk=query.submission_id)
    assert answer_by_submission(new) == 1
    query.refresh_from_db()
    assert (query.status, query.answered_by_submission) == (Query.Status.ANSWERED, new)
    assert thread(query)[-1] == ("answer", "New images were sent for this visit.")
    assert Submission.objects.values().get(pk=query.submission_id) == old, "the old submission is never changed"
    assert events_about(query).filter(action="query.answered", actor=cast.carla).exists()


def test_new_images_answer_once_however_often_they_are_told_of(cast: Cast) -> None:
    query = returned(cast)
    new = waiting_case(cast.visit, by=cast.carla).submission
    answer_by_submission(new)
    assert answer_by_submission(new) == 0
    assert len(thread(query)) == 2


def test_words_first_and_images_later_are_linked_to_the_same_query(cast: Cast) -> None:
    query = returned(cast)
    answer(query, "They come tomorrow.", by=cast.carla)
    new = waiting_case(cast.visit, by=cast.carla).submission
    assert answer_by_submission(new) == 1
    query.refresh_from_db()
    assert (query.status, query.answered_by_submission) == (Query.Status.ANSWERED, new)
    assert [kind for kind, _ in thread(query)] == ["question", "answer", "event"]


def test_a_settled_query_is_not_answered_by_new_images(cast: Cast) -> None:
    query = returned(cast)
    close(query, by=cast.anna, text="The patient left the trial.")
    assert answer_by_submission(waiting_case(cast.visit, by=cast.carla).submission) == 0
    query.refresh_from_db()
    assert query.answered_by_submission is None


def test_a_first_submission_answers_nothing(cast: Cast) -> None:
    assert answer_by_submission(waiting_case(cast.visit, by=cast.carla).submission) == 0


def test_an_answer_on_a_returned_submission_can_leave_something_open(cast: Cast) -> None:
    query = returned(cast)
    answer(query, "There is nothing else.", by=cast.carla)
    ask_again(query, "Not even in the archive?", by=cast.abel)
    assert Query.objects.get().status == Query.Status.OPEN


def test_an_open_question_of_the_old_submission_is_answered_with_the_return(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    asked(cast, case)
    claim(case, by=cast.anna)
    open_for_return(decide(case, "return_to_site", by=cast.anna, reasons=["artefacts"]))
    assert answer_by_submission(waiting_case(cast.visit, by=cast.carla).submission) == 2
