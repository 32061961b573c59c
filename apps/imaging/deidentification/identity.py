"""What in an object names somebody, and how it is taken out of the texts that stay.

An object says itself whom it must not name: its patient's name, numbers and birth date, every other person's name, the
accession number, the hospital. Parts of these are taken out of every text that is kept, wherever it stands.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator

from apps.imaging.deidentification.charsets import character_set, decoded
from apps.imaging.deidentification.dataset import Element
from apps.imaging.deidentification.values import DUMMY_TEXT

CHARACTER_SET = 0x00080005

_NUMBERED = frozenset((0x00100020, 0x00101000, 0x00101090, 0x00380010))
"""Patient's numbers: every part of them counts."""
_WHOLE = frozenset((0x00080050, 0x00080080, 0x00080081, 0x00101040, 0x00102154, 0x00101050, 0x00321064, 0x00401001))
"""Accession number, hospital, addresses, telephones: they count as a whole."""
_BORN = frozenset((0x00100030,))

SHORTEST_WHOLE = 4
"""Characters that a number or an address must have to be looked for as a whole."""

SHORTEST_IN_PIXELS = 6
"""Characters that a name must have to be looked for among compressed pixels, where shorter words stand by chance."""
FRAGMENT_HEAD = 4096

TEXT = frozenset(("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"))
LETTERS = {
    "AS": re.compile(rb"[0-9DWMY \0\\]*"),
    "DA": re.compile(rb"[0-9.: \0\\-]*"),
    "DS": re.compile(rb"[0-9.Ee+ \0\\-]*"),
    "DT": re.compile(rb"[0-9.+ \0\\-]*"),
    "IS": re.compile(rb"[0-9+ \0\\-]*"),
    "TM": re.compile(rb"[0-9.: \0\\-]*"),
    "UI": re.compile(rb"[0-9. \0\\]*"),
}
"""The characters that values of these kinds may have: nothing else hides among them."""

KNOWN_TERMS = frozenset(
    (
        *("CT", "MR", "PT", "HFS", "HFP", "FFS", "FFP", "HFDR", "HFDL", "FFDR", "FFDL", "YES", "NO", "HU", "US"),
        *("ORIGINAL", "DERIVED", "MIXED", "PRIMARY", "SECONDARY", "AXIAL", "LOCALIZER", "VOLUME", "NONE", "OTHER"),
        *("MONOCHROME1", "MONOCHROME2", "RGB", "PALETTE COLOR", "MM", "CM", "REMOVED", "MODIFIED", "UNMODIFIED"),
        *("HELICAL", "SPIRAL", "SEQUENCED", "STATIONARY", "CONSTANT_ANGLE", "FREE", "LUNG", "CHEST", "HEAD", "NECK"),
        *("ABDOMEN", "PELVIS", "SPINE", "STANDARD", "CODE", "TEXT", "CONTAINER", "DCM", "SRT", "SCT", "UCUM"),
    )
)
"""Coded values that stay even where a patient is called like them: without them an image is no image any more."""

_NOT_A_WORD = re.compile(r"[^\w]+")
_DIGITS = re.compile(r"[0-9]+\Z")
_IDEOGRAPHIC = "\u2e80"
"""First of the scripts in which a name has two characters and stands between others without a gap."""

_TELLING = re.compile(
    r"(?<!\d)(?:19|20)\d\d([-./]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])(?!\d)"
    r"|(?<!\d)(?:0?[1-9]|[12]\d|3[01])([-./])(?:0?[1-9]|1[0-2])\2(?:19|20)\d\d(?!\d)"
    r"|(?<!\d)(?:0?[1-9]|1[0-2])([-./])(?:0?[1-9]|[12]\d|3[01])\3(?:19|20)\d\d(?!\d)"
    r"|[^\s@]+@[^\s@]+\.[^\s@]+"
    r"|\d{7,}",
    re.ASCII,
)
"""What tells in any text: a day, an e-mail address, a long number."""


