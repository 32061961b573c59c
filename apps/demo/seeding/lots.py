from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from random import Random
from typing import Any
from unittest.mock import patch

from apps.demo.seeding.stories import Sending
from apps.reviews.services import drawing


class StoryLots(Random):
    """Lots that fall as the story tells: hidden labels, a wrong label on purpose, a second review."""

    def __init__(self, sending: Sending) -> None:
        super().__init__()
        wins = (sending.hidden, sending.wrong_label, sending.second is not None)
        self._lots = cycle(0.0 if win else 1.0 for win in wins)

    def random(self) -> float:
        return next(self._lots)

    def choice(self, seq: Any) -> Any:
        """Return the first: of the wrong labels that could be shown, always the same."""
        return seq[0]


@contextmanager
def lots_of(sending: Sending) -> Iterator[None]:
    """Let every case that opens in this process have the lots of the story."""
    with patch.object(drawing, "CHANCE", StoryLots(sending)):
        yield
