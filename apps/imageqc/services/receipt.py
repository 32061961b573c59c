"""What arrived, held against what the site announced: digest, pictures and labels once more, and the receipt."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone
from PIL import Image

from apps.audit.lifecycle import advance
from apps.imageqc.models import Classification, Finding
from apps.imageqc.registry import current_bundle
from apps.imageqc.services.matching import match_again
from apps.imageqc.services.series import classification_row, finding_row, keep_pictures
from apps.imaging import findings, pipeline
from apps.imaging.digest import SeriesDigest, build_digest
from apps.imaging.digest.comparison import differences, was_undecoded
from apps.imaging.ensemble import Classification as Answer
from apps.imaging.findings import Severity
from apps.imaging.headers import group_into_series, read_headers
from apps.imaging.rules import check_series_rules
from apps.imaging.vocabulary import PICTURES
from apps.intake.models import Instance, ReceivedFile, Series, Submission
from apps.intake.pictures import read_picture
from apps.intake.services import absent, back_to_the_site, link_arrived
from apps.intake.services.receipts import issue_receipt
from apps.intake.slices import keep_index
from apps.intake.storage import local_paths
from apps.jobs.services import Lease, enqueue

CODE = "received_differs"
"""Of the findings that tell the analyst where the images are not what the site announced."""


@dataclass(frozen=True)
class Outcome:
    """What the received images of one series say. `digest` is None when they make no series at all."""

    series: Series
    digest: SeriesDigest | None
    classification: Answer | None
    differences: list[str]
    new_here: bool
    """Whether the site could not read the pixels, so that digest, labels and findings are those made here."""


def verify_receipt(submission: Submission, lease: Lease) -> None:
    """Compare what arrived with what was announced, issue the receipt, and hand the submission to the core lab.

    Safe to run twice: nothing is written before everything has been compared, and then all of it at once.
    """
    if submission.status != Submission.Status.SENDING or absent(submission).exists():
        return
    with transaction.atomic():
        link_arrived(Submission.objects.select_for_update(no_key=True).get(pk=submission.pk))
    outcomes = []
    for series in submission.series.filter(to_send=True):
        outcome = _look(series)
        outcomes.append(replace(outcome, digest=_kept(outcome.digest, outcome.new_here, series)))
    with transaction.atomic():
        lease.confirm()
        submission = Submission.objects.select_for_update(no_key=True).get(pk=submission.pk)
        if submission.status != Submission.Status.SENDING:
            return
        for outcome in outcomes:
            _keep(outcome)
        if any(outcome.new_here for outcome in outcomes):
            match_again(submission)
        now = timezone.now()
        issue_receipt(submission, bundle=current_bundle().identity, at=now)
        advance(submission, Submission.Status.TRANSFERRED, by=None, transferred_at=now)
        enqueue("reviews.open_case", submission.pk)


def receipt_failed(submission: Submission, sentence: str) -> None:
    """Let the coordinator see that what arrived could not be compared."""
    again = "Everything has arrived and is kept: press Transfer again, and if it stops again tell the core lab."
    back_to_the_site(submission, [f"{sentence} {again}"])


def _look(series: Series) -> Outcome:
    """Read the received files of a series as if nothing were known of them, and compare."""
    with local_paths(ReceivedFile.objects.filter(instance__series=series)) as paths:
        headers, refused = read_headers(paths, names={path: str(file.pk) for path, file in paths.items()})
        found = group_into_series(headers)
        if len(found) != 1:
            return Outcome(series, None, None, [f"The images that arrived make {len(found)} series, not one."], False)
        received = build_digest(found[0])
        decoded = {instance.sop_instance_uid for instance in received.instances if instance.pixel_sha256}
        keep_index(series, found[0], paths, decoded)
    announced = _announced(series)
    # What stood in the headers before de-identification stays: the rules and the labels go by it.
    digest = replace(
        received,
        series_uid=announced.series_uid,
        study_uid=announced.study_uid,
        patient_key=announced.patient_key,
        description=announced.description,
        series_number=announced.series_number,
        header=announced.header,
        pictures={name: made for name, made in received.pictures.items() if name in (announced.pictures or PICTURES)},
    )
    told = [f"{len(refused)} of the files that arrived cannot be read."] if refused else []
    classification = pipeline.classify(digest, current_bundle())
    if was_undecoded(announced, received):
        return Outcome(series, digest, classification, told, new_here=True)
    told += [*differences(announced, digest), *_other_labels(series, classification)]
    return Outcome(series, digest, classification, told, new_here=False)


def _announced(series: Series) -> SeriesDigest:
    """Return the digest of the site; the hashes of the objects that it will send stand with the instances."""
    assert series.digest is not None
    kept = {name: read_picture(series, name) for name in PICTURES if default_storage.exists(series.picture_path(name))}
    pictures = {name: np.asarray(Image.open(io.BytesIO(png))) for name, png in kept.items()}
    return SeriesDigest.from_json(series.digest, pictures)


def _other_labels(series: Series, now: Answer | None) -> Iterator[str]:
    """Yield where the ensemble says of the received pictures something else than of those of the site."""
    then = Classification.latest_of(series)
    if then is None or now is None:
        return
    for module, before, after in (
        ("body part", then.body_part["label"], now.body_part.label),
        ("contrast", then.contrast["label"], now.contrast.label),
    ):
        if before != after:
            yield f"The {module} is {_words(after)} by the received images, {_words(before)} by those of the site."


def _words(label: str | None) -> str:
    return (label or "not sure").replace("_", " ")


def _kept(digest: SeriesDigest | None, new_here: bool, series: Series) -> SeriesDigest | None:
    """Put the pictures of a series that had none into the storage, and let go of those of the others."""
    if digest is None:
        return None
    if new_here:
        series.digest_sha256 = digest.sha256
        keep_pictures(series, digest)
    return digest


def _keep(outcome: Outcome) -> None:
    series, digest = outcome.series, outcome.digest
    row: Classification | None = None
    if digest is not None and outcome.classification is not None:
        row = classification_row(series, digest, outcome.classification)
        row.save()
    series.received = {
        "same": not outcome.differences,
        "differences": outcome.differences,
        "checked_here": outcome.new_here,
        "digest_sha256": digest.sha256 if digest else "",
        "labels": {name: answer["label"] for name, answer in row.answers.items()} if row else {},
    }
    changed = ["received"]
    series.findings.filter(code=CODE).delete()
    found = [_finding(outcome.differences)] if outcome.differences else []
    if digest is not None and outcome.new_here:
        series.digest, series.digest_sha256 = digest.to_json(), digest.sha256
        changed += ["digest", "digest_sha256"]
        series.findings.all().delete()
        found += [*digest.findings, *check_series_rules(digest, outcome.classification)]
        pixels = {fact.sha256: fact.pixel_sha256 for fact in digest.instances}
        instances = list(series.instances.select_related("file"))
        for instance in instances:
            instance.pixel_sha256 = pixels.get(instance.sha256, "")
        Instance.objects.bulk_update(instances, ["pixel_sha256"], batch_size=500)
    Finding.objects.bulk_create(finding_row(each, series.submission_id, series) for each in found)
    series.save(update_fields=changed)


def _finding(told: list[str]) -> findings.Finding:
    return findings.Finding(
        CODE,
        Severity.WARN,
        f"What arrived is not quite what the site's check saw. {' '.join(told)} Look at the images before you decide.",
        expected="the images of the site's check",
        found="a difference",
    )