class Sweep:
    """Takes out of texts what names somebody; made from the values of one object.

    Parameters
    ----------
    values
        (value, kind) of identifying values, `kind` being "name", "number", "whole" or "birth".
    harmless
        Values that name nobody: the subject's number and the like.
    """

    def __init__(self, values: Iterable[tuple[str, str]], harmless: Iterable[str]) -> None:
        known = {folded(value) for value in (*harmless, DUMMY_TEXT)}
        anywhere: set[str] = set()
        as_word: set[str] = set()
        for value, kind in values:
            whole = _normalised(value)
            if not whole or folded(value).strip() in known:
                continue
            for part in _parts(whole, value, kind):
                if len(part) > 3 or (len(part) > 1 and part[0] >= _IDEOGRAPHIC):
                    anywhere.add(part)
                elif len(part) > 1:
                    as_word.add(part)
        said = sorted(anywhere | as_word, key=lambda part: (-len(part), part))
        patterns = [re.escape(part) if part in anywhere else rf"(?<!\w){re.escape(part)}(?!\w)" for part in said]
        self.naming = re.compile("|".join(patterns)) if patterns else None
        self.in_bytes = _any_of(anywhere)
        self.in_fragments = _any_of({part for part in anywhere if len(part) >= SHORTEST_IN_PIXELS})

    def cleaned(self, raw: bytes, charset: str, vr: str, *, thoroughly: bool) -> bytes | None:
        """Return `raw` without what names somebody, None when there is nothing to take out.

        `thoroughly` takes out days, e-mail addresses and long numbers as well.
        """
        changed = None
        while True:
            shorter = self._once(raw, charset, vr, thoroughly)
            if shorter is None:
                return changed
            changed = raw = shorter

    def names_in_bytes(self, raw: bytes) -> bool:
        """Return whether bytes that are no text hold a name all the same."""
        return self.in_bytes is not None and self.in_bytes.search(raw.decode("latin-1").lower()) is not None

    def names_in_fragments(self, content: bytes, pixels: Element) -> bool:
        """Return whether a name stands at the head of a fragment of compressed pixels, where JPEG has its comments."""
        at = pixels.value_at
        while self.in_fragments is not None and at + 8 <= pixels.end:
            length = int.from_bytes(content[at + 4 : at + 8], "little")
            head = content[at + 8 : at + 8 + min(length, FRAGMENT_HEAD)]
            if self.in_fragments.search(head.decode("latin-1").lower()):
                return True
            at += 8 + length
        return False

    def _tells(self, plain: str, thoroughly: bool) -> bool:
        named = self.naming is not None and self.naming.search(plain) is not None
        return named or (thoroughly and _TELLING.search(plain) is not None)

    def _once(self, raw: bytes, charset: str, vr: str, thoroughly: bool) -> bytes | None:
        if raw.isascii() and b"\x1b" not in raw and not self._tells(raw.decode("ascii").lower(), thoroughly):
            return None  # nearly every text
        text, places = decoded(raw, charset)
        plain, sources = _folded_with_places(text)
        spans = [match.span() for match in self.naming.finditer(plain)] if self.naming else []
        if thoroughly:
            spans += [match.span() for match in _TELLING.finditer(plain)]
        if vr == "CS":
            spans = [span for span in spans if not _within_a_term(plain, span)]
        if not spans:
            return None
        if places is None:
            return b""
        gone = bytearray(len(raw))
        for start, end in spans:
            while start > 0 and _is_word(plain[start - 1]):
                start -= 1
            while end < len(plain) and _is_word(plain[end]):
                end += 1
            first, last = sources[start], sources[end - 1]
            for at in range(places[first], places[last + 1]):
                gone[at] = 1
        return _tidied(bytes(byte for byte, out in zip(raw, gone, strict=True) if not out))


