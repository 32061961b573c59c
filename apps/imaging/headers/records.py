"""Header records: an InstanceHeader as JSON, without the file that it was read from.

A browser that reads files where they lie sends these (`static/js/precheck/header.js` writes the same); what the server
makes of them is checked here to the last field, because anybody may send anything. `index` is the number of the file in
the sender's list: it stands for the path. Numbers that JSON does not know are the words "nan", "inf", "-inf", "-0".
"""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from apps.imaging.errors import BadRecord
from apps.imaging.headers.attributes import FACT_KINDS, NUMBERS
from apps.imaging.headers.instances import Frame, HeaderFact, InstanceHeader, PixelLayout
from apps.imaging.headers.objects import LARGEST_SIDE, MOST_FRAMES
from apps.imaging.transfer_syntaxes import COMPRESSED, ENCODINGS

LONGEST_TEXT = 10_240
"""Characters of a text fact: the longest that a value of DICOM's LT may be."""

MOST_VALUES = 1000
"""Values of one attribute: a header of 64 KB would not hold many more."""

MOST_FILES = 100_000
LARGEST_FILE = 1 << 40

_UID = re.compile(r"[0-9A-Za-z._-]{1,64}\Z")
_KEY = re.compile(r"(?:[0-9a-f]{64})?\Z")
_WORDS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf, "-0": -0.0}


def to_record(header: InstanceHeader, index: int) -> dict[str, Any]:
    """Return `header` as JSON values; `index` stands for its file."""
    layout = header.pixels
    return {
        "index": index,
        "file_size": header.file_size,
        "sop_instance_uid": header.sop_instance_uid,
        "sop_class_uid": header.sop_class_uid,
        "series_uid": header.series_uid,
        "study_uid": header.study_uid,
        "patient_key": header.patient_key,
        "modality": header.modality,
        "image_type": list(header.image_type),
        "description": header.description,
        "series_number": header.series_number,
        "acquisition_number": header.acquisition_number,
        "instance_number": header.instance_number,
        "transfer_syntax": header.transfer_syntax,
        "rows": header.rows,
        "columns": header.columns,
        "frames": [_frame_record(frame) for frame in header.frames],
        "pixels": {
            "transfer_syntax": layout.transfer_syntax,
            "bits_allocated": layout.bits_allocated,
            "bits_stored": layout.bits_stored,
            "signed": layout.signed,
            "samples": layout.samples,
            "padding": None if layout.padding is None else list(layout.padding),
            "little_endian": layout.little_endian,
        },
        "facts": {keyword: _said(value) for keyword, value in header.facts.items()},
    }


def _frame_record(frame: Frame) -> dict[str, Any]:
    return {
        "position": _said(frame.position),
        "orientation": _said(frame.orientation),
        "spacing": _said(frame.spacing),
        "thickness": frame.thickness,
        "slope": _said(frame.slope),
        "intercept": _said(frame.intercept),
        "image_type": list(frame.image_type),
    }


def _said(value: Any) -> Any:
    """Return a value for JSON: numbers that it does not know become words."""
    if isinstance(value, tuple | list):
        return [_said(one) for one in value]
    if not isinstance(value, float) or (math.isfinite(value) and not _is_minus_zero(value)):
        return value
    return "-0" if value == 0 else str(value)


def _is_minus_zero(value: float) -> bool:
    return value == 0 and math.copysign(1, value) < 0


def from_record(record: object) -> InstanceHeader:
    """Return the header that a record tells of; its path is the record's index, and its pixels lie nowhere here.

    Raises
    ------
    BadRecord
        When a field is missing, of another kind, or beyond what a CT object can say.
    """
    fields = _Fields(record, "a header record")
    frames = tuple(_frame(one) for one in fields.several("frames", 1, MOST_FRAMES))
    index = fields.whole("index", 0, MOST_FILES)
    layout = _layout(_Fields(fields.value("pixels"), "pixels"))
    return InstanceHeader(
        path=Path(str(index)),
        name=f"file {index + 1}",
        file_size=fields.whole("file_size", 1, LARGEST_FILE),
        sop_instance_uid=fields.matching("sop_instance_uid", _UID, empty=True),
        sop_class_uid=fields.matching("sop_class_uid", _UID, empty=True),
        series_uid=fields.matching("series_uid", _UID),
        study_uid=fields.matching("study_uid", _UID, empty=True),
        patient_key=fields.matching("patient_key", _KEY, empty=True),
        modality=fields.text("modality"),
        image_type=fields.texts("image_type"),
        description=fields.text("description"),
        series_number=fields.number_of_ours("series_number"),
        acquisition_number=fields.number_of_ours("acquisition_number"),
        instance_number=fields.number_of_ours("instance_number"),
        transfer_syntax=layout.transfer_syntax,
        rows=fields.whole("rows", 1, LARGEST_SIDE),
        columns=fields.whole("columns", 1, LARGEST_SIDE),
        frames=frames,
        pixels=layout,
        facts=_facts(fields.value("facts")),
    )


