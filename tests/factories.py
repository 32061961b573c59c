"""Submissions, cases and decisions in the state that a test starts from, made without pixels.

Labels stand for what an ensemble would have said; nothing here is random. What is tested through the whole path, from
files to labels, stands in test_journey.py.
"""

import hashlib
import io
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone
from PIL import Image

from apps.accounts.models import User
from apps.imageqc.models import Classification, SlotMatch
from apps.imaging.digest import DIGEST_SCHEMA, InstanceFact, SeriesDigest
from apps.imaging.geometry import GeometryFacts
from apps.imaging.vocabulary import BODY_PARTS, CONTRASTS, PICTURES, PLANES
from apps.intake.models import Instance, ReceivedFile, Series, Submission
from apps.intake.services import begin_submission, transfer
from apps.reviews.models import ReviewCase
from apps.reviews.services import claim, open_case
from apps.trials.models import Visit


def make_digest(series_uid: str, *, number: int, description: str, thickness_mm: float = 2.5) -> SeriesDigest:
    """Return the digest of a sound series of three slices, with nine gray pictures."""
    return SeriesDigest(
        schema=DIGEST_SCHEMA,
        series_uid=series_uid,
        study_uid="1.2.3",
        patient_key="a" * 64,
        description=description,
        series_number=number,
        modality="CT",
        n_instances=3,
        header={"Modality": "CT", "SliceThickness": thickness_mm, "KVP": 120.0, "Manufacturer": "CoreQC Phantom"},
        geometry=GeometryFacts(
            slices=3,
            rows=512,
            columns=512,
            plane="axial",
            pixel_spacing_mm=(0.8, 0.8),
            slice_spacing_mm=thickness_mm,
            slice_thickness_mm=thickness_mm,
            coverage_mm=3 * thickness_mm,
        ),
        instances=tuple(
            InstanceFact(
                f"{series_uid}.{slice_}", *(2 * [hashlib.sha256(f"{series_uid}.{slice_}".encode()).hexdigest()])
            )
            for slice_ in range(3)
        ),
        findings=(),
        pictures={name: np.full((512, 512), 90, dtype=np.uint8) for name in PICTURES},
    )


CONVERSION = {"body_part": "mip", "contrast": "mid"}
"""Which pictures the networks of each module looked at."""

SETTINGS = {
    module: {
        "temperature": 1.5,
        "min_score": 0.5,
        "min_planes_agreeing": 2,
        "max_distance": 0.4,
        "planes": {plane: {"picture": f"{conversion}_{plane}", "sha256": "c" * 64} for plane in PLANES},
    }
    for module, conversion in CONVERSION.items()
}
"""What is kept of the bundle with each label."""


def answer(classes: Sequence[str], label: str | None, score: float = 0.97) -> dict[str, Any]:
    """Return what a module says: `label` with `score`, or an abstention when it is None."""
    rest = (1 - score) / (len(classes) - 1)
    best = label or classes[0]
    scores = {name: score if name == best else rest for name in classes}
    return {
        "label": label,
        "score": score,
        "scores": scores,
        "planes": {plane: scores for plane in PLANES},
        "abstained": label is None,
        "reason": "" if label else "The body part is not answered: the planes disagree.",
        "distance": 0.12,
        "activations": {plane: [[0, 64], [128, 255]] for plane in PLANES},
    }


