"""Objects that arrive in parts: compared with what was announced, verified, kept once, whatever happens meanwhile."""

from pathlib import Path
from typing import Any

import pydicom
import pytest
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from apps.audit.models import AuditEvent
from apps.intake.models import Instance, Part, ReceivedFile, Submission
from apps.intake.services import arrival, begin_submission, confirm_complete, stop_sending, transfer, withdraw
from apps.intake.services.parts import part_path
from apps.jobs.models import Job
from apps.jobs.services import LeaseLost
from tests.cast import Cast
from tests.phantoms import cube_and_rod, write_series
from tests.threads import at_once
from tests.transfers import (
    announced,
    checked_at_the_site,
    deidentified,
    pack,
    phantom,
    send_part,
    sending,
    sha256_of,
)
from tests.uploads import sent
from tests.work import run_job, run_jobs


@pytest.fixture
def carla(cast: Cast, client: Client) -> Client:
    client.force_login(cast.carla)
    return client


@pytest.fixture
def objects(cast: Cast, tmp_path: Path) -> list[bytes]:
    return phantom(cast.visit, tmp_path / "scan")


@pytest.fixture
def submission(cast: Cast, objects: list[bytes], tmp_path: Path) -> Submission:
    return sending(cast.visit, objects, tmp_path / "site", by=cast.carla)


def unpack(part: Part | None = None) -> None:
    for job in Job.objects.filter(task="intake.unpack_part", status=Job.Status.QUEUED):
        run_job(job)


def test_each_object_is_kept_unaltered_and_tied_to_its_instance(
    carla: Client, submission: Submission, objects: list[bytes]
) -> None:
    send_part(carla, submission, pack(objects[:4]))
    part = Part.objects.get()
    unpack()
    part.refresh_from_db()
    assert (part.status, part.reason) == (Part.Status.UNPACKED, "")
    assert not part_path(part).exists()
    here = Instance.objects.exclude(file=None).select_related("file")
    assert {row.sha256 for row in here} == {sha256_of(one) for one in objects[:4]}
    for row in here:
        assert row.file is not None
        assert row.file.status == ReceivedFile.Status.SORTED
        with default_storage.open(row.file.stored_as) as stored:
            assert sha256_of(stored.read()) == row.sha256 == row.file.sha256
    assert not Job.objects.filter(task="imageqc.verify_receipt").exists()


def test_the_last_object_has_the_receipt_verified(carla: Client, submission: Submission, objects: list[bytes]) -> None:
    for some in (objects[:6], objects[6:]):
        send_part(carla, submission, pack(some))
    unpack()
    assert not Instance.objects.filter(file=None).exists()
    assert Job.objects.filter(task="imageqc.verify_receipt").count() == 1


def test_what_is_missing_shrinks_with_what_arrives(carla: Client, submission: Submission, objects: list[bytes]) -> None:
    url = reverse("intake:missing", args=(submission.pk,))
    send_part(carla, submission, pack(objects[:5]))
    waiting = carla.get(url).json()
    unpack()
    unpacked = carla.get(url).json()
    assert waiting["here"] == unpacked["here"] == 5
    assert waiting["instances"] == unpacked["instances"]
    assert {one["sha256"] for one in unpacked["instances"]} == {sha256_of(one) for one in objects[5:]}


def test_damaged_and_unknown_objects_are_refused_alone(
    carla: Client, submission: Submission, objects: list[bytes]
) -> None:
    damaged = bytearray(pack(objects[:3]))
    damaged[-1] ^= 1
    send_part(carla, submission, bytes(damaged))
    send_part(carla, submission, pack([objects[3], b"never announced"]))
    unpack()
    reasons = list(Part.objects.values_list("status", "reason"))
    assert reasons == [
        (Part.Status.UNPACKED, "1 of its objects arrived damaged."),
        (Part.Status.UNPACKED, "1 of its objects were not announced for this transfer."),
    ]
    here = set(Instance.objects.exclude(file=None).values_list("sha256", flat=True))
    assert here == {sha256_of(one) for one in (objects[0], objects[1], objects[3])}
    send_part(carla, submission, pack([objects[2]]))
    unpack()
    assert Instance.objects.exclude(file=None).count() == 4


def test_a_size_that_was_not_announced_is_damage(carla: Client, submission: Submission, objects: list[bytes]) -> None:
    Instance.objects.filter(sha256=sha256_of(objects[0])).update(size=1)
    send_part(carla, submission, pack(objects[:1]))
    unpack()
    assert Part.objects.get().reason == "1 of its objects arrived damaged."


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"CQP1" + b"\x05\0\0\0" + b"x" * 100, "This part ends within its table of contents."),
        (b"PK\x03\x04" + b"x" * 100, "This part does not begin as a part does."),
    ],
)
def test_what_is_no_part_is_refused_and_nothing_else_suffers(
    carla: Client, submission: Submission, objects: list[bytes], content: bytes, reason: str
) -> None:
    send_part(carla, submission, content)
    send_part(carla, submission, pack(objects[:1]))
    unpack()
    first, second = Part.objects.all()
    assert (first.status, first.reason) == (Part.Status.REFUSED, reason)
    assert second.status == Part.Status.UNPACKED
    assert not part_path(first).exists()


