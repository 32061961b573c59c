"""What happens to a submission before the core lab has it: begin, receive, sort, check, transfer, withdraw."""

from apps.intake.services.arrival import unpack_part, unpacking_failed
from apps.intake.services.parts import prune_parts
from apps.intake.services.receiving import Outcome, receive_files, start_check
from apps.intake.services.sending import (
    StillMissing,
    absent,
    back_to_the_site,
    confirm_complete,
    confirm_if_complete,
    link_arrived,
    still_missing,
    stop_sending,
)
from apps.intake.services.sorting import sort_files, sorting_failed
from apps.intake.services.submissions import begin_submission, transfer, withdraw

__all__ = [
    "Outcome",
    "StillMissing",
    "absent",
    "back_to_the_site",
    "begin_submission",
    "confirm_complete",
    "confirm_if_complete",
    "link_arrived",
    "prune_parts",
    "receive_files",
    "sort_files",
    "sorting_failed",
    "start_check",
    "still_missing",
    "stop_sending",
    "transfer",
    "unpack_part",
    "unpacking_failed",
    "withdraw",
]
