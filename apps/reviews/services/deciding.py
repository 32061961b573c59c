from collections.abc import Mapping, Sequence

from django.db import transaction

from apps.accounts.models import User
from apps.accounts.permissions import require
from apps.audit.lifecycle import Refused, WrongState, advance
from apps.audit.services import record
from apps.imageqc.models import Classification
from apps.intake.models import Series
from apps.reviews.labels import labels_to_choose
from apps.reviews.models import Decision, LabelCorrection, ReviewCase
from apps.reviews.permissions import may_decide, may_review
from apps.reviews.reasons import OTHER, reasons_of
from apps.reviews.services.claiming import NOT_AN_ANALYST
from apps.reviews.services.losing import NOT_ON_YOUR_DESK
from apps.reviews.services.settling import settle
from apps.reviews.services.timing import active_seconds, beat, stop_clock


def decide(case: ReviewCase, verdict: str, *, by: User, reasons: Sequence[str] = (), note: str = "") -> Decision:
    """Give the verdict on the case at hand; all but a plain accept need a reason that the site can read."""
    _on_the_desk(case, by)
    reasons, note = list(dict.fromkeys(reasons)), note.strip()
    offered = reasons_of(case.trial)
    _refuse_incomplete(verdict, reasons, note, offered)
    beat(case, by=by)
    with transaction.atomic():
        stop_clock(case, by)
        advance(case, ReviewCase.Status.DECIDED, by=by, because=note)
        decision = Decision.objects.create(
            case=case,
            verdict=verdict,
            reasons=reasons,
            reason_texts=[offered[reason] for reason in reasons],
            note=note,
            decided_by=by,
            active_seconds=active_seconds(case),
        )
        record("reviewcase.verdict", case, by=by, new={"verdict": verdict, "reasons": reasons}, because=note)
        settle(case, decision, by=by)
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


def _refuse_incomplete(verdict: str, reasons: Sequence[str], note: str, offered: Mapping[str, str]) -> None:
    if verdict not in Decision.Verdict.values:
        raise Refused(f"The verdict is one of {', '.join(Decision.Verdict.values)}.")
    unknown = set(reasons) - set(offered)
    if unknown:
        raise Refused(f"Unknown reason: {', '.join(sorted(unknown))}. Choose from {', '.join(offered)}.")
    if verdict == Decision.Verdict.ACCEPT and reasons:
        raise Refused("An accepted submission has no reasons against it. Choose Accept with deviation to name them.")
    if verdict != Decision.Verdict.ACCEPT and not reasons:
        raise Refused("Choose at least one reason, so that the site knows what to do.")
    if OTHER in reasons and not note:
        raise Refused("Write the other reason into the note.")


def correct_label(case: ReviewCase, series: Series, module: str, label: str, *, by: User) -> LabelCorrection:
    """Set the label that the analyst sees on the pictures; the ensemble's own stays beside it."""
    _on_the_desk(case, by)
    if series.submission_id != case.submission_id:
        raise Refused("This series belongs to another case.")
    said = Classification.objects.filter(series=series, digest_sha256=series.digest_sha256).order_by("pk").last()
    answer = getattr(said, module) if said and module in LabelCorrection.Module else None
    if module not in LabelCorrection.Module or label not in labels_to_choose(module, answer):
        raise Refused("This is not a label that the ensemble or an analyst can give. Choose one from the list.")
    ensemble_label = (answer["label"] if answer else None) or ""
    with transaction.atomic():
        # Held in the transaction, so that a decision made in this moment comes before or after, never between.
        on_the_desk = ReviewCase.objects.filter(pk=case.pk, status=ReviewCase.Status.CLAIMED, holder=by)
        require(on_the_desk.select_for_update().exists(), NOT_ON_YOUR_DESK)
        correction = LabelCorrection.objects.create(
            case=case, series=series, module=module, ensemble_label=ensemble_label, label=label, corrected_by=by
        )
        record("series.label_corrected", series, by=by, old={module: ensemble_label or None}, new={module: label})
    return correction
