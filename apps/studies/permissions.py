"""Who may do what in a reading study."""

from django.db.models import Exists, OuterRef, QuerySet

from apps.accounts.models import Membership, Role, User
from apps.accounts.permissions import Person, has_role, is_person
from apps.studies.models import Assignment, Reader, ReadingStudy
from apps.trials.models import Trial


def trials_to_study(user: Person) -> QuerySet[Trial]:
    """Return the trials of which the person may plan studies: those that they manage."""
    if not is_person(user):
        return Trial.objects.none()
    managed = Membership.objects.filter(user=user, role=Role.TRIAL_MANAGER)
    return Trial.objects.filter(pk__in=managed.values("trial"))


def may_lead(user: Person, study: ReadingStudy) -> bool:
    """The managers of the trial; administrators look on."""
    return has_role(user, Role.TRIAL_MANAGER, trial=study.trial_id)


def may_see_results(user: Person, study: ReadingStudy) -> bool:
    """Who leads or administers, at any time; the analysts of the study once it is closed."""
    if study.status == ReadingStudy.Status.CLOSED:
        return True
    return is_person(user) and (user.is_superuser or may_lead(user, study)) and not is_reader(user, study)


def is_reader(user: User, study: ReadingStudy) -> bool:
    """Whether the person reads in this study."""
    return Reader.objects.filter(study=study, analyst=user).exists()


def may_read(user: Person, assignment: Assignment) -> bool:
    """The analyst to whom the scan was given, as long as they are an analyst of the trial."""
    return (
        is_person(user)
        and assignment.reader.analyst_id == user.pk
        and has_role(user, Role.ANALYST, trial=assignment.reader.study.trial_id)
    )


def possible_readers(study: ReadingStudy) -> QuerySet[User]:
    """Return the trial's analysts who see nothing of the study from elsewhere: no manager and no administrator."""
    memberships = Membership.objects.filter(user=OuterRef("pk"), trial=study.trial_id)
    return User.objects.filter(
        Exists(memberships.filter(role=Role.ANALYST)),
        ~Exists(memberships.filter(role=Role.TRIAL_MANAGER)),
        is_active=True,
        is_superuser=False,
    ).order_by("last_name", "first_name", "username")
