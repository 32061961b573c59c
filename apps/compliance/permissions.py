"""Who may read a trial's compliance."""

from django.db.models import QuerySet

from apps.accounts.models import Membership, Role
from apps.accounts.permissions import Person, is_person
from apps.trials.models import Trial


def trials_managed_by(user: Person) -> QuerySet[Trial]:
    """Return the trials that a manager reads; all of them for an administrator."""
    if not is_person(user):
        return Trial.objects.none()
    if user.is_superuser:
        return Trial.objects.all()
    managed = Membership.objects.filter(user=user, role=Role.TRIAL_MANAGER)
    return Trial.objects.filter(pk__in=managed.values("trial"))
