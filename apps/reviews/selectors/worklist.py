"""The worklist: which cases, in which order, and how many."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.paginator import Page, Paginator
from django.db.models import Count, Exists, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.permissions import Person, is_person
from apps.imaging.rules import RULES
from apps.intake.models import Series
from apps.reviews.models import CaseFinding, ReviewCase, ReviewSession
from apps.reviews.querysets import ReviewCaseQuerySet
from apps.trials.models import Site, Trial, VisitType

CASES_PER_PAGE = 50

STANDINGS = {
    "open": "To do",
    "waiting": "Waiting",
    "claimed": "In review",
    "mine": "Mine",
    "site": "With the site",
    "decided": "Decided",
}
"""Where a case stands, as the worklist divides them, and the words for it."""

TO_DO = "open"
"""What is shown when nothing is chosen: all that is not decided and not with the site."""

DECIDED = "decided"

SECOND_KINDS = (ReviewCase.Kind.SECOND, ReviewCase.Kind.ADJUDICATION)


@dataclass(frozen=True)
class Filters:
    """What the person chose on the worklist."""

    standing: str = TO_DO
    trial: Trial | None = None
    site: Site | None = None
    subject: str = ""
    ai_disagrees: bool = False
    abstained: bool = False
    finding: str = ""
    second: bool = False
    reopened: bool = False
    answered: bool = False
    priority: bool = False

    def narrow(self, cases: ReviewCaseQuerySet) -> ReviewCaseQuerySet:
        """Keep the cases that match everything but the standing."""
        if self.trial:
            cases = cases.filter(trial=self.trial)
        if self.site:
            cases = cases.filter(site=self.site)
        if self.subject:
            cases = cases.filter(submission__visit__subject__screening_number__icontains=self.subject)
        if self.ai_disagrees:
            cases = cases.filter(ai_disagrees=True)
        if self.abstained:
            cases = cases.filter(abstained=True)
        if self.second:
            cases = cases.filter(kind__in=SECOND_KINDS)
        if self.reopened:
            cases = cases.filter(kind=ReviewCase.Kind.REOPENED)
        if self.answered:
            cases = cases.filter(queries_open=0, queries_answered__gt=0)
        if self.priority:
            cases = cases.filter(priority__gt=VisitType.Priority.NORMAL)
        if self.finding:
            found = CaseFinding.objects.filter(case=OuterRef("pk"), code=self.finding)
            cases = cases.filter(Exists(found))
        if self.ai_disagrees or self.abstained or self.finding:
            cases = cases.with_open_labels()
        return cases


def findings_to_choose(person: Person) -> list[tuple[str, str]]:
    """Return the codes of all rules, and the words for them.

    What was found is not looked up: among thousands of cases that takes longer than the rest of the page, and the list
    would tell what hidden cases hold.
    """
    return sorted((code, finding_words(code)) for code in _CODES) if is_person(person) else []


_CODES = frozenset(rule.code for rules in RULES.values() for rule in rules)


def finding_words(code: str) -> str:
    """Return a code as people say it: `few_slices` -> `Few slices`."""
    return code.replace("_", " ").capitalize()


@dataclass(frozen=True)
class WorklistRow:
    """One line of the worklist at the moment `now`."""

    case: ReviewCase
    now: datetime

    @property
    def overdue(self) -> bool:
        return self.case.status != ReviewCase.Status.DECIDED and self.case.due_at < self.now

    @property
    def labels_hidden(self) -> bool:
        """Whether the line keeps to itself what the AI found: until the case is decided, for everybody."""
        return self.case.arm == ReviewCase.Arm.HIDDEN and self.case.status != ReviewCase.Status.DECIDED

    @property
    def answered(self) -> bool:
        """Whether the site has answered all that it was asked."""
        return self.case.queries_answered > 0 and self.case.queries_open == 0

    @property
    def time_to_due(self) -> timedelta:
        """How long until the case is due, or since when it has been."""
        return abs(self.case.due_at - self.now)

    @property
    def held_for(self) -> timedelta | None:
        """How long the case has been on its desk; None when it is on none."""
        since: datetime | None = getattr(self.case, "held_since", None)
        return self.now - since if since else None

    @property
    def age(self) -> timedelta:
        """Time since the core lab received the submission."""
        return self.now - (self.case.submission.transferred_at or self.case.opened_at)


@dataclass(frozen=True)
class Worklist:
    """One page of the worklist; `counts` by standing, from the same conditions as the rows."""

    page: Page[int]
    rows: list[WorklistRow]
    counts: dict[str, int]

    @property
    def tabs(self) -> list[tuple[str, str, int | None]]:
        """Standing, its words, and how many cases stand there; decided ones are counted when they are looked at."""
        return [(name, words, self.counts.get(name)) for name, words in STANDINGS.items()]


def worklist(person: User, filters: Filters, page: str | None = None, per_page: int | None = None) -> Worklist:
    """Return a page of the cases that `person` may see, in the order in which they are to be done.

    What is decided grows for years while the rest stays small, so it is neither counted nor sorted without need, and
    what a line shows is fetched for the lines of the page alone.
    """
    cases = filters.narrow(ReviewCase.objects.visible_to(person))
    conditions = _standings(person)
    counts = _undecided(cases).aggregate(**{name: Count("pk", filter=which) for name, which in conditions.items()})
    if filters.standing == DECIDED:
        decided = cases.filter(status=ReviewCase.Status.DECIDED)
        # Few are kept back: to count those alone is quicker than to look at each of the others.
        counts[DECIDED] = decided.count() - decided.kept_from(person).count()
        ordered = decided.not_kept_from(person).filter(decision__isnull=False).order_by("-decision__pk")
    else:
        ordered = _undecided(cases).filter(conditions[filters.standing]).in_due_order()
    paginator = Paginator(ordered.values_list("pk", flat=True), per_page or CASES_PER_PAGE)
    paginator.count = counts[filters.standing]  # counted above: no second query, and never another number
    shown = paginator.get_page(page)
    keys = list(shown)
    rows = _with_columns(ReviewCase.objects.filter(pk__in=keys), person).in_bulk()
    now = timezone.now()
    return Worklist(page=shown, rows=[WorklistRow(rows[key], now) for key in keys if key in rows], counts=counts)


def _undecided(cases: ReviewCaseQuerySet) -> ReviewCaseQuerySet:
    return cases.filter(status__in=(ReviewCase.Status.WAITING, ReviewCase.Status.CLAIMED))


def _standings(person: User) -> dict[str, Q]:
    """Return the conditions that divide the undecided cases."""
    status = ReviewCase.Status
    with_the_site = Q(status=status.WAITING, queries_open__gt=0)
    return {
        TO_DO: ~with_the_site,
        "waiting": Q(status=status.WAITING, queries_open=0),
        "site": with_the_site,
        "claimed": Q(status=status.CLAIMED),
        "mine": Q(status=status.CLAIMED, holder=person),
    }


def _with_columns(cases: ReviewCaseQuerySet, person: User) -> ReviewCaseQuerySet:
    """Add what a line shows beside the case itself: its series, since when it is held, and whether it is for others."""
    own_eyes = ReviewCase.objects.filter(pk=OuterRef("pk")).not_reviewed_before_by(person)
    series = Series.objects.filter(submission=OuterRef("submission")).order_by().values("submission")
    held = ReviewSession.objects.filter(case=OuterRef("pk"), ended_at=None)
    return (
        cases.with_context()
        .select_related("decision__decided_by")
        .annotate(
            series_count=Coalesce(Subquery(series.annotate(number=Count("pk")).values("number")), 0),
            held_since=Subquery(held.values("started_at")[:1]),
            for_others=~Exists(own_eyes),
        )
    )
