"""The worklist: which cases, in which order, and how many."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.paginator import Page, Paginator
from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from apps.accounts.models import User
from apps.intake.models import Series
from apps.reviews.models import ReviewCase, ReviewSession
from apps.reviews.querysets import ReviewCaseQuerySet
from apps.trials.models import Site, Trial

CASES_PER_PAGE = 50

STANDINGS = {"open": "To do", "waiting": "Waiting", "claimed": "In review", "mine": "Mine", "decided": "Decided"}
"""Where a case stands, as the worklist divides them, and the words for it."""

TO_DO = "open"
"""What is shown when nothing is chosen: all that is not decided."""

_SITE = "submission__visit__subject__site"


@dataclass(frozen=True)
class Filters:
    """What the person chose on the worklist."""

    standing: str = TO_DO
    trial: Trial | None = None
    site: Site | None = None
    subject: str = ""
    ai_disagrees: bool = False
    abstained: bool = False

    def narrow(self, cases: ReviewCaseQuerySet) -> ReviewCaseQuerySet:
        """Keep the cases that match everything but the standing."""
        if self.trial:
            cases = cases.filter(**{f"{_SITE}__trial": self.trial})
        if self.site:
            cases = cases.filter(**{_SITE: self.site})
        if self.subject:
            cases = cases.filter(submission__visit__subject__screening_number__icontains=self.subject)
        if self.ai_disagrees:
            cases = cases.filter(ai_disagrees=True)
        if self.abstained:
            cases = cases.filter(abstained=True)
        return cases


@dataclass(frozen=True)
class WorklistRow:
    """One line of the worklist at the moment `now`."""

    case: ReviewCase
    now: datetime

    @property
    def overdue(self) -> bool:
        return self.case.status != ReviewCase.Status.DECIDED and self.case.due_at < self.now

    @property
    def time_to_due(self) -> timedelta:
        """How long until the case is due, or since when it has been."""
        return abs(self.case.due_at - self.now)

    @property
    def age(self) -> timedelta:
        """Time since the core lab received the submission."""
        return self.now - (self.case.submission.transferred_at or self.case.opened_at)


@dataclass(frozen=True)
class Worklist:
    """One page of the worklist; `counts` by standing, from the same conditions as the rows."""

    page: Page[ReviewCase]
    rows: list[WorklistRow]
    counts: dict[str, int]

    @property
    def tabs(self) -> list[tuple[str, str, int]]:
        """Standing, its words, and how many cases stand there."""
        return [(name, words, self.counts[name]) for name, words in STANDINGS.items()]


def worklist(person: User, filters: Filters, page: str | None = None) -> Worklist:
    """Return a page of the cases that `person` may see, in the order in which they are to be done."""
    conditions = _standings(person)
    cases = filters.narrow(ReviewCase.objects.visible_to(person))
    counts = cases.aggregate(**{name: Count("pk", filter=condition) for name, condition in conditions.items()})
    rows = _with_columns(cases.filter(conditions[filters.standing]))
    rows = rows.order_by("-decision__pk") if filters.standing == "decided" else rows.in_due_order()
    paginator = Paginator(rows, CASES_PER_PAGE)
    paginator.count = counts[filters.standing]  # counted above: no second query, and never another number
    shown = paginator.get_page(page)
    now = timezone.now()
    return Worklist(page=shown, rows=[WorklistRow(case, now) for case in shown], counts=counts)


def _standings(person: User) -> dict[str, Q]:
    status = ReviewCase.Status
    return {
        "open": ~Q(status=status.DECIDED),
        "waiting": Q(status=status.WAITING),
        "claimed": Q(status=status.CLAIMED),
        "mine": Q(status=status.CLAIMED, holder=person),
        "decided": Q(status=status.DECIDED),
    }


def _with_columns(cases: ReviewCaseQuerySet) -> ReviewCaseQuerySet:
    """Add what a line shows beside the case itself: its series, and since when it is held."""
    series = Series.objects.filter(submission=OuterRef("submission")).order_by().values("submission")
    held = ReviewSession.objects.filter(case=OuterRef("pk"), ended_at=None)
    return (
        cases.with_context()
        .select_related("decision__decided_by")
        .annotate(
            series_count=Coalesce(Subquery(series.annotate(number=Count("pk")).values("number")), 0),
            held_since=Subquery(held.values("started_at")[:1]),
        )
    )
