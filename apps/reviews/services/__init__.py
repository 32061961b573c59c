"""The analyst's day: a case opens, is claimed, worked on, decided, or goes back to the queue."""

from apps.reviews.services.claiming import (
    claim,
    claim_next,
    held_case,
    open_case,
    open_missing_cases,
    release,
    return_idle_cases,
)
from apps.reviews.services.deciding import correct_label, decide
from apps.reviews.services.timing import beat

__all__ = [
    "beat",
    "claim",
    "claim_next",
    "correct_label",
    "decide",
    "held_case",
    "open_case",
    "open_missing_cases",
    "release",
    "return_idle_cases",
]
