"""One DICOM object in, the same object without what identifies somebody out. The browser runs the same rules.

`static/js/deidentify/engine.js` gives the same bytes for the same object and profile; a test compares them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from apps.imaging.deidentification import burned_in, values
from apps.imaging.deidentification.charsets import is_character_set
from apps.imaging.deidentification.dataset import DataSet, Element, Item, read_data_set
from apps.imaging.deidentification.dictionary import representations
from apps.imaging.deidentification.identity import CHARACTER_SET, LETTERS, TEXT, Sweep, charset_of, identifying_values
from apps.imaging.deidentification.profile import Profile
from apps.imaging.deidentification.table import CLEAN, DUMMY, EMPTY, KEEP, REMOVE, UID
from apps.imaging.errors import UnreadableFile
from apps.imaging.headers.elements import ITEM, ITEM_END, SEQUENCE_END, UNDEFINED
from apps.imaging.transfer_syntaxes import Encoding

IMPLEMENTATION_UID = "2.25.94418367523011962385410397627834420981"
"""Implementation Class UID (0002,0012) of this engine."""
IMPLEMENTATION_VERSION = "COREQC_DEID_1"

SOP_CLASS_UID, SOP_INSTANCE_UID, SERIES_INSTANCE_UID = 0x00080016, 0x00080018, 0x0020000E
IDENTITY_REMOVED, METHOD, METHOD_CODES, LONGITUDINAL = 0x00120062, 0x00120063, 0x00120064, 0x00280303
WRITTEN_BY_US = frozenset((IDENTITY_REMOVED, METHOD, METHOD_CODES, LONGITUDINAL))

ENHANCED = frozenset(("1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2"))
"""Enhanced CT and legacy converted enhanced CT."""

LARGEST_SEARCHED = 1 << 16
"""Bytes without text that are searched for names; larger ones are tables and pictures."""

PRIVATE = "a private attribute: nobody can say what it holds"
GROUP_LENGTH = "a group length, which would be wrong now"
OVERLAY = "an overlay, which may hold writing"
CURVE = "a curve, which may hold measurements with names"
UNKNOWN = "not an attribute of the standard: nobody can say what it holds"
BY_TABLE = "by the table"
NAMED = "held what names somebody"
NO_DATE = "no date that could be shifted"
OURS = "written for the trial"
NO_CHARACTER_SET = "names no character set"
NAMED_IN_PIXELS = "holds a name among its compressed pixels; export the series again, uncompressed"
OTHER_LETTERS = "holds other characters than its kind has"
RAGGED = "held bytes behind its last item"
NOT_TEXT = "cannot be cleaned: it is no text"


@dataclass(frozen=True)
class Change:
    """What was done to one attribute.

    `path` names the sequences around it with the number of the item: "00081140[0].". `action` is removed, emptied,
    replaced, cleaned, shifted, mapped or added.
    """

    path: str
    tag: str
    action: str
    why: str


@dataclass(frozen=True)
class Deidentified:
    """A de-identified object: a new header and the pixels as they were.

    `content[pixel_at:pixel_end]` of the object as it was read (inflated when it was deflated) are the `pixels`.
    """

    header: bytes
    pixels: bytes
    pixel_at: int
    pixel_end: int
    changes: tuple[Change, ...]
    sop_instance_uid: str
    series_uid: str

    @property
    def content(self) -> bytes:
        """The whole object."""
        return self.header + self.pixels


def deidentify(content: bytes, profile: Profile) -> Deidentified:
    """Return the object without what identifies somebody, by the rules of `profile`.

    The preamble is emptied, the file meta group written anew, every element treated as the profile says, elements
    behind the pixels dropped. Elements that stay are copied byte by byte. A deflated object comes out inflated
    (Explicit VR Little Endian): its pixels are the same, and no two programs deflate alike.

    Raises
    ------
    UnreadableFile
        When the bytes are no DICOM object, are damaged, or hold writing among the pixels that cannot be taken out.
    """
    return Engine(read_data_set(content), profile).run()


class Engine:
    """The rules of a profile, applied to one object."""

    def __init__(self, data_set: DataSet, profile: Profile) -> None:
        self.data_set = data_set
        self.content = data_set.content
        self.profile = profile
        self.sop_class = self._uid(SOP_CLASS_UID) or _uid_text(data_set.meta.get(0x00020002, b""))
        self.sop_instance = self._uid(SOP_INSTANCE_UID) or _uid_text(data_set.meta.get(0x00020003, b""))
        self.enhanced = self.sop_class in ENHANCED
        self.sweep = Sweep(identifying_values(data_set.elements, self.content), profile.identifiers.values())
        self.changes: list[Change] = []
        self.uids: dict[str, str] = {}

    def run(self) -> Deidentified:
        hidden = burned_in.overlay_in_pixels(self.data_set.elements, self.content)
        if hidden:
            raise UnreadableFile(hidden)
        charset = charset_of(self.data_set.elements, self.content, "")
        top = []
        for element in self.data_set.elements:
            if element.tag in WRITTEN_BY_US or element.tag in self.profile.identifiers_by_number:
                continue
            taken = self._taken(element, charset, "")
            if taken:
                top.append((element.tag, taken))
        top += self._written()
        top.sort(key=lambda one: one[0])
        pixels = self.data_set.pixels
        parts = [b"\0" * 128, b"DICM", self._meta(), *(taken for _, taken in top)]
        if pixels is not None:
            if pixels.undefined and self.sweep.names_in_fragments(self.content, pixels):
                raise UnreadableFile(NAMED_IN_PIXELS)
            parts.append(self.content[pixels.start : pixels.value_at])
        if self.data_set.strays:
            self._tell("", "behind the pixels", "removed", "what stands behind the pixels is not read by anybody")
        at, end = (pixels.value_at, pixels.end) if pixels else (len(self.content), len(self.content))
        return Deidentified(
            header=b"".join(parts),
            pixels=self.content[at:end],
            pixel_at=at,
            pixel_end=end,
            changes=tuple(self.changes),
            sop_instance_uid=self.uid(self.sop_instance),
            series_uid=self.uid(self._uid(SERIES_INSTANCE_UID)),
        )

    def action_of(self, element: Element) -> tuple[str, str]:
        """Return the action for an element, and why."""
        tag = element.tag
        group = tag >> 16
        if group % 2:
            return REMOVE, PRIVATE
        if not tag & 0xFFFF:
            return REMOVE, GROUP_LENGTH
        if 0x5000 <= group <= 0x50FF:
            return REMOVE, CURVE
        if 0x6000 <= group <= 0x60FF:
            return REMOVE, OVERLAY
        named = self.profile.action(tag, self.enhanced)
        if named is not None:
            return named, BY_TABLE
        return (KEEP, "") if is_public(tag) else (REMOVE, UNKNOWN)

    def new_value(self, element: Element, charset: str) -> tuple[bytes | None, str, str]:
        """Return (the new value, what was done, why) of an element that is no sequence.

        The value is None when the element goes; `done` is empty when it stays as it is.
        """
        action, why = self.action_of(element)
        raw = self.content[element.value_at : element.end]
        vr = element.vr
        if action == REMOVE:
            return None, "removed", why
        if action == EMPTY:
            return b"", "emptied" if raw else "", why
        if action == DUMMY:
            if vr == "UI":
                return self._mapped(raw), "mapped", why
            new = values.padded(values.dummy(vr), vr)
            return new, "replaced" if new != raw else "", why
        if action == UID:
            if vr != "UI":
                return None, "removed", NOT_TEXT
            new = self._mapped(raw)
            return new, "mapped" if new != raw else "", why
        if action == CLEAN and vr in ("DA", "DT"):
            new = self._shifted(raw, vr)
            return new, "shifted" if new != raw else "", why if new or not raw.strip(b" \0") else NO_DATE
        if action == CLEAN and vr not in TEXT and vr != "TM":
            return None, "removed", NOT_TEXT
        if element.tag == CHARACTER_SET:
            return (raw, "", why) if is_character_set(raw) else (None, "removed", NO_CHARACTER_SET)
        if vr in TEXT:
            cleaned = self.sweep.cleaned(raw, charset, vr, thoroughly=action == CLEAN and self.profile.dates != "keep")
            if cleaned is not None:
                return values.padded(cleaned, vr), "cleaned", NAMED
        elif vr in LETTERS:
            if not LETTERS[vr].fullmatch(raw):
                return None, "removed", OTHER_LETTERS
        elif len(raw) <= LARGEST_SEARCHED and self.sweep.names_in_bytes(raw):
            return None, "removed", NAMED
        return raw, "", why

    def _taken(self, element: Element, charset: str, path: str) -> bytes:
        """Return what is written for an element, empty when it goes."""
        if element.items is None:
            new, done, why = self.new_value(element, charset)
            if not done:
                return self.content[element.start : element.end]
            self._tell(path, f"{element.tag:08X}", done, why)
            return b"" if new is None else self._write(element, new)
        action, why = self.action_of(element)
        if action == REMOVE:
            self._tell(path, f"{element.tag:08X}", "removed", why)
            return b""
        if action in (EMPTY, DUMMY):
            if element.items:
                self._tell(path, f"{element.tag:08X}", "emptied", why)
            return values.head(element.tag, "SQ", 0, element.encoding)
        return self._sequence(element, charset, path)

    def _write(self, element: Element, value: bytes) -> bytes:
        return values.written(element.tag, element.vr, value, element.encoding)

    def _sequence(self, element: Element, charset: str, path: str) -> bytes:
        """Return a sequence with its items treated; as it was when nothing in it changed."""
        assert element.items is not None
        before = len(self.changes)
        items = [
            self._item(item, charset, f"{path}{element.tag:08X}[{number}].")
            for number, item in enumerate(element.items)
        ]
        if element.ragged:
            self._tell(path, f"{element.tag:08X}", "cleaned", RAGGED)
        if len(self.changes) == before:
            return self.content[element.start : element.end]
        value = b"".join(items)
        vr = element.written_vr or "SQ"
        if element.undefined:
            inner = element.items[0].encoding if element.items else element.encoding
            end = values.head(SEQUENCE_END, "", 0, _plain(inner))
            return values.head(element.tag, vr, UNDEFINED, element.encoding) + value + end
        return values.head(element.tag, vr, len(value), element.encoding) + value

    def _item(self, item: Item, charset: str, path: str) -> bytes:
        charset = charset_of(item.elements, self.content, charset)
        value = b"".join(self._taken(element, charset, path) for element in item.elements)
        plain = _plain(item.encoding)
        if item.undefined:
            return values.head(ITEM, "", UNDEFINED, plain) + value + values.head(ITEM_END, "", 0, plain)
        return values.head(ITEM, "", len(value), plain) + value

    def _mapped(self, raw: bytes) -> bytes:
        """Return UIDs replaced by those that stand for them."""
        told = raw.decode("latin-1").split("\\")
        return values.padded("\\".join(map(self.uid, told)).encode("latin-1"), "UI")

    def uid(self, uid: str) -> str:
        """Return the UID that stands for `uid`."""
        uid = uid.strip(" \0")
        new = self.uids.get(uid)
        if new is None:
            new = self.uids[uid] = values.uid_of(uid, self.profile.key_bytes)
        return new

    def _shifted(self, raw: bytes, vr: str) -> bytes:
        """Return dates moved by the profile's days; what is no date becomes empty."""
        shift = values.shift_date if vr == "DA" else values.shift_date_time
        told = raw.decode("latin-1").split("\\")
        moved = "\\".join(shift(value.strip(" \0"), self.profile.date_shift_days) for value in told)
        return values.padded(moved.encode("latin-1"), vr)

    def _written(self) -> Iterator[tuple[int, bytes]]:
        """Yield (tag, element) of what is written for the trial."""
        encoding = self.data_set.encoding
        for tag, vr, value in self.ours():
            yield tag, values.written(tag, vr, values.padded(value, vr), encoding)
            self._tell("", f"{tag:08X}", "added", OURS)
        yield METHOD_CODES, self.codes_element()
        self._tell("", f"{METHOD_CODES:08X}", "added", OURS)

    def ours(self) -> Iterator[tuple[int, str, bytes]]:
        """Yield (tag, representation, value without padding) of what is written for the trial, codes apart."""
        for tag, value in self.profile.identifiers_by_number.items():
            yield tag, "PN" if tag == 0x00100010 else "LO", value.encode("ascii")
        yield IDENTITY_REMOVED, "CS", b"YES"
        yield METHOD, "LO", "\\".join(self.profile.method).encode("ascii")
        yield LONGITUDINAL, "CS", self.profile.longitudinal.encode("ascii")

    def codes_element(self) -> bytes:
        """Return (0012,0064): the codes of the profile and its options."""
        encoding = self.data_set.encoding
        items = []
        for code, meaning in self.profile.codes:
            told = ((0x00080100, "SH", code), (0x00080102, "SH", "DCM"), (0x00080104, "LO", meaning))
            value = b"".join(
                values.written(tag, vr, values.padded(text.encode("ascii"), vr), encoding) for tag, vr, text in told
            )
            items.append(values.head(ITEM, "", len(value), _plain(encoding)) + value)
        return values.written(METHOD_CODES, "SQ", b"".join(items), encoding)

    def _meta(self) -> bytes:
        """Return the file meta group: what a reader needs, and who wrote it (PS3.10 section 7.1)."""
        told = (
            (0x00020001, "OB", b"\0\1"),
            (0x00020002, "UI", self.uid(self.sop_class).encode("latin-1")),
            (0x00020003, "UI", self.uid(self.sop_instance).encode("latin-1")),
            (0x00020010, "UI", self.data_set.transfer_syntax.encode("latin-1")),
            (0x00020012, "UI", IMPLEMENTATION_UID.encode()),
            (0x00020013, "SH", IMPLEMENTATION_VERSION.encode()),
        )
        little = Encoding()
        group = b"".join(values.written(tag, vr, values.padded(value, vr), little) for tag, vr, value in told)
        return values.written(0x00020000, "UL", len(group).to_bytes(4, "little"), little) + group

    def _uid(self, tag: int) -> str:
        for element in self.data_set.elements:
            if element.tag == tag:
                return _uid_text(self.content[element.value_at : element.end])
        return ""

    def _tell(self, path: str, tag: str, done: str, why: str) -> None:
        self.changes.append(Change(path, tag, done, why))


def is_public(tag: int) -> bool:
    """Return whether the standard knows the attribute."""
    return tag in representations()


def _uid_text(raw: bytes) -> str:
    return raw.decode("latin-1").strip(" \0")


def _plain(encoding: Encoding) -> Encoding:
    """Return how items and delimiters are written: without a representation, in the same byte order."""
    return Encoding(explicit=False, little_endian=encoding.little_endian)
