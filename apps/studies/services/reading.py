"""What an analyst does in a study: begin or go on, read a scan, pause. The server's clock alone counts."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.permissions import require
from apps.audit.lifecycle import Refused
from apps.reviews.clock import IDLE_AFTER, active_gap
from apps.reviews.labels import labels_to_choose
from apps.studies.models import Assignment, Reader, Reading, ReadingStudy
from apps.studies.permissions import may_read
from apps.studies.progress import sessions_of
from apps.studies.schedule import open_session

NOT_YOURS = "Only the analyst to whom a scan was given reads it."
NOT_NOW = "This scan is not the one to read now. Go to your readings to see which is."
CLOCK_STOOD = "The clock stood still, so nothing was saved. Go on, and choose the labels with the pictures in view."
KEPT = "This scan was read already; a reading is kept once and never changed."


def current_assignment(reader: Reader) -> Assignment | None:
    """Return what a reader reads next: the first unread scan of the session that is open; None when none is."""
    session = open_session(sessions_of(reader), timezone.now())
    if session is None:
        return None
    left = reader.assignments.filter(arm=session.arm).unread()
    return left.with_context().order_by("place").first()


def begin(reader: Reader, *, by: User) -> Assignment:
    """Let the clock of the next scan run, or run on after a pause."""
    require(reader.analyst_id == by.pk, NOT_YOURS)
    assignment = current_assignment(reader)
    if assignment is None:
        raise Refused("Nothing is open to read in this study now. Your readings say when the next session opens.")
    require(may_read(by, assignment), NOT_YOURS)
    _run_clock(assignment, timezone.now())
    return assignment


def beat(assignment: Assignment, *, by: User) -> float:
    """Note a sign of work on the scan at hand and return its active seconds so far."""
    _at_hand(assignment, by)
    if assignment.last_beat_at is None:
        raise Refused(CLOCK_STOOD)
    _count(assignment, timezone.now())
    return Assignment.objects.values_list("active_seconds", flat=True).get(pk=assignment.pk)


def pause(assignment: Assignment, *, by: User) -> None:
    """Count what was worked until now and let the clock stand, because the pictures are out of view."""
    _at_hand(assignment, by)
    _count(assignment, timezone.now())
    Assignment.objects.filter(pk=assignment.pk).unread().update(last_beat_at=None)


def read(assignment: Assignment, *, body_part: str, contrast: str, by: User) -> Assignment | None:
    """Keep what the analyst saw, for good, and let the clock of the next scan run; None after the last one."""
    _at_hand(assignment, by)
    answers = assignment.scan.classification.answers
    given = {"body_part": body_part, "contrast": contrast}
    if any(label not in labels_to_choose(module, answers[module]) for module, label in given.items()):
        raise Refused("Choose the body part and the contrast, one label each.")
    now = timezone.now()
    if not clock_runs(assignment, now):
        raise Refused(CLOCK_STOOD)
    _count(assignment, now)
    try:
        with transaction.atomic():
            # Held, so that the study is not closed between this look and the reading.
            running = ReadingStudy.objects.select_for_update().filter(
                pk=assignment.reader.study_id, status=ReadingStudy.Status.RUNNING
            )
            if not running.exists():
                raise Refused("This study was closed a moment ago, so this reading was not kept.")
            seconds = Assignment.objects.values_list("active_seconds", flat=True).get(pk=assignment.pk)
            Reading.objects.create(assignment=assignment, **given, active_seconds=seconds, read_at=now)
            following = current_assignment(assignment.reader)
            if following is not None:
                _run_clock(following, now)
    except IntegrityError:
        raise Refused(KEPT) from None
    return following


def clock_runs(assignment: Assignment, now: datetime) -> bool:
    """Whether the pictures are in view with the clock running: a sign of work came within the idle limit."""
    return assignment.last_beat_at is not None and now - assignment.last_beat_at <= IDLE_AFTER


def _run_clock(assignment: Assignment, now: datetime) -> None:
    """Start the clock; the time since the last sign counts only if the clock still ran."""
    if clock_runs(assignment, now):
        _count(assignment, now)
        return
    # Only where it stands as it was seen: another tab may have started it in between.
    standing = Assignment.objects.filter(pk=assignment.pk, last_beat_at=assignment.last_beat_at).unread()
    standing.update(last_beat_at=now, opened_at=assignment.opened_at or now)


def _count(assignment: Assignment, now: datetime) -> None:
    """Add the gap since the last sign of work; two tabs do not count it twice."""
    if assignment.last_beat_at is None:
        return
    Assignment.objects.filter(pk=assignment.pk, last_beat_at=assignment.last_beat_at).unread().update(
        last_beat_at=now, active_seconds=F("active_seconds") + active_gap(assignment.last_beat_at, now)
    )


def _at_hand(assignment: Assignment, by: User) -> None:
    """Refuse unless this is what `by` has to read now."""
    require(may_read(by, assignment), NOT_YOURS)
    if Reading.objects.filter(assignment=assignment).exists():
        raise Refused(KEPT)
    current = current_assignment(assignment.reader)
    if current is None or current.pk != assignment.pk:
        raise Refused(NOT_NOW)
