"""The rules: what a series, a slot and a submission must keep, and the sentence when they do not."""

from apps.imaging.rules.catalogue import RULES, Rule
from apps.imaging.rules.identity import KnownInstances, check_identity
from apps.imaging.rules.series import body_part_words, check_series_rules, is_scan, why_never_a_slot
from apps.imaging.rules.slot import check_against

__all__ = [
    "RULES",
    "KnownInstances",
    "Rule",
    "body_part_words",
    "check_against",
    "check_identity",
    "check_series_rules",
    "is_scan",
    "why_never_a_slot",
]
