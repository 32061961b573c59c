"""Visits as coordinators and the API see them: where each stands, and which of them ask for something now."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Case, CharField, Count, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce

from apps.accounts.models import Membership, Role
from apps.accounts.permissions import Person, is_person
from apps.intake.models import Submission
from apps.trials.models import Visit

OPEN = "open"
"""State of a visit for which nothing has been begun, or all that was begun was withdrawn."""

VISIT_STATES = (OPEN, *(status for status in Submission.Status.values if status != Submission.Status.WITHDRAWN))


def visits_with_state(user: Person) -> QuerySet[Visit]:
    """Return the visible visits with `state` (of `VISIT_STATES`) and `latest_submission` (primary key or None)."""
    latest = (
        Submission.objects.filter(visit=OuterRef("pk"))
        .exclude(status=Submission.Status.WITHDRAWN)
        .order_by("-created_at", "-pk")
    )
    return (
        Visit.objects.visible_to(user)
        .with_context()
        .annotate(
            state=Coalesce(Subquery(latest.values("status")[:1]), Value(OPEN)),
            latest_submission=Subquery(latest.values("pk")[:1]),
        )
    )


@dataclass(frozen=True)
class Need:
    """What a group of visits asks of the coordinator."""

    name: str
    title: str
    lede: str
    action: str = ""
    """What the button of a line says; empty where the next step is not the site's."""
    counts_days: bool = True
    """Whether the days of the window matter."""


NEEDS = (
    Need("returned", "Returned to you", "The core lab asks for other images, and says why.", "See why"),
    Need("late", "Late", "The window has closed and nothing has been sent.", "Add images"),
    Need("begun", "In progress", "Begun, and not with the core lab yet.", "Go on"),
    Need("due", "Due now", "The window is open.", "Add images"),
    Need("at_core_lab", "At the core lab", "Nothing to do: the decision appears here.", counts_days=False),
    Need("upcoming", "Upcoming", "The window has not opened yet; you may send as soon as there is a scan."),
    Need("done", "Done", "Accepted by the core lab.", counts_days=False),
)
"""In the order in which a coordinator looks at them."""

ASKS_NOW = ("returned", "late", "begun", "due")
"""The needs where the next step is the coordinator's."""

SHOWN_AT_MOST = 300
"""Visits on one page; more are found by subject or by filter."""

DONE_AT_MOST = 8
"""Accepted visits shown while the list is not narrowed to them."""


@dataclass(frozen=True)
class VisitLine:
    """One visit of the list."""

    visit: Visit
    state: str
    timing: str
    window: str
    may_send: bool


@dataclass(frozen=True)
class VisitGroup:
    """The visits that ask for the same; `total` counts those that are not shown, too."""

    need: Need
    lines: tuple[VisitLine, ...]
    total: int

    @property
    def hidden(self) -> int:
        return self.total - len(self.lines)


@dataclass(frozen=True)
class VisitList:
    groups: tuple[VisitGroup, ...]
    counts: dict[str, int]

    @property
    def asks_now(self) -> int:
        """How many visits wait for the coordinator."""
        return sum(self.counts.get(name, 0) for name in ASKS_NOW)


def visits_by_need(user: Person, today: date, *, subject: str = "", need: str = "") -> VisitList:
    """Return the visible visits grouped by what they ask for, in a constant number of queries."""
    visits = visits_with_state(user).annotate(need=_need(today))
    if subject:
        visits = visits.filter(subject__screening_number__icontains=subject)
    counts = dict(visits.order_by().values_list("need").annotate(Count("pk")))
    shown = visits.order_by("closes_on", "subject__screening_number", "pk")
    if need:
        rows: Iterable[Any] = shown.filter(need=need)[:SHOWN_AT_MOST]
    else:
        done = shown.filter(need="done").order_by("-closes_on", "pk")
        rows = [*shown.exclude(need="done")[:SHOWN_AT_MOST], *done[:DONE_AT_MOST]]
    own_sites = _own_sites(user)
    lines: dict[str, list[VisitLine]] = {}
    for visit in rows:
        line = VisitLine(
            visit=visit,
            state=visit.state,
            timing=visit.timing(today),
            window=window_words(visit, today),
            may_send=visit.subject.site_id in own_sites,
        )
        lines.setdefault(visit.need, []).append(line)
    groups = tuple(VisitGroup(each, tuple(lines[each.name]), counts[each.name]) for each in NEEDS if each.name in lines)
    return VisitList(groups, counts)


def window_words(visit: Visit, today: date) -> str:
    """Return how a visit's window lies to today: "12 days left", "3 days late", "opens in 5 days"."""
    timing = visit.timing(today)
    if timing == "upcoming":
        return f"opens in {_days((visit.opens_on - today).days)}"
    if timing == "late":
        return f"{_days((today - visit.closes_on).days)} late"
    left = (visit.closes_on - today).days
    return f"{_days(left)} left" if left else "last day today"


def _days(number: int) -> str:
    return f"{number} day" if number == 1 else f"{number} days"


def _need(today: date) -> Case:
    """Return the expression of a visit's `Need`, from its annotated state and its window."""
    status = Submission.Status
    return Case(
        When(state__in=(status.RETURNED, status.REJECTED), then=Value("returned")),
        When(state__in=Submission.BEFORE_TRANSFER, then=Value("begun")),
        When(state__in=Submission.AT_THE_CORE_LAB, then=Value("at_core_lab")),
        When(state=status.ACCEPTED, then=Value("done")),
        When(Q(opens_on__gt=today), then=Value("upcoming")),
        When(Q(closes_on__gte=today), then=Value("due")),
        default=Value("late"),
        output_field=CharField(),
    )


def _own_sites(user: Person) -> set[int]:
    """Return the sites for which the person sends images."""
    if not is_person(user):
        return set()
    rows = Membership.objects.filter(user=user, role=Role.CRC, site__isnull=False)
    return set(rows.values_list("site_id", flat=True))
