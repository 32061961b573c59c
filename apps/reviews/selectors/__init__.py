"""What the desk shows: the worklist, the evidence of a case, and its history."""

from apps.reviews.selectors.evidence import CaseEvidence, Fact, SeriesEvidence, SlotEvidence, case_evidence
from apps.reviews.selectors.history import CaseHistory, Verdict, case_history
from apps.reviews.selectors.returns import LastReturn, last_returns
from apps.reviews.selectors.worklist import (
    STANDINGS,
    TO_DO,
    Filters,
    Worklist,
    WorklistRow,
    findings_to_choose,
    worklist,
)

__all__ = [
    "STANDINGS",
    "TO_DO",
    "CaseEvidence",
    "CaseHistory",
    "Fact",
    "Filters",
    "LastReturn",
    "SeriesEvidence",
    "SlotEvidence",
    "Verdict",
    "Worklist",
    "WorklistRow",
    "case_evidence",
    "case_history",
    "findings_to_choose",
    "last_returns",
    "worklist",
]