class _Fields:
    """The fields of one JSON object, taken out by kind; what is not as promised raises BadRecord with its name."""

    def __init__(self, found: object, where: str) -> None:
        if not isinstance(found, Mapping):
            raise BadRecord(f"{where} is no object of JSON")
        self.found = found
        self.where = where

    def refuse(self, name: str, expected: str) -> BadRecord:
        return BadRecord(f"{name} of {self.where} is not {expected}")

    def value(self, name: str) -> object:
        if name not in self.found:
            raise BadRecord(f"{self.where} says nothing of {name}")
        return self.found[name]

    def whole(self, name: str, least: int, most: int) -> int:
        value = self.value(name)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.refuse(name, f"a whole number from {least} to {most}")
        return value

    def number_of_ours(self, name: str) -> int | None:
        """Return the number of a series, acquisition or image, which a header may leave out."""
        return None if self.value(name) is None else self.whole(name, -(2**31), 2**31)

    def truth(self, name: str) -> bool:
        value = self.value(name)
        if not isinstance(value, bool):
            raise self.refuse(name, "true or false")
        return value

    def text(self, name: str) -> str:
        return _text(self.value(name), f"{name} of {self.where}")

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(_text(value, f"{name} of {self.where}") for value in self.several(name, 0, MOST_VALUES))

    def matching(self, name: str, pattern: re.Pattern[str], *, empty: bool = False) -> str:
        value = self.text(name)
        if not (pattern.match(value) or (empty and not value)):
            raise self.refuse(name, "an identifier")
        return value

    def several(self, name: str, least: int, most: int) -> Sequence[object]:
        value = self.value(name)
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise self.refuse(name, f"a list of {least} to {most}")
        return value

    def numbers(self, name: str, count: int) -> tuple[float, ...] | None:
        """Return `count` finite numbers, or None where the header says nothing of them."""
        if self.value(name) is None:
            return None
        numbers = tuple(_number(one, f"{name} of {self.where}") for one in self.several(name, count, count))
        if not all(map(math.isfinite, numbers)):
            raise self.refuse(name, "a list of finite numbers")
        return numbers

    def number(self, name: str) -> float | None:
        value = self.value(name)
        return None if value is None else _number(value, f"{name} of {self.where}")


def _text(value: object, what: str) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_TEXT or not value.isprintable():
        raise BadRecord(f"{what} is not one line of text")
    return value


def _number(value: object, what: str) -> float:
    if isinstance(value, str) and value in _WORDS:
        return _WORDS[value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRecord(f"{what} is not a number")
    try:
        return float(value)
    except OverflowError:
        raise BadRecord(f"{what} is not a number") from None


def _frame(record: object) -> Frame:
    fields = _Fields(record, "a frame")
    position, spacing = fields.numbers("position", 3), fields.numbers("spacing", 2)
    thickness = fields.number("thickness")
    if spacing is not None and min(spacing) <= 0:
        raise fields.refuse("spacing", "a length")
    if thickness is not None and not 0 < thickness < math.inf:
        raise fields.refuse("thickness", "a length")
    return Frame(
        position=None if position is None else (position[0], position[1], position[2]),
        orientation=fields.numbers("orientation", 6),
        spacing=spacing,
        thickness=thickness,
        slope=fields.number("slope"),
        intercept=fields.number("intercept"),
        image_type=fields.texts("image_type"),
    )


def _layout(fields: _Fields) -> PixelLayout:
    syntax = fields.text("transfer_syntax")
    if syntax not in ENCODINGS and syntax not in COMPRESSED:
        raise fields.refuse("transfer_syntax", "one that is read")
    allocated = fields.whole("bits_allocated", 8, 32)
    samples = fields.whole("samples", 1, 4)
    if allocated not in (8, 16, 32) or samples == 2:
        raise fields.refuse("bits_allocated", "8, 16 or 32")
    padding = fields.numbers("padding", 2)
    return PixelLayout(
        transfer_syntax=syntax,
        bits_allocated=allocated,
        bits_stored=fields.whole("bits_stored", 1, allocated),
        signed=fields.truth("signed"),
        samples=samples,
        padding=None if padding is None else (int(min(padding)), int(max(padding))),
        spans=(),
        deflated_at=None,
        little_endian=fields.truth("little_endian"),
    )


def _facts(found: object) -> dict[str, HeaderFact]:
    """Return the facts of a record: those of the allow-list, each of its kind."""
    if not isinstance(found, Mapping):
        raise BadRecord("facts of a header record is no object of JSON")
    facts: dict[str, HeaderFact] = {}
    for keyword, value in found.items():
        if keyword not in FACT_KINDS and keyword != "TransferSyntaxUID":
            raise BadRecord("facts of a header record tells what no header record may tell")
        values = value if isinstance(value, list) else [value]
        if len(values) > MOST_VALUES:
            raise BadRecord(f"{keyword} has more than {MOST_VALUES} values")
        if FACT_KINDS.get(keyword) in NUMBERS:
            numbers = [_number(one, keyword) for one in values]
            if not numbers or not all(map(math.isfinite, numbers)):
                raise BadRecord(f"{keyword} is not a list of finite numbers")
            facts[keyword] = numbers if isinstance(value, list) else numbers[0]
        else:
            words = [_text(one, keyword) for one in values]
            facts[keyword] = words if isinstance(value, list) else words[0]
    return facts
