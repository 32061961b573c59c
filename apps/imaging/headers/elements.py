"""Walk through the elements of a DICOM data set and keep the few that are wanted (PS3.5 section 7).

A header is read a thousand times more often than it is looked at, so only the wanted elements are turned into values.
Nothing is allocated on the word of a header: a length is believed only as far as there are bytes behind it.
"""

import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from apps.imaging.transfer_syntaxes import Encoding

PIXEL_DATA = 0x7FE00010
FLOAT_PIXELS = (0x7FE00008, 0x7FE00009)
ITEM = 0xFFFEE000
ITEM_END = 0xFFFEE00D
SEQUENCE_END = 0xFFFEE0DD
UNDEFINED = 0xFFFFFFFF
DEEPEST = 12
"""How deep sequences may be nested; Enhanced CT needs three."""

CUT_SHORT = "the file ends in the middle of the image"
_HEAD_ROOM = 1 << 16
"""How many bytes more to ask for when the bytes at hand run out."""

_LONG_VR = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"))
_SHORT_VR = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_VR = re.compile(rb"[A-Z]{2}\Z")
"""What may be a value representation of later editions; its length is taken for a short one."""


Value = bytes | list["Elements"]
Elements = dict[int, Value]
"""Tag -> raw bytes, or the items of a sequence."""


class Malformed(Exception):
    """The bytes are no DICOM data set; the text says what is wrong and where."""


class TooShort(Exception):
    """The data set goes on behind the bytes at hand; `needed` says up to which byte at least."""

    def __init__(self, needed: int) -> None:
        super().__init__(needed)
        self.needed = needed


@dataclass
class Walk:
    """What a walk through a data set found.

    `pixels_at` and `pixels_length` tell where the value of PixelData lies, None when the data set has none.
    """

    elements: Elements = field(default_factory=dict)
    pixels_at: int | None = None
    pixels_length: int = 0
    float_pixels: bool = False


