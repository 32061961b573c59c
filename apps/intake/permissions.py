"""Who may do what with a submission."""

from apps.accounts.models import Role
from apps.accounts.permissions import Person, has_role
from apps.intake.models import Submission
from apps.trials.models import Visit


def may_send_for(user: Person, visit: Visit) -> bool:
    """Coordinators send for the visits of their own site, nobody else does."""
    return has_role(user, Role.CRC, trial=visit.subject.site.trial_id, site=visit.subject.site_id)


def may_edit(user: Person, submission: Submission) -> bool:
    """The coordinators of the site, whoever of them began it."""
    return may_send_for(user, submission.visit)
