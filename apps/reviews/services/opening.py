from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from apps.audit.services import record
from apps.imageqc.models import Finding, SlotMatch
from apps.intake.models import Submission
from apps.jobs.models import Job
from apps.jobs.services import enqueue
from apps.reviews.models import CaseFinding, ReviewCase
from apps.reviews.policies import policy_of

ASK_AGAIN_AFTER = timedelta(minutes=30)
"""From one try to open a case to the next, when the first ended without a case."""


def open_case(submission: Submission) -> ReviewCase:
    """Put a transferred submission into the queue; a second call returns the same case."""
    slots = list(submission.slots.select_related("series", "required"))
    abstained = any(
        slot.series.classifications.filter(digest_sha256=slot.series.digest_sha256, abstained=True).exists()
        for slot in slots
        if slot.series
    )
    received_at = submission.transferred_at or timezone.now()
    visit = submission.visit
    within = timedelta(hours=policy_of(visit.trial).review_within_hours)
    with transaction.atomic():
        case, opened = ReviewCase.objects.get_or_create(
            submission=submission,
            round=1,
            defaults={
                "trial": visit.trial,
                "site": visit.site,
                "settles": True,
                "priority": visit.visit_type.priority,
                "due_at": received_at + within,
                "resubmitted": submission.replaces is not None,
                "ai_disagrees": any(_speaks_against(slot) for slot in slots),
                "abstained": abstained,
            },
        )
        if opened:
            CaseFinding.objects.bulk_create(
                CaseFinding(case=case, code=code) for code in codes_found(submission, slots)
            )
            record("reviewcase.opened", case, by=None, new={"due_at": case.due_at.isoformat()})
    return case


def open_missing_cases() -> int:
    """Ask again for the cases of transferred submissions that have none; returns how many. Run by beat.

    Opening may have failed for good while the database was away. `ASK_AGAIN_AFTER` leaves the first try its time.
    """
    lately = timezone.now() - ASK_AGAIN_AFTER
    tries = Job.objects.filter(task="reviews.open_case", created_at__gte=lately).values("object_id")
    without = Submission.objects.filter(status=Submission.Status.TRANSFERRED, cases=None).exclude(pk__in=tries)
    for submission in without:
        enqueue("reviews.open_case", submission.pk)
    return len(without)


def codes_found(submission: Submission, slots: Iterable[SlotMatch]) -> list[str]:
    """Return the codes of everything that the rules found, by name; notes to the person left out."""
    codes = set(submission.findings.exclude(severity=Finding.Severity.INFO).values_list("code", flat=True))
    for slot in slots:
        codes.update(found["code"] for found in slot.findings if found["severity"] != Finding.Severity.INFO)
    return sorted(codes)


def _speaks_against(slot: SlotMatch) -> bool:
    nothing_needed = slot.state == SlotMatch.State.MISSING and slot.required.optional
    return slot.state != SlotMatch.State.OK and not nothing_needed
