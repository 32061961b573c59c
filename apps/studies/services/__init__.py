"""A reading study from its plan to its end: managers plan, start and close it, analysts read."""

from apps.studies.services.leading import close, start
from apps.studies.services.planning import (
    add_all_scans,
    add_random_scans,
    change,
    choose_readers,
    create,
    remove_scans,
    set_references,
)
from apps.studies.services.reading import beat, begin, current_assignment, pause, read

__all__ = [
    "add_all_scans",
    "add_random_scans",
    "beat",
    "begin",
    "change",
    "choose_readers",
    "close",
    "create",
    "current_assignment",
    "pause",
    "read",
    "remove_scans",
    "set_references",
    "start",
]
