"""A digest that was made at the site: kept and checked like one that was made here, while the images stay there."""

from collections.abc import Mapping
from uuid import uuid4

import numpy as np
from django.core.files.storage import default_storage
from django.db import transaction
from numpy.typing import NDArray

from apps.accounts.models import User
from apps.accounts.permissions import require
from apps.audit.lifecycle import Refused, advance, words
from apps.audit.services import record
from apps.imageqc.services.series import keep_pictures
from apps.imaging.digest import SeriesDigest
from apps.imaging.digest.assembling import Reading, assemble_digest
from apps.imaging.errors import BadReading
from apps.imaging.headers import SeriesFiles
from apps.imaging.vocabulary import PICTURE_SIZE, PICTURES
from apps.intake.bodies import NotUnderstood, unpacked
from apps.intake.models import Instance, ReceivedFile, Series, Submission
from apps.intake.permissions import may_edit
from apps.intake.services.precheck import AGAIN
from apps.intake.services.submissions import NOT_YOURS

PICTURE_BYTES = PICTURE_SIZE * PICTURE_SIZE
NOT_IN_SERIES = "belongs to no series any more: the site read the series again without it"

Pictures = Mapping[str, NDArray[np.uint8]]


def read_picture(packed: bytes) -> NDArray[np.uint8]:
    """Return a picture, uint8 (512, 512), from its gray levels row by row, with zlib around them."""
    gray = unpacked(packed, PICTURE_BYTES)
    if len(gray) != PICTURE_BYTES:
        raise NotUnderstood(f"A picture has not the size that it should have. {AGAIN}")
    return np.frombuffer(gray, np.uint8).reshape(PICTURE_SIZE, PICTURE_SIZE)


def record_digest(
    submission: Submission, series: SeriesFiles, reading: object, pictures: Pictures, *, by: User
) -> Series:
    """Keep the digest of one series that was read at the site, and announce its instances; nothing is checked yet.

    The same digest again changes nothing, another one of the same series takes its place. Of the instances, those
    whose objects are here already stay tied to them.

    Parameters
    ----------
    series
        The headers, as `read_series` gives them.
    reading
        What the browser found over the pixels, as JSON values.
    pictures
        Gray pictures by name, all that people are shown, or none where the series makes no volume.
    """
    require(may_edit(by, submission), NOT_YOURS)
    _refuse_unless_open(submission)
    try:
        announced = _announced(series, Reading.from_json(reading, series))
        digest = assemble_digest(series, reading, pictures)
    except BadReading as error:
        raise NotUnderstood(f"What was read of the series cannot be so: {error}. {AGAIN}") from None
    # Pictures first, outside of any lock: nobody looks for them before a row names them.
    own = {"submission": submission, "series_uid": series.series_uid, "patient_key": series.patient_key}
    known = Series.objects.filter(**own).first()
    place = Series(uuid=known.uuid if known else uuid4(), digest_sha256=digest.sha256)
    keep_pictures(place, digest)
    try:
        with transaction.atomic():
            # Held from here on: a transfer comes before or after, never between.
            _refuse_unless_open(Submission.objects.select_for_update(no_key=True).get(pk=submission.pk))
            stored, _ = Series.objects.select_for_update(no_key=True).get_or_create(
                **own, defaults={"origin": Series.Origin.SITE, "uuid": place.uuid}
            )
            if stored.origin != Series.Origin.SITE:
                raise Refused(f"The files of {stored.title} are here already; they need not be read again.")
            _replace(stored, digest, announced, by=by)
            if stored.uuid != place.uuid:
                # Another request made the row in this moment.
                keep_pictures(stored, digest)
    except Refused:
        if known is None or known.digest_sha256 != digest.sha256:
            _forget(picture_paths(place))
        raise
    return stored


def _replace(stored: Series, digest: SeriesDigest, announced: Mapping[str, Instance], *, by: User) -> None:
    """Put a digest in the place of the one at hand; the same one again changes nothing."""
    same = stored.digest_sha256 == digest.sha256
    there = set(stored.instances.values_list("sha256", flat=True))
    if same and there == announced.keys() and stored.status != Series.Status.FAILED:
        return
    outdated = [] if same else picture_paths(stored)
    if stored.status != Series.Status.WAITING:
        advance(stored, Series.Status.WAITING, by=None, failure="")
    _keep(stored, digest)
    _announce(stored, announced)
    new = {"digest": stored.digest_version, "instances": len(announced)}
    record("series.read_at_the_site", stored, by=by, new=new)
    transaction.on_commit(lambda: _forget(outdated))


def picture_paths(series: Series) -> list[str]:
    """Return where the storage keeps the pictures of the digest at hand."""
    return [series.picture_path(name) for name in PICTURES] if series.digest_sha256 else []


def _forget(paths: list[str]) -> None:
    for path in paths:
        default_storage.delete(path)


def _refuse_unless_open(submission: Submission) -> None:
    if submission.status not in Submission.TAKES_FILES:
        raise Refused(
            f"This submission is {words(submission.status)}; series can be added only before the transfer. "
            "Open the visit to see where it stands."
        )


def _announced(series: SeriesFiles, reading: Reading) -> dict[str, Instance]:
    """Return the instances that the reading announces, by the hash of their de-identified objects.

    The same bytes twice, under two names, are one object: it travels once.
    """
    return {
        fact.sha256: Instance(
            sop_instance_uid=fact.sop_instance_uid,
            sha256=fact.sha256,
            size=reading.sizes[header.path],
            pixel_sha256=fact.pixel_sha256,
        )
        for header, fact in zip(series.headers, reading.instances, strict=True)
    }


def _keep(series: Series, digest: SeriesDigest) -> None:
    series.study_uid = digest.study_uid
    series.description = digest.description[:120]
    series.number = digest.series_number
    series.modality = digest.modality[:16]
    series.digest, series.digest_sha256 = digest.to_json(), digest.sha256
    series.received = None
    series.save(update_fields=["study_uid", "description", "number", "modality", "digest", "digest_sha256", "received"])
    series.findings.all().delete()


def _announce(series: Series, announced: Mapping[str, Instance]) -> None:
    """Bring the instances of a series to what is announced; objects that are here already stay tied to theirs."""
    there = {instance.sha256: instance for instance in series.instances.select_related("file")}
    gone = [instance for sha256, instance in there.items() if sha256 not in announced]
    Instance.objects.filter(pk__in=[instance.pk for instance in gone]).delete()
    left = [instance.file_id for instance in gone if instance.file_id]
    ReceivedFile.objects.filter(pk__in=left).update(status=ReceivedFile.Status.REFUSED, reason=NOT_IN_SERIES)
    new = [instance for sha256, instance in announced.items() if sha256 not in there]
    for instance in new:
        instance.series = series
    Instance.objects.bulk_create(new, batch_size=500)
