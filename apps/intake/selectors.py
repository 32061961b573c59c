"""Visits as coordinators and the API see them: where each stands."""

from django.db.models import OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from apps.accounts.permissions import Person
from apps.intake.models import Submission
from apps.trials.models import Visit

OPEN = "open"
"""State of a visit for which nothing has been begun, or all that was begun was withdrawn."""

VISIT_STATES = (OPEN, *(status for status in Submission.Status.values if status != Submission.Status.WITHDRAWN))


def visits_with_state(user: Person) -> QuerySet[Visit]:
    """Return the visible visits with `state` (of `VISIT_STATES`) and `latest_submission` (primary key or None)."""
    latest = (
        Submission.objects.filter(visit=OuterRef("pk"))
        .exclude(status=Submission.Status.WITHDRAWN)
        .order_by("-created_at", "-pk")
    )
    return (
        Visit.objects.visible_to(user)
        .with_context()
        .annotate(
            state=Coalesce(Subquery(latest.values("status")[:1]), Value(OPEN)),
            latest_submission=Subquery(latest.values("pk")[:1]),
        )
    )