def _any_of(parts: set[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(map(re.escape, sorted(parts)))) if parts else None


def identifying_values(elements: Iterable[Element], content: bytes) -> Iterator[tuple[str, str]]:
    """Yield (value, kind) of all that names somebody in a data set, nested sequences included."""
    for element, charset in walk(elements, content, ""):
        if element.items is not None or element.value_at == element.end or element.tag == CHARACTER_SET:
            continue
        tag = element.tag
        if element.vr == "PN":
            kind = "name"
        elif tag in _NUMBERED:
            kind = "number"
        elif tag in _WHOLE:
            kind = "whole"
        elif tag in _BORN:
            kind = "birth"
        else:
            continue
        text, _ = decoded(content[element.value_at : element.end], charset)
        for value in text.split("\\"):
            yield value.strip(" \0"), kind


def walk(elements: Iterable[Element], content: bytes, charset: str) -> Iterator[tuple[Element, str]]:
    """Yield every element of a data set with the character set that holds for it."""
    elements = list(elements)
    charset = charset_of(elements, content, charset)
    for element in elements:
        yield element, charset
        for item in element.items or ():
            yield from walk(item.elements, content, charset)


def charset_of(elements: Iterable[Element], content: bytes, around: str) -> str:
    """Return the character set of a data set: its own, or the one around it."""
    for element in elements:
        if element.tag == CHARACTER_SET and element.items is None:
            return character_set(content[element.value_at : element.end])
        if element.tag > CHARACTER_SET:
            break
    return around


def folded(text: str) -> str:
    """Return `text` as it compares: without case, accents and other marks."""
    return text.lower() if text.isascii() else "".join(map(_folded_character, text))


def _folded_with_places(text: str) -> tuple[str, list[int]]:
    """Return the folded text, and which character of `text` each of its characters comes from."""
    if text.isascii():
        return text.lower(), list(range(len(text)))
    folds = [_folded_character(character) for character in text]
    return "".join(folds), [place for place, fold in enumerate(folds) for _ in fold]


def _folded_character(character: str) -> str:
    if character.isascii():
        return character.lower()
    bare = "".join(one for one in unicodedata.normalize("NFKD", character) if unicodedata.category(one)[0] != "M")
    return unicodedata.normalize("NFC", bare).lower().replace("ß", "ss")


def _normalised(value: str) -> str:
    return re.sub(r"[\s^=,]+", " ", folded(value)).strip()


def _parts(whole: str, value: str, kind: str) -> set[str]:
    """Return what must not stand in a text because of one value."""
    if kind == "birth":
        day = re.match(r"(\d{4})\.?(\d\d)\.?(\d\d)\Z", value)
        if day is None:
            return set()
        y, m, d = day.groups()
        return {
            y + m + d,
            d + m + y,
            *(sign.join(order) for sign in "-./" for order in ((y, m, d), (d, m, y), (m, d, y))),
        }
    if kind == "whole":
        return {whole} if len(whole) >= SHORTEST_WHOLE else set()
    parts = {part for part in _NOT_A_WORD.split(whole) if not (_DIGITS.match(part) and len(part) < SHORTEST_WHOLE)}
    if kind == "name":
        joined = "".join(_NOT_A_WORD.split(_normalised(value.split("=")[0])))
        return parts | {joined}
    return parts | {whole}


def _is_word(character: str) -> bool:
    return character == "_" or character.isalnum()


def _within_a_term(plain: str, span: tuple[int, int]) -> bool:
    """Return whether a match lies in a coded value that stays."""
    start = plain.rfind("\\", 0, span[0]) + 1
    end = plain.find("\\", span[1])
    return plain[start : end if end >= 0 else len(plain)].strip(" \0").upper() in KNOWN_TERMS


def _tidied(raw: bytes) -> bytes:
    """Return a text without the gaps that words left."""
    values = re.sub(rb" {2,}", b" ", raw).split(b"\\")
    return b"\\".join(value.strip(b" ^,;:/-_\0") for value in values)
