from django.core.exceptions import PermissionDenied
from django.db.models import F
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.permissions import require
from apps.reviews.clock import active_gap
from apps.reviews.models import ReviewCase
from apps.reviews.permissions import may_decide
from apps.reviews.services.losing import NOT_ON_YOUR_DESK, why_not_on_the_desk


def beat(case: ReviewCase, *, by: User) -> float:
    """Note a sign of work on a case and return its active seconds so far, by the server's clock alone.

    Two tabs on one case do not count twice: a beat adds the gap to the last beat of either.
    """
    if not (may_decide(by, case) and count_work(case, by)):
        raise PermissionDenied(why_not_on_the_desk(case, by))
    return active_seconds(case)


def count_work(case: ReviewCase, analyst: User) -> bool:
    """Add the gap since the last sign of work; False when the analyst has no open session on the case."""
    session = case.sessions.filter(ended_at=None, analyst=analyst).first()
    if session is None:
        return False
    now = timezone.now()
    case.sessions.filter(pk=session.pk, last_beat_at=session.last_beat_at, ended_at=None).update(
        last_beat_at=now, active_seconds=F("active_seconds") + active_gap(session.last_beat_at, now)
    )
    return True


def stop_clock(case: ReviewCase, analyst: User) -> None:
    """End the analyst's session in the transaction that ends the work; refuses when it is not open any more."""
    require(case.sessions.filter(ended_at=None, analyst=analyst).update(ended_at=timezone.now()) == 1, NOT_ON_YOUR_DESK)


def active_seconds(case: ReviewCase) -> float:
    """Return the seconds of work that all sessions of a case hold."""
    return sum(case.sessions.values_list("active_seconds", flat=True))
