"""`manage.py seed_demo`: stories are lived through the services, once, on the days that they tell."""

from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django.fixtures import Settings

from apps.accounts.models import Membership, User
from apps.audit.models import AuditEvent
from apps.audit.services import events_about
from apps.compliance.selectors import site_rows
from apps.demo.management.commands.seed_demo import Command
from apps.demo.seeding.desks import Deed, side_by_side
from apps.demo.seeding.drop import FIRST_TRY, READY_SCANS, SECOND_TRY, ReadyScan
from apps.demo.seeding.playing import play
from apps.demo.seeding.scans import STRAY_FILES
from apps.demo.seeding.stage import ANALYST_OF_SITE, REQUIRED_SERIES, set_stage
from apps.demo.seeding.stories import ENROLMENTS, S_CHEST, S_NECK, STORIES, Sending, Story, Until
from apps.imaging.headers import group_into_series, read_headers
from apps.imaging.sources import collect
from apps.intake.models import Series, Submission
from apps.intake.services import transfer
from apps.protocols.models import ImagingProtocol
from apps.queries.models import Query
from apps.reviews.models import Decision, LabelCorrection, ReviewCase
from apps.reviews.reasons import REASONS
from apps.trials.models import Site, Trial, Visit

SMALL_CHEST = replace(S_CHEST, matrix=48, thickness_mm=15.0)
SMALL_NECK = replace(S_NECK, matrix=48, thickness_mm=10.0)
RETURNED = Sending(
    99,
    "08:30",
    (SMALL_NECK, SMALL_CHEST),
    because="This is all there is.",
    verdict=Decision.Verdict.RETURN_TO_SITE,
    reasons=("series_missing",),
    review_hours=30,
)
OF_EVERY_END = (
    Story(
        "101-002",
        "Screening",
        "Returned, sent again, and waiting.",
        (RETURNED, Sending(90, "10:00", (SMALL_CHEST,), Until.TRANSFER)),
    ),
    Story("101-003", "Screening", "Taken back.", (Sending(105, "11:00", (SMALL_CHEST,), Until.WITHDRAWAL),)),
    Story("102-002", "Week 12", "Checked.", (Sending(0, "08:00", (SMALL_CHEST,), Until.CHECK),)),
    Story("102-001", "Week 24", "Half way.", (Sending(0, "08:00", (SMALL_CHEST,), Until.HALF_WAY),)),
    Story("103-003", "Screening", "Nothing came."),
)
READY = (ReadyScan("1-small", FIRST_TRY, "a chest", (SMALL_CHEST,), stray_files=True, zipped=True),)


class SmallDemo(Command):
    stories = OF_EVERY_END
    ready_scans = READY


