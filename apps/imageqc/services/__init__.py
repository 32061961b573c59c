"""What the ensemble and the rules say of a submission: check each series, then match series to slots."""

from apps.imageqc.services.declaring import declare
from apps.imageqc.services.forgetting import forget_prechecks
from apps.imageqc.services.matching import choose_slot, leave_to_check, match_slots, matching_failed
from apps.imageqc.services.receipt import receipt_failed, verify_receipt
from apps.imageqc.services.series import check_series, series_check_failed

__all__ = [
    "check_series",
    "choose_slot",
    "declare",
    "forget_prechecks",
    "leave_to_check",
    "match_slots",
    "matching_failed",
    "receipt_failed",
    "series_check_failed",
    "verify_receipt",
]