def add_series(
    submission: Submission,
    *,
    number: int,
    description: str,
    body_part: str | None,
    contrast: str | None = "enhanced",
) -> Series:
    """Add a checked series with files, pictures and the ensemble's labels (None: abstained)."""
    digest = make_digest(f"1.2.3.{submission.pk}.{number}", number=number, description=description)
    series = Series.objects.create(
        submission=submission,
        series_uid=digest.series_uid,
        study_uid=digest.study_uid,
        patient_key=digest.patient_key,
        description=description,
        number=number,
        modality="CT",
        status=Series.Status.CHECKED,
        digest=digest.to_json(),
        digest_sha256=digest.sha256,
    )
    for fact in digest.instances:
        stored_as = default_storage.save(f"received/{submission.uuid}/{fact.sha256}", ContentFile(fact.sha256.encode()))
        file = ReceivedFile.objects.create(
            submission=submission,
            given_name=f"IM{fact.sop_instance_uid[-1]}",
            stored_as=stored_as,
            size=64,
            sha256=fact.sha256,
            status=ReceivedFile.Status.SORTED,
        )
        Instance.objects.create(
            series=series, file=file, sop_instance_uid=fact.sop_instance_uid, pixel_sha256=fact.pixel_sha256
        )
    for name, picture in digest.pictures.items():
        png = io.BytesIO()
        Image.fromarray(picture).save(png, format="PNG")
        default_storage.save(series.picture_path(name), ContentFile(png.getvalue()))
    Classification.objects.create(
        series=series,
        digest_sha256=series.digest_sha256,
        bundle_name="tests",
        bundle_version="1.0.0",
        bundle_sha256="b" * 64,
        body_part=answer(BODY_PARTS, body_part),
        contrast=answer(CONTRASTS, contrast),
        abstained=body_part is None or contrast is None,
        recipe="constant answers for tests",
        settings=SETTINGS,
        device="CPU",
        seconds=0.1,
    )
    return series


def without_maps(series: Series) -> None:
    """Let the latest labels of a series be those of a bundle that gave no maps."""
    said = series.classifications.get()
    stripped = {
        module: {key: value for key, value in answer.items() if key not in ("distance", "activations")}
        for module, answer in said.answers.items()
    }
    Classification.objects.create(
        series=series,
        digest_sha256=series.digest_sha256,
        bundle_name="tests",
        bundle_version="0.1.0",
        bundle_sha256="a" * 64,
        abstained=False,
        device="CPU",
        seconds=0.1,
        **stripped,
    )


def checked_submission(visit: Visit, *, by: User, missing: str = "") -> Submission:
    """Return a submission whose check has ended: every slot filled but `missing`, which blocks."""
    submission = begin_submission(visit, by=by)
    Submission.objects.filter(pk=submission.pk).update(status=Submission.Status.CHECKED)
    submission.refresh_from_db()
    for number, required in enumerate(submission.protocol.required_series.filter(visit_type=visit.visit_type), start=1):
        filled = required.slot != missing
        SlotMatch.objects.create(
            submission=submission,
            required=required,
            series=add_series(
                submission,
                number=number,
                description=f"{required.slot} PV",
                body_part=required.body_part,
                contrast=required.contrast,
            )
            if filled
            else None,
            state=SlotMatch.State.OK if filled else SlotMatch.State.MISSING,
            sentence="" if filled else f"{required.spec.title} is missing.",
        )
    if missing:
        submission.blockers = ["A required series is missing."]
        submission.save(update_fields=["blockers"])
    return submission


def waiting_case(visit: Visit, *, by: User, transferred_at: datetime | None = None, missing: str = "") -> ReviewCase:
    """Return the case of a submission that the site has transferred."""
    submission = checked_submission(visit, by=by, missing=missing)
    transfer(submission, by=by, because="The patient cannot come again." if missing else "")
    if transferred_at:
        Submission.objects.filter(pk=submission.pk).update(transferred_at=transferred_at)
        submission.refresh_from_db()
    return open_case(submission)


def claimed_case(visit: Visit, *, by: User, analyst: User) -> ReviewCase:
    """Return a case that lies on the analyst's desk."""
    case = waiting_case(visit, by=by)
    claim(case, by=analyst)
    return case


def worked_on(case: ReviewCase, seconds: float) -> None:
    """Let the open session of a case hold `seconds` of work, its last sign of work just now."""
    case.sessions.filter(ended_at=None).update(
        active_seconds=seconds, last_beat_at=timezone.now() - timedelta(seconds=1)
    )
