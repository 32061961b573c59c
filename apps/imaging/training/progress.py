"""How far a long work is, and how long it still takes: for the log."""

import time
from collections.abc import Callable

SECONDS_BETWEEN = 15.0
"""A line of progress at most this often."""


class Progress:
    """Counts towards `total`; `clock` gives seconds."""

    def __init__(self, total: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.total, self._clock = total, clock
        self._started = self._told = clock()

    def is_due(self, done: float) -> bool:
        """Return whether the next line is due; the caller then writes it."""
        now = self._clock()
        if now - self._told < SECONDS_BETWEEN or done >= self.total:
            return False
        self._told = now
        return True

    def left(self, done: float) -> str:
        """Return how long the rest takes at the pace until now: "about 3 min"."""
        if not done:
            return "unknown time"
        return in_words((self._clock() - self._started) / done * (self.total - done))


def in_words(seconds: float) -> str:
    """Return a duration as a person says it."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"about {round(seconds / 60)} min"
    return f"about {seconds / 3600:.1f} h"
