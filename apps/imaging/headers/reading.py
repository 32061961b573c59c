"""One file -> its InstanceHeader, or the sentence that says why it is none."""

import os
from dataclasses import dataclass
from pathlib import Path

from apps.imaging.errors import UnreadableFile
from apps.imaging.headers import values
from apps.imaging.headers.attributes import WANTED
from apps.imaging.headers.elements import Malformed, ReadAt, TooShort, Walk, Walker
from apps.imaging.headers.instances import InstanceHeader
from apps.imaging.headers.objects import ImageObject
from apps.imaging.headers.refusals import NotAnImage, Refusal, damaged, what_it_is
from apps.imaging.transfer_syntaxes import BIG_ENDIAN, DEFLATED, ENCODINGS, EXPLICIT, IMPLICIT, Encoding, inflate

HEAD_BYTES = 1 << 15
"""How much of a file is read at first: most headers end within it."""

LONGEST_HEADER = 1 << 28
"""Bytes before the pixels; Enhanced CT of some thousand frames needs a few million."""


@dataclass(frozen=True)
class _Start:
    """Where the data set of a file begins, and what its file meta group says."""

    at: int
    meta: dict[str, str]

    @property
    def transfer_syntax(self) -> str:
        return self.meta["TransferSyntaxUID"]


def read_header(path: Path, name: str = "") -> InstanceHeader:
    """Read the header of one file.

    Parameters
    ----------
    path
        The file.
    name
        What people call it; its own name when empty.

    Raises
    ------
    NotAnImage
        When it is no DICOM object, or one without slices: a dose report, a DICOMDIR, a text.
    UnreadableFile
        When it is damaged, or claims more than it holds.
    """
    try:
        with path.open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            return _header_of(path, name or path.name, file.fileno(), size)
    except Malformed as error:
        raise UnreadableFile(damaged(str(error))) from None
    except OSError as error:
        raise UnreadableFile(
            f"could not be opened ({error.strerror or error}); check the file and add it again"
        ) from None


def begins_like_dicom(head: bytes, size: int) -> bool:
    """Return whether a file of `size` bytes that begins with `head` may be DICOM, with or without preamble."""
    try:
        return bool(head) and _start(head, size) is not None
    except Malformed:
        return True


def _header_of(path: Path, name: str, descriptor: int, size: int) -> InstanceHeader:
    if not size:
        raise NotAnImage(Refusal.EMPTY, "is empty; copy or export it again")
    head = os.pread(descriptor, HEAD_BYTES, 0)
    start = _start(head, size)
    if start is None:
        raise NotAnImage(*what_it_is(head, size))
    if start.transfer_syntax == DEFLATED:
        content = inflate(os.pread(descriptor, size, start.at))
        walk = _walk_inflated(content)
        total, read_at = len(content), _reader_of(content)
    else:
        walk = _walk_file(descriptor, head, size, start)
        total, read_at = size, _reader_of_file(descriptor)
    return ImageObject(start.meta, start.at, walk, total, read_at).header(path, name, size)


def _reader_of(content: bytes) -> ReadAt:
    return lambda offset, length: content[offset : offset + length]


def _reader_of_file(descriptor: int) -> ReadAt:
    return lambda offset, length: os.pread(descriptor, length, offset)


def _walk_file(descriptor: int, head: bytes, size: int, start: _Start) -> Walk:
    """Walk over the header, reading on where it is longer than the bytes at hand."""
    while True:
        try:
            return _walked(head, size, start.at, start.transfer_syntax)
        except TooShort as short:
            if len(head) >= size:
                raise Malformed("the file ends in the middle of the header") from None
            if short.needed > LONGEST_HEADER:
                raise Malformed("the header is longer than any CT header") from None
            head = os.pread(descriptor, max(short.needed, 2 * len(head)), 0)


def _walked(content: bytes, size: int, at: int, transfer_syntax: str) -> Walk:
    return Walker(content, size, ENCODINGS.get(transfer_syntax, Encoding()), WANTED).walk(at)


def _walk_inflated(content: bytes) -> Walk:
    try:
        return _walked(content, len(content), 0, DEFLATED)
    except TooShort:
        raise Malformed("the file ends in the middle of the header") from None


def _start(head: bytes, size: int) -> _Start | None:
    """Find where the data set begins: behind preamble and file meta, or at once where an export left them out."""
    at = 132 if head[128:132] == b"DICM" else 4 if head[:4] == b"DICM" else 0
    meta: dict[int, bytes] = {}
    if head[at : at + 2] == b"\x02\x00":
        try:
            at, meta = _file_meta(head, at, size)
        except TooShort:
            raise Malformed("the file ends in the middle of the header") from None
    declared = values.uid(meta.get(0x00020010))
    transfer_syntax = _encoding_at(head, at, size, declared)
    if not transfer_syntax:
        if at:
            raise Malformed("behind the word DICM nothing follows that can be read")
        return None
    return _Start(
        at,
        {
            "TransferSyntaxUID": transfer_syntax,
            "SOPClassUID": values.uid(meta.get(0x00020002)),
            "SOPInstanceUID": values.uid(meta.get(0x00020003)),
        },
    )


def _encoding_at(head: bytes, at: int, size: int, declared: str) -> str:
    """Return the transfer syntax to read with: the declared one, unless the first element is written otherwise."""
    if declared and declared not in (EXPLICIT, IMPLICIT):
        return declared
    return _guessed_encoding(head, at, size) or declared


def _file_meta(head: bytes, at: int, size: int) -> tuple[int, dict[int, bytes]]:
    """Return where group 0002 ends, and its values (PS3.10 section 7.1, always explicit little endian)."""
    walker = Walker(head, size, Encoding(), {})
    meta: dict[int, bytes] = {}
    while head[at : at + 2] == b"\x02\x00":
        tag, value_at, length = walker.element(at)
        at = value_at + length
        if at > len(head):
            raise TooShort(at)
        meta[tag] = head[value_at:at]
    return at, meta


def _guessed_encoding(head: bytes, at: int, size: int) -> str:
    """Return the transfer syntax of a data set that does not declare it, empty when it looks like none."""
    if len(head) < at + 8:
        return ""
    little, big = int.from_bytes(head[at : at + 2], "little"), int.from_bytes(head[at : at + 2], "big")
    explicit = head[at + 4 : at + 6].isalpha() and head[at + 4 : at + 6].isupper()
    if little in (0x0002, 0x0004, 0x0008, 0x0010):
        if explicit:
            return EXPLICIT
        return IMPLICIT if int.from_bytes(head[at + 4 : at + 8], "little") <= size - at - 8 else ""
    return BIG_ENDIAN if big in (0x0004, 0x0008) and explicit else ""
