"""Why a case is not on a desk any more, for the one who had it there."""

from apps.accounts.models import User
from apps.audit.services import events_about
from apps.reviews.models import ReviewCase

NOT_ON_YOUR_DESK = "This case is not on your desk any more; it may have gone back to the queue. Take it again to go on."


def why_not_on_the_desk(case: ReviewCase, by: User) -> str:
    """Return who took the case from this analyst or put it back, and why; a general sentence where nobody did."""
    last = case.sessions.filter(analyst=by).exclude(ended_at=None).order_by("-ended_at").first()
    if last is None:
        return NOT_ON_YOUR_DESK
    after = events_about(case).filter(at__gte=last.ended_at, action__in=("reviewcase.taken_over", "reviewcase.waiting"))
    event = after.exclude(reason="").exclude(actor=None).exclude(actor=by).order_by("pk").first()
    if event is None:
        return NOT_ON_YOUR_DESK
    did = "took this case over" if event.action == "reviewcase.taken_over" else "put this case back into the queue"
    return f"{event.actor} {did}: {event.reason} Your time on it stays recorded."
