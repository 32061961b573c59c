"""The analyst's day: a case opens, is claimed, worked on, decided, or goes back to the queue."""

from apps.reviews.services.claiming import (
    claim,
    claim_next,
    held_case,
    put_back,
    release,
    return_idle_cases,
    take_over,
)
from apps.reviews.services.deciding import correct_label, decide
from apps.reviews.services.opening import open_case, open_missing_cases
from apps.reviews.services.timing import beat
from apps.reviews.services.views import NameTaken, delete_view, rename_view, save_view

__all__ = [
    "NameTaken",
    "beat",
    "claim",
    "claim_next",
    "correct_label",
    "decide",
    "delete_view",
    "held_case",
    "open_case",
    "open_missing_cases",
    "put_back",
    "release",
    "rename_view",
    "return_idle_cases",
    "save_view",
    "take_over",
]
