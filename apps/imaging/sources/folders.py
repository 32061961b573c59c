"""Walks over folders without following them in circles."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from apps.imaging.headers import Refusal
from apps.imaging.sources.limits import Limits

_SYSTEM_NAMES = frozenset((".ds_store", "thumbs.db", "desktop.ini", "autorun.inf", "ehthumbs.db", ".directory"))
_SYSTEM_FOLDERS = frozenset(("__macosx", ".git", "$recycle.bin", "system volume information"))

LONGEST_NAME = 200


class Why(NamedTuple):
    """Why something in a folder is not read."""

    code: Refusal
    reason: str


def printable(name: str) -> str:
    """Return a file name as a sentence can hold it: no control characters, not endlessly long."""
    clean = "".join(character if character.isprintable() else "�" for character in name)
    return clean if len(clean) <= LONGEST_NAME else f"…{clean[-LONGEST_NAME:]}"


def system_file(name: str) -> bool:
    """Return whether a file is one that computers leave beside what people put in a folder."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.name.lower() in _SYSTEM_NAMES or path.name.startswith("._"):
        return True
    return any(part.lower() in _SYSTEM_FOLDERS for part in path.parts[:-1])


def files_below(given: Path, limits: Limits) -> Iterator[tuple[Path, str, Why | None]]:
    """Yield (path, name for people, why it is not read or None) of `given`, or of each file below it.

    Links to files are followed, links to folders are not: a folder may lie within itself that way.
    """
    base = printable(given.name or str(given))
    try:
        mode = given.stat().st_mode
    except OSError as error:
        yield given, base, Why(Refusal.DAMAGED, f"could not be opened ({error.strerror}); check the path")
        return
    if not stat.S_ISDIR(mode):
        yield given, base, _irregular(mode)
        return
    waiting = [(given, base, 0)]
    while waiting:
        folder, name, depth = waiting.pop()
        try:
            with os.scandir(folder) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except OSError as error:
            yield folder, name, Why(Refusal.DAMAGED, f"could not be opened ({error.strerror}); check the folder")
            continue
        below = []
        for entry in entries:
            path, entry_name = Path(entry.path), f"{name}/{printable(entry.name)}"
            if entry.is_dir(follow_symlinks=False):
                if depth >= limits.depth:
                    why = f"lies more than {limits.depth} folders deep and was not opened; add that folder itself"
                    yield path, entry_name, Why(Refusal.UNSAFE, why)
                else:
                    below.append((path, entry_name, depth + 1))
            else:
                yield path, entry_name, _entry_refusal(path)
        waiting.extend(reversed(below))


def _entry_refusal(path: Path) -> Why | None:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return Why(Refusal.DAMAGED, f"could not be opened ({error.strerror}); check the file and add it again")
    if stat.S_ISDIR(mode):
        return Why(Refusal.UNSAFE, "is a link to a folder and was not followed; add that folder itself")
    return _irregular(mode)


def _irregular(mode: int) -> Why | None:
    return None if stat.S_ISREG(mode) else Why(Refusal.UNSAFE, "is no ordinary file; you need not send it")
