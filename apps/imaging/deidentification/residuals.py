"""What a received object still holds of a person: the engine's rules once more, over an object that they were run on.

Nothing here returns a value: a tag, its name and a reason are enough to find it, and may stand in a log.
"""

import re
from dataclasses import dataclass

from apps.imaging.deidentification import burned_in, values
from apps.imaging.deidentification.dataset import DataSet, Element, read_data_set
from apps.imaging.deidentification.dictionary import attribute_names
from apps.imaging.deidentification.engine import (
    BY_TABLE,
    GROUP_LENGTH,
    IDENTITY_REMOVED,
    METHOD,
    METHOD_CODES,
    WRITTEN_BY_US,
    Engine,
)
from apps.imaging.deidentification.identity import LETTERS, charset_of
from apps.imaging.deidentification.profile import Profile
from apps.imaging.deidentification.table import CLEAN, DUMMY, EMPTY, REMOVE, UID

CODE_VALUE = 0x00080100
META_WE_WRITE = frozenset((0x00020000, 0x00020001, 0x00020002, 0x00020003, 0x00020010, 0x00020012, 0x00020013))

META_UIDS = frozenset((0x00020002, 0x00020003, 0x00020010))

NOT_MARKED = "does not say that the identity was removed as this trial asks"
NOT_OURS = "is not what this trial writes there"
NOT_REMOVED = "should have been removed"
NOT_EMPTIED = "should be empty"
NOT_REPLACED = "should hold a value that says nothing"
NOT_MAPPED = "is not a UID of this trial"
NO_DATE = "holds no date"
TELLS = "holds words, days or numbers that may name somebody"
HIDDEN = "holds bytes behind its last item"
PREAMBLE = "the bytes before the file's first word are not empty"
BEHIND = "something stands behind the pixels"
META = "should not stand in the file meta group"

_KEYED_UID = re.compile(r"2\.25\.(?:0|[1-9]\d{0,38})\Z")
_DATE = re.compile(r"\d{4}(\.?)\d\d\1\d\d\Z")
_DATE_TIME = re.compile(r"\d{8}[0-9]{0,6}(?:\.[0-9]{1,6})?(?:[+-][0-9]{4})?\Z")


@dataclass(frozen=True)
class Residual:
    """One attribute that still identifies somebody: which, and why; never its value."""

    tag: str
    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name} ({self.tag[:4]},{self.tag[4:]}) {self.reason}" if self.tag else self.reason


def residuals(content: bytes, profile: Profile) -> tuple[Residual, ...]:
    """Return what `deidentify` would still change in an object, and signs of writing in its picture.

    New UIDs and shifted dates cannot be told from old ones by their looks alone: they are accepted when they are well
    formed and the object says that it was de-identified with the profile's options.

    Raises
    ------
    UnreadableFile
        When the bytes are no DICOM object, or are damaged.
    """
    return tuple(_Verification(read_data_set(content), profile).run())


class _Verification:
    def __init__(self, data_set: DataSet, profile: Profile) -> None:
        self.data_set = data_set
        self.content = data_set.content
        self.profile = profile
        self.engine = Engine(data_set, profile)
        self.found: list[Residual] = []

    def run(self) -> list[Residual]:
        self._file()
        self._marks()
        skipped = WRITTEN_BY_US | set(self.profile.identifiers_by_number)
        charset = charset_of(self.data_set.elements, self.content, "")
        self._elements([one for one in self.data_set.elements if one.tag not in skipped], charset)
        for tag, reason in burned_in.signs(self.data_set, self.engine.sop_class):
            self._add(tag, reason)
        return list(dict.fromkeys(self.found))

    def _file(self) -> None:
        """Look at what lies around the data set."""
        if any(self.data_set.preamble):
            self.found.append(Residual("", "preamble", PREAMBLE))
        for tag, value in self.data_set.meta.items():
            if tag not in META_WE_WRITE:
                self._add(tag, META)
            elif tag in META_UIDS and not _is_ours(_text(value)):
                self._add(tag, NOT_MAPPED)
            elif tag == 0x00020012 and not LETTERS["UI"].fullmatch(value):
                self._add(tag, META)
        if self.data_set.strays:
            self.found.append(Residual("", "end of the file", BEHIND))

    def _marks(self) -> None:
        """Look for what the engine writes: without it nothing else can be believed."""
        at_hand: dict[int, list[Element]] = {}
        for element in self.data_set.elements:
            at_hand.setdefault(element.tag, []).append(element)
        for tag, vr, value in self.engine.ours():
            reason = NOT_MARKED if tag in (IDENTITY_REMOVED, METHOD) or tag >> 16 == 0x0028 else NOT_OURS
            written = at_hand.get(tag, [])
            if len(written) != 1 or self._value(written[0]) != values.padded(value, vr):
                self._add(tag, reason)
        codes = at_hand.get(METHOD_CODES, [])
        if len(codes) != 1 or self._codes(codes[0]) != [code for code, _ in self.profile.codes]:
            self._add(METHOD_CODES, NOT_MARKED)
        elif self.content[codes[0].start : codes[0].end] != self.engine.codes_element():
            self._add(METHOD_CODES, NOT_OURS)

    def _codes(self, sequence: Element) -> list[str]:
        return [
            _text(self._value(element))
            for item in sequence.items or ()
            for element in item.elements
            if element.tag == CODE_VALUE
        ]

    def _elements(self, elements: list[Element], charset: str) -> None:
        for element in elements:
            action, why = self.engine.action_of(element)
            if why == GROUP_LENGTH:
                continue  # wrong perhaps, but a number that names nobody
            if action == REMOVE:
                self._add(element.tag, NOT_REMOVED if why == BY_TABLE else f"should have been removed: {why}")
            elif element.items is None:
                self._value_of(element, action, charset)
            elif action in (EMPTY, DUMMY):
                if element.items:
                    self._add(element.tag, NOT_EMPTIED)
            else:
                if element.ragged:
                    self._add(element.tag, HIDDEN)
                for item in element.items:
                    self._elements(item.elements, charset_of(item.elements, self.content, charset))

    def _value_of(self, element: Element, action: str, charset: str) -> None:
        raw, vr = self._value(element), element.vr
        told = [_trimmed(value) for value in raw.decode("latin-1").split("\\")]
        if action == EMPTY:
            if raw:
                self._add(element.tag, NOT_EMPTIED)
        elif action == UID or (action == DUMMY and vr == "UI"):
            if vr != "UI" or not all(map(_is_ours, told)):
                self._add(element.tag, NOT_MAPPED)
        elif action == DUMMY:
            if raw not in (b"", values.padded(values.dummy(vr), vr)):
                self._add(element.tag, NOT_REPLACED)
        elif action == CLEAN and vr in ("DA", "DT"):
            if not all(not value or (_DATE if vr == "DA" else _DATE_TIME).match(value) for value in told):
                self._add(element.tag, NO_DATE)
        elif self.engine.new_value(element, charset)[1]:
            self._add(element.tag, TELLS)

    def _value(self, element: Element) -> bytes:
        return self.content[element.value_at : element.end]

    def _add(self, tag: int, reason: str) -> None:
        private = "private attribute" if tag >> 16 & 1 else "unknown attribute"
        self.found.append(Residual(f"{tag:08X}", attribute_names().get(tag, private), reason))


def _is_ours(uid: str) -> bool:
    return not uid or values.STANDARD_UID.match(uid) is not None or _KEYED_UID.match(uid) is not None


def _trimmed(text: str) -> str:
    return text.strip(" \0")


def _text(raw: bytes) -> str:
    return _trimmed(raw.decode("latin-1"))
