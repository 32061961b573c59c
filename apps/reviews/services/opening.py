from collections.abc import Iterable, Sequence
from datetime import timedelta
from random import Random

from django.db import transaction
from django.utils import timezone

from apps.audit.services import record
from apps.imageqc.models import Classification, Finding, SlotMatch
from apps.intake.models import Submission
from apps.jobs.models import Job
from apps.jobs.services import enqueue
from apps.reviews.models import CaseFinding, ReviewCase
from apps.reviews.policies import policy_of
from apps.reviews.selectors.shown import as_shown, slot_as_shown
from apps.reviews.services.drawing import draw, wrong_labels_for

ASK_AGAIN_AFTER = timedelta(minutes=30)
"""From one try to open a case to the next, when the first ended without a case."""


def open_case(submission: Submission, *, chance: Random | None = None) -> ReviewCase:
    """Put a transferred submission into the queue; a second call returns the same case.

    What is drawn for it (`services.drawing`) is kept in the step that makes the case, so nobody ever opens one
    before its lots, and of two calls at once only one's lots count.
    """
    slots = list(submission.slots.select_related("series", "required"))
    abstained = any(
        slot.series.classifications.filter(digest_sha256=slot.series.digest_sha256, abstained=True).exists()
        for slot in slots
        if slot.series
    )
    received_at = submission.transferred_at or timezone.now()
    visit = submission.visit
    policy = policy_of(visit.trial)
    codes = codes_found(submission, slots)
    lots = draw(policy, wrong_labels_for(slots), codes, chance)
    kept = {
        "trial": visit.trial,
        "site": visit.site,
        "settles": not lots.second_review,
        "priority": visit.visit_type.priority,
        "due_at": received_at + timedelta(hours=policy.review_within_hours),
        "resubmitted": submission.replaces is not None,
        "abstained": abstained,
        "arm": lots.arm,
        "seeded": lots.seeded,
    }
    kept["ai_disagrees"] = ai_disagrees(ReviewCase(submission=submission, **kept), slots)
    with transaction.atomic():
        case, opened = ReviewCase.objects.get_or_create(submission=submission, round=1, defaults=kept)
        if opened:
            CaseFinding.objects.bulk_create(CaseFinding(case=case, code=code) for code in codes)
            told = {"arm": lots.arm, "seeded": lots.seeded, "second_review": list(lots.second_review)}
            record("reviewcase.opened", case, by=None, new={"due_at": case.due_at.isoformat(), **told})
            if submission.replaces_id:
                enqueue("queries.answer_by_submission", submission.pk)
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


def ai_disagrees(case: ReviewCase, slots: Sequence[SlotMatch]) -> bool:
    """Whether a slot is missing or has a problem, as the case shows it: no list gives a wrong label away."""
    return any(_speaks_against(slot, _state_shown(case, slot)) for slot in slots)


def _state_shown(case: ReviewCase, slot: SlotMatch) -> str:
    if not case.seeded or slot.series is None or slot.series.pk != case.seeded["series"]:
        return slot.state
    said = Classification.latest_of(slot.series)
    return slot_as_shown(case, slot, as_shown(case, said)).state


def _speaks_against(slot: SlotMatch, state: str) -> bool:
    nothing_needed = state == SlotMatch.State.MISSING and slot.required.optional
    return state != SlotMatch.State.OK and not nothing_needed
