from collections.abc import Sequence

from django.db import transaction

from apps.accounts.identity import Confirmation
from apps.accounts.models import User
from apps.audit.lifecycle import Refused, WrongState, advance
from apps.audit.services import record
from apps.imageqc.models import Classification
from apps.intake.models import Series
from apps.reviews.labels import labels_to_choose
from apps.reviews.models import Decision, LabelCorrection, ReviewCase
from apps.reviews.reasons import reasons_of, require_told
from apps.reviews.services.desk import of_this_case, on_the_desk, still_on_the_desk
from apps.reviews.services.judging import require_agreement
from apps.reviews.services.settling import settle
from apps.reviews.services.timing import active_seconds, beat, stop_clock
from apps.reviews.signing import require_confirmation, sign

ACCEPTING = (Decision.Verdict.ACCEPT, Decision.Verdict.ACCEPT_WITH_DEVIATION)


def decide(
    case: ReviewCase,
    verdict: str,
    *,
    by: User,
    confirmed: Confirmation | None,
    reasons: Sequence[str] = (),
    note: str = "",
) -> Decision:
    """Give and sign the verdict on the case at hand; all but a plain accept need a reason that the site can read."""
    on_the_desk(case, by)
    reasons, note = list(dict.fromkeys(reasons)), note.strip()
    require_complete(case, verdict, reasons, note)
    require_confirmation(case, by, confirmed)
    beat(case, by=by)
    offered = reasons_of(case.trial)
    with transaction.atomic():
        still_on_the_desk(case, by)
        _refuse_unready(case, verdict)
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
        signature = sign(decision, by=by)
        signed = {"meaning": signature.meaning, "sha256": signature.record_sha256}
        record("reviewcase.signed", case, by=by, new=signed)
        settle(case, decision, by=by)
    return decision


def _refuse_unready(case: ReviewCase, verdict: str) -> None:
    """Refuse while something is still to come, or came in this moment; call while the case is held."""
    require_agreement(case, accepts=verdict in ACCEPTING)
    unfinished = case.submission.series.filter(status__in=Series.UNFINISHED).count()
    if unfinished:
        raise WrongState(
            f"{unfinished} series of this submission are still being checked. Decide when their labels are here; "
            "the page shows them as soon as you load it again."
        )
    questions = ReviewCase.objects.values_list("queries_open", "queries_answered").get(pk=case.pk)
    if verdict in ACCEPTING and any(questions):
        waiting, answered = questions
        raise Refused(
            f"This submission has queries that are not settled ({waiting} wait for the site, {answered} for you). "
            "Close or cancel them, then accept."
        )


def require_complete(case: ReviewCase, verdict: str, reasons: Sequence[str], note: str) -> None:
    """Refuse a verdict that says too little or too much, or that speaks against those on single series."""
    if verdict not in Decision.Verdict.values:
        raise Refused(f"The verdict is one of {', '.join(Decision.Verdict.values)}.")
    if verdict == Decision.Verdict.ACCEPT and reasons:
        raise Refused("An accepted submission has no reasons against it. Choose Accept with deviation to name them.")
    if verdict != Decision.Verdict.ACCEPT and not reasons:
        raise Refused("Choose at least one reason, so that the site knows what to do.")
    require_told(reasons, note, case.trial)
    require_agreement(case, accepts=verdict in ACCEPTING)


def correct_label(case: ReviewCase, series: Series, module: str, label: str, *, by: User) -> LabelCorrection:
    """Set the label that the analyst sees on the pictures; the ensemble's own stays beside it."""
    on_the_desk(case, by)
    of_this_case(series, case)
    said = Classification.latest_of(series)
    answer = getattr(said, module) if said and module in LabelCorrection.Module else None
    if module not in LabelCorrection.Module or label not in labels_to_choose(module, answer):
        raise Refused("This is not a label that the ensemble or an analyst can give. Choose one from the list.")
    ensemble_label = (answer["label"] if answer else None) or ""
    with transaction.atomic():
        still_on_the_desk(case, by)
        correction = LabelCorrection.objects.create(
            case=case, series=series, module=module, ensemble_label=ensemble_label, label=label, corrected_by=by
        )
        record("series.label_corrected", series, by=by, old={module: ensemble_label or None}, new={module: label})
    return correction
