"""What a site was told about earlier scans of a kind: the next ones need not come back for the same."""

from dataclasses import dataclass
from datetime import datetime

from apps.reviews.models import Decision
from apps.trials.models import Visit

SHOWN_AT_MOST = 3


@dataclass(frozen=True)
class LastReturn:
    """One decision against a submission of the same site and visit type."""

    subject: str
    verdict: str
    reasons: tuple[str, ...]
    note: str
    decided_at: datetime


def last_returns(visit: Visit) -> tuple[LastReturn, ...]:
    """Return the newest outcomes against scans that this site sent for visits of this type; in one query."""
    against = Decision.objects.filter(
        verdict__in=(Decision.Verdict.RETURN_TO_SITE, Decision.Verdict.REJECT),
        case__settles=True,
        case__submission__visit__visit_type=visit.visit_type_id,
        case__submission__visit__subject__site=visit.subject.site_id,
    )
    newest = against.select_related("case__submission__visit__subject").order_by("-decided_at", "-pk")
    return tuple(
        LastReturn(
            subject=decision.case.submission.visit.subject.screening_number,
            verdict=decision.verdict,
            reasons=tuple(decision.reason_texts),
            note=decision.note,
            decided_at=decision.decided_at,
        )
        for decision in newest[:SHOWN_AT_MOST]
    )
