"""Raw bytes of an element as text and numbers. Nothing here raises: what makes no sense is absent."""

import math
import re
import unicodedata
import warnings

from pydicom.charset import decode_bytes, python_encoding

_UID = re.compile(r"[0-9A-Za-z._-]{1,64}\Z")
_DELIMITERS = set(b"\\\r\n\t\f^=")


def encodings_of(specific_character_set: bytes | None) -> list[str]:
    """Return the Python names of the character sets that (0008,0005) declares, the default set when it is absent."""
    if not specific_character_set:
        return []
    names = specific_character_set.decode("ascii", "replace").replace("\0", " ").split("\\")
    return [python_encoding[name.strip()] for name in names if name.strip() in python_encoding]


def text(raw: bytes, encodings: list[str]) -> str:
    """Return `raw` as one line of text without padding and control characters."""
    if raw.isascii() and b"\x1b" not in raw:
        decoded = raw.decode("ascii")
    elif b"\x1b" in raw and encodings:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            decoded = decode_bytes(raw, encodings, _DELIMITERS)
    else:
        decoded = _decoded(raw, encodings)
    if not decoded.isprintable():
        decoded = "".join(character if character.isprintable() else " " for character in decoded)
    return decoded.strip()


def _decoded(raw: bytes, encodings: list[str]) -> str:
    for encoding in [*encodings[:1], "utf-8"]:
        try:
            return raw.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    return raw.decode("latin-1")


def texts(raw: bytes, encodings: list[str]) -> list[str]:
    """Return the values of a text attribute of several values; empty ones are dropped."""
    return [part.strip() for part in text(raw, encodings).split("\\") if part.strip()]


def numbers(raw: bytes) -> list[float]:
    """Return the values of a number string (DS, IS); what is no number is `nan`, so that it can be told."""
    values = []
    for part in raw.decode("ascii", "replace").replace("\0", " ").split("\\"):
        try:
            values.append(float(part))
        except ValueError:
            values.append(math.nan)
    return values


def finite(raw: bytes | None, count: int) -> tuple[float, ...] | None:
    """Return exactly `count` finite numbers, None when the attribute does not hold them."""
    if raw is None:
        return None
    values = numbers(raw)
    return tuple(values) if len(values) == count and all(map(math.isfinite, values)) else None


def whole(raw: bytes | None) -> int | None:
    """Return a number string as a whole number, None when it is none."""
    value = finite(raw, 1)
    return int(value[0]) if value is not None and abs(value[0]) < 2**31 else None


def uid(raw: bytes | None) -> str:
    """Return a unique identifier, empty when it is absent or cannot be one."""
    if raw is None:
        return ""
    value = raw.decode("ascii", "replace").strip("\0 ")
    return value if _UID.match(value) else ""


def normalised(value: str) -> str:
    """Return a name or number as it compares between exports: case, spaces and name separators do not count."""
    folded = unicodedata.normalize("NFKC", value).casefold()
    return " ".join(re.split(r"[\s^=,]+", folded)).strip()
