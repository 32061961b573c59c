from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.permissions import require
from apps.audit.lifecycle import Refused, StaleState, WrongState, words
from apps.audit.services import record
from apps.queries.models import Message, Query
from apps.queries.permissions import may_settle
from apps.queries.querysets import LAST_TOLD
from apps.queries.services.settling import NOT_AN_ANALYST
from apps.queries.services.thread import tell_site, write
from apps.reviews.models import ReviewPolicy

NOT_BEFORE = timedelta(hours=20)
"""From one word to the site to the next reminder: one a day is enough, whoever presses."""

_POLICY = "submission__visit__subject__site__trial__review_policy__query_reminder_days"


def remind(query: Query, *, by: User) -> None:
    """Remind the site of an open query now, without waiting for the day on which that happens by itself."""
    require(may_settle(by, query), NOT_AN_ANALYST)
    if query.status != Query.Status.OPEN:
        raise WrongState(f"This query is {words(query.status)}; reminders go with open ones. Reload the page.")
    if told_at(query) > timezone.now() - NOT_BEFORE:
        raise Refused("The site was told of this query less than a day ago. Remind it tomorrow, or call.")
    _remind(query, by=by)


def told_at(query: Query) -> datetime:
    """Return when the site was last asked or reminded."""
    return Query.objects.annotate(told=LAST_TOLD).values_list("told", flat=True).get(pk=query.pk)


def remind_sites() -> int:
    """Remind the sites of queries that have waited as long as their trial's policy says; returns how many. By beat."""
    default = ReviewPolicy._meta.get_field("query_reminder_days").default
    now = timezone.now()
    waiting = (
        Query.objects.filter(status=Query.Status.OPEN)
        .annotate(told=LAST_TOLD, days=Coalesce(_POLICY, default))
        .filter(told__lt=now - timedelta(days=1))
        .select_related("submission")
    )
    reminded = 0
    for query in waiting.iterator():
        if query.told > now - timedelta(days=query.days):
            continue
        try:
            _remind(query, by=None)
        except StaleState:
            continue  # Answered, settled or reminded since the look at it.
        reminded += 1
    return reminded


def _remind(query: Query, *, by: User | None) -> None:
    now = timezone.now()
    with transaction.atomic():
        unchanged = Query.objects.filter(pk=query.pk, status=Query.Status.OPEN, reminders=query.reminders)
        if unchanged.update(reminders=F("reminders") + 1, last_reminded_at=now) != 1:
            raise StaleState("Somebody else changed this query a moment ago. Reload the page to see where it stands.")
        query.reminders, query.last_reminded_at = query.reminders + 1, now
        message = write(query, Message.Kind.REMINDER, "Please answer the question above.", by=by, at=now)
        record("query.reminded", query, by=by, new={"reminders": query.reminders})
        tell_site(query, "query_reminder", message)
