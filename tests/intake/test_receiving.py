"""Files arrive: kept as they are, once, and only while the site holds the submission."""

import hashlib

import pytest
from django.core.exceptions import PermissionDenied
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.audit.lifecycle import Refused
from apps.audit.services import events_about
from apps.intake.models import ReceivedFile, Submission
from apps.intake.services import begin_submission, receive_files, start_check, withdraw
from apps.jobs.models import Job
from tests.cast import Cast
from tests.factories import checked_submission, waiting_case
from tests.threads import at_once


@pytest.fixture
def draft(cast: Cast) -> Submission:
    return begin_submission(cast.visit, by=cast.carla)


def upload(content: bytes = b"pixels", name: str = "IM0001") -> tuple[str, SimpleUploadedFile]:
    return f"CT/{name}", SimpleUploadedFile(name, content)


def test_a_file_is_kept_as_it_is_under_a_name_that_tells_nothing(cast: Cast, draft: Submission) -> None:
    (outcome,) = receive_files(draft, [upload(name="DOE_JANE.dcm")], by=cast.carla)
    assert (outcome.name, outcome.kept, outcome.sentence) == ("CT/DOE_JANE.dcm", True, "")
    file = draft.files.get()
    assert (file.size, file.sha256) == (6, hashlib.sha256(b"pixels").hexdigest())
    assert file.given_name == "CT/DOE_JANE.dcm"
    assert "DOE" not in file.stored_as
    with default_storage.open(file.stored_as) as kept:
        assert kept.read() == b"pixels"


def test_the_last_request_of_an_upload_starts_the_check(cast: Cast, draft: Submission) -> None:
    receive_files(draft, [upload(b"one")], by=cast.carla, more_to_come=True)
    draft.refresh_from_db()
    assert draft.status == Submission.Status.DRAFT
    assert not Job.objects.exists()
    receive_files(draft, [upload(b"two")], by=cast.carla)
    draft.refresh_from_db()
    assert draft.status == Submission.Status.CHECKING
    assert Job.objects.get().task == "intake.sort_files"


def test_sending_the_same_folder_again_keeps_each_file_once(cast: Cast, draft: Submission) -> None:
    folder = [upload(b"one"), upload(b"two", "IM0002")]
    receive_files(draft, folder, by=cast.carla, more_to_come=True)
    outcomes = receive_files(draft, [upload(b"one"), upload(b"three", "IM0003")], by=cast.carla, more_to_come=True)
    assert [outcome.kept for outcome in outcomes] == [False, True]
    assert outcomes[0].sentence == "This file had arrived already."
    assert draft.files.count() == 3
    assert len(default_storage.listdir(f"received/{draft.uuid}")[1]) == 3


def test_the_same_bytes_may_belong_to_two_submissions(cast: Cast, draft: Submission) -> None:
    other = begin_submission(cast.chens_visit, by=cast.chen)
    receive_files(draft, [upload()], by=cast.carla)
    receive_files(other, [upload()], by=cast.chen)
    assert ReceivedFile.objects.count() == 2


def test_an_empty_file_is_left_out_with_a_sentence_and_the_rest_goes_on(cast: Cast, draft: Submission) -> None:
    outcomes = receive_files(draft, [upload(b""), upload(b"one", "IM0002")], by=cast.carla)
    assert [outcome.kept for outcome in outcomes] == [False, True]
    assert "empty (0 bytes)" in outcomes[0].sentence
    assert list(draft.files.values_list("status", flat=True)) == ["refused", "stored"]


def test_the_trail_counts_files_and_names_none(cast: Cast, draft: Submission) -> None:
    receive_files(draft, [upload(name="DOE_JANE"), upload(b"", "EMPTY")], by=cast.carla, more_to_come=True)
    event = events_about(draft).first()
    assert event is not None
    assert (event.action, event.new) == ("submission.files_received", {"sent": 2, "kept": 1})


@pytest.mark.parametrize("name", ["chen", "anna", "mira", "otto", "root"])
def test_strangers_add_nothing(cast: Cast, draft: Submission, name: str) -> None:
    with pytest.raises(PermissionDenied):
        receive_files(draft, [upload()], by=getattr(cast, name))
    with pytest.raises(PermissionDenied):
        start_check(draft, by=getattr(cast, name))
    assert not draft.files.exists()


def test_nothing_is_added_after_the_transfer(cast: Cast) -> None:
    submission = waiting_case(cast.visit, by=cast.carla).submission
    with pytest.raises(Refused, match="only before the transfer"):
        receive_files(submission, [upload()], by=cast.carla)
    with pytest.raises(Refused, match="only before the transfer"):
        start_check(submission, by=cast.carla)


def test_nothing_is_added_to_what_was_withdrawn(cast: Cast, draft: Submission) -> None:
    withdraw(draft, by=cast.carla)
    with pytest.raises(Refused):
        receive_files(draft, [upload()], by=cast.carla)


def test_files_may_be_added_after_a_check(cast: Cast) -> None:
    submission = checked_submission(cast.visit, by=cast.carla)
    receive_files(submission, [upload(b"late")], by=cast.carla)
    assert submission.status == Submission.Status.CHECKING


def test_starting_the_check_twice_queues_it_once(cast: Cast, draft: Submission) -> None:
    start_check(draft, by=cast.carla)
    start_check(draft, by=cast.carla)
    assert Job.objects.count() == 1


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_the_same_file_sent_at_once_is_kept_once(cast: Cast) -> None:
    draft = begin_submission(cast.visit, by=cast.carla)

    def send() -> bool:
        mine = Submission.objects.get(pk=draft.pk)
        return receive_files(mine, [upload()], by=cast.carla)[0].kept

    assert sorted(at_once(send, times=4)) == [False, False, False, True]
    file = draft.files.get()
    assert default_storage.listdir(f"received/{draft.uuid}")[1] == [file.stored_as.rpartition("/")[2]]
    assert Submission.objects.get().status == Submission.Status.CHECKING
