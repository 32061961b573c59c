from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

from django.utils import timezone


class StoryClock:
    """The time of the story that is being played.

    The demo's past is lived, not written: while a story is played the services run on this clock, so a submission,
    its decision and the append-only trail of both carry the same days. It goes on by itself, as time does.
    """

    def __init__(self) -> None:
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(tz=UTC) + self._ahead

    def set(self, moment: datetime) -> None:
        """Let it be `moment`, which may not lie in the future."""
        self._ahead = min(moment - datetime.now(tz=UTC), timedelta(0))

    def forward(self, time: timedelta) -> None:
        """Let `time` pass at once, at most until the present."""
        self.set(self.now() + time)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let everything in this process that asks Django for the time hear this clock."""
        with patch.object(timezone, "now", self.now):
            yield
