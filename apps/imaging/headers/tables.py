"""What the browser's reader of headers shares with this one, as a module of JavaScript.

`python -m apps.imaging.headers.tables` writes static/js/precheck/tables.js anew; a test holds the two together.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from pydicom._uid_dict import UID_dictionary
from pydicom.charset import CODES_TO_ENCODINGS, python_encoding

from apps.imaging.headers.attributes import FACT_KINDS, FREE_TEXT, IDENTITY_TAGS, NUMBERS, TAGS, WANTED
from apps.imaging.headers.objects import CT_CLASSES
from apps.imaging.headers.refusals import HARMLESS, MAGIC, NOT_IMAGES

WHERE = Path(__file__).resolve().parents[3] / "static" / "js" / "precheck" / "tables.js"

HEADING = """\
// Written by `python -m apps.imaging.headers.tables`: what reading headers shares with the server.
"""

UNDEFINED = "\uffff"
"""Stands for a byte that a character set does not define."""


def javascript() -> str:
    """Return the module."""
    tables: dict[str, object] = {
        "TAGS": TAGS,
        "WANTED": {str(tag): sequence for tag, sequence in WANTED.items()},
        "FACT_KINDS": FACT_KINDS,
        "FREE_TEXT": sorted(FREE_TEXT),
        "NUMBERS": sorted(NUMBERS),
        "IDENTITY_TAGS": IDENTITY_TAGS,
        "CT_CLASSES": CT_CLASSES,
        "NOT_IMAGES": {uid: list(reason) for uid, reason in NOT_IMAGES.items()},
        "MAGIC": [[magic.hex(), kind] for magic, kind in MAGIC],
        "HARMLESS": sorted(HARMLESS),
        "UID_NAMES": {uid: entry[0] for uid, entry in UID_dictionary.items() if entry[1] != "Well-known SOP Instance"},
        "CHARACTER_SETS": python_encoding,
        "ESCAPES": {code.hex(): encoding for code, encoding in CODES_TO_ENCODINGS.items()},
        "SINGLE_BYTE": _single_byte(),
        "CASE_FOLDS": _case_folds(),
    }
    lines = [f"export const {name} = {_written(table)};" for name, table in tables.items()]
    return HEADING + "\n" + "\n\n".join(lines) + "\n"


def _written(table: object) -> str:
    """Return a table with one row a line, so that a change can be read."""
    if isinstance(table, Mapping):
        rows = [f"  {json.dumps(key)}: {json.dumps(value)}," for key, value in sorted(table.items())]
        return "\n".join(["{", *rows, "}"])
    return json.dumps(table)


def _single_byte() -> dict[str, str]:
    """Return per character set of one byte a character what the bytes 128 to 255 stand for."""
    tables = {}
    for encoding in sorted(set(python_encoding.values())):
        upper = [_character(byte, encoding) for byte in range(128, 256)]
        if upper.count(UNDEFINED) < 64:
            tables[encoding] = "".join(upper)
    return tables


def _character(byte: int, encoding: str) -> str:
    try:
        return bytes([byte]).decode(encoding)
    except UnicodeDecodeError:
        return UNDEFINED


def _case_folds() -> dict[str, str]:
    """Return the characters that fold to something else than their lower case."""
    characters = map(chr, range(sys.maxunicode + 1))
    return {one: one.casefold() for one in characters if one.casefold() != one.lower()}


if __name__ == "__main__":
    WHERE.write_text(javascript(), encoding="utf-8")
