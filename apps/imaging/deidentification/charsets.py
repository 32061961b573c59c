"""Bytes of text -> characters, and the bytes that each character takes (PS3.3 section C.12.1.1.2, PS3.5 section 6.1).

The browser's engine decodes with TextDecoder; where Python's codecs differ from it, both follow what is written here.
What makes no sense in its character set is read as Latin-1: an answer for every byte, the same in both languages.
"""

import re
from functools import cache

_SINGLE_BYTE = {
    "100": "iso8859_1",
    "101": "iso8859_2",
    "109": "iso8859_3",
    "110": "iso8859_4",
    "144": "iso8859_5",
    "127": "iso8859_6",
    "126": "iso8859_7",
    "138": "iso8859_8",
    "148": "iso8859_9",
    "203": "iso8859_15",
    "166": "iso8859_11",
}
_ESCAPES = {
    b"-A": "100",
    b"-B": "101",
    b"-C": "109",
    b"-D": "110",
    b"-L": "144",
    b"-G": "127",
    b"-F": "126",
    b"-H": "138",
    b"-M": "148",
    b"-b": "203",
    b"-T": "166",
    b")I": "13",
    b"$)C": "euc_kr",
    b"$)A": "gbk",
}
"""Escape sequence -> the set that it puts behind bytes of 128 and more."""
_TWO_BYTES = {b"$B": b"", b"$@": b"", b"$(D": b"\x8f"}
"""Escape sequence of a Japanese set of two bytes -> what stands before each pair in EUC-JP."""

_TERM = re.compile(r"(?:(?:ISO_IR|ISO 2022 IR) [0-9]{1,3}|GB18030|GBK|)\Z")
_ESCAPE = re.compile(rb"\x1b(\$\)[CA]|\$\(D|\$[B@]|\([BJ]|\)I|-[A-Zb])")

Text = tuple[str, list[int] | None]
"""Characters, and where in the bytes each begins (and the last one ends); None where they cannot be told apart."""


def is_character_set(declared: bytes) -> bool:
    """Return whether a value of (0008,0005) names character sets and nothing else."""
    return all(_TERM.match(term.strip(" \0")) for term in declared.decode("latin-1").split("\\"))


def character_set(declared: bytes | None) -> str:
    """Return the set that (0008,0005) gives to text without escape sequences: "100", "utf_8", … or "" for the default.

    Of several values the first counts; one that names no character set makes all of them worthless.
    """
    if not declared or not is_character_set(declared):
        return ""
    first = declared.decode("latin-1").split("\\")[0].strip(" \0")
    if first == "ISO_IR 192":
        return "utf_8"
    if first in ("GB18030", "GBK"):
        return "gb18030"
    number = first.removeprefix("ISO_IR ").removeprefix("ISO 2022 IR ")
    return number if number in _SINGLE_BYTE or number == "13" else ""


def decoded(raw: bytes, charset: str) -> Text:
    """Return the characters of `raw`, written in `charset` as `character_set` names it."""
    if b"\x1b" in raw:
        return _escaped(raw, charset), None
    if raw.isascii():
        return raw.decode("ascii"), list(range(len(raw) + 1))
    if charset in ("", "utf_8"):
        # Many exports write UTF-8 and do not say so; nothing else looks like it by chance.
        return _utf_8(raw)
    if charset == "gb18030":
        return _strict(raw, charset), None
    return "".join(map(_table(charset).__getitem__, raw)), list(range(len(raw) + 1))


def _utf_8(raw: bytes) -> Text:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1"), list(range(len(raw) + 1))
    places = [place for place, byte in enumerate(raw) if byte & 0xC0 != 0x80]
    return text, [*places, len(raw)]


def _strict(raw: bytes, codec: str) -> str:
    try:
        return raw.decode(codec)
    except UnicodeDecodeError:
        return raw.decode("latin-1")


@cache
def _table(charset: str) -> tuple[str, ...]:
    """Return the characters of the 256 bytes of a single-byte set; control characters above 127 are blanks."""
    if charset == "13":
        upper = [chr(0xFF61 + byte - 0xA1) if 0xA1 <= byte <= 0xDF else "\ufffd" for byte in range(0xA0, 0x100)]
    else:
        codec = _SINGLE_BYTE.get(charset, "iso8859_1")
        upper = [bytes([byte]).decode(codec, "replace") for byte in range(0xA0, 0x100)]
    return (*map(chr, range(0x80)), *(" " * 0x20), *upper)


def _escaped(raw: bytes, charset: str) -> str:
    """Return text in which escape sequences change the set (PS3.5 section 6.1.2.5)."""
    text = []
    upper, before = charset, None
    at = 0
    for match in [*_ESCAPE.finditer(raw), None]:
        end = match.start() if match else len(raw)
        text.append(_run(raw[at:end], upper, before))
        if match is None:
            break
        at, escape = match.end(), match[1]
        if escape in _TWO_BYTES:
            before = _TWO_BYTES[escape]
        elif escape in _ESCAPES:
            upper = _ESCAPES[escape]
        else:
            before = None
    return "".join(text)


def _run(raw: bytes, upper: str, before: bytes | None) -> str:
    """Return the characters of a run without escape sequences; `before` is None unless a set of two bytes holds."""
    if before is not None:
        whole = len(raw) // 2 * 2
        pairs = b"".join(
            before + bytes((raw[at] | 0x80, raw[at + 1] | 0x80)) for at in range(0, whole, 2) if raw[at] > 0x20
        )
        return _strict(pairs, "euc_jp")
    if upper in ("euc_kr", "gbk"):
        return _strict(raw, upper)
    return raw.decode("latin-1") if b"\x1b" in raw else decoded(raw, upper)[0]
