from collections.abc import Mapping
from pathlib import Path

from django.conf import settings
from django.core.files.base import File
from django.db import IntegrityError, transaction

from apps.audit.lifecycle import advance
from apps.imaging.headers import SeriesFiles, group_into_series, read_headers
from apps.imaging.sources import collect
from apps.imaging.sources.archives import is_zip
from apps.intake.models import Instance, ReceivedFile, Series, Submission
from apps.intake.services.verifying import forget, quarantine, verify_files
from apps.intake.storage import local_paths, scratch_folder, store
from apps.jobs.models import Job
from apps.jobs.services import Lease, enqueue

TASK = "intake.sort_files"


def sort_files(submission: Submission, lease: Lease) -> None:
    """Bring every file that has arrived into a series, or give the reason why it belongs to none.

    Files that may still say who the patient is are set aside, where `VERIFY_DEIDENTIFICATION` asks for it.
    Safe to run twice and while more files arrive. Series that gained an instance, and those whose check had failed,
    are checked again.
    """
    if submission.status not in Submission.TAKES_FILES:
        return
    _unpack(submission)
    with local_paths(submission.files.filter(status=ReceivedFile.Status.STORED)) as paths:
        files = {str(file.pk): file for file in paths.values()}
        headers, refused = read_headers(paths, names={path: str(file.pk) for path, file in paths.items()})
        failed = verify_files(submission, headers, paths) if settings.VERIFY_DEIDENTIFICATION else {}
        headers = [header for header in headers if header.path not in failed]
        with transaction.atomic():
            lease.confirm()
            # Held from here on: a check or a matching that ends in this moment, and a file that arrives, comes before
            # or after, never between.
            submission = Submission.objects.select_for_update(no_key=True).get(pk=submission.pk)
            for one in refused:
                _refuse(files[one.name], one.reason)
            former = [quarantine(paths[path], reason) for path, reason in failed.items()]
            for group in group_into_series(headers):
                _add_to_series(submission, group, paths)
            for series in submission.series.filter(status=Series.Status.FAILED):
                advance(series, Series.Status.WAITING, by=None, failure="")
            if submission.status == Submission.Status.CHECKED and submission.series.unfinished().exists():
                advance(submission, Submission.Status.CHECKING, by=None)
        forget(former)
    for series in submission.series.unfinished():
        enqueue("imageqc.check_series", series.pk)
    enqueue("imageqc.match_slots", submission.pk)


def sorting_failed(submission: Submission, sentence: str) -> None:
    """Let the coordinator see why the files could not be sorted."""
    if submission.status == Submission.Status.CHECKING:
        again = f"{sentence} The files are kept: press Check again, and if it stops again tell the core lab."
        advance(submission, Submission.Status.CHECKED, by=None, blockers=[again])


def is_sorting(submission: Submission) -> bool:
    """Return whether files of this submission are being sorted, or are about to be.

    A sorting that has written its result but not yet closed its job counts no more: nobody would ask again after it.
    """
    jobs = Job.objects.filter(task=TASK, object_id=submission.pk)
    if jobs.filter(status=Job.Status.QUEUED).exists():
        return True
    unsorted = submission.files.filter(status=ReceivedFile.Status.STORED)
    return unsorted.exists() and jobs.filter(status=Job.Status.RUNNING).exists()


def _unpack(submission: Submission) -> None:
    """Keep the members of each zip as files of their own, under the zip's name."""
    with local_paths(submission.files.filter(status=ReceivedFile.Status.STORED)) as paths:
        for path, archive in paths.items():
            if not is_zip(path):
                continue
            with scratch_folder() as folder:
                found = collect([path], folder)
                inside = f"{path.name}: "
                for member in found.files:
                    _keep_member(archive, found.names[member].removeprefix(inside), member)
            whole = [refused for refused in found.refused if refused.name == path.name]
            if whole:
                _refuse(archive, whole[0].reason)
                continue
            archive.status = ReceivedFile.Status.UNPACKED
            archive.reason = "\n".join(refused.sentence.removeprefix(inside) for refused in found.refused)
            archive.save(update_fields=["status", "reason"])


def _keep_member(archive: ReceivedFile, name: str, path: Path) -> None:
    with path.open("rb") as content:
        stored = store(archive.submission, File(content))
    try:
        with transaction.atomic():
            ReceivedFile.objects.create(
                submission=archive.submission,
                given_name=f"{archive.given_name}/{name}"[-400:],
                stored_as=stored.name,
                size=stored.size,
                sha256=stored.sha256,
            )
    except IntegrityError:
        # The same bytes arrived before, in this zip or beside it.
        return


def _add_to_series(submission: Submission, group: SeriesFiles, paths: Mapping[Path, ReceivedFile]) -> None:
    series, new = Series.objects.select_for_update(no_key=True).get_or_create(
        submission=submission,
        series_uid=group.series_uid,
        patient_key=group.patient_key,
        defaults={
            "study_uid": group.study_uid,
            "description": group.description[:120],
            "number": group.number,
            "modality": group.modality,
        },
    )
    files = [paths[header.path] for header in group.headers]
    Instance.objects.bulk_create(
        (
            Instance(series=series, file=paths[header.path], sop_instance_uid=header.sop_instance_uid)
            for header in group.headers
        ),
        batch_size=500,
    )
    ReceivedFile.objects.filter(pk__in=[file.pk for file in files]).update(status=ReceivedFile.Status.SORTED)
    if not new and series.status != Series.Status.WAITING:
        advance(series, Series.Status.WAITING, by=None, failure="")


def _refuse(file: ReceivedFile, reason: str) -> None:
    file.status = ReceivedFile.Status.REFUSED
    file.reason = reason
    file.save(update_fields=["status", "reason"])
