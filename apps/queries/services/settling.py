from django.db import transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.permissions import require
from apps.audit.lifecycle import WrongState, advance, words
from apps.queries.models import Message, Query
from apps.queries.permissions import may_settle
from apps.queries.services.counting import hold_cases, recount
from apps.queries.services.thread import given, tell_site, write
from apps.reviews.models import Decision

REOPENED = "The core lab looks at these images again. Nothing to do now."
NOT_AN_ANALYST = "Only the image analysts of this trial settle its queries."


def ask_again(query: Query, text: str, *, by: User) -> None:
    """Say what the answer leaves open; the query waits for the site once more."""
    require(may_settle(by, query), NOT_AN_ANALYST)
    text = given(text, "Write what the answer leaves open.")
    if query.status != Query.Status.ANSWERED:
        raise WrongState(f"This query is {words(query.status)}; asking again follows an answer. Reload the page.")
    now = timezone.now()
    with transaction.atomic():
        hold_cases(query.submission_id)
        advance(query, Query.Status.OPEN, by=by, answered_at=None)
        message = write(query, Message.Kind.QUESTION, text, by=by, at=now)
        recount(query.submission)
        tell_site(query, "query_again", message)


def close(query: Query, *, by: User, text: str = "") -> None:
    """Settle a query; one that the site has not answered needs a text that says why it is settled all the same."""
    require(may_settle(by, query), NOT_AN_ANALYST)
    if query.status == Query.Status.OPEN:
        text = given(text, "The site has not answered. Say why the question is settled; the site reads it.")
    _settle(query, Query.Status.CLOSED, text.strip(), by=by)


def cancel(query: Query, text: str, *, by: User) -> None:
    """Take back a query that should not have been asked."""
    require(may_settle(by, query), NOT_AN_ANALYST)
    text = given(text, "Say why the question is taken back; the site reads it.")
    _settle(query, Query.Status.CANCELLED, text, by=by)


def take_back_return(decision: Decision) -> None:
    """Cancel the query of a return that was reopened, which leaves the site nothing to answer; once."""
    query = Query.objects.filter(decision=decision).first()
    if query is not None and query.status in Query.UNSETTLED and not decision.case.settles:
        _settle(query, Query.Status.CANCELLED, REOPENED, by=None)


def _settle(query: Query, to: str, text: str, *, by: User | None) -> None:
    site_waits = query.status == Query.Status.OPEN
    now = timezone.now()
    with transaction.atomic():
        hold_cases(query.submission_id)
        advance(query, to, by=by, because=text, settled_at=now, settled_by=by)
        message = write(query, Message.Kind.EVENT, f"{query.get_status_display()}. {text}".strip(), by=by, at=now)
        recount(query.submission)
        if site_waits:
            tell_site(query, "query_settled", message)
