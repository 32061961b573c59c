"""What the desk shows: the worklist, the evidence of a case, and its history."""

from apps.reviews.selectors.evidence import CaseEvidence, Fact, SeriesEvidence, SlotEvidence, case_evidence
from apps.reviews.selectors.history import CaseHistory, Verdict, case_history
from apps.reviews.selectors.worklist import STANDINGS, TO_DO, Filters, Worklist, WorklistRow, worklist

__all__ = [
    "STANDINGS",
    "TO_DO",
    "CaseEvidence",
    "CaseHistory",
    "Fact",
    "Filters",
    "SeriesEvidence",
    "SlotEvidence",
    "Verdict",
    "Worklist",
    "WorklistRow",
    "case_evidence",
    "case_history",
    "worklist",
]
