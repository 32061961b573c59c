"""What a decision means for the submission."""

from django.utils import timezone

from apps.accounts.models import User
from apps.audit.lifecycle import advance
from apps.intake.models import Submission
from apps.notices.services import notify
from apps.reviews.models import Decision, ReviewCase

OUTCOME = {
    Decision.Verdict.ACCEPT: Submission.Status.ACCEPTED,
    Decision.Verdict.ACCEPT_WITH_DEVIATION: Submission.Status.ACCEPTED,
    Decision.Verdict.RETURN_TO_SITE: Submission.Status.RETURNED,
    Decision.Verdict.REJECT: Submission.Status.REJECTED,
}

NOTICE = {
    Decision.Verdict.ACCEPT: "accepted",
    Decision.Verdict.ACCEPT_WITH_DEVIATION: "accepted_with_deviation",
    Decision.Verdict.RETURN_TO_SITE: "returned",
    Decision.Verdict.REJECT: "rejected",
}


def settle(case: ReviewCase, decision: Decision, *, by: User) -> None:
    """Give the submission its outcome and tell the site; call in the transaction of the decision."""
    verdict = Decision.Verdict(decision.verdict)
    advance(case.submission, OUTCOME[verdict], by=by, because=decision.note, decided_at=timezone.now())
    notify(case.submission, NOTICE[verdict], _sentence(decision))


def _sentence(decision: Decision) -> str:
    """Return what the site reads of a decision beside its verdict."""
    return " ".join([*decision.reason_texts, decision.note]).strip() or "Nothing is left to do."
