"""A series is sorted, read, classified and kept with what was found; bad files get their sentence."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from apps.imageqc.models import Classification
from apps.imageqc.services import check_series, series_check_failed
from apps.imaging.vocabulary import PICTURES
from apps.intake.models import Instance, ReceivedFile, Series, Submission
from apps.intake.services import begin_submission, receive_files, start_check
from apps.jobs.models import Job
from apps.jobs.services import LeaseLost, claim, enqueue
from tests.cast import Cast
from tests.phantoms import cube_and_rod, write_series
from tests.threads import at_once
from tests.uploads import sent, upload
from tests.work import run_job, run_jobs

pytestmark = pytest.mark.usefixtures("tiny_bundle")


def test_a_folder_becomes_a_checked_series_with_labels_pictures_and_hashes(cast: Cast, tmp_path: Path) -> None:
    submission = sent(cast.visit, write_series(tmp_path, cube_and_rod()), by=cast.carla)
    series = submission.series.get()
    assert (submission.status, series.status) == (Submission.Status.CHECKED, Series.Status.CHECKED)
    assert series.geometry["slices"] == series.instances.count() == 12
    assert set(submission.files.values_list("status", flat=True)) == {ReceivedFile.Status.SORTED}
    assert not series.instances.filter(pixel_sha256="").exists()
    said = series.classifications.get()
    assert (said.body_part["label"], said.contrast["label"]) == ("chest", "enhanced")
    assert (said.bundle_name, said.digest_sha256) == ("tiny", series.digest_sha256)
    for name in PICTURES:
        with default_storage.open(series.picture_path(name)) as png:
            assert np.asarray(Image.open(png)).shape == (512, 512)


def test_nothing_kept_of_a_series_names_the_patient(cast: Cast, tmp_path: Path) -> None:
    submission = sent(cast.visit, write_series(tmp_path, cube_and_rod()), by=cast.carla)
    kept = repr(Series.objects.filter(submission=submission).values().get())
    assert "Phantom^Tiny" not in kept
    assert "PH-0001" not in kept
    assert "19600101" not in kept


def test_stray_and_broken_files_get_a_sentence_and_the_scan_is_checked(cast: Cast, tmp_path: Path) -> None:
    scan = write_series(tmp_path / "CT", cube_and_rod())
    (tmp_path / "notes.dcm").write_text("to whom it may concern")
    (tmp_path / "broken.dcm").write_bytes(scan[0].read_bytes()[:300])
    (tmp_path / "empty").write_bytes(b"")
    strays = sorted(path for path in tmp_path.iterdir() if path.is_file())
    submission = sent(cast.visit, [*scan, *strays], by=cast.carla)
    assert submission.series.get().geometry["slices"] == 12
    refused = submission.files.filter(status=ReceivedFile.Status.REFUSED)
    assert {file.given_name.rpartition("/")[2] for file in refused} == {"notes.dcm", "broken.dcm", "empty"}
    assert all(file.reason and not file.reason.endswith(".") for file in refused), "the end of a sentence"


def test_a_zip_is_unpacked_and_what_is_in_it_checked(cast: Cast, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in write_series(tmp_path, cube_and_rod()):
            archive.write(path, f"CT/{path.name}")
        archive.writestr("notes.txt", "to whom it may concern")
        archive.writestr("../../escape.txt", "no")
    draft = begin_submission(cast.visit, by=cast.carla)
    receive_files(draft, [("scan.zip", SimpleUploadedFile("scan.zip", packed.getvalue()))], by=cast.carla)
    run_jobs()
    assert draft.series.get().geometry["slices"] == 12
    archive = draft.files.filter(status=ReceivedFile.Status.UNPACKED).get()
    assert archive.given_name == "scan.zip"
    assert {line.partition(" ")[0] for line in archive.reason.splitlines()} >= {"notes.txt", "../../escape.txt"}
    member = draft.files.filter(status=ReceivedFile.Status.SORTED).first()
    assert member is not None
    assert member.given_name == "scan.zip/CT/IM00001"


def test_an_archive_that_cannot_be_unpacked_says_so(cast: Cast, tmp_path: Path) -> None:
    (tmp_path / "scan.zip").write_bytes(b"PK\x03\x04 and no more")
    submission = sent(cast.visit, [tmp_path / "scan.zip"], by=cast.carla)
    file = submission.files.get()
    assert (file.status, "cannot be unpacked" in file.reason) == (ReceivedFile.Status.REFUSED, True)
    assert submission.status == Submission.Status.CHECKED


def test_a_series_whose_slices_come_later_is_checked_again_as_a_whole(cast: Cast, tmp_path: Path) -> None:
    paths = write_series(tmp_path, cube_and_rod())
    submission = sent(cast.visit, paths[:6], by=cast.carla)
    first = submission.series.get()
    assert first.geometry["slices"] == 6
    sent(cast.visit, paths, by=cast.carla)
    again = submission.series.get()
    assert again.geometry["slices"] == 12
    assert again.digest_sha256 != first.digest_sha256
    assert Classification.objects.count() == 2, "what was said of the first digest stands"


def test_files_that_come_twice_change_nothing(cast: Cast, tmp_path: Path) -> None:
    paths = write_series(tmp_path, cube_and_rod())
    sent(cast.visit, paths, by=cast.carla)
    submission = sent(cast.visit, paths, by=cast.carla)
    assert submission.status == Submission.Status.CHECKED
    assert Instance.objects.count() == 12
    assert Classification.objects.count() == 1


def test_a_check_that_runs_twice_writes_once(cast: Cast, tmp_path: Path) -> None:
    submission = sent(cast.visit, write_series(tmp_path, cube_and_rod()), by=cast.carla)
    start_check(submission, by=cast.carla)
    run_jobs()
    submission.refresh_from_db()
    assert submission.status == Submission.Status.CHECKED
    assert Classification.objects.count() == 1


def test_a_worker_that_lost_its_lease_leaves_no_labels(cast: Cast, tmp_path: Path) -> None:
    draft = begin_submission(cast.visit, by=cast.carla)
    receive_files(draft, upload(write_series(tmp_path, cube_and_rod())), by=cast.carla)
    run_job(Job.objects.get(task="intake.sort_files"))
    lease = claim(Job.objects.get(task="imageqc.check_series").pk)
    assert lease is not None
    Job.objects.filter(pk=lease.job.pk).update(token="00000000-0000-0000-0000-000000000001")
    with pytest.raises(LeaseLost):
        check_series(draft.series.get(), lease)
    assert not Classification.objects.exists()
    assert draft.series.get().status == Series.Status.CHECKING


def test_a_check_that_cannot_be_finished_ends_where_the_coordinator_sees_it(cast: Cast, tmp_path: Path) -> None:
    draft = begin_submission(cast.visit, by=cast.carla)
    receive_files(draft, upload(write_series(tmp_path, cube_and_rod())), by=cast.carla)
    run_job(Job.objects.get(task="intake.sort_files"))
    for file in draft.files.all():
        default_storage.delete(file.stored_as)
    while job := Job.objects.filter(task="imageqc.check_series", status=Job.Status.QUEUED).first():
        Job.objects.filter(pk=job.pk).update(not_before=job.created_at)
        run_job(job)
    series = draft.series.get()
    assert series.status == Series.Status.FAILED
    assert "press Check again" in series.failure
    run_jobs()
    draft.refresh_from_db()
    assert draft.status == Submission.Status.CHECKED
    assert any(series.failure in sentence for sentence in draft.blockers)


def test_no_patient_is_named_in_the_log_of_a_failing_check(
    cast: Cast, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scan = write_series(tmp_path, cube_and_rod(), overrides={0: {"RescaleSlope": "1"}}, common={"PatientID": "MRN77"})
    sent(cast.visit, scan, by=cast.carla)
    assert "MRN77" not in caplog.text
    assert "Phantom^Tiny" not in caplog.text


def test_instances_that_arrive_during_a_check_leave_it_to_the_next_one(cast: Cast, tmp_path: Path) -> None:
    submission = begin_submission(cast.visit, by=cast.carla)
    receive_files(submission, upload(write_series(tmp_path, cube_and_rod())), by=cast.carla)
    run_job(Job.objects.get(task="intake.sort_files"))
    lease = claim(Job.objects.get(task="imageqc.check_series").pk)
    assert lease is not None
    seen_before = submission.series.get()
    seen_before.status = Series.Status.CHECKING
    check_series(seen_before, lease)
    series = submission.series.get()
    assert (series.status, series.classifications.count()) == (Series.Status.WAITING, 0)


def test_labels_of_an_earlier_digest_fill_no_slot(cast: Cast, tmp_path: Path) -> None:
    submission = sent(cast.visit, write_series(tmp_path, cube_and_rod()), by=cast.carla)
    Series.objects.update(digest_sha256="of more slices")
    Submission.objects.update(status=Submission.Status.CHECKING)
    enqueue("imageqc.match_slots", submission.pk)
    run_jobs()
    assert not submission.slots.filter(state="ok").exists()


def test_a_picture_that_a_full_disk_cut_short_is_written_again(cast: Cast, tmp_path: Path) -> None:
    submission = sent(cast.visit, write_series(tmp_path, cube_and_rod()), by=cast.carla)
    series = submission.series.get()
    path = series.picture_path("mip_axial")
    whole = default_storage.size(path)
    default_storage.delete(path)
    default_storage.save(path, ContentFile(b"\x89PNG"))
    Series.objects.update(status=Series.Status.WAITING)
    enqueue("imageqc.check_series", series.pk)
    run_jobs()
    assert default_storage.size(path) == whole


def test_giving_up_on_a_check_that_had_ended_leaves_what_was_found(cast: Cast, tmp_path: Path) -> None:
    submission = sent(cast.visit, write_series(tmp_path, cube_and_rod()), by=cast.carla)
    series_check_failed(submission.series.get(), "The check stopped.")
    assert submission.series.get().status == Series.Status.CHECKED


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_slices_that_are_sorted_while_their_series_is_checked_are_not_lost(cast: Cast, tmp_path: Path) -> None:
    paths = write_series(tmp_path, cube_and_rod())
    submission = begin_submission(cast.visit, by=cast.carla)
    receive_files(submission, upload(paths[:6]), by=cast.carla)
    run_job(Job.objects.get(task="intake.sort_files"))
    receive_files(submission, upload(paths[6:]), by=cast.carla)
    jobs = iter(Job.objects.filter(status=Job.Status.QUEUED, task__in=("intake.sort_files", "imageqc.check_series")))
    work = [next(jobs), next(jobs)]
    at_once(lambda: run_job(work.pop()), times=2)
    run_jobs()
    submission.refresh_from_db()
    assert not Job.objects.filter(status=Job.Status.FAILED).exists()
    assert submission.status == Submission.Status.CHECKED
    assert submission.series.get().geometry["slices"] == 12
