"""Active time: the sum of short gaps between signs of work."""

from datetime import datetime, timedelta

IDLE_AFTER = timedelta(seconds=60)
"""A longer gap was a pause and counts nothing, where a trial does not say otherwise; and in reading studies."""

BACK_TO_QUEUE_AFTER = timedelta(minutes=15)
"""A claimed case without a heartbeat for so long goes back to the queue, where a trial does not say otherwise."""


def active_gap(last_beat_at: datetime, now: datetime, idle_after: timedelta = IDLE_AFTER) -> float:
    """Return the seconds of work between two signs of it, by the server's clock; 0 for a gap that was a pause.

    The page sends a heartbeat every 10 s while it is used.
    """
    gap = now - last_beat_at
    return gap.total_seconds() if timedelta(0) < gap <= idle_after else 0.0
