from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.permissions import require
from apps.audit.lifecycle import Refused, WrongState, advance
from apps.audit.services import record
from apps.imageqc.models import Classification
from apps.intake.models import Series, Submission
from apps.reviews.models import Decision, LabelCorrection, ReviewCase
from apps.reviews.permissions import may_decide, may_review
from apps.reviews.reasons import REASONS
from apps.reviews.services.claiming import NOT_AN_ANALYST
from apps.reviews.services.timing import NOT_ON_YOUR_DESK, active_seconds, beat, stop_clock

OUTCOME = {
    Decision.Verdict.ACCEPT: Submission.Status.ACCEPTED,
    Decision.Verdict.ACCEPT_WITH_DEVIATION: Submission.Status.ACCEPTED,
    Decision.Verdict.RETURN_TO_SITE: Submission.Status.RETURNED,
    Decision.Verdict.REJECT: Submission.Status.REJECTED,
}


def decide(case: ReviewCase, verdict: str, *, by: User, reasons: Sequence[str] = (), note: str = "") -> Decision:
    """Give the verdict on the case at hand; all but a plain accept need a reason that the site can read."""
    _on_the_desk(case, by)
    reasons, note = list(dict.fromkeys(reasons)), note.strip()
    _refuse_incomplete(verdict, reasons, note)
    beat(case, by=by)
    with transaction.atomic():
        stop_clock(case, by)
        advance(case, ReviewCase.Status.DECIDED, by=by, because=note)
        advance(case.submission, OUTCOME[Decision.Verdict(verdict)], by=by, because=note, decided_at=timezone.now())
        decision = Decision.objects.create(
            case=case,
            verdict=verdict,
            reasons=reasons,
            note=note,
            decided_by=by,
            active_seconds=active_seconds(case),
        )
        record("reviewcase.verdict", case, by=by, new={"verdict": verdict, "reasons": reasons}, because=note)
    return decision


def _on_the_desk(case: ReviewCase, by: User) -> None:
    """Refuse unless the case is claimed and `by` is the analyst who holds it."""
    require(may_review(by, case), NOT_AN_ANALYST)
    if case.status == ReviewCase.Status.DECIDED:
        raise WrongState(
            f"This case was decided by {case.decision.decided_by} on {case.decision.decided_at:%d %b %Y, %H:%M} UTC; "
            "a decision is never changed."
        )
    require(may_decide(by, case), NOT_ON_YOUR_DESK)


def _refuse_incomplete(verdict: str, reasons: Sequence[str], note: str) -> None:
    if verdict not in Decision.Verdict.values:
        raise Refused(f"The verdict is one of {', '.join(Decision.Verdict.values)}.")
    unknown = set(reasons) - set(REASONS)
    if unknown:
        raise Refused(f"Unknown reason: {', '.join(sorted(unknown))}. Choose from {', '.join(REASONS)}.")
    if verdict == Decision.Verdict.ACCEPT and reasons:
        raise Refused("An accepted submission has no reasons against it. Choose Accept with deviation to name them.")
    if verdict != Decision.Verdict.ACCEPT and not reasons:
        raise Refused("Choose at least one reason, so that the site knows what to do.")
    if "other" in reasons and not note:
        raise Refused("Write the other reason into the note.")


def correct_label(case: ReviewCase, series: Series, module: str, label: str, *, by: User) -> LabelCorrection:
    """Set the label that the analyst sees on the pictures; the ensemble's own stays beside it."""
    _on_the_desk(case, by)
    if series.submission_id != case.submission_id:
        raise Refused("This series belongs to another case.")
    if module not in LabelCorrection.LABELS or label not in LabelCorrection.LABELS[LabelCorrection.Module(module)]:
        raise Refused("This is not a label that the ensemble or an analyst can give. Choose one from the list.")
    said = Classification.objects.filter(series=series, digest_sha256=series.digest_sha256).order_by("pk").last()
    ensemble_label = (getattr(said, module)["label"] if said else None) or ""
    with transaction.atomic():
        # Held in the transaction, so that a decision made in this moment comes before or after, never between.
        on_the_desk = ReviewCase.objects.filter(pk=case.pk, status=ReviewCase.Status.CLAIMED, holder=by)
        require(on_the_desk.select_for_update().exists(), NOT_ON_YOUR_DESK)
        correction = LabelCorrection.objects.create(
            case=case, series=series, module=module, ensemble_label=ensemble_label, label=label, corrected_by=by
        )
        record("series.label_corrected", series, by=by, old={module: ensemble_label or None}, new={module: label})
    return correction
