"""Which session of a reader is open, and when the second one opens."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from apps.studies.models import Reader, ReadingStudy


@dataclass(frozen=True)
class Session:
    """A reader's way through all scans in one arm."""

    arm: str
    n_scans: int
    n_read: int
    opens_at: datetime | None
    """The moment from which it may be read; None while that is not known: the session before it is not finished."""
    last_read_at: datetime | None
    running: bool

    @property
    def is_finished(self) -> bool:
        return self.n_read == self.n_scans

    def is_open(self, now: datetime) -> bool:
        """Whether the analyst may read in it now."""
        return self.running and not self.is_finished and self.opens_at is not None and self.opens_at <= now


@dataclass(frozen=True)
class ArmProgress:
    """What is stored of a reader's arm: how many scans there are, how many are read, the last reading."""

    n_scans: int = 0
    n_read: int = 0
    last_read_at: datetime | None = None


def sessions(study: ReadingStudy, reader: Reader, progress: dict[str, ArmProgress]) -> tuple[Session, Session]:
    """Return the two sessions of a reader in their order.

    The second opens when the washout has passed since the last reading of the first, so that at least so much time
    lies between the two readings of every scan.
    """
    first, second = (progress.get(arm, ArmProgress()) for arm in reader.arms)
    first_ended_at = first.last_read_at if first.n_scans and first.n_read == first.n_scans else None
    running = study.status == ReadingStudy.Status.RUNNING
    opens = (study.started_at, first_ended_at + study.washout if first_ended_at else None)
    made = [
        Session(arm, done.n_scans, done.n_read, opens_at, done.last_read_at, running)
        for arm, done, opens_at in zip(reader.arms, (first, second), opens, strict=True)
    ]
    return made[0], made[1]


def open_session(of_reader: Sequence[Session], now: datetime) -> Session | None:
    """Return the session in which the reader may read now."""
    return next((session for session in of_reader if session.is_open(now)), None)
