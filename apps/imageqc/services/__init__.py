"""What the ensemble and the rules say of a submission: check each series, then match series to slots."""

from apps.imageqc.services.matching import choose_slot, match_slots, matching_failed
from apps.imageqc.services.series import check_series, series_check_failed

__all__ = ["check_series", "choose_slot", "match_slots", "matching_failed", "series_check_failed"]
