import io
from collections.abc import Iterable

import numpy as np
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from PIL import Image

from apps.audit.lifecycle import StaleState, advance
from apps.imageqc.models import Classification, Finding
from apps.imageqc.registry import current_bundle, settings_to_keep
from apps.imaging import ensemble, findings, pipeline
from apps.imaging.digest import SeriesDigest
from apps.imaging.headers import group_into_series, read_headers
from apps.imaging.rules import check_series_rules
from apps.imaging.vocabulary import PICTURES
from apps.intake.models import Instance, ReceivedFile, Series
from apps.intake.pictures import read_picture
from apps.intake.slices import keep_index
from apps.intake.storage import local_paths
from apps.jobs.services import Lease, enqueue


def check_series(series: Series, lease: Lease) -> None:
    """Check a series as the command line does, keep what was found, then have the slots matched.

    Of a series that was read at the site the digest is here already, and no file is read: the same labels and rules
    are made of it. Safe to run twice: an attempt after a killed worker starts over, a series that is already checked
    stays.
    """
    if series.status in Series.UNFINISHED:
        try:
            advance(series, Series.Status.CHECKING, by=None)
            if series.origin == Series.Origin.SITE:
                _check_digest(series, lease)
            else:
                _check_files(series, lease)
        except StaleState:
            # Instances arrived meanwhile: the check that waits behind this one looks at all of them.
            return
    enqueue("imageqc.match_slots", series.submission_id)


def _check_files(series: Series, lease: Lease) -> None:
    with local_paths(ReceivedFile.objects.filter(instance__series=series)) as paths:
        headers, _ = read_headers(paths)
        (found,) = group_into_series(headers)
        report = pipeline.check_series(found, current_bundle())
        keep_index(series, found, paths, _decoded(report.digest))
    series.digest_sha256 = report.digest.sha256
    keep_pictures(series, report.digest)
    with transaction.atomic():
        lease.confirm()
        digest = report.digest
        advance(
            series, Series.Status.CHECKED, by=None, digest=digest.to_json(), digest_sha256=digest.sha256, failure=""
        )
        _keep(series, digest, report.classification, report.findings)
        _keep_pixel_hashes(series, digest)


def _check_digest(series: Series, lease: Lease) -> None:
    # What is checked is read once the series is ours: another digest that comes from now on takes it away again.
    series.refresh_from_db()
    digest = kept_digest(series)
    classification = pipeline.classify(digest, current_bundle())
    found = (*digest.findings, *check_series_rules(digest, classification))
    with transaction.atomic():
        lease.confirm()
        advance(series, Series.Status.CHECKED, by=None, failure="")
        _keep(series, digest, classification, found)


def series_check_failed(series: Series, sentence: str) -> None:
    """End a series whose check cannot be finished where a person sees it."""
    if series.status in Series.UNFINISHED:
        advance(
            series,
            Series.Status.FAILED,
            by=None,
            failure=f"{sentence} Nothing is lost: press Check again, and if it stops again tell the core lab.",
        )
    enqueue("imageqc.match_slots", series.submission_id)


def kept_digest(series: Series) -> SeriesDigest:
    """Return the digest at hand with the pictures that the storage keeps of it."""
    assert series.digest is not None, f"{series.pk} has no digest"
    names = [name for name in PICTURES if default_storage.exists(series.picture_path(name))]
    pictures = {name: np.asarray(Image.open(io.BytesIO(read_picture(series, name)))) for name in names}
    return SeriesDigest.from_json(series.digest, pictures)


def keep_pictures(series: Series, digest: SeriesDigest) -> None:
    """Put the pictures of a digest into the storage, where `picture_path` says; those that are there stay."""
    for name, picture in digest.pictures.items():
        path = series.picture_path(name)
        png = io.BytesIO()
        Image.fromarray(picture).save(png, format="PNG")
        if default_storage.exists(path):
            if default_storage.size(path) == png.tell():
                continue
            # What a killed worker or a full disk left of it.
            default_storage.delete(path)
        default_storage.save(path, ContentFile(png.getvalue()))


def classification_row(series: Series, digest: SeriesDigest, said: ensemble.Classification) -> Classification:
    """Return the row that keeps what the ensemble said of a digest."""
    return Classification(
        series=series,
        digest_sha256=digest.sha256,
        bundle_name=said.bundle["name"],
        bundle_version=said.bundle["version"],
        bundle_sha256=said.bundle["sha256"],
        body_part=said.body_part.to_json(),
        contrast=said.contrast.to_json(),
        coverage=said.coverage.to_json() if said.coverage else None,
        abstained=said.abstained,
        recipe=said.recipe,
        settings=settings_to_keep(current_bundle()),
        device=said.device,
        seconds=said.seconds,
    )


def _keep(
    series: Series,
    digest: SeriesDigest,
    said: ensemble.Classification | None,
    found: Iterable[findings.Finding],
) -> None:
    if said is not None:
        classification_row(series, digest, said).save()
    series.findings.all().delete()
    Finding.objects.bulk_create(finding_row(finding, series.submission_id, series) for finding in found)


def _decoded(digest: SeriesDigest) -> set[str]:
    return {instance.sop_instance_uid for instance in digest.instances if instance.pixel_sha256}


def _keep_pixel_hashes(series: Series, digest: SeriesDigest) -> None:
    pixels = {instance.sop_instance_uid: instance.pixel_sha256 for instance in digest.instances}
    instances = list(series.instances.all())
    for instance in instances:
        instance.pixel_sha256 = pixels.get(instance.sop_instance_uid, "")
    Instance.objects.bulk_update(instances, ["pixel_sha256"], batch_size=500)


def finding_row(finding: findings.Finding, submission_id: int, series: Series | None = None) -> Finding:
    """Return the row that keeps a finding of the imaging core."""
    return Finding(
        submission_id=submission_id,
        series=series,
        code=finding.code,
        severity=finding.severity,
        sentence=finding.sentence,
        expected=finding.expected[:200],
        found=finding.found[:400],
        where=finding.where[:400],
    )
