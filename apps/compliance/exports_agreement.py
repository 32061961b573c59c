"""The rows behind the agreement page as CSV: a line per submission, per wrong label, per pair, per label."""

from collections.abc import Callable

from django.http import HttpResponse

from apps.compliance.agreement import ReviewedSubmission, label_rows, reviewed_submissions
from apps.compliance.exports import csv_response
from apps.trials.models import Trial

_WHICH = ("Submission", "Site", "Subject", "Visit")


def _which(each: ReviewedSubmission) -> tuple[object, ...]:
    return each.submission, each.site, each.subject, each.visit_type


def reviews_csv(trial: Trial) -> HttpResponse:
    """Return a line per first review: its arm, its time, and what became of its verdict."""
    head = (
        *_WHICH,
        "Arm",
        "Wrong label on purpose",
        "Case",
        "Analyst",
        "Verdict",
        "Active, seconds",
        "Decided",
        "Reviewed by a second",
        "Verdict of the reviews after it",
        "Overturned",
        "Verdict when reopened",
        "Changed when reopened",
    )
    lines = (
        (
            *_which(each),
            each.arm,
            _yes(each.seeded is not None),
            each.first.case,
            each.first.analyst,
            each.first.verdict,
            f"{each.first.seconds:.1f}",
            each.first.decided_at.isoformat(timespec="seconds"),
            _yes(each.verified),
            each.outcome.verdict if each.verified else None,
            _yes(each.overturned) if each.verified else None,
            each.reopened[-1].verdict if each.reopened else None,
            _yes(each.changed_when_reopened),
        )
        for each in reviewed_submissions(trial)
    )
    return csv_response(f"{trial.protocol_number}-first-reviews.csv", head, lines)


def seeds_csv(trial: Trial) -> HttpResponse:
    """Return a line per label that was wrong on purpose."""
    head = (*_WHICH, "Case", "Analyst", "Module", "Label shown", "Noticed", "Turned out right", "Verdict")
    lines = (
        (
            *_which(each),
            each.first.case,
            each.first.analyst,
            each.seeded.module,
            each.seeded.label,
            _yes(each.seeded.noticed),
            _yes(each.seeded.was_right),
            each.first.verdict,
        )
        for each in reviewed_submissions(trial)
        if each.seeded
    )
    return csv_response(f"{trial.protocol_number}-wrong-labels.csv", head, lines)


def pairs_csv(trial: Trial) -> HttpResponse:
    """Return a line per submission with a second review, adjudications with it."""
    head = (
        *_WHICH,
        "Wrong label on purpose",
        "First analyst",
        "First verdict",
        "Second analyst",
        "Second verdict",
        "Adjudicator",
        "Adjudicated verdict",
    )
    lines = (
        (
            *_which(each),
            _yes(each.seeded is not None),
            each.first.analyst,
            each.first.verdict,
            each.second.analyst,
            each.second.verdict,
            each.adjudication.analyst if each.adjudication else None,
            each.adjudication.verdict if each.adjudication else None,
        )
        for each in reviewed_submissions(trial)
        if each.second
    )
    return csv_response(f"{trial.protocol_number}-second-reviews.csv", head, lines)


def labels_csv(trial: Trial) -> HttpResponse:
    """Return a line per label of the AI and what analysts left in its place."""
    head = ("Site", "Scanner", "Series", "Module", "AI label", "Analyst's label", "Corrected")
    lines = (
        (
            row.site,
            row.scanner,
            each.series,
            each.module,
            each.ai or "not sure",
            each.analyst or None,
            _yes(each.corrected),
        )
        for row in label_rows(trial)
        for each in row.judged
    )
    return csv_response(f"{trial.protocol_number}-ai-labels.csv", head, lines)


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


TABLES: dict[str, Callable[[Trial], HttpResponse]] = {
    "first-reviews": reviews_csv,
    "wrong-labels": seeds_csv,
    "second-reviews": pairs_csv,
    "ai-labels": labels_csv,
}
"""By the name in the address."""
