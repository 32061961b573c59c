"""A decided submission that has to be looked at again: the old decision stays on record and no longer stands."""

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.permissions import require
from apps.audit.lifecycle import Refused, StaleState, WrongState, advance, words
from apps.audit.services import record
from apps.intake.models import Submission
from apps.jobs.services import enqueue
from apps.reviews.models import ReviewCase, Voiding
from apps.reviews.policies import policy_of
from apps.reviews.selectors.rounds import REOPENED, SETTLED, may_reopen, site_went_on
from apps.reviews.services.rounds import let_settle, open_round

SITE_ANSWERED = "The site has sent or begun other images for this visit since; decide on those instead."


def reopen(case: ReviewCase, *, by: User, because: str) -> ReviewCase:
    """Let the decision of a case no longer stand and put its submission into the queue anew; returns the new case.

    The decision itself is never changed. Its signature, where it has one, is void from now on.
    """
    require(may_reopen(by, case), "Only the image analysts of this trial reopen its submissions.")
    because = because.strip()
    if not because:
        raise Refused("Say why the submission is reopened; the reason stays beside the decision.")
    submission = case.submission
    if submission.status not in SETTLED:
        raise WrongState(
            f"This submission is {words(submission.status)}, so there is nothing to reopen. "
            "Reload the page to see where it stands."
        )
    if not case.settles:
        raise WrongState("This review did not settle the submission. Reopen the one whose decision did.")
    if site_went_on(submission):
        raise WrongState(SITE_ANSWERED)
    try:
        with transaction.atomic():
            return _reopen(case, submission, by, because)
    except IntegrityError:
        # A visit has one open submission: the site began another one in this moment.
        raise StaleState(SITE_ANSWERED) from None


def _reopen(case: ReviewCase, submission: Submission, by: User, because: str) -> ReviewCase:
    # The reason stands with the case: the site reads the steps of its submission.
    advance(submission, Submission.Status.TRANSFERRED, by=by, decided_at=None)
    if not let_settle(case, False, by=by, because=because, action=REOPENED):
        raise StaleState("Somebody else reopened this submission a moment ago. Reload the page.")
    signature = getattr(case.decision, "signature", None)
    if signature is not None and not hasattr(signature, "voiding"):
        Voiding.objects.create(signature=signature, because=because, voided_by=by)
        record("reviewcase.signature_voided", case, by=by, because=because)
    enqueue("queries.take_back_return", case.decision.pk)
    due_at = timezone.now() + timedelta(hours=policy_of(case.trial).review_within_hours)
    return open_round(case, ReviewCase.Kind.REOPENED, settles=True, due_at=due_at, by=by, because=because)
