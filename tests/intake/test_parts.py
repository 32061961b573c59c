"""Parts of a transfer by tus: they go on where they stopped, whatever happened."""

import base64
import hashlib
import os
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from apps.audit.lifecycle import WrongState
from apps.intake.models import Part, Submission
from apps.intake.part_format import BadPart, read_table
from apps.intake.services import parts, stop_sending, withdraw
from apps.jobs.models import Job
from tests.cast import Cast
from tests.threads import at_once
from tests.transfers import TUS, announced, create, head, pack, patch, send_part, sha256_of

OBJECTS = [b"first object", b"the second", b"x" * 1000]
PART = pack(OBJECTS)


@pytest.fixture
def submission(cast: Cast) -> Submission:
    return announced(cast.visit, OBJECTS, by=cast.carla)


@pytest.fixture
def carla(cast: Cast, client: Client) -> Client:
    client.force_login(cast.carla)
    return client


def detail(answer: Any) -> str:
    return str(answer.json()["detail"])


class Breaking(BytesIO):
    """A connection that breaks off after some bytes."""

    def __init__(self, content: bytes, whole: int) -> None:
        super().__init__(content[:whole])

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        if not found:
            raise OSError("connection reset")
        return found


def test_a_part_arrives_in_pieces_and_is_unpacked_after_the_last(carla: Client, submission: Submission) -> None:
    url = create(carla, submission, len(PART))["Location"]
    assert head(carla, url)["Upload-Offset"] == "0"
    first = patch(carla, url, PART[:100])
    assert (first.status_code, first["Upload-Offset"]) == (204, "100")
    assert first["Upload-Expires"].endswith("GMT")
    assert not Job.objects.exists()
    asked = head(carla, url)
    assert (asked["Upload-Offset"], asked["Upload-Length"]) == ("100", str(len(PART)))
    assert asked["Cache-Control"] == "no-store"
    assert patch(carla, url, PART[100:], 100)["Upload-Offset"] == str(len(PART))
    part = Part.objects.get()
    assert part.status == Part.Status.COMPLETE
    assert parts.part_path(part).read_bytes() == PART
    assert Job.objects.get().task == "intake.unpack_part"


def test_every_answer_speaks_the_protocol(carla: Client, submission: Submission) -> None:
    told = carla.options(reverse("intake:parts", args=(submission.pk,)))
    assert told.status_code == 204
    assert told["Tus-Version"] == told["Tus-Resumable"] == "1.0.0"
    assert told["Tus-Extension"] == "creation,termination,checksum,expiration"
    assert told["Tus-Max-Size"] == str(parts.MOST_BYTES)
    old = carla.post(reverse("intake:parts", args=(submission.pk,)), headers={"Tus-Resumable": "0.2.2"})
    assert (old.status_code, old["Tus-Version"]) == (412, "1.0.0")


@pytest.mark.parametrize("offset", [0, 5, 20])
def test_bytes_that_begin_elsewhere_are_refused_and_change_nothing(
    carla: Client, submission: Submission, offset: int
) -> None:
    url = create(carla, submission, len(PART))["Location"]
    patch(carla, url, PART[:10])
    answer = patch(carla, url, b"elsewhere", offset)
    assert answer.status_code == 409
    assert "goes on at byte 10" in detail(answer)
    assert head(carla, url)["Upload-Offset"] == "10"


def test_more_bytes_than_announced_are_refused(carla: Client, submission: Submission) -> None:
    url = create(carla, submission, len(PART))["Location"]
    answer = patch(carla, url, PART + b"more")
    assert answer.status_code == 413
    assert "4 too many" in detail(answer)
    assert head(carla, url)["Upload-Offset"] == "0"


@pytest.mark.parametrize("size", [0, 47, parts.MOST_BYTES + 1])
def test_a_part_too_small_or_too_large_is_refused(carla: Client, submission: Submission, size: int) -> None:
    answer = create(carla, submission, size)
    assert answer.status_code == 413
    assert str(size) in detail(answer)


def test_an_object_larger_than_a_part_may_travel_alone(carla: Client, cast: Cast, submission: Submission) -> None:
    submission.series.get().instances.filter(sha256=sha256_of(OBJECTS[0])).update(size=3 * parts.MOST_BYTES)
    assert create(carla, submission, 3 * parts.MOST_BYTES + 48).status_code == 201
    assert create(carla, submission, 3 * parts.MOST_BYTES + 49).status_code == 413


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Upload-Length": "many"}, 400),
        ({"Upload-Length": "-1"}, 400),
        ({"Upload-Length": "9" * 30}, 400),
        ({"Upload-Defer-Length": "1"}, 400),
    ],
)
def test_a_creation_that_does_not_speak_the_protocol_is_refused(
    carla: Client, submission: Submission, headers: dict[str, str], status: int
) -> None:
    assert create(carla, submission, 100, **headers).status_code == status
    assert not Part.objects.exists()


