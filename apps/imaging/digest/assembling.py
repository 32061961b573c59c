"""assemble_digest: the digest of a series whose pixels were seen elsewhere, in a browser.

What the browser says is believed as far as it can be so: of each file one entry, hashes that are hashes, pictures of
the right size. Geometry, findings and everything that follows are computed here from the headers, as in `build_digest`.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from apps.imaging.digest.concluding import (
    LEAST_BODY_PART,
    FrameKey,
    Seen,
    broke,
    conclude,
    crowded,
    frame_key,
    rescale_of,
    stack_without,
    too_few_decoded,
)
from apps.imaging.digest.records import InstanceFact, SeriesDigest
from apps.imaging.errors import BadReading
from apps.imaging.geometry import Stack
from apps.imaging.headers import SeriesFiles
from apps.imaging.projections import Pictures
from apps.imaging.vocabulary import PICTURE_SIZE, PICTURES, SHOWN_PICTURES

LONGEST_SENTENCE = 400
LARGEST_OBJECT = 1 << 40
LONGEST_READING_SECONDS = 86_400.0

_HASH = re.compile(r"[0-9a-f]{64}\Z")
_FRAME = re.compile(r"(\d{1,6}):(\d{1,5})\Z")


@dataclass(frozen=True)
class Reading:
    """What a browser says of the pixels of a series; every field was checked against its headers.

    `sizes` are those of the objects in bytes; `body_part` is None where the browser projected nothing.
    """

    instances: tuple[InstanceFact, ...]
    sizes: Mapping[Path, int]
    failures: Mapping[Path, str]
    frame_hashes: Mapping[FrameKey, str]
    body_part: float | None
    not_here: str
    seconds: float

    @classmethod
    def from_json(cls, said: object, series: SeriesFiles) -> "Reading":
        """Return what `said` tells of `series`.

        Raises
        ------
        BadReading
            When it does not fit the headers of the series, or is not what a reading looks like.
        """
        fields = _object(said, "the reading")
        paths = {header.path.name: header.path for header in series.headers}
        uids = {header.path: header.sop_instance_uid for header in series.headers}
        not_here = _sentence(fields.get("not_here", ""), "not_here")
        failures = {
            _path(index, paths): _sentence(why, "a failure")
            for index, why in _object(fields.get("failures", {}), "failures").items()
        }
        if not all(failures.values()):
            raise BadReading("a failure has no reason")
        facts: dict[Path, InstanceFact] = {}
        sizes: dict[Path, int] = {}
        for one in _list(fields.get("instances"), "instances"):
            instance = _object(one, "an instance")
            path = _path(instance.get("index"), paths)
            if path in facts:
                raise BadReading("a file was read twice")
            pixels = instance.get("pixel_sha256")
            if pixels == "" and path not in failures and not not_here:
                raise BadReading("an image has neither a hash of its pixels nor a reason why not")
            size = instance.get("size")
            if isinstance(size, bool) or not isinstance(size, int) or not 0 < size <= LARGEST_OBJECT:
                raise BadReading("the size of an object makes no sense")
            sizes[path] = size
            facts[path] = InstanceFact(
                uids[path],
                _hash(instance.get("sha256")),
                "" if path in failures or pixels == "" else _hash(pixels),
            )
        if len(facts) != len(uids):
            raise BadReading(f"{len(facts)} of {len(uids)} files were read")
        return cls(
            instances=tuple(facts[header.path] for header in series.headers),
            sizes=sizes,
            failures=failures,
            frame_hashes=_frame_hashes(fields.get("frame_hashes", {}), series, paths),
            body_part=_part(fields.get("body_part_of_mip")),
            not_here=not_here,
            seconds=_seconds(fields.get("seconds", 0)),
        )


def assemble_digest(series: SeriesFiles, reading: object, pictures: Mapping[str, NDArray[np.uint8]]) -> SeriesDigest:
    """Return the digest of `series` from what a browser saw; the same as `build_digest` would over the same pixels.

    Parameters
    ----------
    series
        Headers as `from_record` gives them.
    reading
        What the browser says of the pixels, as JSON values.
    pictures
        The pictures, uint8 (512, 512) by name; the averages (`aip_…`) may be absent.

    Raises
    ------
    BadReading
        When the reading or the pictures cannot be of this series.
    """
    seen = Reading.from_json(reading, series)
    stack = stack_without(series, {})
    if broke(stack, seen.failures):
        stack = stack_without(series, seen.failures)
    body_part = seen.body_part if rescale_of(stack) else None
    _check_what_was_to_be_seen(series, stack, seen)
    shown = _shown(pictures)
    expected = (
        body_part is not None
        and body_part >= LEAST_BODY_PART
        and not seen.not_here
        and not too_few_decoded(series, seen.failures)
    )
    if expected and not shown:
        raise BadReading("the pictures of the series are missing")
    return conclude(
        series,
        stack,
        Seen(seen.instances, seen.failures, seen.frame_hashes, body_part, lambda: shown, seen.not_here),
    )


def _check_what_was_to_be_seen(series: SeriesFiles, stack: Stack, seen: Reading) -> None:
    if seen.not_here:
        return
    if rescale_of(stack) and seen.body_part is None and not too_few_decoded(series, seen.failures):
        raise BadReading("its slices make a volume, but nothing was projected")
    compared = [frame_key(one) for place in crowded(stack) for one in place]
    if any(key not in seen.frame_hashes for key in compared):
        raise BadReading("images at one place were not compared")


def _shown(pictures: Mapping[str, NDArray[np.uint8]]) -> Pictures:
    """Return the pictures in the order of their names, none or all that people look at."""
    if not pictures:
        return {}
    if not set(SHOWN_PICTURES) <= set(pictures) <= set(PICTURES):
        raise BadReading("some of its pictures are missing")
    for picture in pictures.values():
        if picture.shape != (PICTURE_SIZE, PICTURE_SIZE) or picture.dtype != np.uint8:
            raise BadReading("a picture has the wrong size")
    return {name: pictures[name] for name in PICTURES if name in pictures}


def _object(said: object, what: str) -> Mapping[str, object]:
    if not isinstance(said, dict):
        raise BadReading(f"{what} is no object of JSON")
    return said


def _list(said: object, what: str) -> list[object]:
    if not isinstance(said, list):
        raise BadReading(f"{what} is no list")
    return said


def _path(index: object, paths: Mapping[str, Path]) -> Path:
    """Return the file that an index names; keys of JSON objects are always text."""
    name = str(index) if isinstance(index, int | str) and not isinstance(index, bool) else ""
    if name not in paths:
        raise BadReading("a file of another series was read")
    return paths[name]


def _hash(said: object) -> str:
    if not isinstance(said, str) or not _HASH.match(said):
        raise BadReading("a hash is no SHA-256")
    return said


def _sentence(said: object, what: str) -> str:
    if not isinstance(said, str) or len(said) > LONGEST_SENTENCE or not said.isprintable():
        raise BadReading(f"{what} is not one line of text")
    return said


def _frame_hashes(said: object, series: SeriesFiles, paths: Mapping[str, Path]) -> dict[FrameKey, str]:
    frames = {header.path: len(header.frames) for header in series.headers}
    hashes: dict[FrameKey, str] = {}
    for name, value in _object(said, "frame_hashes").items():
        found = _FRAME.match(name)
        path = _path(found[1], paths) if found else None
        if found is None or path is None or int(found[2]) >= frames[path]:
            raise BadReading("a frame that is not there was read")
        hashes[path, int(found[2])] = _hash(value)
    return hashes


def _part(said: object) -> float | None:
    if said is None:
        return None
    if isinstance(said, bool) or not isinstance(said, int | float) or not 0 <= said <= 1:
        raise BadReading("the part of the picture that shows a patient is no part")
    return float(said)


def _seconds(said: object) -> float:
    if isinstance(said, bool) or not isinstance(said, int | float):
        raise BadReading("the time that reading took is no number")
    # Asked this way round, a number beyond all floats is bounded before it becomes one.
    bounded = min(max(said, 0), LONGEST_READING_SECONDS)
    return 0.0 if math.isnan(bounded) else float(bounded)
