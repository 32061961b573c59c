from django.db.models import F
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.permissions import require
from apps.reviews.clock import active_gap
from apps.reviews.models import ReviewCase
from apps.reviews.permissions import may_decide

NOT_ON_YOUR_DESK = "This case is not on your desk any more; it may have gone back to the queue. Take it again to go on."


def beat(case: ReviewCase, *, by: User) -> float:
    """Note a sign of work on a case and return its active seconds so far, by the server's clock alone.

    Two tabs on one case do not count twice: a beat adds the gap to the last beat of either.
    """
    require(may_decide(by, case), NOT_ON_YOUR_DESK)
    session = case.sessions.get(ended_at=None)
    now = timezone.now()
    case.sessions.filter(pk=session.pk, last_beat_at=session.last_beat_at, ended_at=None).update(
        last_beat_at=now, active_seconds=F("active_seconds") + active_gap(session.last_beat_at, now)
    )
    return active_seconds(case)


def active_seconds(case: ReviewCase) -> float:
    """Return the seconds of work that all sessions of a case hold."""
    return sum(case.sessions.values_list("active_seconds", flat=True))
