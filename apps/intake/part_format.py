"""The form of a part: "CQP1", the number of objects, then hash and size of each, then the objects one after another.

All numbers are little-endian. What the table says is believed only as far as it agrees with the part's own size.
"""

import struct
from typing import BinaryIO, NamedTuple

MAGIC = b"CQP1"
HEAD = struct.Struct("<4sI")
ENTRY = struct.Struct("<32sQ")

MOST_OBJECTS = 50_000
"""More than a part of the smallest objects holds; the table of a part is read at once."""


class BadPart(Exception):
    """The bytes are no part; `str()` ends the sentence "This part …"."""


class Packed(NamedTuple):
    """One object of a part: its SHA-256, and where it lies."""

    sha256: str
    at: int
    size: int


def table_size(objects: int) -> int:
    """Return how many bytes stand before the first object."""
    return HEAD.size + objects * ENTRY.size


def read_table(file: BinaryIO, size: int) -> tuple[Packed, ...]:
    """Return the objects of a part of `size` bytes, in their order; the file may still lack the objects themselves.

    Raises
    ------
    BadPart
        When the bytes are no part, or its objects do not fill it exactly.
    """
    head = file.read(HEAD.size)
    if len(head) < HEAD.size:
        raise BadPart("ends before its table of contents")
    magic, count = HEAD.unpack(head)
    if magic != MAGIC:
        raise BadPart("does not begin as a part does")
    if not 1 <= count <= MOST_OBJECTS:
        raise BadPart(f"says that it holds {count} objects, which no part does")
    table = file.read(count * ENTRY.size)
    if len(table) < count * ENTRY.size:
        raise BadPart("ends within its table of contents")
    found = []
    at = table_size(count)
    for digest, length in ENTRY.iter_unpack(table):
        found.append(Packed(digest.hex(), at, length))
        at += length
    if at != size:
        raise BadPart(f"should be {at} bytes long by its table of contents, and is {size}")
    return tuple(found)
