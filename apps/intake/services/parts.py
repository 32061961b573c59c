"""Parts: announced instances on their way in one resumable upload, as far as they have come.

The bytes lie in a file of `PARTS_DIR`, the row says how many of them count. A writer moves that number by
compare-and-swap, so of two that write the same part only one goes on; bytes behind the number are written again.
"""

import errno
import fcntl
import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.permissions import require
from apps.audit.lifecycle import Refused, WrongState, words
from apps.intake.models import Instance, Part, Submission
from apps.intake.part_format import BadPart, read_table, table_size
from apps.intake.permissions import may_edit
from apps.intake.services.submissions import NOT_YOURS
from apps.jobs.services import enqueue

MOST_BYTES = 64 * 1024 * 1024
"""Of one part, unless a single object is larger: what one unpacking holds, and what a damaged part costs."""

CHUNK = 256 * 1024
"""Read from the connection at a time: all that a transfer takes of the web process's memory."""

STEP_BYTES = 4 * 1024 * 1024
STEP_SECONDS = 3.0
"""How much and how long is written before the row says so: what a killed server makes the browser send again."""

SILENCE = timedelta(seconds=30)
"""A writer that has moved nothing for so long hangs on a dead connection; the next one need not wait for it."""

ROOM_LEFT = 256 * 1024 * 1024
"""Bytes of the disk that no new part may take: parts on their way still need room to be unpacked."""

NO_ROOM = "The disk of the core lab is full. Nothing is lost; the transfer goes on when there is room again."
FULL = (errno.ENOSPC, errno.EDQUOT)


class WrongOffset(Refused):
    """The bytes do not begin where the part ends."""


class PartBusy(Refused):
    """Another request writes this part."""


class PartTooLarge(Refused):
    """More bytes than a part may have, or than this one was said to have."""


class PartClosed(Refused):
    """The part takes no more bytes, whatever is tried."""


class WrongChecksum(Refused):
    """The bytes of this request are not those that were sent."""


class DiskFull(Refused):
    """There is no room; what has come stays."""


class Body(Protocol):
    """What a request body can do."""

    def read(self, size: int, /) -> bytes: ...


def part_path(part: Part) -> Path:
    """Return where the bytes of a part lie."""
    return Path(settings.PARTS_DIR) / str(part.uuid)


def begin_part(submission: Submission, size: int, *, by: User) -> Part:
    """Open a part of `size` bytes for a submission that is being sent."""
    require(may_edit(by, submission), NOT_YOURS)
    _refuse_unless_sending(submission)
    most = _most_bytes(submission)
    if not table_size(1) <= size <= most:
        raise PartTooLarge(f"A part holds {table_size(1)} to {most} bytes; this one would have {size}.")
    folder = Path(settings.PARTS_DIR)
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    if shutil.disk_usage(folder).free < size + ROOM_LEFT:
        raise DiskFull(NO_ROOM)
    part = Part(submission=submission, size=size, created_by=by)
    with _room():
        part_path(part).touch(mode=0o640)
    part.save()
    return part


def offset_of(part: Part) -> int:
    """Return how many bytes of a part are here; a file that lost its end in a power cut counts as far as it goes."""
    if part.status != Part.Status.RECEIVING:
        return part.offset
    path = part_path(part)
    here = path.stat().st_size if path.exists() else 0
    if here < part.offset:
        _move(part, here)
    return part.offset


def receive(part: Part, body: Body, *, offset: int, length: int, by: User, sha256: bytes | None = None) -> int:
    """Write `length` bytes of `body` at `offset` and return where the part ends now.

    A body that breaks off leaves what came of it, unless a hash of the whole was promised. The last byte has the part
    unpacked.
    """
    require(may_edit(by, part.submission), NOT_YOURS)
    _refuse_unless_sending(part.submission, PartClosed)
    if part.status != Part.Status.RECEIVING:
        raise PartClosed("This part has arrived already.")
    with _sole_writer(part) as file:
        part.refresh_from_db(fields=["offset", "status", "moved_at"])
        if offset != offset_of(part):
            raise WrongOffset(f"This part goes on at byte {part.offset}, not at {offset}.")
        if offset + length > part.size:
            raise PartTooLarge(f"This part has {part.size} bytes; {offset + length - part.size} too many were sent.")
        _move(part, offset)
        return _take(part, file, body, offset + length, sha256)


def drop_part(part: Part, *, by: User) -> None:
    """Forget a part that has not arrived."""
    require(may_edit(by, part.submission), NOT_YOURS)
    deleted, _ = Part.objects.filter(pk=part.pk, status=Part.Status.RECEIVING).delete()
    if not deleted:
        raise WrongState("This part has arrived; it is unpacked now.")
    part_path(part).unlink(missing_ok=True)


