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
from apps.reviews.services.deciding import correct_label, decide, require_complete
from apps.reviews.services.desk import on_the_desk
from apps.reviews.services.judging import annotate, judge_series, standing_words
from apps.reviews.services.opening import open_case, open_missing_cases
from apps.reviews.services.timing import active_seconds, beat, correct_time
from apps.reviews.services.views import NameTaken, delete_view, rename_view, save_view

__all__ = [
    "NameTaken",
    "active_seconds",
    "annotate",
    "beat",
    "claim",
    "claim_next",
    "correct_label",
    "correct_time",
    "decide",
    "delete_view",
    "held_case",
    "judge_series",
    "on_the_desk",
    "open_case",
    "open_missing_cases",
    "put_back",
    "release",
    "rename_view",
    "require_complete",
    "return_idle_cases",
    "save_view",
    "standing_words",
    "take_over",
]
