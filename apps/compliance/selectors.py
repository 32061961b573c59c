"""What a trial manager asks: per site, what was expected, what came, how good it was, and where to call today.

Each number is a `Measure`: one condition on visits. The table counts with it and the drill-down lists with it, so the
rows behind a number always add up to it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery

from apps.intake.models import Submission
from apps.trials.models import Site, Trial, Visit
from apps.trials.querysets import VisitQuerySet


@dataclass(frozen=True)
class Measure:
    """A number of the compliance table: its name in addresses, its heading, what it counts, and the condition."""

    name: str
    title: str
    meaning: str
    condition: Q


@dataclass(frozen=True)
class SiteRow:
    """One site's numbers; `counts` by measure name."""

    site: Site
    counts: Mapping[str, int]
    median_turnaround: timedelta | None

    @property
    def first_pass_rate(self) -> float | None:
        """Share of the visits with a decided first submission that were accepted at the first attempt."""
        decided = self.counts["first_decided"]
        return self.counts["first_pass"] / decided if decided else None


def measures(today: date) -> dict[str, Measure]:
    """Return the measures by name, in the order of the table's columns."""
    decided = ("accepted", "returned", "rejected")
    every = (
        Measure("expected", "Expected", "Visits whose window has opened by today.", Q(opens_on__lte=today)),
        Measure("received", "Received", "Visits of which images were transferred.", Q(received=True)),
        Measure(
            "late",
            "Late",
            "Visits whose window has closed and of which nothing was transferred.",
            Q(closes_on__lt=today, received=False),
        ),
        Measure(
            "first_decided",
            "First decided",
            "Visits whose first submission was decided.",
            Q(first_status__in=decided),
        ),
        Measure(
            "first_pass",
            "Accepted at first pass",
            "Visits whose first submission was accepted.",
            Q(first_status="accepted"),
        ),
        Measure(
            "returned",
            "Returned",
            "Visits of which a submission went back to the site or was rejected.",
            Q(returned=True),
        ),
        Measure("open", "Open", "Visits whose images lie at the core lab undecided.", Q(at_the_core_lab=True)),
    )
    return {measure.name: measure for measure in every}


def visits_behind(trial: Trial, measure: Measure, site: Site | None = None) -> QuerySet[Visit]:
    """Return the visits that a number counts, soonest deadline first."""
    visits = _annotated(trial).filter(measure.condition)
    if site is not None:
        visits = visits.filter(subject__site=site)
    return visits.with_context().order_by("closes_on", "subject__screening_number", "pk")


def site_rows(trial: Trial, today: date) -> list[SiteRow]:
    """Return the numbers of every site of the trial, by site number."""
    every = measures(today)
    counted: Iterable[Mapping[str, Any]] = (
        _annotated(trial)
        .order_by()
        .values("subject__site")
        .annotate(**{f"count_{name}": Count("pk", filter=measure.condition) for name, measure in every.items()})
    )
    counts = {row["subject__site"]: {name: row[f"count_{name}"] for name in every} for row in counted}
    turnaround = _turnaround(trial)
    return [
        SiteRow(
            site=site,
            counts=counts.get(site.pk, dict.fromkeys(every, 0)),
            median_turnaround=_median(turnaround[site.pk]) if site.pk in turnaround else None,
        )
        for site in trial.sites.all()
    ]


def totals(rows: Sequence[SiteRow]) -> dict[str, int]:
    """Return the sums over all sites, by measure name; empty without a site."""
    return {name: sum(row.counts[name] for row in rows) for name in (rows[0].counts if rows else ())}


def _annotated(trial: Trial) -> VisitQuerySet:
    own = Submission.objects.filter(visit=OuterRef("pk"))
    transferred = own.filter(transferred_at__isnull=False)
    return Visit.objects.filter(subject__site__trial=trial).annotate(
        received=Exists(transferred),
        first_status=Subquery(transferred.order_by("transferred_at", "pk").values("status")[:1]),
        returned=Exists(own.filter(status__in=(Submission.Status.RETURNED, Submission.Status.REJECTED))),
        at_the_core_lab=Exists(own.filter(status__in=Submission.AT_THE_CORE_LAB)),
        latest_status=Subquery(
            own.exclude(status=Submission.Status.WITHDRAWN).order_by("-created_at", "-pk").values("status")[:1]
        ),
        first_transferred_at=Subquery(transferred.order_by("transferred_at", "pk").values("transferred_at")[:1]),
    )


def _turnaround(trial: Trial) -> dict[int, list[timedelta]]:
    """Return per site the times from transfer to decision."""
    decided = Submission.objects.filter(
        visit__subject__site__trial=trial, transferred_at__isnull=False, decided_at__isnull=False
    )
    times = defaultdict(list)
    for site, elapsed in decided.values_list("visit__subject__site", F("decided_at") - F("transferred_at")):
        times[site].append(elapsed)
    return times


def _median(times: Sequence[timedelta]) -> timedelta:
    return timedelta(seconds=median(time.total_seconds() for time in times))
