"""The pass over the files of a series: hashes of all of them, projections of those that make the volume."""

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from numpy.typing import NDArray

from apps.imaging.digest.concluding import FrameKey, crowded, frame_key, rescale_of
from apps.imaging.digest.records import InstanceFact
from apps.imaging.errors import UnreadableFile
from apps.imaging.geometry import Stack
from apps.imaging.headers import InstanceHeader
from apps.imaging.hounsfield import Rescale
from apps.imaging.pixels import PixelReader, file_sha256
from apps.imaging.projections import Projector


class SeriesReading:
    """Reads the files of one series in several threads, each with a projector of its own.

    `failures` tells, per file, why its pixels could not be decoded; `frame_hashes` compares images at one place.
    """

    def __init__(self, headers: Sequence[InstanceHeader], threads: int) -> None:
        self.headers = headers
        self.threads = max(1, threads)
        self.failures: dict[Path, str] = {}
        self._facts: dict[Path, InstanceFact] = {}
        self.frame_hashes: dict[FrameKey, str] = {}
        self._index: dict[FrameKey, int] = {}
        self._compared: set[FrameKey] = set()
        self._rescales: dict[FrameKey, Rescale] = {}

    def run(self, stack: Stack) -> Projector | None:
        """Read every file and return the projections of `stack`, None when it makes no volume."""
        self._rescales = rescale_of(stack)
        places = stack.places if self._rescales else ()
        self._index = {frame_key(place[0]): index for index, place in enumerate(places)}
        self._compared = {frame_key(one) for place in crowded(stack) for one in place}
        parts = [self.headers[start :: self.threads] for start in range(min(self.threads, len(self.headers)))]
        projectors = [
            Projector((len(places), stack.facts.rows, stack.facts.columns), stack.orientation) if places else None
            for _ in parts
        ]
        with ThreadPoolExecutor(self.threads) as pool:
            frames_at_a_time = self.threads if len(parts) < self.threads else 1
            list(pool.map(self._read_part, parts, projectors, itertools.repeat(frames_at_a_time)))
        together, *others = projectors
        for other in others:
            if together is not None and other is not None:
                together.merge(other)
        return together

    def instances(self) -> tuple[InstanceFact, ...]:
        """Return what is known of each file."""
        return tuple(self._facts[header.path] for header in self.headers)

    def _read_part(self, headers: Iterable[InstanceHeader], projector: Projector | None, at_a_time: int) -> None:
        for header in headers:
            reader = PixelReader(header)
            try:
                for index, stored in enumerate(_frames(reader, at_a_time)):
                    self._take(header.path, index, stored, projector)
            except UnreadableFile as error:
                self.failures[header.path] = str(error)
            self._facts[header.path] = InstanceFact(
                header.sop_instance_uid,
                reader.sha256 or file_sha256(header.path),
                "" if header.path in self.failures else reader.pixel_sha256,
            )

    def _take(self, path: Path, index: int, stored: NDArray, projector: Projector | None) -> None:
        key = (path, index)
        if key in self._compared:
            self.frame_hashes[key] = hashlib.sha256(stored.tobytes()).hexdigest()
        place = self._index.get(key)
        if projector is not None and place is not None:
            projector.add_windowed(place, self._rescales[key].windowed(stored))


def _frames(reader: PixelReader, at_a_time: int) -> Iterator[NDArray]:
    """Yield the frames in order; those of one large file are decoded several at a time."""
    if at_a_time == 1 or len(reader.header.frames) == 1:
        yield from reader.frames()
        return
    with ThreadPoolExecutor(at_a_time) as pool:
        coded = reader.coded_frames()
        while batch := list(itertools.islice(coded, 2 * at_a_time)):
            for stored in pool.map(reader.decode, batch):
                reader.count(stored)
                yield stored
