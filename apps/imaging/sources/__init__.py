"""Folders, zip archives and stray files -> the files to read, and the refused ones, each with its sentence."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from apps.imaging.headers import Refusal, RefusedFile
from apps.imaging.sources.archives import Unpacker, is_zip
from apps.imaging.sources.folders import files_below, system_file
from apps.imaging.sources.limits import DEFAULT_LIMITS, Limits

__all__ = ["DEFAULT_LIMITS", "Collection", "Limits", "collect"]


@dataclass
class Collection:
    """What was found: `files` to read, `names` by which people know them, and what was refused."""

    files: list[Path] = field(default_factory=list)
    names: dict[Path, str] = field(default_factory=dict)
    refused: list[RefusedFile] = field(default_factory=list)

    def add(self, path: Path, name: str) -> None:
        """Take a file to read; one that was given twice is taken once."""
        path = path.absolute()
        if path not in self.names:
            self.files.append(path)
            self.names[path] = name


def collect(paths: Iterable[Path], unpack_into: Path, *, limits: Limits = DEFAULT_LIMITS) -> Collection:
    """Return every file in `paths`; folders are walked, zip archives unpacked, nothing outside them is touched.

    Parameters
    ----------
    paths
        Files, folders and zip archives, in any mixture.
    unpack_into
        A folder for what archives hold: files are numbered there, their own names are kept in `Collection.names`.
    limits
        How much is accepted.
    """
    found = Collection()
    unpacker = Unpacker(unpack_into, limits)
    for given in paths:
        for path, name, refusal in files_below(given, limits):
            if refusal is not None:
                found.refused.append(RefusedFile(name, refusal.reason, refusal.code))
            elif len(found.files) >= limits.files:
                found.refused.append(RefusedFile(name, limits.too_many_files, Refusal.UNSAFE))
                break
            elif is_zip(path):
                unpacker.unpack(path, name, found.add, found.refused.append)
            elif system_file(name):
                found.refused.append(RefusedFile(name, SYSTEM_FILE, Refusal.SYSTEM))
            else:
                found.add(path, name)
    return found


SYSTEM_FILE = "belongs to the computer or the disc, not to the scan; you need not send it"
