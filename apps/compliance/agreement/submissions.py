"""The submissions of a trial whose reviews have come to rest, each with all its rounds."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Sum

from apps.reviews.models import LabelCorrection, ReviewCase, TimeCorrection
from apps.reviews.selectors.shown import seed_was_noticed
from apps.trials.models import Trial

Labels = Mapping[tuple[int, str], str]
"""By series and module the label that was set last."""

_SITE = "submission__visit__subject__site"


@dataclass(frozen=True)
class Review:
    """One decided case."""

    case: int
    verdict: str
    analyst: str
    seconds: float
    """Active time of all who held the case, with what was set right afterwards."""
    decided_at: datetime


@dataclass(frozen=True)
class Seeded:
    """A label that was wrong on purpose, and what became of it."""

    module: str
    label: str
    noticed: bool
    was_right: bool
    """Whether a later round set the very label: the ensemble had been wrong, and nothing was there to notice."""


@dataclass(frozen=True)
class ReviewedSubmission:
    """One submission with its decided rounds; none is under way."""

    submission: int
    site: str
    subject: str
    visit_type: str
    arm: str
    first: Review
    second: Review | None = None
    adjudication: Review | None = None
    reopened: tuple[Review, ...] = ()
    seeded: Seeded | None = None

    @property
    def outcome(self) -> Review:
        """The review whose verdict was the outcome before any reopening."""
        return self.adjudication or self.second or self.first

    @property
    def verified(self) -> bool:
        """Whether somebody else reviewed it blindly."""
        return self.second is not None

    @property
    def overturned(self) -> bool:
        """Whether the reviews after the first came to another verdict."""
        return self.outcome.verdict != self.first.verdict

    @property
    def changed_when_reopened(self) -> bool:
        """Whether it was reopened and ended with another verdict than its first."""
        return bool(self.reopened) and self.reopened[-1].verdict != self.first.verdict


def reviewed_submissions(trial: Trial) -> list[ReviewedSubmission]:
    """Return the trial's decided submissions of which no review is under way, in the order of their first one.

    One whose second review or adjudication is still to come is left out as a whole: nothing here tells who is to
    review it what others found. A constant number of queries.
    """
    rounds: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in _cases(trial):
        rounds[row["submission"]].append(row)
    at_rest = [rows for rows in rounds.values() if all(row["status"] == ReviewCase.Status.DECIDED for row in rows)]
    corrected = _time_corrections(trial)
    seeded = [rows[0]["submission"] for rows in at_rest if rows[0]["seeded"]]
    labels = _labels_set(seeded)
    return [_reviewed(rows, corrected, labels) for rows in at_rest]


def _cases(trial: Trial) -> Sequence[dict[str, Any]]:
    return list(
        ReviewCase.objects.filter(trial=trial)
        .order_by("submission", "round")
        .values(
            "pk",
            "submission",
            "kind",
            "status",
            "arm",
            "seeded",
            "decision__verdict",
            "decision__decided_by__username",
            "decision__active_seconds",
            "decision__decided_at",
            f"{_SITE}__number",
            "submission__visit__subject__screening_number",
            "submission__visit__visit_type__name",
        )
    )


def _time_corrections(trial: Trial) -> dict[int, float]:
    corrections = TimeCorrection.objects.filter(case__trial=trial).order_by().values("case")
    return dict(corrections.annotate(delta=Sum("delta_seconds")).values_list("case", "delta"))


def _labels_set(submissions: Sequence[int]) -> dict[int, dict[tuple[int, str], str]]:
    """Return per case the labels that were set on it last, for the cases of these submissions."""
    found: dict[int, dict[tuple[int, str], str]] = defaultdict(dict)
    rows = LabelCorrection.objects.filter(case__submission__in=submissions).order_by("corrected_at", "pk")
    for case, series, module, label in rows.values_list("case", "series", "module", "label"):
        found[case][series, module] = label
    return found


def _reviewed(
    rows: Sequence[dict[str, Any]], corrected: Mapping[int, float], labels: Mapping[int, Labels]
) -> ReviewedSubmission:
    kinds: dict[str, list[Review]] = defaultdict(list)
    for row in rows:
        seconds = row["decision__active_seconds"] + corrected.get(row["pk"], 0.0)
        who, verdict = row["decision__decided_by__username"], row["decision__verdict"]
        kinds[row["kind"]].append(Review(row["pk"], verdict, who, seconds, row["decision__decided_at"]))
    first = rows[0]
    kind = ReviewCase.Kind
    return ReviewedSubmission(
        submission=first["submission"],
        site=first[f"{_SITE}__number"],
        subject=first["submission__visit__subject__screening_number"],
        visit_type=first["submission__visit__visit_type__name"],
        arm=first["arm"],
        first=kinds[kind.FIRST][0],
        second=next(iter(kinds[kind.SECOND]), None),
        adjudication=next(iter(kinds[kind.ADJUDICATION]), None),
        reopened=tuple(kinds[kind.REOPENED]),
        seeded=_seeded(first["seeded"], [labels.get(row["pk"], {}) for row in rows]) if first["seeded"] else None,
    )


def _seeded(seed: Mapping[str, Any], labels: Sequence[Labels]) -> Seeded:
    """Return what became of a wrong label, given the labels that were set in each round."""
    first, *later = labels
    key = seed["series"], seed["module"]
    return Seeded(
        module=seed["module"],
        label=seed["label"],
        noticed=seed_was_noticed(seed, first),
        was_right=any(round.get(key) == seed["label"] for round in later),
    )
