"""The time of a case, in parts that are kept apart: at work, on desks, waiting."""

from dataclasses import dataclass, field
from datetime import timedelta

from django.utils import timezone

from apps.accounts.models import User
from apps.reviews.models import ReviewCase, ReviewPolicy, SeriesTime, TimeCorrection


@dataclass
class TimeOf:
    """The work of one person on a case."""

    analyst: User
    measured_seconds: float = 0.0
    corrections: list[TimeCorrection] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """As measured, with what was set right afterwards."""
        return self.measured_seconds + sum(correction.delta_seconds for correction in self.corrections)


@dataclass(frozen=True)
class CaseTimes:
    """From the receipt to the decision, or to this moment: `elapsed` is `waiting` and what it lay on desks."""

    elapsed: timedelta
    waiting: timedelta
    people: tuple[TimeOf, ...]
    series: tuple[tuple[str, float], ...]
    """Per series its title and the seconds of work on it, the longest first."""
    idle_after_seconds: int
    """A longer gap between two signs of work was a pause."""

    @property
    def active_seconds(self) -> float:
        return sum(person.seconds for person in self.people)


def case_times(case: ReviewCase, policy: ReviewPolicy) -> CaseTimes:
    """Gather the times of a case; an earlier round of the same submission has times of its own."""
    ended = case.decision.decided_at if case.status == ReviewCase.Status.DECIDED else timezone.now()
    begun = case.opened_at if case.round > 1 else (case.submission.transferred_at or case.opened_at)
    people: dict[int, TimeOf] = {}
    on_desks = timedelta()
    for session in case.sessions.select_related("analyst"):
        person = people.setdefault(session.analyst_id, TimeOf(session.analyst))
        person.measured_seconds += session.active_seconds
        on_desks += (session.ended_at or ended) - session.started_at
    for correction in case.time_corrections.select_related("analyst", "corrected_by"):
        people.setdefault(correction.analyst_id, TimeOf(correction.analyst)).corrections.append(correction)
    of_series: dict[str, float] = {}
    for row in SeriesTime.objects.filter(session__case=case).select_related("series").defer("series__digest"):
        of_series[row.series.title] = of_series.get(row.series.title, 0.0) + row.active_seconds
    elapsed = max(ended - begun, timedelta())
    return CaseTimes(
        elapsed=elapsed,
        waiting=max(elapsed - on_desks, timedelta()),
        people=tuple(people.values()),
        series=tuple(sorted(of_series.items(), key=lambda pair: -pair[1])),
        idle_after_seconds=policy.idle_after_seconds,
    )
