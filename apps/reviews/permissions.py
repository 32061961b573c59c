"""Who may do what at the review desk."""

from apps.accounts.models import Role
from apps.accounts.permissions import Person, has_role, roles_of
from apps.reviews.models import ReviewCase


def may_review(user: Person, case: ReviewCase) -> bool:
    """Analysts of the trial; managers and administrators look on."""
    return has_role(user, Role.ANALYST, trial=case.submission.visit.subject.site.trial_id)


def may_decide(user: Person, case: ReviewCase) -> bool:
    """The analyst who holds the case."""
    return may_review(user, case) and case.status == ReviewCase.Status.CLAIMED and case.holder_id == user.pk


def may_claim(user: Person) -> bool:
    """Analysts, whatever their trial; which cases they get is a question of the queryset."""
    return Role.ANALYST in roles_of(user)


def may_see_the_desk(user: Person) -> bool:
    """The core lab: analysts, managers who look on, administrators."""
    return bool(roles_of(user) - {Role.CRC})
