"""Locks between processes that work in one run folder. A lock ends with its process, however that ends."""

import fcntl
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__name__)


@contextmanager
def lock_or_skip(file: Path) -> Iterator[bool]:
    """Yield True with the lock held, or False when another process holds it."""
    with file.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


@contextmanager
def waited_lock(file: Path, what: str) -> Iterator[None]:
    """Yield with the lock held, after another process has finished with it."""
    with file.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("%s: another training of this run is at it; waiting", what)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