class Walker:
    """Walks over `content`, of which `size` bytes exist in all (more than are at hand, perhaps)."""

    def __init__(self, content: bytes, size: int, encoding: Encoding, wanted: Mapping[int, bool]) -> None:
        self.content = content
        self.size = size
        self.explicit = encoding.explicit
        self.wanted = wanted
        order = "<" if encoding.little_endian else ">"
        self.tag_at = struct.Struct(order + "HH").unpack_from
        self.short_at = struct.Struct(order + "H").unpack_from
        self.long_at = struct.Struct(order + "I").unpack_from

    def walk(self, start: int = 0) -> Walk:
        """Return the wanted elements of the data set at `start`, and where its pixels are.

        Raises
        ------
        Malformed
            When the bytes are no data set.
        TooShort
            When the bytes at hand end before the pixels while the file goes on.
        """
        found = Walk()
        position = start
        try:
            while position < self.size:
                if self.size - position < 8:
                    break
                tag, value_at, length, is_sequence = self._any_element(position, self.explicit)
                if tag == PIXEL_DATA:
                    found.pixels_at, found.pixels_length = value_at, length
                    break
                if tag in FLOAT_PIXELS:
                    found.float_pixels = True
                    break
                position = self._take(found.elements, tag, value_at, length, is_sequence, self.explicit, 0)
        except struct.error:
            raise TooShort(max(position, len(self.content)) + _HEAD_ROOM) from None
        return found

    def element(self, position: int) -> tuple[int, int, int]:
        """Return (tag, where its value lies, the value's length) of the element at `position`."""
        try:
            return self._any_element(position, self.explicit)[:3]
        except struct.error:
            raise TooShort(position + _HEAD_ROOM) from None

    def _any_element(self, position: int, explicit: bool) -> tuple[int, int, int, bool]:
        """Return (tag, where its value lies, the value's length, whether it is a sequence by its VR)."""
        group, element = self.tag_at(self.content, position)
        tag = group << 16 | element
        if group == 0xFFFE or not explicit:
            return tag, position + 8, self.long_at(self.content, position + 4)[0], False
        vr = self.content[position + 4 : position + 6]
        if vr in _LONG_VR:
            return tag, position + 12, self.long_at(self.content, position + 8)[0], vr == b"SQ"
        if len(vr) < 2:
            raise TooShort(position + _HEAD_ROOM)
        if vr not in _SHORT_VR and not _VR.match(vr):
            raise Malformed(f"no value representation at byte {position + 4}")
        return tag, position + 8, self.short_at(self.content, position + 6)[0], False

    def _take(
        self, into: Elements, tag: int, value_at: int, length: int, is_sequence: bool, explicit: bool, depth: int
    ) -> int:
        """Keep the element when it is wanted and return where the next one begins."""
        if length == UNDEFINED:
            # An undefined length outside SQ is UN, whose content is implicit VR (PS3.5 section 6.2.2, note 2).
            inner_explicit = explicit and is_sequence
            items, end = self._items(value_at, None, inner_explicit, depth + 1)
            if tag in self.wanted:
                into[tag] = items
            return end
        end = value_at + length
        if end > self.size:
            raise Malformed(
                f"element {tag >> 16:04X},{tag & 0xFFFF:04X} claims {length} bytes, past the end of the file"
            )
        kind = self.wanted.get(tag)
        if kind is None:
            return end
        if end > len(self.content):
            raise TooShort(end + _HEAD_ROOM)
        if kind and length:
            into[tag], _ = self._items(value_at, end, explicit, depth + 1)
        else:
            into[tag] = self.content[value_at:end]
        return end

    def _items(self, position: int, end: int | None, explicit: bool, depth: int) -> tuple[list[Elements], int]:
        """Return the items of a sequence and where it ends; `end` is None when a delimiter tells."""
        if depth > DEEPEST:
            raise Malformed(f"sequences nested more than {DEEPEST} deep")
        items: list[Elements] = []
        while end is None or position + 8 <= end:
            if position + 8 > self.size:
                raise Malformed("a sequence does not end within the file")
            tag, value_at, length, _ = self._any_element(position, explicit)
            if tag == SEQUENCE_END:
                return items, value_at
            if tag != ITEM:
                raise Malformed(f"no sequence item at byte {position}")
            item: Elements = {}
            position = self._item(item, value_at, None if length == UNDEFINED else value_at + length, explicit, depth)
            items.append(item)
        assert end is not None
        return items, end

    def _item(self, into: Elements, position: int, end: int | None, explicit: bool, depth: int) -> int:
        if end is not None and end > self.size:
            raise Malformed("a sequence item is longer than the file")
        while end is None or position + 8 <= end:
            if position + 8 > self.size:
                raise Malformed("a sequence item does not end within the file")
            tag, value_at, length, is_sequence = self._any_element(position, explicit)
            if tag == ITEM_END:
                return value_at
            if tag >> 16 == 0xFFFE:
                raise Malformed(f"a stray delimiter at byte {position}")
            position = self._take(into, tag, value_at, length, is_sequence, explicit, depth)
        assert end is not None
        return end


ReadAt = Callable[[int, int], bytes]
"""Reads `length` bytes at `offset`; fewer where the file ends."""


def fragments(read_at: ReadAt, position: int, size: int) -> list[tuple[int, int]]:
    """Return (offset, length) of the items of encapsulated pixel data at `position`, the offset table included.

    Raises
    ------
    Malformed
        When the items do not end within the file, `size` bytes.
    """
    found: list[tuple[int, int]] = []
    while True:
        if position + 8 > size:
            # Some archives drop the delimiter at the very end; the pixels before it are whole.
            if position == size and len(found) > 1:
                return found
            raise Malformed(CUT_SHORT)
        group, element, length = struct.unpack("<HHI", read_at(position, 8))
        if (group, element) == (0xFFFE, 0xE0DD):
            return found
        if (group, element) != (0xFFFE, 0xE000) or length == UNDEFINED:
            raise Malformed("the compressed image is not cut into items as it should be")
        if position + 8 + length > size:
            raise Malformed(CUT_SHORT)
        found.append((position + 8, length))
        position += 8 + length
