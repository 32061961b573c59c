import io

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from PIL import Image

from apps.audit.lifecycle import StaleState, advance
from apps.imageqc.models import Classification, Finding
from apps.imageqc.registry import current_bundle
from apps.imaging import findings, pipeline
from apps.imaging.digest import SeriesDigest
from apps.imaging.headers import group_into_series, read_headers
from apps.imaging.pipeline import SeriesReport
from apps.intake.models import Instance, ReceivedFile, Series
from apps.intake.storage import local_paths
from apps.jobs.services import Lease, enqueue


def check_series(series: Series, lease: Lease) -> None:
    """Check a series as the command line does, keep what was found, then have the slots matched.

    Safe to run twice: an attempt after a killed worker starts over, a series that is already checked stays.
    """
    if series.status in Series.UNFINISHED:
        try:
            advance(series, Series.Status.CHECKING, by=None)
            report = _check(series)
            _keep_pictures(series, report.digest)
            with transaction.atomic():
                lease.confirm()
                _keep(series, report)
        except StaleState:
            # Instances arrived meanwhile: the check that waits behind this one looks at all of them.
            return
    enqueue("imageqc.match_slots", series.submission_id)


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


def _check(series: Series) -> SeriesReport:
    with local_paths(ReceivedFile.objects.filter(instance__series=series)) as paths:
        headers, _ = read_headers(paths)
        (found,) = group_into_series(headers)
        return pipeline.check_series(found, current_bundle())


def _keep_pictures(series: Series, digest: SeriesDigest) -> None:
    series.digest_sha256 = digest.sha256
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


def _keep(series: Series, report: SeriesReport) -> None:
    digest, classification = report.digest, report.classification
    advance(series, Series.Status.CHECKED, by=None, digest=digest.to_json(), digest_sha256=digest.sha256, failure="")
    if classification is not None:
        Classification.objects.create(
            series=series,
            digest_sha256=digest.sha256,
            bundle_name=classification.bundle["name"],
            bundle_version=classification.bundle["version"],
            bundle_sha256=classification.bundle["sha256"],
            body_part=classification.body_part.to_json(),
            contrast=classification.contrast.to_json(),
            abstained=classification.abstained,
            device=classification.device,
            seconds=classification.seconds,
        )
    series.findings.all().delete()
    Finding.objects.bulk_create(finding_row(finding, series.submission_id, series) for finding in report.findings)
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
