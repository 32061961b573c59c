from collections.abc import Iterable
from dataclasses import dataclass

from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction

from apps.accounts.models import User
from apps.accounts.permissions import require
from apps.audit.lifecycle import Refused, StaleState, advance, words
from apps.audit.services import record
from apps.intake.models import ReceivedFile, Submission
from apps.intake.permissions import may_edit
from apps.intake.services.submissions import NOT_YOURS
from apps.intake.storage import store
from apps.jobs.services import enqueue

EMPTY = "is empty (0 bytes); export it again if it belongs to the scan"


@dataclass(frozen=True)
class Outcome:
    """What became of one file of a request: kept, there already, or refused with a sentence."""

    name: str
    kept: bool
    sentence: str = ""


def receive_files(
    submission: Submission, uploads: Iterable[tuple[str, UploadedFile]], *, by: User, more_to_come: bool = False
) -> list[Outcome]:
    """Keep files (given path, content) as they are; the same bytes are kept once, so sending again is harmless.

    Starts the check unless the sender says that more are to come.
    """
    require(may_edit(by, submission), NOT_YOURS)
    _refuse_unless_open(submission)
    outcomes = [_receive(submission, name, upload) for name, upload in uploads]
    kept = sum(outcome.kept for outcome in outcomes)
    with transaction.atomic():
        record("submission.files_received", submission, by=by, new={"sent": len(outcomes), "kept": kept})
    if not more_to_come:
        start_check(submission, by=by)
    return outcomes


def _receive(submission: Submission, name: str, upload: UploadedFile) -> Outcome:
    stored = store(submission, upload)
    empty = not stored.size
    try:
        with transaction.atomic():
            # Held for the moment of the insert: a file comes before a transfer or is refused after it.
            _refuse_unless_open(Submission.objects.select_for_update(no_key=True).get(pk=submission.pk))
            ReceivedFile.objects.create(
                submission=submission,
                given_name=name[-400:],
                stored_as=stored.name,
                size=stored.size,
                sha256=stored.sha256,
                status=ReceivedFile.Status.REFUSED if empty else ReceivedFile.Status.STORED,
                reason=EMPTY if empty else "",
            )
    except IntegrityError:
        kept_as = submission.files.get(sha256=stored.sha256).stored_as
        if stored.name != kept_as:
            default_storage.delete(stored.name)
        return Outcome(name, kept=False, sentence=f"This file {EMPTY if empty else 'had arrived already'}.")
    return Outcome(name, kept=not empty, sentence=f"This file {EMPTY}." if empty else "")


def start_check(submission: Submission, *, by: User) -> None:
    """Sort the files that have arrived and check the series that they make."""
    require(may_edit(by, submission), NOT_YOURS)
    _refuse_unless_open(submission)
    with transaction.atomic():
        if submission.status != Submission.Status.CHECKING:
            try:
                advance(submission, Submission.Status.CHECKING, by=by)
            except StaleState:
                # Another request of the same upload started the check in this moment.
                submission.refresh_from_db()
                _refuse_unless_open(submission)
        enqueue("intake.sort_files", submission.pk)


def _refuse_unless_open(submission: Submission) -> None:
    if submission.status not in Submission.TAKES_FILES:
        raise Refused(
            f"This submission is {words(submission.status)}; files can be added only before the transfer. "
            "Open the visit to begin a new submission."
        )
