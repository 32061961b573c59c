"""The stored slices of a series: an index that is kept beside its pictures, and one slice at a time out of its file."""

import gzip
import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import imagecodecs
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from apps.imaging.errors import UnreadableFile
from apps.imaging.headers import SeriesFiles, group_into_series, read_headers
from apps.imaging.slices import AS_STORED, INDEX_SCHEMA, SliceAt, SliceIndex, index_slices, read_slice
from apps.intake.models import Instance, ReceivedFile, Series
from apps.intake.storage import local_paths

_VERSION = re.compile(r"[0-9a-f]{16}")

INDEXES_AT_HAND = 32
"""Indexes that a process keeps: of the series that a few analysts look at right now."""

QUICK = 1
"""Level of gzip: half the bytes of a CT slice in 3 ms; higher levels take longer than a local network saves."""


class CannotBeShown(Exception):
    """A series or a slice that a viewer cannot draw; the sentence says why."""


@dataclass(frozen=True)
class StoredStack:
    """The index of a series, under a version that changes with any of its images.

    `missing` counts the announced images that are not here.
    """

    index: SliceIndex
    version: str
    missing: int

    @property
    def notes(self) -> list[str]:
        """What a viewer has to say of the series beside its slices, in sentences."""
        index, said = self.index, []
        if index.why_no_volume:
            said.append(f"Shown image by image, in the order of their numbers. {index.why_no_volume}")
        if self.missing:
            said.append(f"{_images(self.missing)} of this series {_are(self.missing)} not here.")
        if index.left_out:
            said.append(
                f"{_images(index.left_out)} of this series {_are(index.left_out)} not among the slices: scouts, "
                "images of another kind, or a second image at the same place."
            )
        broken = sum(one.damaged for one in index.slices)
        if broken:
            said.append(f"{_images(broken)} of this series {_are(broken)} damaged and cannot be drawn.")
        if index.units == AS_STORED:
            said.append("The headers do not say how stored values become Hounsfield units: values as stored.")
        return said

    def to_json(self) -> dict[str, Any]:
        """Return what the browser's viewer works from; `docs/viewer.md` names the fields."""
        index = self.index
        return {
            "version": self.version,
            "rows": index.rows,
            "columns": index.columns,
            "spacing_mm": index.spacing_mm,
            "directions": index.directions,
            "axes": index.axes,
            "flipped": index.flipped,
            "volume": not index.why_no_volume,
            "units": index.units,
            "numbers": [one.number for one in index.slices],
            "positions_mm": [one.position_mm for one in index.slices],
            "damaged": [place for place, one in enumerate(index.slices) if one.damaged],
            "notes": self.notes,
        }


def stored_stack(series: Series) -> StoredStack:
    """Return the index of a series; made from the headers of its files once, then kept.

    Raises
    ------
    CannotBeShown
        When none of its images is here, or none of them can be read.
    """
    instances = list(series.instances.select_related("file"))
    here = [instance for instance in instances if instance.file is not None]
    missing = len(instances) - len(here)
    if not here:
        raise CannotBeShown(_none_is_here(series))
    undecoded = _undecoded(series, here)
    files = [instance.file for instance in here if instance.file is not None]
    version = _version(files, undecoded)
    index = _kept(series, version)
    if index is None:
        with local_paths(files) as paths:
            headers, _ = read_headers(paths)
            found = max(group_into_series(headers), key=lambda one: one.n_instances, default=None)
            if found is None:
                raise CannotBeShown("None of the files of this series can be read as a DICOM image.")
            index = _keep(series, version, index_slices(found, _names(paths), undecoded))
    if not index.slices:
        raise CannotBeShown(index.why_no_volume)
    return StoredStack(index, version, missing)


def keep_index(
    series: Series, found: SeriesFiles, paths: Mapping[Path, ReceivedFile], decoded: Collection[str]
) -> None:
    """Keep the index of a series whose files were read just now, so that the first look at it need not read them.

    `decoded` are the SOP instance UIDs of the objects whose pixels are known to be sound.
    """
    undecoded = {header.sop_instance_uid for header in found.headers} - set(decoded)
    version = _version(paths.values(), undecoded)
    if _kept(series, version) is None:
        _keep(series, version, index_slices(found, _names(paths), undecoded))


def kept_slice(series: Series, version: str, place: int) -> tuple[SliceAt, str]:
    """Return the slice at `place` (from 0) of a version of the index, the one at hand when that is not kept.

    Returns the slice and the version that it is of.

    Raises
    ------
    CannotBeShown
        When the series cannot be shown.
    IndexError
        When there is no such slice.
    """
    index = _kept(series, version) if _VERSION.fullmatch(version) else None
    if index is None or not index.slices:
        stack = stored_stack(series)
        index, version = stack.index, stack.version
    return index.slices[place], version


def slice_bytes(series: Series, one: SliceAt) -> bytes:
    """Return the values of a slice, rows from top to bottom, as little-endian 16-bit integers.

    Raises
    ------
    CannotBeShown
        When its file cannot be read or decoded; the sentence names the image as findings do.
    """
    file = ReceivedFile.objects.get(pk=int(one.file), instance__series=series)
    try:
        with local_paths([file]) as paths:
            (path,) = paths
            return read_slice(path, one).astype("<i2", copy=False).tobytes()
    except (UnreadableFile, OSError) as error:
        why = str(error) if isinstance(error, UnreadableFile) else "could not be read from the storage"
        name = f"Image {one.number}" if one.number else "This image"
        raise CannotBeShown(f"{name} {why}.") from None


def packed(content: bytes) -> bytes:
    """Return `content` as gzip, quickly."""
    return bytes(imagecodecs.gzip_encode(content, level=QUICK))


def _none_is_here(series: Series) -> str:
    if series.origin == Series.Origin.SITE:
        return (
            "The images of this series are still at the site: it was checked there and not transferred. "
            "Its pictures are all that is here."
        )
    return "No image of this series is here."


def _undecoded(series: Series, instances: Collection[Instance]) -> set[str]:
    """Return which objects are known to be damaged; before the check has ended nothing is."""
    if series.status != Series.Status.CHECKED:
        return set()
    return {instance.sop_instance_uid for instance in instances if not instance.pixel_sha256}


def _version(files: Collection[ReceivedFile], undecoded: Collection[str]) -> str:
    said = [str(INDEX_SCHEMA), *sorted(file.sha256 for file in files), "damaged", *sorted(undecoded)]
    return hashlib.sha256("\n".join(said).encode()).hexdigest()[:16]


def _names(paths: Mapping[Path, ReceivedFile]) -> dict[Path, str]:
    return {path: str(file.pk) for path, file in paths.items()}


def _path(series: Series, version: str) -> str:
    return f"slices/{series.uuid}/{version}.json.gz"


def _kept(series: Series, version: str) -> SliceIndex | None:
    try:
        return _read(_path(series, version))
    except (FileNotFoundError, EOFError, ValueError, gzip.BadGzipFile):
        # Never made, or what a full disk left of it.
        return None


@lru_cache(maxsize=INDEXES_AT_HAND)
def _read(path: str) -> SliceIndex:
    with default_storage.open(path) as kept:
        return SliceIndex.from_json(json.loads(gzip.decompress(kept.read())))


def _keep(series: Series, version: str, index: SliceIndex) -> SliceIndex:
    path = _path(series, version)
    if default_storage.exists(path):
        default_storage.delete(path)
    content = json.dumps(index.to_json(), separators=(",", ":"), allow_nan=False)
    default_storage.save(path, ContentFile(gzip.compress(content.encode(), mtime=0)))
    return index


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
