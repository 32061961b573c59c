"""Who may do what at the review desk."""

from apps.accounts.models import Role
from apps.accounts.permissions import Person, has_role, roles_of
from apps.reviews.models import ReviewCase


def may_review(user: Person, case: ReviewCase) -> bool:
    """Analysts of the trial who did not decide it in an earlier round; managers and administrators look on."""
    return has_role(user, Role.ANALYST, trial=case.trial_id) and not reviewed_before(user, case)


def reviewed_before(user: Person, case: ReviewCase) -> bool:
    """Whether a second review or adjudication would show a person their own earlier decision."""
    if case.kind not in (ReviewCase.Kind.SECOND, ReviewCase.Kind.ADJUDICATION):
        return False
    return not ReviewCase.objects.filter(pk=case.pk).not_reviewed_before_by(user).exists()


def may_put_back(user: Person, case: ReviewCase) -> bool:
    """Managers of the trial free a case whose analyst cannot."""
    return has_role(user, Role.TRIAL_MANAGER, trial=case.trial_id)


def may_decide(user: Person, case: ReviewCase) -> bool:
    """The analyst who holds the case."""
    return may_review(user, case) and case.status == ReviewCase.Status.CLAIMED and case.holder_id == user.pk


def may_claim(user: Person) -> bool:
    """Analysts, whatever their trial; which cases they get is a question of the queryset."""
    return Role.ANALYST in roles_of(user)


def may_see_the_desk(user: Person) -> bool:
    """The core lab: analysts, managers who look on, administrators."""
    return bool(roles_of(user) - {Role.CRC})
