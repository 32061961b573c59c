from django.db import transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.permissions import require
from apps.audit.lifecycle import StaleState, WrongState, advance, words
from apps.audit.services import record
from apps.intake.models import Submission
from apps.queries.models import Message, Query
from apps.queries.permissions import may_answer
from apps.queries.services.counting import hold_cases, recount
from apps.queries.services.thread import given, write

NEW_IMAGES = "New images were sent for this visit."


def answer(query: Query, text: str, *, by: User) -> None:
    """Answer an open query in words; the core lab reads it and settles the query or asks again."""
    require(may_answer(by, query), "Only the coordinators of this site answer its queries.")
    text = given(text, "Write the answer, or send new images for the visit.")
    if query.status != Query.Status.OPEN:
        raise WrongState(f"This query is {words(query.status)}; there is nothing to answer. Reload the page.")
    now = timezone.now()
    with transaction.atomic():
        hold_cases(query.submission_id)
        advance(query, Query.Status.ANSWERED, by=by, answered_at=now)
        write(query, Message.Kind.ANSWER, text, by=by, at=now)
        recount(query.submission)


def answer_by_submission(submission: Submission) -> int:
    """Let new images answer what was asked about the submission that they replace; returns how many queries.

    What the site answered in words before is linked to the new submission, too. The old submission stays as it is.
    """
    replaced = submission.replaces
    if replaced is None:
        return 0
    answered = 0
    for query in Query.objects.unsettled().filter(submission=replaced, answered_by_submission=None):
        try:
            _answer_with(query, submission)
        except (StaleState, WrongState):
            continue  # Somebody at the core lab settled it in this moment; there is nothing left to answer.
        answered += 1
    return answered


def _answer_with(query: Query, submission: Submission) -> None:
    now = timezone.now()
    by = submission.created_by
    with transaction.atomic():
        hold_cases(query.submission_id)
        if query.status == Query.Status.OPEN:
            advance(query, Query.Status.ANSWERED, by=by, answered_at=now, answered_by_submission=submission)
            kind = Message.Kind.ANSWER
        else:
            mine = Query.objects.filter(pk=query.pk, status=query.status, answered_by_submission=None)
            if mine.update(answered_by_submission=submission) != 1:
                raise StaleState("Somebody else changed this query a moment ago.")
            record("query.linked", query, by=by, new={"submission": submission.pk})
            kind = Message.Kind.EVENT
        write(query, kind, NEW_IMAGES, by=by, at=now)
        recount(query.submission)
