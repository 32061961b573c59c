"""A site's browser, played by Python: it reads files where they lie and sends header records and pictures."""

import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.demo.seeding.site import read_folder
from apps.imageqc.services.site_digest import read_picture, record_digest
from apps.intake.deidentification import deidentification_profile
from apps.intake.models import Series, Submission
from apps.intake.services import begin_submission, start_check
from apps.intake.services.precheck import read_series
from apps.trials.models import Visit
from tests.work import run_jobs


@dataclass(frozen=True)
class AtTheSite:
    """One series as the browser holds it: what it sends, and the de-identified objects that it would send later."""

    headers: list[dict[str, Any]]
    reading: dict[str, Any]
    pictures: dict[str, bytes]
    objects: list[bytes]


def read_at_the_site(visit: Visit, paths: Iterable[Path]) -> list[AtTheSite]:
    """Return the series among files, as the browser of the visit's site reads them."""
    return [
        AtTheSite(
            headers=series.headers,
            reading=series.reading,
            pictures={name: zlib.compress(picture.tobytes()) for name, picture in series.pictures.items()},
            objects=series.objects,
        )
        for series in read_folder(paths, deidentification_profile(visit))
    ]


def kept(submission: Submission, series: AtTheSite, *, by: User) -> Series:
    """Return the series that the server keeps of what the browser sent."""
    pictures = {name: read_picture(packed) for name, packed in series.pictures.items()}
    return record_digest(submission, read_series(series.headers), series.reading, pictures, by=by)


def checked_at_the_site(visit: Visit, paths: Iterable[Path], *, by: User) -> Submission:
    """Return the visit's submission after its browser has read these files and the check of what it sent has ended."""
    submission = begin_submission(visit, by=by)
    for series in read_at_the_site(visit, paths):
        kept(submission, series, by=by)
    start_check(submission, by=by)
    run_jobs()
    submission.refresh_from_db()
    return submission


def post_digest(client: Client, submission: Submission, series: AtTheSite, **changes: Any) -> Any:
    """Send a digest as the browser does; `changes` replace fields of the series."""
    told = {"headers": series.headers, "reading": series.reading, **changes}
    form = {
        "series": SimpleUploadedFile("series.json", json.dumps(told).encode(), "application/json"),
        **{name: SimpleUploadedFile(name, packed) for name, packed in series.pictures.items()},
    }
    return client.post(reverse("imageqc:digest", args=[submission.pk]), form, headers={"Accept": "application/json"})
