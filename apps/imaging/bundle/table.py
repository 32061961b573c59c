"""Reading the manifest of a bundle: each key asked for once and of its type, and none left over."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from apps.imaging.errors import BadBundle


def read(path: Path) -> bytes:
    """Return the bytes of a file of the bundle, or refuse the bundle."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadBundle(f"{path} cannot be read: {error.strerror}") from error


REMEDY = "copy the whole bundle anew from where it came from"
"""A file that was changed says nothing of which others were: none of them is used."""


def read_verified(path: Path, sha256: str) -> bytes:
    """Return the bytes of a file, or refuse the bundle unless they have that SHA-256."""
    content = read(path)
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise BadBundle(
            f"{path} is not the file that the bundle was made with: its SHA-256 is {found}, not {sha256}; {REMEDY}"
        )
    return content


class Table:
    """One table of the manifest."""

    def __init__(self, table: Mapping[str, Any], manifest: str, name: str) -> None:
        self._left = dict(table)
        self._manifest = manifest
        self._name = name

    def __contains__(self, key: str) -> bool:
        """Return whether a key that may be left out is there and not yet asked for."""
        return key in self._left

    def refusal(self, key: str, problem: str) -> BadBundle:
        """Return the refusal of a key, with the file and the full name."""
        return BadBundle(f"{self._manifest}: {self._name}{key} {problem}")

    def text(self, key: str) -> str:
        """Return a text that is not empty."""
        value = self._take(key)
        if not isinstance(value, str) or not value.strip():
            raise self.refusal(key, f"is {value!r}, not a text")
        return value

    def number(self, key: str) -> float:
        """Return a finite number."""
        return self._as_number(key, self._take(key))

    def count(self, key: str) -> int:
        """Return a whole number."""
        value = self._take(key)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.refusal(key, f"holds {value!r}, not a whole number")
        return value

    def texts(self, key: str) -> list[str]:
        """Return a list of texts."""
        value = self._take(key)
        if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
            raise self.refusal(key, f"is {value!r}, not a list of texts")
        return value

    def numbers(self, key: str) -> list[float]:
        """Return a list of numbers."""
        value = self._take(key)
        if not isinstance(value, list):
            raise self.refusal(key, f"is {value!r}, not a list of numbers")
        return [self._as_number(key, entry) for entry in value]

    def pairs(self, key: str) -> list[tuple[float, float]]:
        """Return a list of pairs of numbers."""
        value = self._take(key)
        if not isinstance(value, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in value):
            raise self.refusal(key, f"is {value!r}, not a list of pairs")
        return [(self._as_number(key, low), self._as_number(key, high)) for low, high in value]

    def table(self, key: str) -> "Table":
        """Return a table inside this one."""
        value = self._take(key)
        if not isinstance(value, dict):
            raise self.refusal(key, f"is {value!r}, not a table")
        return Table(value, self._manifest, f"{self._name}{key}.")

    def all_numbers(self) -> dict[str, float]:
        """Return every key that is left as a number, for whoever knows the names."""
        return {key: self.number(key) for key in list(self._left)}

    def file(self, key: str, folder: Path, suffix: str) -> Path:
        """Return the path of a file that lies beside the manifest."""
        name = self.text(key)
        if Path(name).name != name or not name.endswith(suffix):
            raise self.refusal(key, f"is {name!r}, not the name of an {suffix} file beside the manifest")
        return folder / name

    def nothing_else(self) -> None:
        """Refuse keys that nobody asked for: a misspelt threshold must not pass in silence."""
        for key in self._left:
            raise self.refusal(key, "is not known")

    def _take(self, key: str) -> Any:
        if key not in self._left:
            raise self.refusal(key, "is missing")
        return self._left.pop(key)

    def _as_number(self, key: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
            raise self.refusal(key, f"holds {value!r}, not a number")
        return float(value)