def test_objects_of_another_submission_are_unknown_here(
    carla: Client, cast: Cast, submission: Submission, objects: list[bytes]
) -> None:
    other = announced(cast.chens_visit, [b"of Chen's patient"], by=cast.chen)
    send_part(carla, submission, pack([b"of Chen's patient"]))
    unpack()
    assert "not announced" in Part.objects.get().reason
    assert not other.files.exists()
    assert not submission.files.exists()


def test_a_part_lost_on_the_disk_is_sent_again(carla: Client, submission: Submission, objects: list[bytes]) -> None:
    send_part(carla, submission, pack(objects[:1]))
    part_path(Part.objects.get()).unlink()
    unpack()
    assert Part.objects.get().reason == "This part is no longer on the disk of the core lab."
    left = carla.get(reverse("intake:missing", args=(submission.pk,))).json()
    assert len(left["instances"]) == len(objects)


def identifying(cast: Cast, folder: Path) -> list[bytes]:
    """Objects of which one still names a person, though it says that it does not."""
    whole = phantom(cast.visit, folder)
    dataset = pydicom.dcmread(write(folder / "one", whole[0]))
    dataset.ReferringPhysicianName = "PLANTED^NAME"
    dataset.save_as(folder / "one")
    return [(folder / "one").read_bytes(), *whole[1:]]


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_what_still_names_somebody_is_set_aside_and_the_site_is_told(
    carla: Client, cast: Cast, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    objects = identifying(cast, tmp_path / "scan")
    submission = sending(cast.visit, objects, tmp_path / "site", by=cast.carla)
    send_part(carla, submission, pack(objects[:3]))
    unpack()
    submission.refresh_from_db()
    assert submission.status == Submission.Status.CHECKED
    (blocker,) = submission.blockers
    assert blocker.startswith("Series 1")
    assert "Referring Physician's Name (0008,0090)" in blocker
    assert "Choose another series for this slot" in blocker
    assert cast.carla.notices.get().sentence == blocker
    aside = ReceivedFile.objects.get(status=ReceivedFile.Status.QUARANTINED)
    assert aside.stored_as.startswith("quarantine/")
    assert not Instance.objects.filter(file=aside).exists()
    assert submission.files.filter(status=ReceivedFile.Status.SORTED).count() == 2
    told = [*caplog.messages, *submission.blockers, aside.reason, str(list(AuditEvent.objects.values()))]
    for name, about in (("intake:visit", cast.visit), ("api-submission-detail", submission)):
        told.append(carla.get(reverse(name, args=(about.pk,))).content.decode())
    assert not [text for text in told if "PLANTED" in text]


def test_what_was_set_aside_stays_so_however_often_it_is_sent(carla: Client, cast: Cast, tmp_path: Path) -> None:
    objects = identifying(cast, tmp_path / "scan")
    submission = sending(cast.visit, objects, tmp_path / "site", by=cast.carla)
    for _ in range(2):
        send_part(carla, submission, pack(objects))
        unpack()
        submission.refresh_from_db()
        assert submission.status == Submission.Status.CHECKED
        assert len(submission.blockers) == 1
        transfer(submission, by=cast.carla, because="again")
    assert ReceivedFile.objects.filter(status=ReceivedFile.Status.QUARANTINED).count() == 1
    assert not Job.objects.filter(task="imageqc.verify_receipt").exists()


def test_unpacking_twice_keeps_each_object_once(carla: Client, submission: Submission, objects: list[bytes]) -> None:
    for _ in range(2):
        send_part(carla, submission, pack(objects[:4]))
    unpack()
    assert ReceivedFile.objects.count() == 4
    assert len(default_storage.listdir(f"received/{submission.uuid}")[1]) == 4
    unpack()
    assert ReceivedFile.objects.count() == 4


def test_an_attempt_killed_before_its_result_leaves_everything_to_the_next(
    carla: Client, submission: Submission, objects: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    send_part(carla, submission, pack(objects[:4]))
    part = Part.objects.get()

    class Gone:
        object_id = part.pk

        def confirm(self) -> None:
            raise LeaseLost

    with pytest.raises(LeaseLost):
        arrival.unpack_part(part, Gone())  # type: ignore[arg-type]
    assert not ReceivedFile.objects.exists()
    assert part_path(part).exists()
    unpack()
    assert ReceivedFile.objects.count() == 4
    assert len(default_storage.listdir(f"received/{submission.uuid}")[1]) == 4


def test_what_a_stopped_transfer_brought_stays(
    carla: Client, cast: Cast, submission: Submission, objects: list[bytes]
) -> None:
    send_part(carla, submission, pack(objects))
    stop_sending(submission, by=cast.carla)
    unpack()
    assert Instance.objects.exclude(file=None).count() == len(objects)
    assert not Job.objects.filter(task="imageqc.verify_receipt").exists()
    transfer(submission, by=cast.carla)
    assert Job.objects.filter(task="imageqc.verify_receipt").count() == 1


def test_what_was_withdrawn_meanwhile_is_not_kept(
    carla: Client, cast: Cast, submission: Submission, objects: list[bytes]
) -> None:
    send_part(carla, submission, pack(objects))
    withdraw(submission, by=cast.carla)
    unpack()
    assert Part.objects.get().status == Part.Status.REFUSED
    assert not submission.files.exists()


def test_an_unpacking_that_fails_for_good_is_told(carla: Client, submission: Submission, objects: list[bytes]) -> None:
    send_part(carla, submission, pack(objects))
    arrival.unpacking_failed(Part.objects.get(), "The check stopped with an error on our side (KeyError).")
    submission.refresh_from_db()
    assert submission.status == Submission.Status.CHECKED
    assert "Press Transfer again" in submission.blockers[0]
    assert Part.objects.get().status == Part.Status.REFUSED


def test_beat_confirms_what_nobody_else_would_ask_for(
    carla: Client, submission: Submission, objects: list[bytes]
) -> None:
    send_part(carla, submission, pack(objects))
    unpack()
    Job.objects.all().delete()
    assert confirm_complete() == 1
    assert confirm_complete() == 1
    assert Job.objects.count() == 1


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_the_last_two_parts_unpacked_at_once_have_it_verified_once(cast: Cast, tmp_path: Path) -> None:
    objects = phantom(cast.visit, tmp_path / "scan")
    submission = sending(cast.visit, objects, tmp_path / "site", by=cast.carla)
    client = Client()
    client.force_login(cast.carla)
    for some in (objects[:6], objects[6:]):
        send_part(client, submission, pack(some))
    jobs = list(Job.objects.filter(task="intake.unpack_part"))

    def work() -> None:
        run_job(jobs.pop())

    at_once(work, times=2)
    assert not Instance.objects.filter(file=None).exists()
    assert Job.objects.filter(task="imageqc.verify_receipt").count() == 1


# --- the other door


@pytest.fixture
def verifying(settings: Settings) -> None:
    settings.VERIFY_DEIDENTIFICATION = True


def test_files_that_name_somebody_are_set_aside_at_the_other_door(
    cast: Cast, verifying: None, tiny_bundle: Path, tmp_path: Path, carla: Client
) -> None:
    paths = write_series(tmp_path, cube_and_rod())
    submission = sent(cast.visit, paths, by=cast.carla)
    assert set(submission.files.values_list("status", flat=True)) == {ReceivedFile.Status.QUARANTINED}
    assert not submission.series.exists()
    file = submission.files.first()
    assert file is not None
    assert "Patient's Name (0010,0010)" in file.reason
    assert "Tiny" not in file.reason
    assert file.stored_as == f"quarantine/{submission.uuid}/{file.sha256}"
    assert default_storage.exists(file.stored_as)
    assert default_storage.listdir(f"received/{submission.uuid}")[1] == []
    page = carla.get(reverse("intake:visit", args=(cast.visit.pk,))).content.decode()
    assert "may still say who the patient is" in page
    answer: dict[str, Any] = carla.get(reverse("api-submission-detail", args=(submission.pk,))).json()
    assert answer["refused_files"][0]["reason"].startswith("This file may still say who")


def test_deidentified_files_come_in_by_the_other_door(
    cast: Cast, verifying: None, tiny_bundle: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "clean"
    folder.mkdir()
    clean = deidentified(cast.visit, write_series(tmp_path / "scan", cube_and_rod()))
    paths = [write(folder / str(number), content) for number, content in enumerate(clean)]
    submission = sent(cast.visit, paths, by=cast.carla)
    assert set(submission.files.values_list("status", flat=True)) == {ReceivedFile.Status.SORTED}
    assert submission.series.count() == 1


def test_without_the_setting_files_come_in_as_they_are(cast: Cast, tiny_bundle: Path, tmp_path: Path) -> None:
    submission = sent(cast.visit, write_series(tmp_path, cube_and_rod()), by=cast.carla)
    assert set(submission.files.values_list("status", flat=True)) == {ReceivedFile.Status.SORTED}


def test_nothing_announced_can_be_sent_before_the_check_has_ended(
    carla: Client, cast: Cast, objects: list[bytes], tmp_path: Path
) -> None:
    submission = begin_submission(cast.visit, by=cast.carla)
    url = reverse("intake:parts", args=(submission.pk,))
    answer = carla.post(url, headers={"Tus-Resumable": "1.0.0", "Upload-Length": "100"})
    assert answer.status_code == 409
    assert run_jobs() == 0


def test_a_series_that_stands_for_nothing_is_not_part_of_the_transfer(
    carla: Client, cast: Cast, objects: list[bytes], tmp_path: Path
) -> None:
    submission = checked_at_the_site(cast.visit, objects, tmp_path / "site", by=cast.carla)
    submission.series.update(to_send=False)
    Submission.objects.filter(pk=submission.pk).update(status=Submission.Status.SENDING)
    send_part(carla, submission, pack(objects[:1]))
    unpack()
    assert "not announced" in Part.objects.get().reason
