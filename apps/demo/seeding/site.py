"""What the coordinator's browser does, done by this process: read a folder, send digests, then the objects."""

import hashlib
import hmac
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from apps.accounts.models import User
from apps.imageqc.services.site_digest import record_digest
from apps.imaging.deidentification import Profile, deidentify, shift_date, uid_of
from apps.imaging.digest.concluding import AIR_HU, broke, may_be_a_volume, stack_without
from apps.imaging.digest.reading import SeriesReading
from apps.imaging.headers import HeaderFact, InstanceHeader, SeriesFiles, group_into_series, read_headers
from apps.imaging.headers.records import to_record
from apps.imaging.projections import Pictures
from apps.intake.deidentification import deidentification_profile
from apps.intake.models import Submission
from apps.intake.part_format import ENTRY, HEAD, MAGIC
from apps.intake.services.parts import begin_part, receive
from apps.intake.services.precheck import read_series
from apps.intake.services.sending import still_missing

PART_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class SeriesAtSite:
    """One series as the browser holds it: what it says to the server, and the objects that it would send later.

    Scouts and what is no CT stay where they are (`is_scan`).
    """

    is_scan: bool
    headers: list[dict[str, Any]]
    reading: dict[str, Any]
    pictures: Pictures
    objects: list[bytes]


def read_folder(paths: Iterable[Path], profile: Profile) -> list[SeriesAtSite]:
    """Return the series among files."""
    headers, _ = read_headers(paths)
    return [_read(series, profile) for series in group_into_series(headers)]


def send_digests(submission: Submission, paths: Iterable[Path], *, by: User) -> None:
    """Send the digest of each series of a folder; no image leaves it."""
    for series in read_folder(paths, deidentification_profile(submission.visit)):
        if not series.is_scan:
            continue
        record_digest(submission, read_series(series.headers), series.reading, series.pictures, by=by)


def send_objects(submission: Submission, paths: Iterable[Path], *, by: User, share: float = 1.0) -> None:
    """Send what the transfer of a submission still lacks in parts, or a share of it: then the line broke."""
    series = read_folder(paths, deidentification_profile(submission.visit))
    objects = {hashlib.sha256(content).hexdigest(): content for one in series for content in one.objects}
    missing = [objects[instance["sha256"]] for instance in still_missing(submission).instances]
    for packed in _parts(missing[: round(share * len(missing))]):
        part = begin_part(submission, len(packed), by=by)
        receive(part, io.BytesIO(packed), offset=0, length=len(packed), by=by)


def _parts(objects: Sequence[bytes]) -> Iterator[bytes]:
    batch: list[bytes] = []
    for content in objects:
        if batch and sum(map(len, batch)) + len(content) > PART_BYTES:
            yield _pack(batch)
            batch = []
        batch.append(content)
    if batch:
        yield _pack(batch)


def _pack(objects: Sequence[bytes]) -> bytes:
    table = (ENTRY.pack(hashlib.sha256(content).digest(), len(content)) for content in objects)
    return b"".join((HEAD.pack(MAGIC, len(objects)), *table, *objects))


def _read(series: SeriesFiles, profile: Profile) -> SeriesAtSite:
    reading = SeriesReading(series.headers, threads=1)
    stack = stack_without(series, {})
    projector = reading.run(stack)
    while broke(stack, reading.failures):
        stack = stack_without(series, reading.failures)
        projector = reading.run(stack)
    index = {header.path: number for number, header in enumerate(series.headers)}
    objects = [_object(header.path, profile) for header in series.headers]
    return SeriesAtSite(
        is_scan=may_be_a_volume(series),
        headers=[to_record(_nameless(header, profile), number) for number, header in enumerate(series.headers)],
        reading={
            "instances": [
                {
                    "index": number,
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "size": len(content),
                    "pixel_sha256": fact.pixel_sha256,
                }
                for number, (content, fact) in enumerate(zip(objects, reading.instances(), strict=True))
            ],
            "failures": {str(index[path]): why for path, why in reading.failures.items()},
            "frame_hashes": {f"{index[path]}:{frame}": value for (path, frame), value in reading.frame_hashes.items()},
            "body_part_of_mip": projector and float((projector.highest_along_slices > AIR_HU).mean()),
        },
        pictures=projector.pictures() if projector else {},
        objects=objects,
    )


def _object(path: Path, profile: Profile) -> bytes:
    content = path.read_bytes()
    made = deidentify(content, profile)
    return made.header + content[made.pixel_at :]


def _nameless(header: InstanceHeader, profile: Profile) -> InstanceHeader:
    """Return a header as it may leave the site."""
    key = profile.key_bytes
    patient = f"patient:{header.patient_key}".encode()
    return replace(
        header,
        sop_instance_uid=uid_of(header.sop_instance_uid, key),
        series_uid=uid_of(header.series_uid, key),
        study_uid=uid_of(header.study_uid, key),
        patient_key=hmac.new(key, patient, hashlib.sha256).hexdigest() if header.patient_key else "",
        facts={name: fact for name, value in header.facts.items() if (fact := _dated(name, value, profile)) != ""},
    )


def _dated(name: str, value: HeaderFact, profile: Profile) -> HeaderFact:
    """Return a fact with its date shifted, empty where dates are removed."""
    if not name.endswith("Date") or profile.dates == "keep":
        return value
    return "" if profile.dates == "remove" else shift_date(str(value), profile.date_shift_days)