def test_a_body_of_another_kind_is_refused(carla: Client, submission: Submission) -> None:
    url = create(carla, submission, len(PART))["Location"]
    headers = {**TUS, "Upload-Offset": "0"}
    assert carla.patch(url, PART, content_type="application/octet-stream", headers=headers).status_code == 415
    assert patch(carla, url, PART, **{"Upload-Offset": "x"}).status_code == 400


def test_a_checksum_keeps_damaged_bytes_out(carla: Client, submission: Submission) -> None:
    url = create(carla, submission, len(PART))["Location"]
    wrong = "sha256 " + base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    answer = patch(carla, url, PART[:50], **{"Upload-Checksum": wrong})
    assert answer.status_code == 460
    assert head(carla, url)["Upload-Offset"] == "0"
    right = "sha256 " + base64.b64encode(hashlib.sha256(PART[:50]).digest()).decode()
    assert patch(carla, url, PART[:50], **{"Upload-Checksum": right}).status_code == 204
    assert patch(carla, url, PART[50:60], 50, **{"Upload-Checksum": "md5 x"}).status_code == 400


def test_a_proxy_without_patch_gets_it_as_a_post(carla: Client, submission: Submission) -> None:
    url = create(carla, submission, len(PART))["Location"]
    headers = {**TUS, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    answer = carla.post(url, PART, content_type="application/offset+octet-stream", headers=headers)
    assert (answer.status_code, answer["Upload-Offset"]) == (204, str(len(PART)))
    assert carla.post(url, headers=TUS).status_code == 405


def test_a_connection_that_breaks_off_leaves_what_came(cast: Cast, submission: Submission) -> None:
    part = parts.begin_part(submission, len(PART), by=cast.carla)
    got = parts.receive(part, Breaking(PART, 300), offset=0, length=len(PART), by=cast.carla)
    assert got == 300
    assert Part.objects.get().offset == 300
    parts.receive(part, BytesIO(PART[300:]), offset=300, length=len(PART) - 300, by=cast.carla)
    assert parts.part_path(part).read_bytes() == PART


def test_with_a_checksum_a_broken_body_leaves_nothing(cast: Cast, submission: Submission) -> None:
    part = parts.begin_part(submission, len(PART), by=cast.carla)
    with pytest.raises(parts.WrongChecksum):
        parts.receive(
            part,
            Breaking(PART, 300),
            offset=0,
            length=len(PART),
            by=cast.carla,
            sha256=hashlib.sha256(PART).digest(),
        )
    assert Part.objects.get().offset == 0


def test_what_was_written_counts_before_the_request_ends(
    cast: Cast, submission: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that is killed in the middle of a request loses the last step at most."""
    monkeypatch.setattr(parts, "CHUNK", 100)
    monkeypatch.setattr(parts, "STEP_BYTES", 200)
    part = parts.begin_part(submission, len(PART), by=cast.carla)

    class Killed(BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() >= 500:
                raise SystemExit
            return super().read(size)

    with pytest.raises(SystemExit):
        parts.receive(part, Killed(PART), offset=0, length=len(PART), by=cast.carla)
    assert Part.objects.get().offset == 400


def test_a_second_writer_waits_for_the_first(cast: Cast, submission: Submission) -> None:
    part = parts.begin_part(submission, len(PART), by=cast.carla)

    class Nosy(BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            with pytest.raises(parts.PartBusy):
                parts.receive(Part.objects.get(), BytesIO(PART), offset=0, length=len(PART), by=cast.carla)
            return super().read(size)

    assert parts.receive(part, Nosy(PART), offset=0, length=len(PART), by=cast.carla) == len(PART)


def test_a_writer_that_fell_silent_is_overtaken_and_then_stops(cast: Cast, submission: Submission) -> None:
    part = parts.begin_part(submission, len(PART), by=cast.carla)

    class Silent(BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            Part.objects.update(moved_at=timezone.now() - parts.SILENCE - timedelta(seconds=1))
            other = parts.receive(Part.objects.get(), BytesIO(PART[:64]), offset=0, length=64, by=cast.carla)
            assert other == 64
            return super().read(size)

    with pytest.raises(parts.WrongOffset):
        parts.receive(part, Silent(PART), offset=0, length=len(PART), by=cast.carla)
    assert Part.objects.get().offset == 64


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_of_several_that_write_at_once_one_goes_on(cast: Cast) -> None:
    submission = announced(cast.visit, OBJECTS, by=cast.carla)
    url = parts.begin_part(submission, len(PART), by=cast.carla)

    def write() -> int:
        client = Client()
        client.force_login(cast.carla)
        address = reverse("intake:part", args=(submission.pk, url.uuid))
        return int(patch(client, address, PART).status_code)

    answers = sorted(at_once(write, times=4))
    assert answers[0] == 204
    assert set(answers[1:]) <= {409, 410, 423}
    assert Job.objects.count() == 1


def test_a_full_disk_is_said_in_a_sentence_and_keeps_what_came(
    carla: Client, submission: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = create(carla, submission, len(PART))["Location"]
    monkeypatch.setattr(parts, "CHUNK", 100)
    write = os.pwrite

    def full(file: int, content: bytes, at: int) -> int:
        if at >= 500:
            raise OSError(28, "No space left on device")
        return write(file, content, at)

    monkeypatch.setattr(os, "pwrite", full)
    answer = patch(carla, url, PART)
    assert answer.status_code == 507
    assert "disk of the core lab is full" in detail(answer)
    assert head(carla, url)["Upload-Offset"] == "500"
    monkeypatch.setattr(os, "pwrite", write)
    assert patch(carla, url, PART[500:], 500).status_code == 204


def test_no_part_begins_on_a_disk_without_room(
    carla: Client, submission: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "ROOM_LEFT", 1 << 60)
    assert create(carla, submission, len(PART)).status_code == 507
    assert not Part.objects.exists()


def test_a_file_that_lost_its_end_is_sent_again_from_there(carla: Client, submission: Submission) -> None:
    url = create(carla, submission, len(PART))["Location"]
    patch(carla, url, PART[:400])
    os.truncate(parts.part_path(Part.objects.get()), 250)
    assert head(carla, url)["Upload-Offset"] == "250"
    assert patch(carla, url, PART[250:], 250).status_code == 204


def test_a_part_may_be_dropped_before_it_has_arrived(carla: Client, submission: Submission) -> None:
    url = create(carla, submission, len(PART))["Location"]
    path = parts.part_path(Part.objects.get())
    assert carla.delete(url, headers=TUS).status_code == 204
    assert not path.exists()
    assert head(carla, url).status_code == 404
    arrived = send_part(carla, submission, PART)
    assert carla.delete(arrived, headers=TUS).status_code == 409


def test_a_part_that_has_arrived_takes_no_more(carla: Client, submission: Submission) -> None:
    url = send_part(carla, submission, PART)
    assert patch(carla, url, b"again").status_code == 410
    assert head(carla, url)["Upload-Offset"] == str(len(PART))
    assert Job.objects.count() == 1


def test_nothing_is_taken_before_the_transfer_or_after_a_stop(
    carla: Client, cast: Cast, submission: Submission
) -> None:
    url = create(carla, submission, len(PART))["Location"]
    patch(carla, url, PART[:200])
    stop_sending(submission, by=cast.carla)
    refused = create(carla, submission, len(PART))
    assert refused.status_code == 409
    assert "is checked, so it takes no images now" in detail(refused)
    assert patch(carla, url, PART[200:], 200).status_code == 410
    assert head(carla, url)["Upload-Offset"] == "200"


def test_stopping_twice_or_what_is_not_sent_is_refused(cast: Cast, submission: Submission) -> None:
    stop_sending(submission, by=cast.carla)
    with pytest.raises(WrongState, match="no transfer to stop"):
        stop_sending(submission, by=cast.carla)
    with pytest.raises(PermissionDenied):
        stop_sending(submission, by=cast.anna)


def test_what_is_withdrawn_takes_nothing(carla: Client, cast: Cast, submission: Submission) -> None:
    withdraw(submission, by=cast.carla)
    assert create(carla, submission, len(PART)).status_code == 409


@pytest.mark.parametrize(
    ("name", "status"), [("chen", 404), ("otto", 404), ("anna", 403), ("mira", 403), ("root", 403)]
)
def test_strangers_find_no_part_and_others_may_not_write_it(
    cast: Cast, submission: Submission, client: Client, name: str, status: int
) -> None:
    part = parts.begin_part(submission, len(PART), by=cast.carla)
    client.force_login(getattr(cast, name))
    url = reverse("intake:part", args=(submission.pk, part.uuid))
    assert create(client, submission, len(PART)).status_code == status
    assert patch(client, url, PART).status_code == status
    assert head(client, url).status_code == status
    assert client.delete(url, headers=TUS).status_code == status
    assert client.get(reverse("intake:missing", args=(submission.pk,))).status_code == status
    assert Part.objects.get().offset == 0


def test_a_part_is_found_below_its_own_submission_alone(carla: Client, cast: Cast, submission: Submission) -> None:
    other = announced(cast.chens_visit, [b"other"], by=cast.chen)
    part = parts.begin_part(other, 100, by=cast.chen)
    assert head(carla, reverse("intake:part", args=(submission.pk, part.uuid))).status_code == 404
    assert head(carla, reverse("intake:part", args=(submission.pk, uuid4()))).status_code == 404


def test_signed_out_means_the_log_in_page(client: Client, submission: Submission) -> None:
    answer = create(client, submission, len(PART))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")


def test_what_is_missing_names_half_parts_by_what_they_hold(carla: Client, submission: Submission) -> None:
    url = reverse("intake:missing", args=(submission.pk,))
    everything = carla.get(url).json()
    assert (everything["state"], everything["announced"], everything["here"]) == ("sending", 3, 0)
    assert [one["size"] for one in everything["instances"]] == [12, 10, 1000]
    half = create(carla, submission, len(pack(OBJECTS[:2])))["Location"]
    patch(carla, half, pack(OBJECTS[:2])[:20])
    assert carla.get(url).json()["parts"] == []
    patch(carla, half, pack(OBJECTS[:2])[20:90], 20)
    (told,) = carla.get(url).json()["parts"]
    assert told == {"url": half, "offset": 90, "size": 110, "sha256": [sha256_of(one) for one in OBJECTS[:2]]}
    patch(carla, half, pack(OBJECTS[:2])[90:], 90)
    left = carla.get(url).json()
    assert left["parts"] == []
    assert [one["sha256"] for one in left["instances"]] == [sha256_of(OBJECTS[2])]
    assert left["here"] == 2


def test_the_folder_of_parts_is_made_when_it_is_needed(
    carla: Client, submission: Submission, settings: Settings, tmp_path: Path
) -> None:
    settings.PARTS_DIR = tmp_path / "not" / "yet"
    assert parts.prune_parts() == 0
    assert create(carla, submission, len(PART)).status_code == 201


def test_parts_that_nobody_touches_are_forgotten(
    cast: Cast, submission: Submission, settings: Settings, tmp_path: Path
) -> None:
    old, fresh, done = (parts.begin_part(submission, len(PART), by=cast.carla) for _ in range(3))
    stray = Path(settings.PARTS_DIR) / str(uuid4())
    other = Path(settings.PARTS_DIR) / "README"
    long_ago = timezone.now() - timedelta(days=settings.PARTS_KEPT_DAYS + 1)
    for path in (stray, other):
        path.write_bytes(b"")
        os.utime(path, (long_ago.timestamp(), long_ago.timestamp()))
    Part.objects.filter(pk__in=(old.pk, done.pk)).update(moved_at=long_ago)
    Part.objects.filter(pk=done.pk).update(status=Part.Status.COMPLETE)
    assert parts.prune_parts() == 1
    assert set(Part.objects.all()) == {fresh, done}
    left = {path.name for path in Path(settings.PARTS_DIR).iterdir()}
    assert left == {str(fresh.uuid), str(done.uuid), "README"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"CQP", "ends before its table"),
        (b"ZIP1" + PART[4:], "does not begin as a part does"),
        (PART[:4] + b"\0\0\0\0" + PART[8:], "holds 0 objects"),
        (PART[:4] + b"\xff\xff\xff\xff" + PART[8:], "holds 4294967295 objects"),
        (PART[:60], "ends within its table"),
        (PART[:-1], "should be"),
        (PART + b"more", "should be"),
        (PART[:40] + b"\xff" * 8 + PART[48:], "should be"),
    ],
)
def test_what_is_no_part_is_refused_in_words(content: bytes, reason: str) -> None:
    with pytest.raises(BadPart, match=reason):
        read_table(BytesIO(content), len(content))


def test_a_part_tells_where_its_objects_lie() -> None:
    table = read_table(BytesIO(PART), len(PART))
    assert [PART[one.at : one.at + one.size] for one in table] == OBJECTS
    assert [one.sha256 for one in table] == [sha256_of(one) for one in OBJECTS]
