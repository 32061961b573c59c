from datetime import timedelta

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import F, Sum
from django.utils import timezone

from apps.accounts.models import Role, User
from apps.accounts.permissions import has_role, require
from apps.audit.lifecycle import Refused
from apps.audit.services import record
from apps.intake.models import Series
from apps.reviews.clock import active_gap
from apps.reviews.models import ReviewCase, SeriesTime, TimeCorrection
from apps.reviews.permissions import may_decide
from apps.reviews.policies import policy_of
from apps.reviews.services.losing import NOT_ON_YOUR_DESK, why_not_on_the_desk


def beat(case: ReviewCase, *, by: User, series: Series | None = None) -> float:
    """Note a sign of work on a case and return its active seconds so far, by the server's clock alone.

    The gap since the last sign goes to `series`, too, which the analyst has in view. Two tabs on one case do not count
    twice: a beat adds the gap to the last beat of either.
    """
    if not (may_decide(by, case) and count_work(case, by, series)):
        raise PermissionDenied(why_not_on_the_desk(case, by))
    return active_seconds(case)


def count_work(case: ReviewCase, analyst: User, series: Series | None = None) -> bool:
    """Add the gap since the last sign of work; False when the analyst has no open session on the case."""
    session = case.sessions.filter(ended_at=None, analyst=analyst).first()
    if session is None:
        return False
    now = timezone.now()
    worked = active_gap(session.last_beat_at, now, timedelta(seconds=policy_of(case.trial).idle_after_seconds))
    with transaction.atomic():
        first_to_count = case.sessions.filter(pk=session.pk, last_beat_at=session.last_beat_at, ended_at=None)
        counted = first_to_count.update(last_beat_at=now, active_seconds=F("active_seconds") + worked)
        if counted and worked and series is not None and series.submission_id == case.submission_id:
            time, _ = SeriesTime.objects.get_or_create(session=session, series=series)
            SeriesTime.objects.filter(pk=time.pk).update(active_seconds=F("active_seconds") + worked)
    return True


def stop_clock(case: ReviewCase, analyst: User) -> None:
    """End the analyst's session in the transaction that ends the work; refuses when it is not open any more."""
    require(case.sessions.filter(ended_at=None, analyst=analyst).update(ended_at=timezone.now()) == 1, NOT_ON_YOUR_DESK)


def active_seconds(case: ReviewCase) -> float:
    """Return the seconds of work that all sessions of a case hold, as measured."""
    return sum(case.sessions.values_list("active_seconds", flat=True))


def correct_time(case: ReviewCase, analyst: User, delta_seconds: float, *, by: User, because: str) -> TimeCorrection:
    """Add to or take from the measured time of an analyst on a case; what was measured stays beside it.

    For the analyst whose time it is and for managers of the trial, whenever the case has been worked on.
    """
    manages = has_role(by, Role.TRIAL_MANAGER, trial=case.trial_id)
    own = by == analyst and has_role(by, Role.ANALYST, trial=case.trial_id)
    require(own or manages, "Time is corrected by the analyst who worked on the case, or by a manager of the trial.")
    because = because.strip()
    if not because:
        raise Refused("Say why the time is corrected; the reason stays beside it.")
    if not delta_seconds:
        raise Refused("Say how many seconds to add (12) or to take away (-12).")
    with transaction.atomic():
        # Corrections of one case take turns, so that together they never take away more than there is.
        ReviewCase.objects.select_for_update().get(pk=case.pk)
        measured = case.sessions.filter(analyst=analyst).aggregate(total=Sum("active_seconds"))["total"]
        if measured is None:
            raise Refused(f"{analyst} has not worked on this case.")
        corrected = case.time_corrections.filter(analyst=analyst).aggregate(total=Sum("delta_seconds"))["total"] or 0.0
        if measured + corrected + delta_seconds < 0:
            raise Refused(f"{analyst} has {measured + corrected:.0f} s on this case; less than nothing cannot be left.")
        correction = TimeCorrection.objects.create(
            case=case, analyst=analyst, delta_seconds=delta_seconds, reason=because, corrected_by=by
        )
        old, new = {"seconds": measured + corrected}, {"seconds": measured + corrected + delta_seconds}
        record("reviewcase.time_corrected", case, by=by, old=old, new={**new, "analyst": str(analyst)}, because=because)
    return correction
