from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models.functions import Coalesce
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.permissions import require
from apps.audit.lifecycle import Refused, StaleState, WrongState, advance
from apps.audit.services import record
from apps.intake.models import Submission
from apps.reviews.models import ReviewCase, ReviewPolicy, ReviewSession
from apps.reviews.permissions import may_claim, may_put_back, may_review, reviewed_before
from apps.reviews.querysets import ReviewCaseQuerySet
from apps.reviews.services.timing import count_work, stop_clock

NOT_AN_ANALYST = "Only the image analysts of this trial review its cases."
REVIEWED_BEFORE = (
    "You decided on this submission in an earlier round, and this review needs somebody else's eyes. Take another case."
)
CHANGED = "Somebody else changed this case a moment ago. Reload the page to see where it stands."
TAKEN_OVER = "reviewcase.taken_over"
"""The audit event of a case that went from one desk straight to another."""


def claim_next(*, by: User, among: ReviewCaseQuerySet | None = None) -> ReviewCase | None:
    """Return the case that the analyst holds already, or the first waiting one; None when nothing waits.

    `among` narrows the queue to what the analyst's filters show.
    """
    require(may_claim(by), "Only image analysts take cases from the queue.")
    held = held_case(by)
    if held:
        return held
    queue = queue_of(by, among=among)
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


def queue_of(user: User, *, among: ReviewCaseQuerySet | None = None) -> ReviewCaseQuerySet:
    """Return the cases that this analyst can take, in the order in which they come."""
    queue = (ReviewCase.objects.all() if among is None else among).decidable_by(user).in_the_queue()
    return queue.not_reviewed_before_by(user).in_due_order()


def held_case(user: User) -> ReviewCase | None:
    """Return the case that this analyst has on the desk."""
    return ReviewCase.objects.decidable_by(user).filter(status=ReviewCase.Status.CLAIMED, holder=user).first()


def claim(case: ReviewCase, *, by: User) -> None:
    """Take a waiting case; an analyst has one case on the desk at a time."""
    _require_reviewer(by, case)
    held = held_case(by)
    if held and held.pk != case.pk:
        raise Refused(f"You have {held} open. Decide it or put it back, then take this one.")
    if held:
        return
    if case.status == ReviewCase.Status.CLAIMED:
        raise WrongState(f"{case.holder} has this case. Take another one, or take it over and say why.")
    now = timezone.now()
    try:
        with transaction.atomic():
            advance(case, ReviewCase.Status.CLAIMED, by=by, holder=by)
            advance(case.submission, Submission.Status.IN_REVIEW, by=by)
            ReviewSession.objects.create(case=case, analyst=by, started_at=now, last_beat_at=now)
    except IntegrityError:
        raise Refused("You took another case a moment ago, in another window. Decide it or put it back.") from None


def _require_reviewer(by: User, case: ReviewCase) -> None:
    require(not reviewed_before(by, case), REVIEWED_BEFORE)
    require(may_review(by, case), NOT_AN_ANALYST)


def take_over(case: ReviewCase, *, by: User, because: str) -> None:
    """Take a case from the desk of another analyst, who is told why; their time stays recorded."""
    _require_reviewer(by, case)
    because = _reason(because, "Say why you take the case over; the one who has it reads the reason.")
    holder = case.holder
    if case.status != ReviewCase.Status.CLAIMED or holder is None:
        raise WrongState(f"Nobody has this case: it is {case.get_status_display().lower()}. Reload the page.")
    if holder == by:
        raise Refused("This case is on your desk already.")
    held = held_case(by)
    if held:
        raise Refused(f"You have {held} open. Decide it or put it back, then take this one over.")
    now = timezone.now()
    try:
        with transaction.atomic():
            mine = ReviewCase.objects.filter(pk=case.pk, status=ReviewCase.Status.CLAIMED, holder=holder)
            if mine.update(holder=by) != 1:
                raise StaleState(
                    "Somebody else changed this case a moment ago. Reload the page to see where it stands."
                )
            case.sessions.filter(ended_at=None).update(ended_at=now)
            ReviewSession.objects.create(case=case, analyst=by, started_at=now, last_beat_at=now)
            old, new = {"holder": holder.get_username()}, {"holder": by.get_username()}
            record(TAKEN_OVER, case, by=by, old=old, new=new, because=because)
    except IntegrityError:
        raise Refused("You took another case a moment ago, in another window. Decide it or put it back.") from None
    case.holder = by


def put_back(case: ReviewCase, *, by: User, because: str) -> None:
    """Free a case for its analyst, who is ill, say; a manager's step. The time spent on it stays recorded."""
    require(may_put_back(by, case), "Only managers of this trial put back a case that another person holds.")
    because = _reason(because, "Say why the case goes back to the queue; the one who has it reads the reason.")
    if case.status != ReviewCase.Status.CLAIMED:
        raise WrongState(f"Nobody has this case: it is {case.get_status_display().lower()}. Reload the page.")
    with transaction.atomic():
        still_held = case.sessions.filter(ended_at=None, analyst=case.holder_id)
        if still_held.update(ended_at=timezone.now()) != 1:
            raise StaleState(CHANGED)
        _back_to_queue(case, by=by, because=because)


def _reason(because: str, what_to_do: str) -> str:
    """Return the reason that was given, or refuse with what is missing."""
    if not because.strip():
        raise Refused(what_to_do)
    return because.strip()


def release(case: ReviewCase, *, by: User) -> None:
    """Put a case back into the queue undecided; the time spent on it stays recorded."""
    require(case.holder_id == by.pk, "Only the analyst who holds a case can put it back.")
    count_work(case, by)
    with transaction.atomic():
        stop_clock(case, by)
        _back_to_queue(case, by=by, because="")


def return_idle_cases() -> int:
    """Put back the cases whose analyst has left; returns how many. Run by beat."""
    default = ReviewPolicy._meta.get_field("back_to_queue_minutes").default
    now = timezone.now()
    at_work = (
        ReviewSession.objects.filter(ended_at=None)
        .annotate(minutes=Coalesce("case__trial__review_policy__back_to_queue_minutes", default))
        .select_related("case__submission")
    )
    returned = 0
    for session in at_work:  # one per desk: few, however many cases there are
        patience = timedelta(minutes=session.minutes)
        if session.last_beat_at < now - patience:
            returned += _return_idle(session, patience)
    return returned


def _return_idle(session: ReviewSession, patience: timedelta) -> bool:
    """Put one case back; False when its analyst has just come back, decided it or put it back."""
    still_silent = ReviewSession.objects.filter(pk=session.pk, ended_at=None, last_beat_at=session.last_beat_at)
    try:
        with transaction.atomic():
            if still_silent.update(ended_at=session.last_beat_at) != 1:
                return False
            _back_to_queue(session.case, by=None, because=f"No sign of work for {_minutes(patience)}.")
    except (StaleState, WrongState):
        return False
    return True


def _minutes(time: timedelta) -> str:
    return f"{time.total_seconds() / 60:.0f} minutes"


def _back_to_queue(case: ReviewCase, *, by: User | None, because: str) -> None:
    advance(case, ReviewCase.Status.WAITING, by=by, because=because, holder=None)
    advance(case.submission, Submission.Status.TRANSFERRED, by=by, because=because)
