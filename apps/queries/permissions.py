"""Who may do what with the queries of a submission."""

from apps.accounts.models import Role
from apps.accounts.permissions import Person, has_role, is_person, roles_of
from apps.intake.models import Submission
from apps.intake.permissions import may_send_for
from apps.queries.models import Query


def may_ask(user: Person, submission: Submission) -> bool:
    """Analysts of the trial ask and settle; managers and administrators look on."""
    return has_role(user, Role.ANALYST, trial=submission.visit.subject.site.trial_id)


def may_look_on(user: Person, submission: Submission) -> bool:
    """The core lab: analysts and managers of the trial, and administrators."""
    trial = submission.visit.subject.site.trial_id
    of_the_lab = any(has_role(user, role, trial=trial) for role in (Role.ANALYST, Role.TRIAL_MANAGER))
    return of_the_lab or (is_person(user) and user.is_superuser)


def may_settle(user: Person, query: Query) -> bool:
    """Whoever may ask may also ask again, remind, close and cancel: the next analyst goes on where one left."""
    return may_ask(user, query.submission)


def may_answer(user: Person, query: Query) -> bool:
    """The coordinators of the site."""
    return may_send_for(user, query.submission.visit)


def may_ask_anywhere(user: Person) -> bool:
    """Analysts, whatever their trial; of which cases they may ask is a question of the queryset."""
    return Role.ANALYST in roles_of(user)
