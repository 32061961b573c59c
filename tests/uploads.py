"""A coordinator's upload of files that lie on this machine, checked by a worker that runs here and now."""

from collections.abc import Iterable
from pathlib import Path

from django.core.files.uploadedfile import SimpleUploadedFile

from apps.accounts.models import User
from apps.intake.models import Submission
from apps.intake.services import begin_submission, receive_files
from apps.trials.models import Visit
from tests.work import run_jobs


def upload(paths: Iterable[Path]) -> list[tuple[str, SimpleUploadedFile]]:
    """Return files as a request brings them: the path in the chosen folder and the content."""
    return [(f"{path.parent.name}/{path.name}", SimpleUploadedFile(path.name, path.read_bytes())) for path in paths]


def sent(visit: Visit, paths: Iterable[Path], *, by: User) -> Submission:
    """Return the visit's submission after these files were received and all that they set off has run."""
    submission = begin_submission(visit, by=by)
    receive_files(submission, upload(paths), by=by)
    run_jobs()
    submission.refresh_from_db()
    return submission
