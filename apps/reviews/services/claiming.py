from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.permissions import require
from apps.audit.lifecycle import Refused, StaleState, WrongState, advance
from apps.audit.services import record
from apps.imageqc.models import SlotMatch
from apps.intake.models import Submission
from apps.jobs.models import Job
from apps.jobs.services import enqueue
from apps.reviews.clock import BACK_TO_QUEUE_AFTER
from apps.reviews.models import REVIEW_WITHIN, ReviewCase, ReviewSession
from apps.reviews.permissions import may_claim, may_review
from apps.reviews.querysets import ReviewCaseQuerySet
from apps.reviews.services.timing import count_work, stop_clock

ASK_AGAIN_AFTER = timedelta(minutes=30)
"""From one try to open a case to the next, when the first ended without a case."""

NOT_AN_ANALYST = "Only the image analysts of this trial review its cases."


def open_case(submission: Submission) -> ReviewCase:
    """Put a transferred submission into the queue; a second call returns the same case."""
    slots = list(submission.slots.select_related("series", "required"))
    abstained = any(
        slot.series.classifications.filter(digest_sha256=slot.series.digest_sha256, abstained=True).exists()
        for slot in slots
        if slot.series
    )
    received_at = submission.transferred_at or timezone.now()
    with transaction.atomic():
        case, opened = ReviewCase.objects.get_or_create(
            submission=submission,
            defaults={
                "due_at": received_at + REVIEW_WITHIN,
                "resubmitted": submission.replaces is not None,
                "ai_disagrees": any(_speaks_against(slot) for slot in slots),
                "abstained": abstained,
            },
        )
        if opened:
            record("reviewcase.opened", case, by=None, new={"due_at": case.due_at.isoformat()})
    return case


def open_missing_cases() -> int:
    """Ask again for the cases of transferred submissions that have none; returns how many. Run by beat.

    Opening may have failed for good while the database was away. `ASK_AGAIN_AFTER` leaves the first try its time.
    """
    lately = timezone.now() - ASK_AGAIN_AFTER
    tries = Job.objects.filter(task="reviews.open_case", created_at__gte=lately).values("object_id")
    without = Submission.objects.filter(status=Submission.Status.TRANSFERRED, case=None).exclude(pk__in=tries)
    for submission in without:
        enqueue("reviews.open_case", submission.pk)
    return len(without)


def _speaks_against(slot: SlotMatch) -> bool:
    nothing_needed = slot.state == SlotMatch.State.MISSING and slot.required.optional
    return slot.state != SlotMatch.State.OK and not nothing_needed


def claim_next(*, by: User, among: ReviewCaseQuerySet | None = None) -> ReviewCase | None:
    """Return the case that the analyst holds already, or the first waiting one; None when nothing waits.

    `among` narrows the queue to what the analyst's filters show.
    """
    require(may_claim(by), "Only image analysts take cases from the queue.")
    held = held_case(by)
    if held:
        return held
    queue = (ReviewCase.objects.all() if among is None else among).decidable_by(by).waiting().in_due_order()
    while (case := queue.first()) is not None:
        try:
            claim(case, by=by)
        except StaleState:
            continue
        except Refused:
            # The same analyst pressed twice, and the other request was quicker.
            held = held_case(by)
            if held is None:
                raise
            return held
        return case
    return None


def held_case(user: User) -> ReviewCase | None:
    """Return the case that this analyst has on the desk."""
    return ReviewCase.objects.decidable_by(user).filter(status=ReviewCase.Status.CLAIMED, holder=user).first()


def claim(case: ReviewCase, *, by: User) -> None:
    """Take a waiting case; an analyst has one case on the desk at a time."""
    require(may_review(by, case), NOT_AN_ANALYST)
    held = held_case(by)
    if held and held.pk != case.pk:
        raise Refused(f"You have {held} open. Decide it or put it back, then take this one.")
    if held:
        return
    if case.status == ReviewCase.Status.CLAIMED:
        raise WrongState(f"{case.holder} has this case. Take another one, or ask {case.holder} to put it back.")
    now = timezone.now()
    try:
        with transaction.atomic():
            advance(case, ReviewCase.Status.CLAIMED, by=by, holder=by)
            advance(case.submission, Submission.Status.IN_REVIEW, by=by)
            ReviewSession.objects.create(case=case, analyst=by, started_at=now, last_beat_at=now)
    except IntegrityError:
        raise Refused("You took another case a moment ago, in another window. Decide it or put it back.") from None


def release(case: ReviewCase, *, by: User) -> None:
    """Put a case back into the queue undecided; the time spent on it stays recorded."""
    require(case.holder_id == by.pk, "Only the analyst who holds a case can put it back.")
    count_work(case, by)
    with transaction.atomic():
        stop_clock(case, by)
        _back_to_queue(case, by=by, because="")


def return_idle_cases() -> int:
    """Put back the cases whose analyst has left; returns how many. Run by beat."""
    silent_since = timezone.now() - BACK_TO_QUEUE_AFTER
    idle = ReviewSession.objects.filter(ended_at=None, last_beat_at__lt=silent_since)
    return sum(_return_idle(session) for session in idle.select_related("case__submission"))


def _return_idle(session: ReviewSession) -> bool:
    """Put one case back; False when its analyst has just come back, decided it or put it back."""
    still_silent = ReviewSession.objects.filter(pk=session.pk, ended_at=None, last_beat_at=session.last_beat_at)
    try:
        with transaction.atomic():
            if still_silent.update(ended_at=session.last_beat_at) != 1:
                return False
            _back_to_queue(session.case, by=None, because=f"No sign of work for {_minutes(BACK_TO_QUEUE_AFTER)}.")
    except (StaleState, WrongState):
        return False
    return True


def _minutes(time: timedelta) -> str:
    return f"{time.total_seconds() / 60:.0f} minutes"


def _back_to_queue(case: ReviewCase, *, by: User | None, because: str) -> None:
    advance(case, ReviewCase.Status.WAITING, by=by, because=because, holder=None)
    advance(case.submission, Submission.Status.TRANSFERRED, by=by, because=because)
