"""Active time: the sum of short gaps between signs of work."""

from datetime import datetime, timedelta

IDLE_AFTER = timedelta(seconds=60)
"""A gap longer than this was a pause and counts nothing; the page sends a heartbeat every 10 s while it is used."""

BACK_TO_QUEUE_AFTER = timedelta(minutes=15)
"""A claimed case without a heartbeat for so long goes back to the queue."""


def active_gap(last_beat_at: datetime, now: datetime) -> float:
    """Return the seconds of work between two signs of it, by the server's clock; 0 for a pause."""
    gap = now - last_beat_at
    return gap.total_seconds() if timedelta(0) < gap <= IDLE_AFTER else 0.0
