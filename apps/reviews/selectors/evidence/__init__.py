"""The evidence of a case: per slot what is required, what the header says, what the ensemble sees, what rules found."""

from apps.reviews.selectors.evidence.case import CaseEvidence, case_evidence
from apps.reviews.selectors.evidence.facts import Fact
from apps.reviews.selectors.evidence.series import HEADER_FACTS, SeriesEvidence
from apps.reviews.selectors.evidence.slots import SlotEvidence

__all__ = ["HEADER_FACTS", "CaseEvidence", "Fact", "SeriesEvidence", "SlotEvidence", "case_evidence"]
