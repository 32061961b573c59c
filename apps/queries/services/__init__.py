"""A question's way: asked, answered in words or with new images, asked again, reminded of, closed or cancelled."""

from apps.queries.services.answering import answer, answer_by_submission
from apps.queries.services.asking import ask, open_for_return
from apps.queries.services.bulk import Bulk, ask_each, close_each
from apps.queries.services.counting import recount
from apps.queries.services.reminding import remind, remind_sites
from apps.queries.services.settling import ask_again, cancel, close, take_back_return

__all__ = [
    "Bulk",
    "answer",
    "answer_by_submission",
    "ask",
    "ask_again",
    "ask_each",
    "cancel",
    "close",
    "close_each",
    "open_for_return",
    "recount",
    "remind",
    "remind_sites",
    "take_back_return",
]
