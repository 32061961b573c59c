"""A transfer from the site as its browser makes it: de-identified objects, announced, packed, sent by tus."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.imageqc.models import SlotMatch
from apps.imageqc.services.series import keep_pictures
from apps.imaging.deidentification import deidentify
from apps.imaging.digest import build_digest
from apps.imaging.headers import group_into_series, read_headers
from apps.intake.deidentification import deidentification_profile
from apps.intake.models import Instance, Series, Submission
from apps.intake.part_format import ENTRY, HEAD, MAGIC
from apps.intake.services import begin_submission, transfer
from apps.trials.models import Visit
from tests.phantoms import cube_and_rod, write_series

TUS = {"Tus-Resumable": "1.0.0"}
BODY = "application/offset+octet-stream"


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def pack(objects: Sequence[bytes]) -> bytes:
    """Return a part that holds these objects."""
    table = b"".join(ENTRY.pack(hashlib.sha256(content).digest(), len(content)) for content in objects)
    return HEAD.pack(MAGIC, len(objects)) + table + b"".join(objects)


def announced(visit: Visit, objects: Iterable[bytes], *, by: User) -> Submission:
    """Return a submission that is being sent, of one series with these objects; what they hold does not matter."""
    submission = begin_submission(visit, by=by)
    series = Series.objects.create(
        submission=submission,
        series_uid="2.25.7",
        number=7,
        description="PV 3.0",
        origin=Series.Origin.SITE,
        status=Series.Status.CHECKED,
        to_send=True,
    )
    for number, content in enumerate(objects):
        Instance.objects.create(
            series=series, sop_instance_uid=f"2.25.7{number}", sha256=sha256_of(content), size=len(content)
        )
    Submission.objects.filter(pk=submission.pk).update(status=Submission.Status.SENDING)
    submission.refresh_from_db()
    return submission


def deidentified(visit: Visit, paths: Iterable[Path]) -> list[bytes]:
    """Return the objects as they leave the site."""
    profile = deidentification_profile(visit)
    objects = []
    for path in paths:
        content = path.read_bytes()
        made = deidentify(content, profile)
        objects.append(made.header + content[made.pixel_at :])
    return objects


def phantom(visit: Visit, folder: Path, **how: Any) -> list[bytes]:
    """Return a small de-identified CT series for a visit."""
    return deidentified(visit, write_series(folder, cube_and_rod(), **how))


def checked_at_the_site(
    visit: Visit, objects: Sequence[bytes], folder: Path, *, by: User, decoded: bool = True
) -> Submission:
    """Return a submission whose only series was read at the site and stands for the first required one."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, content in enumerate(objects):
        paths.append(folder / f"{number:04d}")
        paths[-1].write_bytes(content)
    headers, refused = read_headers(paths)
    assert not refused
    (found,) = group_into_series(headers)
    digest = build_digest(found)
    submission = begin_submission(visit, by=by)
    series = Series(
        submission=submission,
        series_uid=digest.series_uid,
        study_uid=digest.study_uid,
        patient_key="a" * 64,
        description=digest.description,
        number=digest.series_number,
        modality=digest.modality,
        origin=Series.Origin.SITE,
        status=Series.Status.CHECKED,
    )
    stored = digest.to_json()
    if not decoded:
        stored["geometry"]["slices"] = 0
        stored["instances"] = [{**fact, "pixel_sha256": ""} for fact in stored["instances"]]
    series.digest, series.digest_sha256 = stored, digest.sha256
    series.save()
    if decoded:
        keep_pictures(series, digest)
    for fact in digest.instances:
        size = next(len(content) for content in objects if sha256_of(content) == fact.sha256)
        Instance.objects.create(
            series=series,
            sop_instance_uid=fact.sop_instance_uid,
            sha256=fact.sha256,
            size=size,
            pixel_sha256=fact.pixel_sha256 if decoded else "",
        )
    required = submission.protocol.required_series.filter(visit_type=visit.visit_type).first()
    assert required is not None
    SlotMatch.objects.create(
        submission=submission, required=required, series=series, state=SlotMatch.State.OK, sentence=""
    )
    Submission.objects.filter(pk=submission.pk).update(status=Submission.Status.CHECKED)
    submission.refresh_from_db()
    return submission


def sending(visit: Visit, objects: Sequence[bytes], folder: Path, *, by: User, decoded: bool = True) -> Submission:
    """Return a submission whose coordinator has pressed Transfer; nothing has been sent."""
    submission = checked_at_the_site(visit, objects, folder, by=by, decoded=decoded)
    transfer(submission, by=by)
    return submission


def create(client: Client, submission: Submission, size: int, **headers: str) -> Any:
    """Ask for a new part of `size` bytes."""
    url = reverse("intake:parts", args=(submission.pk,))
    return client.post(url, headers={**TUS, "Upload-Length": str(size), **headers})


def patch(client: Client, url: str, content: bytes, offset: int = 0, **headers: str) -> Any:
    """Send bytes of a part."""
    return client.patch(url, content, content_type=BODY, headers={**TUS, "Upload-Offset": str(offset), **headers})


def head(client: Client, url: str) -> Any:
    """Ask how far a part has come."""
    return client.head(url, headers=TUS)


def send_part(client: Client, submission: Submission, content: bytes) -> str:
    """Send a part whole and return its address."""
    created = create(client, submission, len(content))
    assert created.status_code == 201, created.content
    answer = patch(client, created["Location"], content)
    assert answer.status_code == 204, answer.content
    return str(created["Location"])
