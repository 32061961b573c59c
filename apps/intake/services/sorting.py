from django.db import transaction

from apps.audit.lifecycle import advance
from apps.imaging.headers import group_into_series, read_headers
from apps.intake.models import ReceivedFile, Submission
from apps.intake.storage import local_paths
from apps.jobs.services import Lease, enqueue

TASK = "intake.sort_files"


def sort_files(submission: Submission, lease: Lease) -> None:
    """Bring every file that has arrived into a series, or give the reason why it belongs to none.

    Safe to run twice and while more files arrive; the series that gained an instance are checked again.
    """
    if submission.status not in Submission.BEFORE_TRANSFER:
        return
    for archive in submission.files.filter(status=ReceivedFile.Status.STORED):
        _unpack(submission, archive)
    arrived = submission.files.filter(status=ReceivedFile.Status.STORED)
    with local_paths(arrived) as paths:
        headers, refused = read_headers(list(paths))
        found = group_into_series(headers)
    with transaction.atomic():
        lease.confirm()
        for group in found:
            _add_to_series(submission, group, paths)
        for file in refused:
            _refuse(paths[file.path], file.reason)
    for series in submission.series.unfinished():
        enqueue("imageqc.check_series", series.pk)
    submission.refresh_from_db()
    if submission.status == Submission.Status.CHECKED and submission.series.unfinished().exists():
        advance(submission, Submission.Status.CHECKING, by=None)
    enqueue("imageqc.match_slots", submission.pk)
