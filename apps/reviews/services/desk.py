"""What every step with the case at hand asks first."""

from apps.accounts.models import User
from apps.accounts.permissions import require
from apps.audit.lifecycle import Refused, WrongState
from apps.intake.models import Series
from apps.reviews.models import ReviewCase
from apps.reviews.permissions import may_decide, may_review
from apps.reviews.services.claiming import NOT_AN_ANALYST
from apps.reviews.services.losing import NOT_ON_YOUR_DESK


def on_the_desk(case: ReviewCase, by: User) -> None:
    """Refuse unless the case is claimed and `by` is the analyst who holds it."""
    require(may_review(by, case), NOT_AN_ANALYST)
    if case.status == ReviewCase.Status.DECIDED:
        raise WrongState(
            f"This case was decided by {case.decision.decided_by} on {case.decision.decided_at:%d %b %Y, %H:%M} UTC; "
            "a decision is never changed."
        )
    require(may_decide(by, case), NOT_ON_YOUR_DESK)


def still_on_the_desk(case: ReviewCase, by: User) -> None:
    """Hold the case in the transaction: a decision made in this moment comes before or after, never between."""
    held = ReviewCase.objects.filter(pk=case.pk, status=ReviewCase.Status.CLAIMED, holder=by)
    require(held.select_for_update().exists(), NOT_ON_YOUR_DESK)


def of_this_case(series: Series, case: ReviewCase) -> None:
    if series.submission_id != case.submission_id:
        raise Refused("This series belongs to another case.")
