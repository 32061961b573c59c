"""The bytes of a DICOM object as a tree of elements, each with its place in the bytes (PS3.5 section 7, PS3.10).

Unlike the walk that reads a few facts (`headers/elements.py`), this one sees every element: what is not seen cannot be
taken out. It is strict for the same reason: what overlaps or ends elsewhere than it says is refused.
"""

import re
import struct
from dataclasses import dataclass, field

from apps.imaging.deidentification.dictionary import representations
from apps.imaging.errors import UnreadableFile
from apps.imaging.headers.elements import DEEPEST, ITEM, ITEM_END, PIXEL_DATA, SEQUENCE_END, UNDEFINED, Malformed
from apps.imaging.headers.refusals import damaged
from apps.imaging.transfer_syntaxes import (
    BIG_ENDIAN,
    COMPRESSED,
    DEFLATED,
    ENCODINGS,
    EXPLICIT,
    IMPLICIT,
    Encoding,
    inflate,
)

LONG_VRS = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"))
"""Value representations whose length has four bytes when it is written out."""

_IMPLICIT_LITTLE = Encoding(explicit=False)


class NotDicom(UnreadableFile):
    """Bytes that do not begin like a DICOM object."""


@dataclass(slots=True)
class Element:
    """One element.

    `start`, `value_at` and `end` are places in the bytes; for an element of undefined length `end` lies behind its
    delimiter. `vr` is the representation that counts, `written_vr` the one in the bytes (empty when implicit).
    `items` is None unless it is a sequence; `ragged` marks a sequence with bytes behind its last item.
    """

    tag: int
    vr: str
    written_vr: str
    start: int
    value_at: int
    end: int
    encoding: Encoding
    undefined: bool = False
    items: "list[Item] | None" = None
    ragged: bool = False


@dataclass(slots=True)
class Item:
    """One item of a sequence."""

    start: int
    end: int
    undefined: bool
    elements: list[Element]
    encoding: Encoding


@dataclass(slots=True)
class DataSet:
    """A whole object: its bytes (inflated when they were deflated), its elements, and where its pixels are.

    `pixels` is None in an object without PixelData; `meta` holds the file meta group, tag -> value.
    `strays` counts the elements behind the pixels.
    """

    content: bytes
    preamble: bytes
    meta: dict[int, bytes]
    transfer_syntax: str
    encoding: Encoding
    elements: list[Element]
    pixels: Element | None
    strays: int = field(default=0)


def read_data_set(content: bytes) -> DataSet:
    """Return the tree of a DICOM object.

    Raises
    ------
    UnreadableFile
        When the bytes are no DICOM object, or are damaged.
    """
    try:
        return _read(content)
    except (Malformed, struct.error) as error:
        how = str(error) if isinstance(error, Malformed) else "the file ends in the middle of the header"
        raise UnreadableFile(damaged(how)) from None


def _read(content: bytes) -> DataSet:
    at = 132 if content[128:132] == b"DICM" else 4 if content[:4] == b"DICM" else 0
    preamble = content[:128] if at == 132 else b""
    meta: dict[int, bytes] = {}
    if content[at : at + 2] == b"\x02\x00":
        at, meta = _file_meta(content, at)
    declared = meta.get(0x00020010, b"").decode("latin-1").strip("\0 ")
    transfer_syntax = declared if declared not in ("", EXPLICIT, IMPLICIT) else _guessed(content, at) or declared
    if not transfer_syntax:
        raise NotDicom("is not a DICOM file; leave it out")
    if transfer_syntax == DEFLATED:
        content, at = inflate(content[at:]), 0
        transfer_syntax = EXPLICIT
    elif transfer_syntax not in ENCODINGS and transfer_syntax not in COMPRESSED:
        named = transfer_syntax if re.fullmatch(r"[0-9.]+", transfer_syntax) else "unknown"
        raise UnreadableFile(
            f"is written in a way that is not read ({named}); export the series again, uncompressed or in a "
            "lossless JPEG"
        )
    encoding = ENCODINGS.get(transfer_syntax, Encoding())
    walker = _Walker(content)
    elements, pixels, end = walker.data_set(at, encoding)
    strays = 0 if pixels is None else walker.count_behind(end, encoding)
    return DataSet(content, preamble, meta, transfer_syntax, encoding, elements, pixels, strays)


def _file_meta(content: bytes, at: int) -> tuple[int, dict[int, bytes]]:
    """Return where group 0002 ends, and its values (PS3.10 section 7.1, always explicit little endian)."""
    meta: dict[int, bytes] = {}
    while content[at : at + 2] == b"\x02\x00":
        element = _Walker(content).head(at, len(content), Encoding())
        if element.undefined or element.end > len(content):
            raise Malformed("its file meta group does not end")
        meta[element.tag] = content[element.value_at : element.end]
        at = element.end
    return at, meta


def _guessed(content: bytes, at: int) -> str:
    """Return the transfer syntax of a data set that does not declare it, empty when it looks like none."""
    if len(content) < at + 8:
        return ""
    little, big = int.from_bytes(content[at : at + 2], "little"), int.from_bytes(content[at : at + 2], "big")
    explicit = content[at + 4 : at + 6].isalpha() and content[at + 4 : at + 6].isupper()
    if little in (0x0002, 0x0004, 0x0008, 0x0010):
        if explicit:
            return EXPLICIT
        return IMPLICIT if int.from_bytes(content[at + 4 : at + 8], "little") <= len(content) - at - 8 else ""
    return BIG_ENDIAN if big in (0x0004, 0x0008) and explicit else ""


