"""The slot board: what fills what, what speaks against the submission, and what the coordinator chooses."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from apps.audit.lifecycle import Refused
from apps.audit.services import events_about
from apps.imageqc.models import SlotMatch
from apps.imageqc.registry import current_bundle
from apps.imageqc.services import choose_slot, leave_to_check, match_slots, matching_failed
from apps.intake.models import Submission
from apps.intake.services import begin_submission, receive_files, transfer, withdraw
from apps.jobs.models import Job
from apps.jobs.services import claim
from apps.protocols.models import RequiredSeries
from apps.trials.services import enrol_subject
from tests.cast import BASELINE, Cast
from tests.factories import waiting_case
from tests.imaging.tiny_bundle import write_tiny_bundle
from tests.phantoms import cube_and_rod, write_series
from tests.uploads import sent, upload
from tests.work import run_job

pytestmark = pytest.mark.usefixtures("tiny_bundle")


def slot(submission: Submission, name: str) -> SlotMatch:
    return submission.slots.get(required__slot=name)


def codes(submission: Submission) -> set[str]:
    return set(submission.findings.filter(series=None).values_list("code", flat=True))


def required(cast: Cast, name: str) -> RequiredSeries:
    return cast.protocol.required_series.get(slot=name)


def test_the_board_says_what_is_filled_and_what_is_missing(cast: Cast, tmp_path: Path) -> None:
    submission = sent(cast.visit, write_series(tmp_path, cube_and_rod()), by=cast.carla)
    chest, abdomen = slot(submission, "chest"), slot(submission, "abdomen_pelvis")
    assert (chest.state, chest.series) == ("ok", submission.series.get())
    assert (abdomen.state, abdomen.series) == ("missing", None)
    assert any("Abdomen-pelvis CT with contrast is missing" in sentence for sentence in submission.blockers)


def test_a_series_that_fills_nothing_says_why(cast: Cast, tmp_path: Path) -> None:
    scans = [path for number in (1, 2) for path in write_series(tmp_path / str(number), cube_and_rod(), series=number)]
    submission = sent(cast.visit, scans, by=cast.carla)
    unused = submission.series.exclude(pk=slot(submission, "chest").series_id).get()
    assert unused.unused_because
    assert slot(submission, "chest").series is not None


def test_two_patients_in_one_drop_block(cast: Cast, tmp_path: Path) -> None:
    scans = write_series(tmp_path / "a", cube_and_rod())
    scans += write_series(tmp_path / "b", cube_and_rod(), series=2, common={"PatientID": "PH-0002"})
    submission = sent(cast.visit, scans, by=cast.carla)
    assert "two_patients" in codes(submission)
    with pytest.raises(Refused, match="give the reason"):
        transfer(submission, by=cast.carla)


def test_a_scan_sent_for_another_subject_blocks_and_a_strange_sites_subject_is_not_named(
    cast: Cast, tmp_path: Path
) -> None:
    scan = write_series(tmp_path, cube_and_rod())
    sent(cast.chens_visit, scan, by=cast.chen)
    submission = sent(cast.visit, scan, by=cast.carla)
    finding = submission.findings.get(code="other_subject")
    assert "a subject of another site" in finding.sentence
    assert "102-001" not in finding.sentence
    assert finding.sentence in submission.blockers


def test_a_scan_sent_for_another_subject_of_the_same_site_names_it(cast: Cast, tmp_path: Path) -> None:
    subject = enrol_subject(cast.site, "101-002", consented_on=BASELINE, baseline_on=BASELINE, by=cast.root)
    scan = write_series(tmp_path, cube_and_rod())
    sent(subject.visits.get(), scan, by=cast.carla)
    submission = sent(cast.visit, scan, by=cast.carla)
    assert "subject 101-002" in submission.findings.get(code="other_subject").sentence


def test_the_same_pixels_under_new_uids_are_found_too(cast: Cast, tmp_path: Path) -> None:
    voxels = cube_and_rod()
    voxels[:, 8, 8] += range(voxels.shape[0])
    sent(cast.chens_visit, write_series(tmp_path / "a", voxels), by=cast.chen)
    submission = sent(cast.visit, write_series(tmp_path / "b", voxels, study=2, series=9), by=cast.carla)
    assert "other_subject" in codes(submission)


def test_what_was_withdrawn_is_no_reason_against_sending_it_where_it_belongs(cast: Cast, tmp_path: Path) -> None:
    scan = write_series(tmp_path, cube_and_rod())
    withdraw(sent(cast.chens_visit, scan, by=cast.chen), by=cast.chen)
    assert "other_subject" not in codes(sent(cast.visit, scan, by=cast.carla))


def test_the_board_waits_for_files_that_are_still_sorted(cast: Cast, tmp_path: Path) -> None:
    submission = sent(cast.visit, write_series(tmp_path / "a", cube_and_rod()), by=cast.carla)
    receive_files(submission, upload(write_series(tmp_path / "b", cube_and_rod(), series=2)), by=cast.carla)
    Job.objects.create(task="imageqc.match_slots", object_id=submission.pk, not_before=submission.created_at)
    run_job(Job.objects.get(task="imageqc.match_slots", status=Job.Status.QUEUED))
    submission.refresh_from_db()
    assert submission.status == Submission.Status.CHECKING


def test_a_board_that_cannot_be_made_leaves_a_way_on(cast: Cast) -> None:
    submission = begin_submission(cast.visit, by=cast.carla)
    Submission.objects.update(status=Submission.Status.CHECKING)
    submission.refresh_from_db()
    matching_failed(submission, "The check stopped.")
    assert (submission.status, submission.blockers) == ("checked", ["The check stopped. Press Check again."])


def test_a_late_matching_does_not_touch_what_was_transferred(cast: Cast) -> None:
    submission = waiting_case(cast.visit, by=cast.carla).submission
    before = list(submission.slots.values())
    job = Job.objects.create(task="imageqc.match_slots", object_id=submission.pk, not_before=submission.created_at)
    lease = claim(job.pk)
    assert lease is not None
    match_slots(submission, lease)
    assert list(submission.slots.values()) == before
    assert submission.status == Submission.Status.TRANSFERRED


def test_a_coordinator_chooses_a_series_and_the_board_says_what_it_means(cast: Cast, tmp_path: Path) -> None:
    submission = sent(cast.visit, write_series(tmp_path, cube_and_rod()), by=cast.carla)
    series = submission.series.get()
    choose_slot(series, required(cast, "abdomen_pelvis"), by=cast.carla)
    chosen = slot(submission, "abdomen_pelvis")
    assert (chosen.series, chosen.state) == (series, "problem")
    assert "you chose" in chosen.sentence
    assert slot(submission, "chest").state == "missing"
    event = events_about(series).first()
    assert event is not None
    assert (event.action, event.new, event.actor) == ("series.slot_chosen", {"slot": "abdomen_pelvis"}, cast.carla)


def test_a_choice_is_taken_back(cast: Cast, tmp_path: Path) -> None:
    submission = sent(cast.visit, write_series(tmp_path, cube_and_rod()), by=cast.carla)
    choose_slot(submission.series.get(), required(cast, "abdomen_pelvis"), by=cast.carla)
    leave_to_check(submission, required(cast, "abdomen_pelvis"), by=cast.carla)
    assert slot(submission, "chest").state == "ok"
    submission.refresh_from_db()
    assert len(submission.blockers) == 1


def test_a_second_choice_for_a_slot_replaces_the_first(cast: Cast, tmp_path: Path) -> None:
    scans = [path for number in (1, 2) for path in write_series(tmp_path / str(number), cube_and_rod(), series=number)]
    submission = sent(cast.visit, scans, by=cast.carla)
    for series in submission.series.all():
        choose_slot(series, required(cast, "chest"), by=cast.carla)
    assert slot(submission, "chest").series == submission.series.last()
    assert submission.series.filter(chosen_slots__isnull=False).count() == 1


@pytest.fixture
def trunk_bundle(tiny_bundle: Path, settings: Settings, tmp_path: Path) -> Iterator[None]:
    """A bundle that sees the chest above and abdomen and pelvis below in every series, and calls it a chest."""
    covers = {"chest": (0.0, 0.4), "abdomen": (0.4, 0.7), "pelvis": (0.7, 1.0)}
    settings.IMAGEQC_BUNDLE = write_tiny_bundle(tmp_path / "trunk", coverage=covers)
    current_bundle.cache_clear()
    yield
    current_bundle.cache_clear()


def trunk(folder: Path) -> list[Path]:
    """Write a series that is long enough for three regions of 150 mm."""
    return write_series(folder, cube_and_rod(), spacing_mm=(60.0, 0.8, 0.7), common={"SliceThickness": 5.0})


@pytest.mark.usefixtures("trunk_bundle")
def test_one_series_from_chest_to_pelvis_fills_two_slots(cast: Cast, tmp_path: Path, client: Client) -> None:
    submission = sent(cast.visit, trunk(tmp_path), by=cast.carla)
    series = submission.series.get()
    assert [(match.series, match.state) for match in submission.slots.all()] == [(series, "ok"), (series, "ok")]
    assert submission.blockers == [] and series.unused_because == ""
    client.force_login(cast.carla)
    page = client.get(reverse("intake:visit", args=[submission.visit_id])).content.decode()
    assert "The same series also stands for Abdomen-pelvis CT with contrast." in page
    assert "Chest CT with contrast and Abdomen-pelvis CT with contrast" in page
    assert "Covers" in page and "chest 292 mm" in page


@pytest.mark.usefixtures("trunk_bundle")
def test_a_series_that_was_chosen_for_one_slot_keeps_the_other(cast: Cast, tmp_path: Path) -> None:
    submission = sent(cast.visit, trunk(tmp_path), by=cast.carla)
    series = submission.series.get()
    choose_slot(series, required(cast, "chest"), by=cast.carla)
    assert {match.series for match in submission.slots.all()} == {series}


def test_one_series_is_chosen_for_two_slots_and_taken_from_one(cast: Cast, tmp_path: Path) -> None:
    submission = sent(cast.visit, write_series(tmp_path, cube_and_rod()), by=cast.carla)
    series = submission.series.get()
    for name in ("chest", "abdomen_pelvis"):
        choose_slot(series, required(cast, name), by=cast.carla)
    assert {match.series for match in submission.slots.all()} == {series}
    leave_to_check(submission, required(cast, "abdomen_pelvis"), by=cast.carla)
    assert slot(submission, "abdomen_pelvis").series is None
    assert [event.new["slot"] for event in events_about(series)[:1]] == ["chest"]


def test_a_choice_survives_more_files(cast: Cast, tmp_path: Path) -> None:
    submission = sent(cast.visit, write_series(tmp_path / "a", cube_and_rod()), by=cast.carla)
    choose_slot(submission.series.get(), required(cast, "abdomen_pelvis"), by=cast.carla)
    chosen = submission.series.get()
    sent(cast.visit, write_series(tmp_path / "b", cube_and_rod(), series=2), by=cast.carla)
    assert slot(submission, "abdomen_pelvis").series == chosen


@pytest.mark.parametrize("name", ["chen", "anna", "mira", "otto", "root"])
def test_strangers_choose_nothing(cast: Cast, tmp_path: Path, name: str) -> None:
    submission = sent(cast.visit, write_series(tmp_path, cube_and_rod()), by=cast.carla)
    with pytest.raises(PermissionDenied):
        choose_slot(submission.series.get(), required(cast, "chest"), by=getattr(cast, name))


def test_nothing_is_chosen_after_the_transfer(cast: Cast) -> None:
    submission = waiting_case(cast.visit, by=cast.carla).submission
    series = submission.series.first()
    assert series is not None
    with pytest.raises(Refused, match="before the transfer"):
        choose_slot(series, required(cast, "chest"), by=cast.carla)


def test_a_slot_of_another_visit_is_refused(cast: Cast, tmp_path: Path) -> None:
    submission = sent(cast.visit, write_series(tmp_path, cube_and_rod()), by=cast.carla)
    baseline = cast.trial.visit_types.create(name="Baseline", target_day=0)
    other = RequiredSeries.objects.create(protocol=cast.protocol, visit_type=baseline, slot="chest", body_part="chest")
    with pytest.raises(Refused, match="another visit"):
        choose_slot(submission.series.get(), other, by=cast.carla)


def test_a_series_of_another_visit_is_refused_and_the_choice_stands(cast: Cast, tmp_path: Path, client: Client) -> None:
    submission = sent(cast.visit, write_series(tmp_path, cube_and_rod()), by=cast.carla)
    asked = required(cast, "abdomen_pelvis")
    choose_slot(submission.series.get(), asked, by=cast.carla)
    client.force_login(cast.carla)
    address = reverse("imageqc:choose-slot", args=[submission.pk, asked.pk])
    answer = client.post(address, {"series": 10**6}, follow=True)
    assert "choose one of the list" in answer.content.decode()
    assert list(submission.series.get().chosen_slots.all()) == [asked]
