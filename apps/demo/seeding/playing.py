"""Plays a story: people and worker do through the services what the story tells, on the days that it names."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.accounts.identity import Confirmation
from apps.accounts.models import Role, User
from apps.audit.models import AuditEvent
from apps.audit.services import record
from apps.demo.seeding.clock import StoryClock
from apps.demo.seeding.lots import lots_of
from apps.demo.seeding.scans import FIRST_NUMBER, Scan, export
from apps.demo.seeding.site import send_digests, send_objects
from apps.demo.seeding.stage import PROTOCOL_NUMBER, SECOND_OF_ANALYST
from apps.demo.seeding.stories import Sending, Story, Until
from apps.demo.seeding.work import do_work
from apps.imageqc.services import choose_slot
from apps.intake.models import Series, Submission
from apps.intake.services import begin_submission, start_check, transfer, withdraw
from apps.notices.models import Notice
from apps.notices.services import mark_read
from apps.queries.models import Query
from apps.queries.services import close
from apps.reviews.models import Decision, ReviewCase
from apps.reviews.services import beat, claim, correct_label, decide
from apps.trials.models import Visit

PLAYED = "visit.demo_story_played"
"""The audit event that closes a story: what it tells is demo data, and it is not played again."""

LOOKS_RIGHT = "We looked at the thumbnails: this is the scan that the protocol asks for."
"""What a coordinator answers where the check is wrong or not sure of a scan that is right."""

READS_WITHIN_DAYS = 7
"""Notices of the days before have been read by the coordinator; those since then wait beside the bell."""

BEAT = timedelta(seconds=10)

SECOND_AFTER = timedelta(hours=4)
"""From the first review to the second."""


def is_played(story: Story) -> bool:
    """Return whether a story has been played to its end."""
    return AuditEvent.objects.filter(
        action=PLAYED, object_type=Visit._meta.label_lower, object_id=str(_visit(story).pk)
    ).exists()


def play(story: Story, today: date, *, analyst: str) -> None:
    """Play a story to its end; one that was interrupted goes on where it stopped."""
    clock, visit = StoryClock(), _visit(story)
    with clock.running():
        for number, sending in enumerate(story.sendings):
            clock.set(datetime.combine(today - timedelta(days=sending.days_ago), time.fromisoformat(sending.at), UTC))
            begun = visit.submissions.order_by("pk")
            submission = begun[number] if number < begun.count() else begin_submission(visit, by=_coordinator(visit))
            with lots_of(sending):
                _send(submission, sending, clock, today)
            if sending.until == Until.DECISION:
                _review(submission, sending, clock, analyst)
            if sending.days_ago > READS_WITHIN_DAYS:
                mark_read(Notice.objects.about(visit), by=_coordinator(visit))
    with transaction.atomic():
        record(PLAYED, visit, by=None, new={"story": story.sentence})


def _visit(story: Story) -> Visit:
    return Visit.objects.get(
        subject__site__trial__protocol_number=PROTOCOL_NUMBER,
        subject__screening_number=story.subject,
        visit_type__name=story.visit_type,
    )


def _coordinator(visit: Visit) -> User:
    return User.objects.get(memberships__role=Role.CRC, memberships__site=visit.subject.site)


def _send(submission: Submission, sending: Sending, clock: StoryClock, today: date) -> None:
    """Bring a submission as far as the site brings it."""
    if submission.status not in Submission.BEFORE_TRANSFER:
        do_work(submission, clock)
        return
    crc = _coordinator(submission.visit)
    with TemporaryDirectory(dir=settings.FILE_UPLOAD_TEMP_DIR) as folder:
        scanned_on = today - timedelta(days=sending.days_ago + sending.scanned_before)
        export(
            Path(folder),
            sending.scans,
            subject=submission.visit.subject.screening_number,
            acquired=scanned_on,
            stray_files=sending.stray_files,
        )
        files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        if submission.status != Submission.Status.SENDING:
            send_digests(submission, files, by=crc)
            start_check(submission, by=crc)
            do_work(submission, clock)
            if sending.until == Until.WITHDRAWAL:
                clock.forward(timedelta(minutes=3))
                withdraw(submission, by=crc, because=sending.because)
                return
            _place_by_hand(submission, sending, crc)
            if sending.until == Until.CHECK:
                return
            clock.forward(timedelta(minutes=4))
            transfer(submission, by=crc, because=(sending.because or LOOKS_RIGHT) if submission.blockers else "")
        send_objects(submission, files, by=crc, share=0.5 if sending.until == Until.HALF_WAY else 1.0)
    do_work(submission, clock)


def _place_by_hand(submission: Submission, sending: Sending, crc: User) -> None:
    """Let the coordinator choose the series of a slot that the check left empty although its scan was sent."""
    for slot in list(submission.slots.filter(series=None).select_related("required")):
        for series, scan in _scans(submission, sending):
            if scan.region == slot.required.body_part:
                choose_slot(series, slot.required, by=crc)
    submission.refresh_from_db()


def _scans(submission: Submission, sending: Sending) -> Iterator[tuple[Series, Scan]]:
    """Yield each series with the scan that it is in truth."""
    for number, scan in enumerate(sending.scans, start=FIRST_NUMBER):
        yield submission.series.get(number=number), scan


def _review(submission: Submission, sending: Sending, clock: StoryClock, analyst: str) -> None:
    """Let the analyst decide, and the second one where a second review is due."""
    first = ReviewCase.objects.get(submission=submission, kind=ReviewCase.Kind.FIRST)
    clock.forward(timedelta(hours=sending.review_hours))
    _decide(first, sending, clock, User.objects.get(username=analyst))
    second = ReviewCase.objects.filter(submission=submission, kind=ReviewCase.Kind.SECOND).first()
    if second:
        clock.forward(SECOND_AFTER)
        by = User.objects.get(username=SECOND_OF_ANALYST[analyst])
        verdict, note = sending.second or sending.verdict, sending.second_note
        _decide(second, replace(sending, verdict=verdict, note=note, overlooks=False), clock, by)
    do_work(submission, clock)
    _close_queries(submission, analyst)


def _decide(case: ReviewCase, sending: Sending, clock: StoryClock, analyst: User) -> None:
    """Let an analyst look at a case, set right what its labels get wrong, and decide."""
    if case.status == ReviewCase.Status.DECIDED:
        return
    claim(case, by=analyst)
    for _ in range(round(timedelta(minutes=sending.minutes_of_work) / BEAT)):
        clock.forward(BEAT)
        beat(case, by=analyst)
    for series, scan in _scans(case.submission, sending):
        _correct(case, series, scan, analyst, overlooks=sending.overlooks)
    signed = Confirmation(analyst.pk, timezone.now(), just_now=True)
    reasons = () if sending.verdict == Decision.Verdict.ACCEPT else sending.reasons
    decide(case, sending.verdict, by=analyst, confirmed=signed, reasons=reasons, note=sending.note)


def _correct(case: ReviewCase, series: Series, scan: Scan, analyst: User, *, overlooks: bool) -> None:
    """Set the labels of a series that are not as the scan is; one that is wrong on purpose may be overlooked.

    Where labels are hidden, there is nothing to set right.
    """
    if case.arm == ReviewCase.Arm.HIDDEN:
        return
    truth = {"body_part": scan.region, "contrast": "enhanced" if scan.enhanced else "non_contrast"}
    said = series.classifications.first()
    corrected = set(case.corrections.filter(series=series).values_list("module", flat=True))
    for module, label in truth.items():
        seed = case.seeded
        wrong_on_purpose = seed is not None and (seed["series"], seed["module"]) == (series.pk, module)
        right = said is not None and getattr(said, module)["label"] == label
        if overlooks if wrong_on_purpose else right:
            continue
        if module not in corrected:
            correct_label(case, series, module, label, by=analyst)


def _close_queries(submission: Submission, analyst: str) -> None:
    """Let the analyst settle what these images have answered."""
    answered = Query.objects.filter(answered_by_submission=submission, status=Query.Status.ANSWERED)
    for query in answered:
        close(query, by=User.objects.get(username=analyst))
