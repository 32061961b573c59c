"""ImagingSpec: which CT series one visit asks for, and within which limits. Read from TOML or JSON."""

import difflib
import json
import math
import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from apps.imaging.errors import BadSpec
from apps.imaging.vocabulary import CLASS_NAME, PUBLISHED_CLASSES, body_part_name, contrast_words

EITHER = "either"
"""The contrast word of a slot that accepts scans with and without contrast."""

Classes = Mapping[str, Sequence[str]]
"""Per module (body_part, contrast) the classes that a protocol may ask for."""


def series_title(body_part: str, contrast: str) -> str:
    """Return the name of a series in words: "Chest CT with contrast"."""
    words = f"{body_part_name(body_part).replace(' and ', '-')} CT"
    if contrast != EITHER:
        words += f" {contrast_words(contrast)}"
    return words[0].upper() + words[1:]


@dataclass(frozen=True)
class SeriesSpec:
    """One required series (a slot): what it must show and the limits that it must keep.

    A limit of None, and an empty tuple of kernels, ask for nothing. `title` is made of body part and contrast
    where none is given. Raises BadSpec when a value is not possible. Which classes there are is a question of the
    ensemble, so any class name is taken here; `from_json` holds it against the known ones.
    """

    slot: str
    body_part: str
    contrast: str = EITHER
    title: str = ""
    max_slice_thickness_mm: float | None = None
    max_spacing_mm: float | None = None
    min_coverage_mm: float | None = None
    kvp_range: tuple[float, float] | None = None
    field_of_view_range_mm: tuple[float, float] | None = None
    kernels: tuple[str, ...] = ()
    allow_derived: bool = False
    optional: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be meant; bring numbers, lists and the title into their one form."""
        for field in fields(self):
            try:
                value = _READERS[field.name](getattr(self, field.name))
            except _Unexpected as unexpected:
                raise BadSpec(
                    f"{field.name}: expected {unexpected.expected}, found {getattr(self, field.name)!r}."
                ) from None
            object.__setattr__(self, field.name, value)
        if not self.title:
            object.__setattr__(self, "title", series_title(self.body_part, self.contrast))

    def accepts_contrast(self, shown: str) -> bool:
        """Return whether a scan of this contrast class is what is asked for; "enhanced" is any phase with contrast."""
        if self.contrast == "enhanced":
            return shown != "non_contrast"
        return self.contrast in (EITHER, shown)

    def to_json(self) -> dict[str, Any]:
        """Return the slot as plain values, limits that ask for nothing left out."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
            if value is not None and value != ()
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any], classes: Classes = PUBLISHED_CLASSES) -> "SeriesSpec":
        """Return the slot that a protocol file or `to_json` wrote; raise BadSpec when it is not understood."""
        _refuse_unknown_keys(stored, [field.name for field in fields(cls)])
        known = {"body_part": classes["body_part"], "contrast": (*classes["contrast"], EITHER)}
        expected = {"slot": "a short name, unique in the list", "body_part": f"one of {', '.join(known['body_part'])}"}
        for name, words in expected.items():
            if name not in stored:
                raise BadSpec(f"{name}: this key is missing; expected {words}.")
        for name, names in known.items():
            if name in stored and stored[name] not in names:
                raise BadSpec(f"{name}: expected one of {', '.join(names)}, found {stored[name]!r}.")
        return cls(**stored)


@dataclass(frozen=True)
class ImagingSpec:
    """What one visit asks for: name, version and at least one slot. Raises BadSpec when it cannot be meant."""

    name: str
    version: str
    series: tuple[SeriesSpec, ...]

    def __post_init__(self) -> None:
        """Refuse an empty list and slots of the same name."""
        for name in ("name", "version"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name).strip():
                raise BadSpec(f"{name}: expected a text, found {getattr(self, name)!r}.")
        if not self.series:
            raise BadSpec("series: expected at least one required series, found none.")
        slots = [required.slot for required in self.series]
        for slot in slots:
            if slots.count(slot) > 1:
                raise BadSpec(f"slot: expected a different name for each series, found {slot!r} more than once.")
        object.__setattr__(self, "series", tuple(self.series))

    def slot(self, name: str) -> SeriesSpec:
        """Return the slot of that name; raise KeyError when the specification has none."""
        for required in self.series:
            if required.slot == name:
                return required
        raise KeyError(name)

    def to_json(self) -> dict[str, Any]:
        """Return the specification as plain values."""
        return {
            "name": self.name,
            "version": self.version,
            "series": [required.to_json() for required in self.series],
        }

    @classmethod
    def from_json(cls, stored: object, classes: Classes = PUBLISHED_CLASSES) -> "ImagingSpec":
        """Return the specification that `to_json` wrote; raise BadSpec naming what is not understood."""
        if not isinstance(stored, Mapping):
            raise BadSpec(f"expected name, version and series, found {stored!r}.")
        _refuse_unknown_keys(stored, [field.name for field in fields(cls)])
        for name in ("name", "version", "series"):
            if name not in stored:
                raise BadSpec(f"{name}: this key is missing; expected name, version and series.")
        if not isinstance(stored["series"], list | tuple):
            raise BadSpec(f"series: expected a list of required series, found {stored['series']!r}.")
        return cls(
            name=stored["name"],
            version=stored["version"],
            series=tuple(
                _read_series(number, entry, classes) for number, entry in enumerate(stored["series"], start=1)
            ),
        )