class _Walker:
    def __init__(self, content: bytes) -> None:
        self.content = content

    def data_set(self, at: int, encoding: Encoding) -> tuple[list[Element], Element | None, int]:
        """Return the elements before the pixels, the pixels, and where they end."""
        elements: list[Element] = []
        size = len(self.content)
        while size - at >= 8:
            element = self.element(at, size, encoding, 0)
            at = element.end
            if element.tag == PIXEL_DATA:
                return elements, element, at
            elements.append(element)
        return elements, None, at

    def count_behind(self, at: int, encoding: Encoding) -> int:
        """Return how many elements lie behind the pixels, 1 when what lies there cannot be read."""
        size = len(self.content)
        count = 0
        try:
            while size - at >= 8:
                at = self.element(at, size, encoding, 0).end
                count += 1
        except (Malformed, struct.error):
            count += 1
        return count or int(at < size)

    def head(self, at: int, limit: int, encoding: Encoding) -> Element:
        """Return the element at `at`, without looking into it; its end is UNDEFINED's when its length is."""
        order = "<" if encoding.little_endian else ">"
        group, number = struct.unpack_from(order + "HH", self.content, at)
        tag = group << 16 | number
        if not encoding.explicit or group == 0xFFFE:
            written, value_at = "", at + 8
            (length,) = struct.unpack_from(order + "I", self.content, at + 4)
        else:
            raw = self.content[at + 4 : at + 6]
            if len(raw) < 2 or not (raw.isalpha() and raw.isupper()):
                raise Malformed(f"no value representation at byte {at + 4}")
            written = raw.decode("ascii")
            if written in LONG_VRS:
                value_at = at + 12
                (length,) = struct.unpack_from(order + "I", self.content, at + 8)
            else:
                value_at = at + 8
                (length,) = struct.unpack_from(order + "H", self.content, at + 6)
        known = representations().get(tag, "UN")
        vr = known if written in ("", "UN") else written
        undefined = length == UNDEFINED
        end = value_at if undefined else value_at + length
        if end > limit:
            raise Malformed(
                f"element {group:04X},{number:04X} claims {length} bytes, past the end of "
                + ("the file" if limit == len(self.content) else "what it lies in")
            )
        return Element(tag, vr, written, at, value_at, end, encoding, undefined)

    def element(self, at: int, limit: int, encoding: Encoding, depth: int) -> Element:
        """Return the element at `at` with all that lies in it."""
        element = self.head(at, limit, encoding)
        # UN holds implicit little endian, whatever lies around it (PS3.5 section 6.2.2, note 2).
        inner = _IMPLICIT_LITTLE if element.written_vr == "UN" else encoding
        if element.undefined:
            if element.tag == PIXEL_DATA or element.written_vr in ("OB", "OW"):
                element.end = self._fragments(element.value_at, limit, encoding)
            else:
                self._items(element, None, limit, inner, depth + 1)
        elif element.vr == "SQ":
            if element.written_vr == "UN":
                self._perhaps_items(element, inner, depth + 1)
            else:
                self._items(element, element.end, element.end, inner, depth + 1)
        return element

    def _perhaps_items(self, element: Element, encoding: Encoding, depth: int) -> None:
        """Read items where somebody wrote UN; what cannot be read stays UN, and goes."""
        try:
            self._items(element, element.end, element.end, encoding, depth)
        except (Malformed, struct.error):
            element.vr, element.items = "UN", None

    def _items(self, element: Element, end: int | None, limit: int, encoding: Encoding, depth: int) -> None:
        """Read the items of a sequence; `end` is None when a delimiter tells where it ends."""
        if depth > DEEPEST:
            raise Malformed(f"sequences nested more than {DEEPEST} deep")
        items: list[Item] = []
        at = element.value_at
        order = "<" if encoding.little_endian else ">"
        while end is None or at + 8 <= end:
            if at + 8 > limit:
                raise Malformed("a sequence does not end within the file")
            group, number, length = struct.unpack_from(order + "HHI", self.content, at)
            tag = group << 16 | number
            if tag == SEQUENCE_END and end is None:
                at += 8
                break
            if tag != ITEM:
                raise Malformed(f"no sequence item at byte {at}")
            item = self._item(at, length, limit, encoding, depth)
            items.append(item)
            at = item.end
        element.items, element.vr = items, "SQ"
        element.ragged = end is not None and at != end
        element.end = at if end is None else end

    def _item(self, start: int, length: int, limit: int, encoding: Encoding, depth: int) -> Item:
        at = start + 8
        end = None if length == UNDEFINED else at + length
        if end is not None and end > limit:
            raise Malformed("a sequence item is longer than what it lies in")
        elements: list[Element] = []
        order = "<" if encoding.little_endian else ">"
        while end is None or at < end:
            if at + 8 > (limit if end is None else end):
                raise Malformed("a sequence item does not end where it says")
            group, number = struct.unpack_from(order + "HH", self.content, at)
            if group == 0xFFFE:
                if end is None and group << 16 | number == ITEM_END:
                    return Item(start, at + 8, True, elements, encoding)
                raise Malformed(f"a stray delimiter at byte {at}")
            element = self.element(at, limit if end is None else end, encoding, depth)
            elements.append(element)
            at = element.end
        return Item(start, at, False, elements, encoding)

    def _fragments(self, at: int, limit: int, encoding: Encoding) -> int:
        """Return where encapsulated pixels end (PS3.5 section A.4)."""
        order = "<" if encoding.little_endian else ">"
        while at + 8 <= limit:
            group, number, length = struct.unpack_from(order + "HHI", self.content, at)
            tag = group << 16 | number
            if tag == SEQUENCE_END:
                return at + 8
            if tag != ITEM or at + 8 + length > limit:
                raise Malformed("its compressed pixels are damaged, or cut short")
            at += 8 + length
        # Some archives drop the delimiter at the very end; the pixels before it are whole.
        return at
