"""What every request shares is no garbage: keep the collector from walking through it again and again."""

import gc

from django.urls import get_resolver


def leave_out_what_is_loaded() -> None:
    """Take everything that is in memory now out of Python's garbage collection.

    Models, templates' tags, views and their libraries live as long as the process. A full collection walks through all
    of them, some 100 ms, in the middle of somebody's request. Call it once, when the application is loaded.
    """
    list(get_resolver().url_patterns)  # loads every view
    gc.collect()
    gc.freeze()