def contents(part: Part) -> tuple[str, ...]:
    """Return the SHA-256 of each object of a part, in order; empty while its table of contents is not here."""
    try:
        with part_path(part).open("rb") as file:
            found = read_table(file, part.size)
    except (OSError, BadPart):
        return ()
    here = table_size(len(found)) <= part.offset
    return tuple(packed.sha256 for packed in found) if here else ()


def expires_at(part: Part) -> datetime:
    """Return when an unfinished part is forgotten."""
    return part.moved_at + timedelta(days=settings.PARTS_KEPT_DAYS)


def prune_parts() -> int:
    """Forget the parts that nobody has touched for `PARTS_KEPT_DAYS`, and files without a part. Run by beat."""
    old = timezone.now() - timedelta(days=settings.PARTS_KEPT_DAYS)
    parts = list(Part.objects.exclude(status=Part.Status.COMPLETE).filter(moved_at__lt=old))
    for part in parts:
        if Part.objects.filter(pk=part.pk, moved_at__lt=old).delete()[0]:
            part_path(part).unlink(missing_ok=True)
    for path in Path(settings.PARTS_DIR).glob("*-*-*-*-*"):
        stray = _is_part(path) and path.stat().st_mtime < old.timestamp()
        if stray and not Part.objects.filter(uuid=path.name).exists():
            path.unlink(missing_ok=True)
    return len(parts)


def _is_part(path: Path) -> bool:
    try:
        return str(uuid.UUID(path.name)) == path.name
    except ValueError:
        return False


def _take(part: Part, file: int, body: Body, end: int, sha256: bytes | None) -> int:
    at = part.offset
    seen = hashlib.sha256()
    told = time.monotonic()
    while at < end:
        chunk = _read(body, min(CHUNK, end - at))
        if not chunk:
            break
        try:
            with _room():
                _write(file, chunk, at)
        except DiskFull:
            if sha256 is None:
                _move(part, at)
            raise
        at += len(chunk)
        if sha256 is not None:
            seen.update(chunk)
        elif at < end and (at - part.offset >= STEP_BYTES or time.monotonic() - told >= STEP_SECONDS):
            _move(part, at)
            told = time.monotonic()
    if sha256 is not None and (at < end or seen.digest() != sha256):
        raise WrongChecksum("The bytes were damaged on the way; send them again.")
    _move(part, at)
    return at


def _read(body: Body, size: int) -> bytes:
    try:
        return body.read(size)
    except OSError:
        # The connection broke off; what came before it counts.
        return b""


def _write(file: int, chunk: bytes, at: int) -> None:
    rest = memoryview(chunk)
    while rest:
        written = os.pwrite(file, rest, at)
        rest, at = rest[written:], at + written


def _move(part: Part, to: int) -> None:
    """Let a part end at byte `to`, unless another request has moved it first; the last byte has it unpacked."""
    now = timezone.now()
    done = to == part.size
    status = Part.Status.COMPLETE if done else Part.Status.RECEIVING
    mine = Part.objects.filter(pk=part.pk, status=Part.Status.RECEIVING, offset=part.offset)
    with transaction.atomic():
        if mine.update(offset=to, moved_at=now, status=status) != 1:
            raise WrongOffset("Another request has written this part in this moment. Ask where it ends.")
        if done:
            enqueue("intake.unpack_part", part.pk)
    part.offset, part.moved_at, part.status = to, now, status


@contextmanager
def _sole_writer(part: Part) -> Iterator[int]:
    """Give the part's file to one request at a time; the lock goes with the process that holds it."""
    with _room():
        file = os.open(part_path(part), os.O_WRONLY | os.O_CREAT, 0o640)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            part.refresh_from_db(fields=["moved_at"])
            if timezone.now() - part.moved_at < SILENCE:
                raise PartBusy("Another request is writing this part.") from None
        yield file
    finally:
        os.close(file)


@contextmanager
def _room() -> Iterator[None]:
    """Say in a sentence that the disk is full."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise DiskFull(NO_ROOM) from error
        raise


def _most_bytes(submission: Submission) -> int:
    """Return the size of the largest part: an object with many frames may be larger than all others together."""
    largest = Instance.objects.filter(series__submission=submission, series__to_send=True, file=None)
    size = largest.order_by("-size").values_list("size", flat=True).first() or 0
    return max(MOST_BYTES, table_size(1) + size)


def _refuse_unless_sending(submission: Submission, refusal: type[Refused] = WrongState) -> None:
    if submission.status != Submission.Status.SENDING:
        raise refusal(
            f"This submission is {words(submission.status)}, so it takes no images now. Reload the page to see where "
            "it stands."
        )
