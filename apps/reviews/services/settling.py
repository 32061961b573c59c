"""What a decision means for the submission: its outcome, or one more pair of eyes before there is any.

Most first reviews are the outcome. Where a second one was drawn, or where the first overlooked a label that was wrong
on purpose, another analyst reviews blindly. Two who agree make the outcome; where they differ, a third decides. The
site hears of none of this: it is told of the outcome, once.
"""

from typing import Any

from django.utils import timezone

from apps.accounts.models import User
from apps.audit.lifecycle import advance
from apps.intake.models import Submission
from apps.jobs.services import enqueue
from apps.notices.services import notify
from apps.reviews.models import Decision, ReviewCase
from apps.reviews.selectors.rounds import overlooked
from apps.reviews.services.opening import ai_disagrees
from apps.reviews.services.rounds import differences, let_settle, open_round

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

OVERLOOKED = "A label that was wrong on purpose was overlooked."


def settle(case: ReviewCase, decision: Decision, *, by: User) -> bool:
    """Give the submission its outcome and tell the site, or hand it on to the next review; call in the transaction of
    the decision. Returns whether this decision is the outcome."""
    if case.kind == ReviewCase.Kind.FIRST:
        return _settle_first(case, decision, by)
    if case.kind == ReviewCase.Kind.SECOND:
        return _settle_second(case, decision, by)
    _give_outcome(case, decision, by)
    return True


def _settle_first(case: ReviewCase, decision: Decision, by: User) -> bool:
    if case.seeded:
        # From here on the case tells what the ensemble said.
        slots = list(case.submission.slots.select_related("series", "required"))
        case.ai_disagrees = ai_disagrees(case, slots)
        ReviewCase.objects.filter(pk=case.pk).update(ai_disagrees=case.ai_disagrees)
    if overlooked(case):
        let_settle(case, False, by=by, because=OVERLOOKED)
        _hand_on(case, ReviewCase.Kind.SECOND, by, {"second_review": ["overlooked"]})
        return False
    if not case.settles:
        _hand_on(case, ReviewCase.Kind.SECOND, by, {})
        return False
    _give_outcome(case, decision, by)
    return True


def _settle_second(case: ReviewCase, decision: Decision, by: User) -> bool:
    first = Decision.objects.select_related("case").get(
        case__submission=case.submission_id, case__kind=ReviewCase.Kind.FIRST
    )
    differing = differences(first, decision)
    if differing:
        _hand_on(case, ReviewCase.Kind.ADJUDICATION, by, {"differing": differing})
        return False
    let_settle(case, True, by=by)
    _give_outcome(case, decision, by)
    return True


def _hand_on(case: ReviewCase, kind: ReviewCase.Kind, by: User, told: dict[str, Any]) -> None:
    """Send the submission back to the queue, for somebody else: due as before, and not a word to the site."""
    advance(case.submission, Submission.Status.TRANSFERRED, by=by)
    settles = kind == ReviewCase.Kind.ADJUDICATION
    open_round(case, kind, settles=settles, due_at=case.due_at, told=told)


def _give_outcome(case: ReviewCase, decision: Decision, by: User) -> None:
    verdict = Decision.Verdict(decision.verdict)
    advance(case.submission, OUTCOME[verdict], by=by, because=decision.note, decided_at=timezone.now())
    # Of a reopened submission the site has been told before; it is told again, even of the same outcome.
    occasion = f"round {case.round}" if case.kind == ReviewCase.Kind.REOPENED else ""
    notify(case.submission, NOTICE[verdict], _sentence(decision), occasion=occasion)
    if verdict == Decision.Verdict.RETURN_TO_SITE:
        enqueue("queries.open_for_return", decision.pk)


def _sentence(decision: Decision) -> str:
    """Return what the site reads of a decision beside its verdict."""
    return " ".join([*decision.reason_texts, decision.note]).strip() or "Nothing is left to do."