def load_spec(path: Path, classes: Classes = PUBLISHED_CLASSES) -> ImagingSpec:
    """Read a TOML or JSON file; raise BadSpec naming file and key when it is not understood.

    `classes` are the words that body part and contrast may have, those of the bundle that checks against this file.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise BadSpec(f"{path.name}: expected a TOML or JSON text file in UTF-8.") from None
    except OSError as error:
        raise BadSpec(f"{path.name}: the protocol file cannot be read ({error.strerror}).") from None
    try:
        stored = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except (json.JSONDecodeError, tomllib.TOMLDecodeError) as error:
        kind = "JSON" if path.suffix.lower() == ".json" else "TOML"
        raise BadSpec(f"{path.name}: expected valid {kind}: {error}.") from None
    try:
        return ImagingSpec.from_json(stored, classes)
    except BadSpec as error:
        raise BadSpec(f"{path.name}: {error}") from None


class _Unexpected(Exception):
    """A value that a reader refuses; `expected` says in words what it takes."""

    def __init__(self, expected: str) -> None:
        super().__init__(expected)
        self.expected = expected


def _read_series(number: int, entry: object, classes: Classes) -> SeriesSpec:
    """Return entry `number` of the list of series; raise BadSpec saying which one is not understood."""
    if not isinstance(entry, Mapping):
        raise BadSpec(f"series {number}: expected keys such as slot and body_part, found {entry!r}.")
    try:
        return SeriesSpec.from_json(entry, classes)
    except BadSpec as error:
        raise BadSpec(f"series {number}, {error}") from None


def _refuse_unknown_keys(stored: Mapping[str, Any], known: Collection[str]) -> None:
    for name in stored:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(known)}."
            raise BadSpec(f"{name}: this key is not known; {hint}")


def _read_text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _Unexpected("a text")
    return value.strip()


def _read_title(value: object) -> str:
    if not isinstance(value, str):
        raise _Unexpected("a text")
    return value.strip()


def _read_class(value: object) -> str:
    if not isinstance(value, str) or not CLASS_NAME.fullmatch(value):
        raise _Unexpected("a class such as chest or whole_body, in lower case with underscores")
    return value


def _number(value: object) -> float | None:
    """Return a number that can be a limit, else None; true and false are no numbers here."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and value > 0 else None


def _read_limit(value: object) -> float | None:
    if value is None:
        return None
    limit = _number(value)
    if limit is None:
        raise _Unexpected("a number of millimetres above 0")
    return limit


def _read_range(value: object) -> tuple[float, float] | None:
    if value is None:
        return None
    if isinstance(value, list | tuple) and len(value) == 2:
        low, high = _number(value[0]), _number(value[1])
        if low is not None and high is not None and low <= high:
            return low, high
    raise _Unexpected("a list of the lowest and the highest value, both above 0")


def _read_kernels(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) and name.strip() for name in value):
        raise _Unexpected("a list of kernel names")
    return tuple(name.strip() for name in value)


def _read_flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise _Unexpected("true or false")
    return value


_READERS: dict[str, Callable[[object], Any]] = {
    "slot": _read_text,
    "body_part": _read_class,
    "contrast": _read_class,
    "title": _read_title,
    "max_slice_thickness_mm": _read_limit,
    "max_spacing_mm": _read_limit,
    "min_coverage_mm": _read_limit,
    "kvp_range": _read_range,
    "field_of_view_range_mm": _read_range,
    "kernels": _read_kernels,
    "allow_derived": _read_flag,
    "optional": _read_flag,
}
