"""The pictures of a run: each series as it is, and the drawn sets, one job per volume, in one or more processes.

A finished job is a file in `<set>.parts/`; a drawing that was stopped goes on with the jobs that are missing. Each job
draws from its own random numbers, so the pictures are the same in any order and any number of processes.
"""

import json
import logging
import multiprocessing
import shutil
import zlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from apps.imaging.errors import BadManifest, ImagingError
from apps.imaging.training.drawing import (
    Drawn,
    Plan,
    draw_phantom,
    draw_planes,
    draw_test_object,
    draw_volume,
    people,
)
from apps.imaging.training.locking import waited_lock
from apps.imaging.training.manifest import Manifest, ManifestSeries
from apps.imaging.training.progress import Progress
from apps.imaging.training.reading import VolumeReader, plane_pictures, read_planes
from apps.imaging.training.store import StoredSeries, is_stored, write_store
from apps.imaging.vocabulary import PICTURES

log = logging.getLogger(__name__)

REAL_SEED = 0
"""The set of the series as they are; drawn sets count from 1."""


@dataclass(frozen=True)
class Job:
    """What is drawn in one go: the series of one volume (as they are for seed 0, else varied), or one invention."""

    key: str
    seed: int
    series: tuple[ManifestSeries, ...] = ()
    person: int = 0
    test_object: int = 0

    def run(self, plan: Plan) -> Drawn:
        """Yield what this job draws, nine pictures each."""
        rng = np.random.default_rng([self.seed, zlib.crc32(self.key.encode())])
        if self.person:
            yield from draw_phantom(self.person, plan, rng)
        elif self.test_object:
            yield from draw_test_object(self.test_object, plan, rng)
        elif self.seed == REAL_SEED:
            yield from _as_they_are(self.series)
        elif self.series[0].kind == "planes":
            yield from draw_planes(self.series[0], plan, rng)
        else:
            yield from draw_volume(VolumeReader(self.series[0].path), self.series, plan, rng)


def draw_pictures(folder: Path, manifest: Manifest, plan: Plan, processes: int) -> None:
    """Draw the pictures of a run into `folder`; sets that are there are kept.

    Raises
    ------
    BadManifest
        When series cannot be read: each with its line and why. What could be read is kept for the next start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with waited_lock(folder / "lock", "pictures"):
        _draw_sets(folder, manifest, plan, processes)


def _draw_sets(folder: Path, manifest: Manifest, plan: Plan, processes: int) -> None:
    wanted = plan.recipe.series_augmentation
    _draw_set(folder / "real", _real_jobs(manifest), plan, PICTURES, processes, manifest)
    for seed in range(1, wanted.seeds + 1):
        _draw_set(
            folder / f"drawn-{seed}", _drawn_jobs(manifest, plan, seed), plan, plan.recipe.pictures, processes, manifest
        )


def _real_jobs(manifest: Manifest) -> list[Job]:
    return [Job(f"{path}", REAL_SEED, series) for path, series in _by_path(manifest.series)]


def _drawn_jobs(manifest: Manifest, plan: Plan, seed: int) -> list[Job]:
    wanted = plan.recipe.series_augmentation
    development = [one for one in manifest.series if one.set == "development"]
    jobs = [Job(series[0].name, seed, series) for _, series in _by_path(development)] if wanted.per_class else []
    jobs += [Job(f"phantom {person}", seed, person=person) for person in people(seed, wanted.phantoms)]
    jobs += [Job(f"test object {number}", seed, test_object=number) for number in range(1, wanted.test_objects + 1)]
    return jobs


def _by_path(series: Iterable[ManifestSeries]) -> list[tuple[Path, tuple[ManifestSeries, ...]]]:
    groups: dict[Path, list[ManifestSeries]] = {}
    for one in series:
        groups.setdefault(one.path, []).append(one)
    return [(path, tuple(group)) for path, group in groups.items()]


def _as_they_are(series: Sequence[ManifestSeries]) -> Drawn:
    reader = VolumeReader(series[0].path)
    for one in series:
        pictures = plane_pictures(read_planes(one)) if one.kind == "planes" else reader.pictures(one)
        facts = (one.set, one.source, one.scanner, one.quality)
        stored = StoredSeries(one.name, one.patient, one.labels, *facts, origin="real", body_part=one.body_part)
        yield stored, pictures


def _draw_set(
    stem: Path, jobs: list[Job], plan: Plan, pictures: tuple[str, ...], processes: int, manifest: Manifest
) -> None:
    if is_stored(stem):
        return
    parts = stem.with_name(stem.name + ".parts")
    parts.mkdir(parents=True, exist_ok=True)
    missing = [index for index in range(len(jobs)) if not _part(parts, index).exists()]
    log.info("pictures %s: %d volumes to draw, %d are there", stem.name, len(missing), len(jobs) - len(missing))
    progress = Progress(len(missing))
    work = partial(_draw_part, plan=plan, parts=parts, pictures=pictures)
    refused = []
    for done, why in enumerate(_mapped(work, [(index, jobs[index]) for index in missing], processes), start=1):
        refused += why
        if progress.is_due(done):
            log.info("pictures %s: %d of %d volumes, %s left", stem.name, done, len(missing), progress.left(done))
    if refused:
        listed = "\n".join(f"  {why}" for why in refused)
        remedy = "Mend the files or take these lines out of the manifest."
        raise BadManifest(f"Series of {manifest.file} cannot be read:\n{listed}\n{remedy}")
    rows = [row for index in range(len(jobs)) for row in _read_rows(_part(parts, index))]
    pixels = (of_series for index in range(len(jobs)) for of_series in np.load(_part(parts, index).with_suffix(".npy")))
    write_store(stem, pictures, rows, pixels)
    shutil.rmtree(parts)
    log.info("pictures %s: %d series", stem.name, len(rows))


def _mapped(work: "partial[list[str]]", jobs: list[tuple[int, Job]], processes: int) -> Iterator[list[str]]:
    if processes < 2 or len(jobs) < 2:
        yield from map(work, jobs)
        return
    # Spawned, not forked: a fork copies the locks of threads that others may hold.
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(work, jobs)


def _draw_part(numbered: tuple[int, Job], plan: Plan, parts: Path, pictures: tuple[str, ...]) -> list[str]:
    """Draw one job into its file; return why not, a sentence per series, where it cannot be read."""
    index, job = numbered
    columns = [PICTURES.index(name) for name in pictures]
    try:
        drawn = [(row, nine[columns]) for row, nine in job.run(plan)]
    except Exception as error:
        # Whatever is odd about one volume, the person needs its line, and the others are drawn meanwhile.
        lines = ", ".join(f"line {one.line}" for one in job.series) or job.key
        why = str(error) if isinstance(error, ImagingError) else f"{type(error).__name__}: {error}"
        return [f"{lines}: {why}"]
    file = _part(parts, index)
    np.save(file.with_suffix(".npy"), _stacked([pixels for _, pixels in drawn], len(columns)))
    partial_file = file.with_suffix(".partial")
    partial_file.write_text(json.dumps([asdict(row) for row, _ in drawn]), encoding="utf-8")
    partial_file.replace(file)
    return []


def _stacked(pixels: list[NDArray[np.uint8]], pictures: int) -> NDArray[np.uint8]:
    return np.stack(pixels) if pixels else np.empty((0, pictures, 0, 0), dtype=np.uint8)


def _part(parts: Path, index: int) -> Path:
    return parts / f"{index}.json"


def _read_rows(file: Path) -> list[StoredSeries]:
    return [StoredSeries(**row) for row in json.loads(file.read_text(encoding="utf-8"))]
