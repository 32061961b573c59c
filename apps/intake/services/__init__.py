"""What happens to a submission before the core lab has it: begin, receive, sort, check, transfer, withdraw."""

from apps.intake.services.receiving import Outcome, receive_files, start_check
from apps.intake.services.sorting import sort_files, sorting_failed
from apps.intake.services.submissions import begin_submission, transfer, withdraw

__all__ = [
    "Outcome",
    "begin_submission",
    "receive_files",
    "sort_files",
    "sorting_failed",
    "start_check",
    "transfer",
    "withdraw",
]
