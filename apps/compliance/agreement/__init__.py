"""How far people and AI agree, and what the AI's labels do to people: the figures of docs/review-quality.md."""

from apps.compliance.agreement.figures import Agreement, agreement
from apps.compliance.agreement.labels import LabelRow, label_rows
from apps.compliance.agreement.submissions import Review, ReviewedSubmission, reviewed_submissions

__all__ = [
    "Agreement",
    "LabelRow",
    "Review",
    "ReviewedSubmission",
    "agreement",
    "label_rows",
    "reviewed_submissions",
]
