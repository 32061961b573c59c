"""Reading studies in the state that a test starts from, and time that passes on them."""

from collections.abc import Sequence
from datetime import timedelta

from django.utils import timezone

from apps.accounts.models import User
from apps.reviews.services import claim
from apps.studies.candidates import ScanFilter
from apps.studies.models import Assignment, Reader, Reading, ReadingStudy
from apps.studies.services import add_all_scans, begin, choose_readers, create, read, set_references, start
from tests.cast import Cast
from tests.factories import waiting_case
from tests.signing import decide


def accepted_scans(cast: Cast) -> None:
    """Let Carla's and Chen's visits be accepted: four scans, chest and abdomen of each, with reference labels."""
    for visit, by in ((cast.visit, cast.carla), (cast.chens_visit, cast.chen)):
        case = waiting_case(visit, by=by)
        claim(case, by=cast.anna)
        decide(case, "accept", by=cast.anna)


def draft(cast: Cast, *, name: str = "Chest and abdomen", washout_days: int = 14) -> ReadingStudy:
    """Return a draft of Mira's without scans and analysts."""
    return create(cast.trial, name=name, washout_days=washout_days, by=cast.mira)


def ready_draft(cast: Cast, *, readers: Sequence[User] = ()) -> ReadingStudy:
    """Return a draft that can start: all scans that there are, Anna (or others) reads."""
    study = draft(cast)
    add_all_scans(study, ScanFilter(), by=cast.mira)
    choose_readers(study, list(readers) or [cast.anna], by=cast.mira)
    return study


def running(cast: Cast, *, readers: Sequence[User] = ()) -> ReadingStudy:
    """Return a study that has started with four scans."""
    accepted_scans(cast)
    study = ready_draft(cast, readers=readers)
    start(study, by=cast.mira)
    return study


def reader_of(study: ReadingStudy, analyst: User) -> Reader:
    return Reader.objects.select_related("study", "analyst").get(study=study, analyst=analyst)


def silent_for(assignment: Assignment, seconds: float) -> None:
    """Let the last sign of work on a scan lie `seconds` back."""
    Assignment.objects.filter(pk=assignment.pk).update(last_beat_at=timezone.now() - timedelta(seconds=seconds))


def at_hand(study: ReadingStudy, analyst: User) -> Assignment:
    """Let the analyst begin or go on, and return the scan at hand with its clock running."""
    begun = begin(reader_of(study, analyst), by=analyst)
    return Assignment.objects.with_context().get(pk=begun.pk)


def reading_at_hand(cast: Cast) -> Assignment:
    """Return the scan that Anna has at hand in a study of all scans at the core lab, whoever decided on them."""
    study = draft(cast)
    add_all_scans(study, ScanFilter(), by=cast.mira)
    references = {scan.pk: {"body_part": "chest", "contrast": "enhanced"} for scan in study.scans.all()}
    set_references(study, references, by=cast.mira)
    choose_readers(study, [cast.anna], by=cast.mira)
    start(study, by=cast.mira)
    return at_hand(study, cast.anna)


def read_rightly(assignment: Assignment, *, seconds: float) -> None:
    """Read a scan with the reference labels, after so many seconds by the server's clock."""
    silent_for(assignment, seconds)
    fresh = Assignment.objects.with_context().get(pk=assignment.pk)
    scan = fresh.scan
    read(fresh, body_part=scan.body_part, contrast=scan.contrast, by=fresh.reader.analyst)


def read_session(study: ReadingStudy, analyst: User, *, seconds: float) -> None:
    """Read every scan of the session that is open, each in so many seconds."""
    reader = reader_of(study, analyst)
    arm = at_hand(study, analyst).arm
    for _ in range(reader.assignments.filter(arm=arm, reading=None).count()):
        read_rightly(at_hand(study, analyst), seconds=seconds)


def read_without_the_clock(
    study: ReadingStudy, seconds: dict[tuple[int, str], Sequence[float]], *, days_ago: float = 0
) -> None:
    """Keep readings with these seconds per analyst (primary key) and arm, in the scans' order; all labels right."""
    read_at = timezone.now() - timedelta(days=days_ago)
    for (analyst, arm), times in seconds.items():
        assignments = Assignment.objects.filter(reader__study=study, reader__analyst=analyst, arm=arm).order_by("scan")
        Reading.objects.bulk_create(
            Reading(
                assignment=assignment,
                body_part=assignment.scan.body_part,
                contrast=assignment.scan.contrast,
                active_seconds=time,
                read_at=read_at,
            )
            for assignment, time in zip(assignments.select_related("scan"), times, strict=True)
        )
