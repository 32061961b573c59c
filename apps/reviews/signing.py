"""What is signed with a decision: a text that holds all of it, its hash, and whether it still stands."""

import hashlib
import json
from typing import Any

from apps.accounts.identity import Confirmation, NotConfirmed
from apps.accounts.models import User
from apps.imageqc.models import Classification
from apps.intake.models import Series
from apps.reviews.models import Decision, ReviewCase, Signature
from apps.reviews.policies import policy_of

MEANING = {
    Decision.Verdict.ACCEPT: "I have reviewed these images and accept them.",
    Decision.Verdict.ACCEPT_WITH_DEVIATION: "I have reviewed these images and accept them with the deviations named.",
    Decision.Verdict.RETURN_TO_SITE: "I have reviewed these images and return them to the site.",
    Decision.Verdict.REJECT: "I have reviewed these images and reject them.",
}


def asks_each_time(case: ReviewCase) -> bool:
    """Whether the trial wants the password with every signature, not only with the first of a sitting."""
    return policy_of(case.trial).sign_each_decision


def require_confirmation(case: ReviewCase, by: User, confirmed: Confirmation | None) -> None:
    """Refuse a signature without the signer's own confirmation, or with an old one where the trial wants a new one."""
    if confirmed is None or confirmed.user_pk != by.pk or (asks_each_time(case) and not confirmed.just_now):
        raise NotConfirmed("Sign with your password: a decision is a signature.")


def sign(decision: Decision, *, by: User) -> Signature:
    """Add the signature of a decision that was just made; call in the transaction of the decision."""
    record = _canonical(signed_content(decision))
    return Signature.objects.create(
        decision=decision,
        signer=by,
        printed_name=by.get_full_name() or by.get_username(),
        meaning=MEANING[Decision.Verdict(decision.verdict)],
        signed_at=decision.decided_at,
        record=record,
        record_sha256=hashlib.sha256(record.encode()).hexdigest(),
    )


def signed_content(decision: Decision) -> dict[str, Any]:
    """Return all that a signature vouches for, as plain values: the verdict, and exactly what was judged."""
    case = decision.case
    visit = case.submission.visit
    return {
        "format": 1,
        "trial": case.trial.protocol_number,
        "site": case.site.number,
        "subject": visit.subject.screening_number,
        "visit": visit.visit_type.name,
        "protocol": case.submission.protocol.version,
        "submission": str(case.submission.uuid),
        "case": case.pk,
        "review": case.kind,
        "round": case.round,
        "verdict": decision.verdict,
        "reasons": decision.reasons,
        "reason_texts": decision.reason_texts,
        "note": decision.note,
        "decided_by": decision.decided_by.get_username(),
        "decided_at": decision.decided_at.isoformat(),
        "series": [_series(case, row) for row in case.submission.series.order_by("pk")],
    }


def _series(case: ReviewCase, series: Series) -> dict[str, Any]:
    said = Classification.latest_of(series)
    judged = case.series_decisions.filter(series=series).order_by("pk").last()
    return {
        "series": str(series.uuid),
        "digest_sha256": series.digest_sha256,
        "bundle_sha256": said.bundle_sha256 if said else "",
        "labels": {module: answer["label"] for module, answer in said.answers.items()} if said else {},
        "corrections": {row.module: row.label for row in case.corrections.filter(series=series)},
        "verdict": judged.verdict if judged else "",
        "reasons": judged.reasons if judged else [],
        "note": judged.note if judged else "",
        "annotations": [
            {"picture": row.picture, "shapes": row.shapes, "note": row.note}
            for row in case.annotations.filter(series=series).order_by("pk")
        ],
    }


def what_changed(signature: Signature) -> list[str]:
    """Return the names of what is not as it was signed any more; empty where the signature holds."""
    if hashlib.sha256(signature.record.encode()).hexdigest() != signature.record_sha256:
        return ["the signed record itself"]
    signed, now = json.loads(signature.record), json.loads(_canonical(signed_content(signature.decision)))
    return sorted(name for name in signed.keys() | now.keys() if signed.get(name) != now.get(name))


def _canonical(content: dict[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
