"""Which public attributes there are, and how the values of each are represented (PS3.6)."""

import json
from functools import cache
from pathlib import Path

from pydicom._dicom_dict import DicomDictionary

_CHOICES = {"US or SS": "US", "OB or OW": "OW", "US or SS or OW": "OW", "US or OW": "OW", "NONE": "UN"}


@cache
def representations() -> dict[int, str]:
    """Return tag -> value representation of every public attribute; where it varies, the one that fits all."""
    known = {tag: _CHOICES.get(entry[0], entry[0]) for tag, entry in DicomDictionary.items() if tag >> 16 != 0xFFFE}
    for row in _table():
        if "vr" in row:  # newer than the dictionary
            known.setdefault(int(row["tag"], 16), row["vr"])
    return dict(sorted(known.items()))


@cache
def attribute_names() -> dict[int, str]:
    """Return tag -> name of every public attribute, as people read it."""
    named = {tag: entry[2] for tag, entry in DicomDictionary.items() if tag in representations()}
    named.update({int(row["tag"], 16): row["name"] for row in _table() if "vr" in row})
    return dict(sorted((tag, name) for tag, name in named.items() if name))


def _table() -> list[dict[str, str]]:
    rows: list[dict[str, str]] = json.loads((Path(__file__).parent / "table.json").read_text("utf-8"))["rows"]
    return rows
