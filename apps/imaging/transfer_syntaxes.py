"""The transfer syntaxes that are read, and how their data sets are written (PS3.5 sections 10 and A)."""

import zlib
from dataclasses import dataclass

from apps.imaging.errors import UnreadableFile


@dataclass(frozen=True)
class Encoding:
    """How the elements of a data set are written."""

    explicit: bool = True
    little_endian: bool = True


IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"

ENCODINGS = {
    IMPLICIT: Encoding(explicit=False),
    EXPLICIT: Encoding(),
    DEFLATED: Encoding(),
    BIG_ENDIAN: Encoding(little_endian=False),
}
"""Uncompressed pixels."""

RLE = "1.2.840.10008.1.2.5"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
JPEG_LOSSLESS = frozenset(("1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"))
JPEG_LS = frozenset(("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"))
JPEG_2000 = frozenset(("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"))
HTJ2K = frozenset(("1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203"))

COMPRESSED = frozenset((RLE, JPEG_BASELINE, JPEG_EXTENDED)) | JPEG_LOSSLESS | JPEG_LS | JPEG_2000 | HTJ2K

LARGEST_INFLATED = 1 << 28
"""Bytes that a deflated file may inflate to: an Enhanced CT of 500 frames fits."""


def inflate(deflated: bytes) -> bytes:
    """Return what a deflated data set inflates to (PS3.5 section A.5), never more than is allowed.

    Raises
    ------
    UnreadableFile
        When it does not inflate, or to more than `LARGEST_INFLATED` bytes.
    """
    damaged = UnreadableFile("is damaged: it cannot be inflated; copy or export it again")
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = inflater.decompress(deflated, LARGEST_INFLATED)
    except zlib.error:
        raise damaged from None
    if inflater.eof:
        return content
    if inflater.unconsumed_tail:
        raise UnreadableFile(
            f"inflates to more than {LARGEST_INFLATED >> 20} MB, more than one CT object holds; "
            "export it again without deflating it"
        )
    raise damaged