@pytest.fixture(autouse=True)
def demo_folder(settings: Settings, tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    settings.VAR_DIR = tmp_path
    monkeypatch.delenv("DEMO_PASSWORD", raising=False)
    return tmp_path


def seed(stories: tuple[Story, ...] = OF_EVERY_END, ready: tuple[ReadyScan, ...] = ()) -> str:
    command, said = SmallDemo(), StringIO()
    command.stories, command.ready_scans = stories, ready
    call_command(command, inline=True, stdout=said)
    return said.getvalue()


def statuses(subject: str) -> list[str]:
    sent = Submission.objects.filter(visit__subject__screening_number=subject).order_by("pk")
    return list(sent.values_list("status", flat=True))


@pytest.mark.django_db(transaction=True)
def test_each_story_comes_as_far_as_it_tells() -> None:
    seed()
    assert statuses("101-002") == ["returned", "transferred"]
    assert statuses("101-003") == ["withdrawn"]
    assert statuses("102-002") == ["checked"]
    assert statuses("102-001") == ["sending"]
    assert statuses("103-003") == []
    assert set(Series.objects.values_list("status", flat=True)) == {"checked"}
    second = Submission.objects.get(status="transferred")
    assert second.replaces == Submission.objects.get(status="returned")
    assert second.cases.get().resubmitted


@pytest.mark.django_db(transaction=True)
def test_labels_are_the_ensembles_and_the_analyst_sets_them_right() -> None:
    seed(OF_EVERY_END[:1])
    neck = Series.objects.get(submission__status="returned", number=2)
    at_the_site, from_what_arrived = neck.classifications.all()
    assert at_the_site.body_part["label"] == from_what_arrived.body_part["label"] == "chest"
    correction = LabelCorrection.objects.get()
    assert (correction.series, correction.ensemble_label, correction.label) == (neck, "chest", "neck")
    assert correction.corrected_by.username == "anna"


@pytest.mark.django_db(transaction=True)
def test_lots_fall_as_the_story_tells_and_the_second_analyst_decides() -> None:
    sent = Sending(99, "08:30", (SMALL_CHEST,), because="This is all there is.", review_hours=5)
    refused = replace(sent, second=Decision.Verdict.REJECT, reasons=("artefacts",))
    seed(
        (
            Story("101-001", "Screening", "Hidden.", (replace(sent, days_ago=176, hidden=True),)),
            Story("101-002", "Screening", "Two agree.", (replace(sent, second=Decision.Verdict.ACCEPT),)),
            Story("101-003", "Screening", "Seen.", (replace(sent, days_ago=105, wrong_label=True),)),
            Story("102-002", "Screening", "Overlooked.", (replace(sent, wrong_label=True, overlooks=True),)),
            Story("103-002", "Screening", "Two differ.", (refused,)),
        )
    )
    subject = "submission__visit__subject__screening_number"
    cases = ReviewCase.objects.order_by(subject, "round")
    assert [
        (number, kind, arm, seeded is not None, status)
        for number, kind, arm, seeded, status in cases.values_list(subject, "kind", "arm", "seeded", "status")
    ] == [
        ("101-001", "first", "hidden", False, "decided"),
        ("101-002", "first", "shown", False, "decided"),
        ("101-002", "second", "shown", False, "decided"),
        ("101-003", "first", "shown", True, "decided"),
        ("102-002", "first", "shown", True, "decided"),
        ("102-002", "second", "shown", False, "decided"),
        ("103-002", "first", "shown", False, "decided"),
        ("103-002", "second", "shown", False, "decided"),
        ("103-002", "adjudication", "shown", False, "waiting"),
    ]
    assert statuses("102-002") == ["accepted"] and statuses("103-002") == ["transferred"]
    assert set(Decision.objects.values_list("decided_by__username", flat=True)) == {"anna", "ada", "abel", "aino"}


@pytest.mark.django_db(transaction=True)
def test_new_images_answer_the_query_of_a_return_and_the_analyst_closes_it() -> None:
    again = Sending(90, "10:00", (SMALL_CHEST,), because="This is all there is.")
    seed((Story("101-002", "Screening", "Returned and accepted.", (RETURNED, again)),))
    query = Query.objects.get()
    assert (query.status, query.opened_by.username) == ("closed", "anna")
    assert query.settled_at is not None and query.settled_at.date() < timezone.localdate() - timedelta(days=80)


@pytest.mark.django_db(transaction=True)
def test_what_happened_has_the_days_of_the_story_everywhere() -> None:
    seed(OF_EVERY_END[:1])
    submission = Submission.objects.get(status="returned")
    sent_on = timezone.localdate() - timedelta(days=99)
    assert submission.transferred_at is not None
    assert submission.transferred_at.date() == submission.created_at.date() == sent_on
    assert submission.decided_at is not None
    assert timedelta(hours=30) < submission.decided_at - submission.transferred_at < timedelta(hours=31)
    trail = list(events_about(submission, submission.cases.get()).order_by("pk"))
    assert [event.at for event in trail] == sorted(event.at for event in trail)
    assert trail[0].at.date() == sent_on
    assert trail[-1].at.date() == submission.decided_at.date() == submission.cases.get().decision.decided_at.date()
    assert 55 < submission.cases.get().decision.active_seconds < 75
    (row,) = (row for row in site_rows(submission.visit.trial, timezone.localdate()) if row.site.number == "101")
    assert row.counts["returned"] == 1
    assert row.median_turnaround is not None


@pytest.mark.django_db(transaction=True)
def test_a_second_run_changes_nothing() -> None:
    assert "already" not in seed(OF_EVERY_END[2:], READY)
    events = AuditEvent.objects.count()
    assert "already" in seed(OF_EVERY_END[2:], READY)
    assert AuditEvent.objects.count() == events


@pytest.mark.django_db(transaction=True)
def test_an_interrupted_run_is_completed(settings: Settings, demo_folder: Path) -> None:
    bundle, settings.IMAGEQC_BUNDLE = settings.IMAGEQC_BUNDLE, demo_folder / "nothing"
    with pytest.raises(CommandError, match="the next run goes on from here"):
        seed(OF_EVERY_END[:2])
    assert statuses("101-002") == ["checked"]
    settings.IMAGEQC_BUNDLE = bundle
    seed(OF_EVERY_END[:2])
    assert statuses("101-002") == ["returned", "transferred"]
    assert statuses("101-003") == ["withdrawn"]


@pytest.mark.django_db(transaction=True)
def test_a_story_goes_on_behind_a_transfer_whose_case_was_not_opened() -> None:
    today = set_stage(timezone.localdate(), "coreqc-demo")
    sending = Sending(99, "08:30", (SMALL_CHEST,), Until.CHECK)
    play(Story("101-002", "Screening", "Checked.", (sending,)), today, analyst="anna")
    submission = Submission.objects.get()
    transfer(submission, by=submission.created_by, because="This is all there is.")
    decided = Story("101-002", "Screening", "Accepted.", (replace(sending, until=Until.DECISION),))
    play(decided, today, analyst="anna")
    assert statuses("101-002") == ["accepted"]


@pytest.mark.django_db
def test_everybody_gets_the_password_that_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    today = timezone.localdate()
    set_stage(today, "coreqc-demo")
    set_stage(today, "another password")
    assert User.objects.count() == 9
    assert all(person.check_password("another password") for person in User.objects.all())


@pytest.mark.django_db
def test_an_installation_that_serves_people_is_left_alone(settings: Settings) -> None:
    del settings.VAR_DIR
    with pytest.raises(CommandError, match="make demo"):
        call_command("seed_demo")
    assert not User.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_scans_to_drop_can_be_read_and_an_unfinished_folder_is_made_anew(demo_folder: Path, tmp_path: Path) -> None:
    unfinished = demo_folder / "demo-scans" / ".1-small"
    unfinished.mkdir(parents=True)
    (unfinished / "half").write_bytes(b"")
    assert "1-small" in seed(stories=(), ready=READY)
    for path in (demo_folder / "demo-scans" / "1-small", demo_folder / "demo-scans" / "1-small.zip"):
        found = collect([path], tmp_path / f"unpacked-{path.suffix}")
        headers, refused = read_headers(found.files)
        assert len(group_into_series(headers)) == 1
        assert len(found.refused) + len(refused) == len(STRAY_FILES)
    assert not unfinished.exists()


def test_desks_work_side_by_side_and_pass_errors_on() -> None:
    deeds = [Deed("anna", "a", partial(int, "1")), Deed("abel", "b", partial(int, "one"))]
    with pytest.raises(ValueError, match="one"):
        list(side_by_side(deeds))


# --- The table of stories itself


@pytest.mark.django_db
def test_the_trail_of_the_demo_begins_with_the_trial_its_sites_its_protocol_and_its_roles() -> None:
    set_stage(timezone.localdate(), "coreqc-demo")
    added = set(AuditEvent.objects.values_list("action", "object_id"))
    made = [*Trial.objects.all(), *Site.objects.all(), *ImagingProtocol.objects.all(), *Membership.objects.all()]
    assert len(made) > 8
    assert {(f"{obj._meta.model_name}.added", str(obj.pk)) for obj in made} <= added
    assert not AuditEvent.objects.filter(new__has_key="password").exists()


@pytest.mark.django_db
def test_every_story_has_a_visit_and_sends_within_its_window() -> None:
    today = date(2026, 6, 1)
    set_stage(today, "coreqc-demo")
    for story in STORIES:
        visit = Visit.objects.get(subject__screening_number=story.subject, visit_type__name=story.visit_type)
        for sending in story.sendings:
            sent_on = today - timedelta(days=sending.days_ago)
            assert visit.opens_on <= sent_on <= visit.closes_on, story
            assert visit.subject.consented_on < sent_on - timedelta(days=sending.scanned_before), story
            assert set(sending.reasons) <= set(REASONS)
            assert bool(sending.reasons) == (sending.verdict != Decision.Verdict.ACCEPT), story
        decided = [sending for sending in story.sendings if sending.until == Until.DECISION]
        assert all(sending.days_ago * 24 > sending.review_hours + 24 for sending in decided), story


def test_the_stories_show_every_end_and_every_verdict() -> None:
    sendings = [sending for story in STORIES for sending in story.sendings]
    assert {sending.until for sending in sendings} == set(Until)
    assert {sending.verdict for sending in sendings} == set(Decision.Verdict)
    assert len({str(story) for story in STORIES}) == len(STORIES) >= 20
    assert {story.subject for story in STORIES} == {subject.screening_number for subject in ENROLMENTS}
    assert {story.subject.split("-")[0] for story in STORIES} == set(ANALYST_OF_SITE)


@pytest.mark.django_db
@pytest.mark.parametrize("subject", [FIRST_TRY, SECOND_TRY])
def test_the_visits_for_a_first_try_are_due_and_empty(subject: str) -> None:
    today = timezone.localdate()
    set_stage(today, "coreqc-demo")
    visit = Visit.objects.get(subject__screening_number=subject, visit_type__name="Screening")
    assert visit.timing(today) == "due"
    (story,) = (story for story in STORIES if (story.subject, story.visit_type) == (subject, "Screening"))
    assert not story.sendings
    assert any(ready.subject == subject for ready in READY_SCANS)


def test_scans_keep_the_limits_of_the_protocol_unless_the_story_is_about_that() -> None:
    limits = {body_part: thickest_mm for _, body_part, thickest_mm, _ in REQUIRED_SERIES}
    scans = [scan for story in STORIES for sending in story.sendings for scan in sending.scans if scan.region in limits]
    assert {scan.syntax for scan in scans} >= {"jpeg_ls", "jpeg_lossless", "explicit", "implicit"}
    assert all(scan.thickness_mm <= limits[scan.region] for scan in scans)
    assert any(scan.thickness_mm * scan.thicker > limits[scan.region] for scan in scans)
