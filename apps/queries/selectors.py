"""Queries as the pages list them: with their last word, their age, and numbers that are those of the rows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, Max, Min, Q
from django.utils import timezone

from apps.accounts.permissions import Person
from apps.intake.models import Series, Submission
from apps.queries.models import Message, Query
from apps.queries.querysets import QueryQuerySet
from apps.reviews.models import Annotation, ReviewCase
from apps.reviews.selectors.drawings import standing_drawings
from apps.reviews.selectors.shown import is_blind
from apps.trials.models import Site, Trial, Visit

QUERIES_PER_PAGE = 50

UNSETTLED = "unsettled"
"""What is shown when nothing is chosen: all that waits for somebody."""

STANDINGS = {
    UNSETTLED: "Not settled",
    "open": "With the site",
    "answered": "Answered",
    "closed": "Closed",
    "cancelled": "Cancelled",
}


@dataclass(frozen=True)
class Filters:
    """What the person chose on the list."""

    standing: str = UNSETTLED
    trial: Trial | None = None
    site: Site | None = None
    finding: str = ""

    def narrow(self, queries: QueryQuerySet) -> QueryQuerySet:
        """Keep the queries that match everything but the standing."""
        if self.trial:
            queries = queries.filter(submission__visit__subject__site__trial=self.trial)
        if self.site:
            queries = queries.filter(submission__visit__subject__site=self.site)
        if self.finding:
            queries = queries.filter(finding_code=self.finding)
        return queries


@dataclass(frozen=True)
class Attached:
    """One attached picture and what it shows."""

    series: Series
    name: str
    drawn: Annotation | None = None
    """What an analyst drew on it."""


@dataclass(frozen=True)
class QueryRow:
    """A query with its thread, or the last word of it, at the moment `now`."""

    query: Query
    messages: tuple[Message, ...]
    now: datetime
    pictures: tuple[Attached, ...] = ()

    @property
    def last(self) -> Message | None:
        return self.messages[-1] if self.messages else None

    @property
    def is_open(self) -> bool:
        return self.query.status == Query.Status.OPEN

    @property
    def is_answered(self) -> bool:
        return self.query.status == Query.Status.ANSWERED

    @property
    def age(self) -> timedelta:
        """Since when it stands; of a settled one, how long it took."""
        return (self.query.settled_at or self.now) - self.query.opened_at


@dataclass(frozen=True)
class Listing:
    """One page of the list; `counts` by standing, from the same conditions as the rows."""

    page: Page[int]
    rows: list[QueryRow]
    counts: dict[str, int]
    longest: timedelta | None
    """How long the oldest open query has waited."""

    @property
    def tabs(self) -> list[tuple[str, str, int]]:
        return [(name, words, self.counts[name]) for name, words in STANDINGS.items()]


def listing(person: Person, filters: Filters, page: str | None = None) -> Listing:
    """Return a page of the queries that the person may see: what waits for the site first, the oldest before all."""
    queries = filters.narrow(Query.objects.visible_to(person))
    conditions = {
        UNSETTLED: Q(status__in=Query.UNSETTLED),
        **{status: Q(status=status) for status in Query.Status.values},
    }
    told: dict[str, Any] = queries.order_by().aggregate(
        since=Min("opened_at", filter=conditions[Query.Status.OPEN]),
        **{name: Count("pk", filter=which) for name, which in conditions.items()},
    )
    now = timezone.now()
    since = told.pop("since")
    settled = filters.standing in (Query.Status.CLOSED, Query.Status.CANCELLED)
    order = ("-settled_at", "-pk") if settled else ("-status", "opened_at", "pk")  # "open" comes after "answered"
    keys = queries.filter(conditions[filters.standing]).order_by(*order).values_list("pk", flat=True)
    paginator = Paginator(keys, QUERIES_PER_PAGE)
    paginator.count = told[filters.standing]  # counted above: no second query, and never another number
    shown = paginator.get_page(page)
    found = Query.objects.with_context().in_bulk(list(shown))
    last = last_words(found)
    rows = [QueryRow(found[key], last.get(key, ()), now) for key in shown if key in found]
    return Listing(shown, rows, told, now - since if since else None)


def last_words(keys: Iterable[int]) -> Mapping[int, tuple[Message, ...]]:
    """Return the last entry of each thread that somebody wrote, by the key of its query; a reminder repeats one."""
    written = Message.objects.filter(query__in=list(keys)).exclude(kind=Message.Kind.REMINDER)
    newest = written.order_by().values("query").annotate(newest=Max("pk"))
    messages = Message.objects.filter(pk__in=newest.values("newest")).select_related("author")
    return {message.query_id: (message,) for message in messages}


def threads(queries: QueryQuerySet) -> list[QueryRow]:
    """Return queries with their whole threads and attached pictures."""
    now = timezone.now()
    found = list(queries.with_context())
    said: dict[int, list[Message]] = {}
    for message in Message.objects.filter(query__in=[query.pk for query in found]).select_related("author"):
        said.setdefault(message.query_id, []).append(message)
    keys = {picture["series"] for query in found for picture in query.pictures}
    series = Series.objects.defer("digest").in_bulk(list(keys))
    drawn = standing_drawings(Annotation.objects.filter(series__in=keys))
    return [
        QueryRow(
            query,
            tuple(said.get(query.pk, ())),
            now,
            tuple(
                Attached(series[key], name, drawn.get((key, name)))
                for key, name in ((picture["series"], picture["name"]) for picture in query.pictures)
            ),
        )
        for query in found
    ]


def case_of(person: Person, submission: Submission) -> ReviewCase | None:
    """Return the case in which this person sees a submission: the one that is to be decided, else the latest."""
    cases = ReviewCase.objects.visible_to(person).filter(submission=submission).with_context().order_by("-round")
    return cases.exclude(status=ReviewCase.Status.DECIDED).first() or cases.first()


def queries_on_the_desk(person: Person, submission: Submission, case: ReviewCase | None) -> list[QueryRow]:
    """Return what was asked about a submission, and what it answers; a blind review sees no earlier return of it."""
    asked = Query.objects.visible_to(person).filter(Q(submission=submission) | Q(answered_by_submission=submission))
    if case and is_blind(case):
        asked = asked.exclude(submission=submission, decision__isnull=False)
    return threads(asked.order_by("-status", "opened_at"))


def queries_of_visit(person: Person, visit: Visit) -> list[QueryRow]:
    """Return what was asked about the submissions of a visit, open ones first."""
    asked = Query.objects.visible_to(person).filter(submission__visit=visit)
    return threads(asked.order_by("-status", "opened_at"))


def findings_asked_about(person: Person) -> list[str]:
    """Return the codes of the findings from which visible queries were drafted."""
    codes = Query.objects.visible_to(person).exclude(finding_code="").order_by("finding_code")
    return list(codes.values_list("finding_code", flat=True).distinct())
