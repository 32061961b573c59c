"""The coordinator hands a checked submission to the core lab, or takes a draft back."""

import pytest
from django.core.exceptions import PermissionDenied

from apps.audit.lifecycle import Refused, WrongState
from apps.audit.services import events_about
from apps.intake.models import ReceivedFile, Submission
from apps.intake.services import begin_submission, transfer, withdraw
from apps.jobs.models import Job
from apps.reviews.models import ReviewCase
from tests.cast import Cast
from tests.factories import checked_submission, waiting_case
from tests.threads import at_once
from tests.work import run_jobs


def test_a_checked_submission_goes_to_the_core_lab_and_a_case_opens(cast: Cast) -> None:
    submission = checked_submission(cast.visit, by=cast.carla)
    transfer(submission, by=cast.carla)
    assert submission.status == Submission.Status.TRANSFERRED
    assert submission.transferred_at is not None
    assert Job.objects.get().task == "reviews.open_case"
    run_jobs()
    assert ReviewCase.objects.get().submission == submission


def test_what_blocks_asks_for_a_reason(cast: Cast) -> None:
    submission = checked_submission(cast.visit, by=cast.carla, missing="chest")
    with pytest.raises(Refused, match=r"A required series is missing\. To transfer all the same, give the reason"):
        transfer(submission, by=cast.carla)
    with pytest.raises(Refused):
        transfer(submission, by=cast.carla, because="   ")
    submission.refresh_from_db()
    assert submission.status == Submission.Status.CHECKED


def test_the_reason_goes_with_the_transfer_and_into_the_trail(cast: Cast) -> None:
    submission = checked_submission(cast.visit, by=cast.carla, missing="chest")
    transfer(submission, by=cast.carla, because=" The patient cannot come again. ")
    submission.refresh_from_db()
    assert submission.transfer_reason == "The patient cannot come again."
    event = events_about(submission).first()
    assert event is not None
    assert (event.action, event.reason) == ("submission.transferred", "The patient cannot come again.")


def test_files_that_were_not_checked_are_not_left_behind(cast: Cast) -> None:
    submission = checked_submission(cast.visit, by=cast.carla)
    ReceivedFile.objects.filter(submission=submission).update(status=ReceivedFile.Status.STORED)
    with pytest.raises(Refused, match="have not been checked"):
        transfer(submission, by=cast.carla)


def test_nothing_is_not_transferred(cast: Cast) -> None:
    submission = begin_submission(cast.visit, by=cast.carla)
    Submission.objects.update(status=Submission.Status.CHECKED)
    submission.refresh_from_db()
    with pytest.raises(Refused, match="no CT series"):
        transfer(submission, by=cast.carla)


@pytest.mark.parametrize("status", ["draft", "checking", "transferred", "in_review", "accepted", "withdrawn"])
def test_only_a_checked_submission_is_transferred(cast: Cast, status: str) -> None:
    submission = checked_submission(cast.visit, by=cast.carla)
    Submission.objects.update(status=status)
    submission.refresh_from_db()
    with pytest.raises(WrongState):
        transfer(submission, by=cast.carla)


@pytest.mark.parametrize("name", ["chen", "anna", "mira", "otto", "root"])
def test_strangers_neither_transfer_nor_withdraw(cast: Cast, name: str) -> None:
    submission = checked_submission(cast.visit, by=cast.carla)
    with pytest.raises(PermissionDenied):
        transfer(submission, by=getattr(cast, name))
    with pytest.raises(PermissionDenied):
        withdraw(submission, by=getattr(cast, name))


def test_pressing_transfer_twice_transfers_once(cast: Cast) -> None:
    submission = checked_submission(cast.visit, by=cast.carla)
    in_another_tab = Submission.objects.get(pk=submission.pk)
    transfer(submission, by=cast.carla)
    with pytest.raises(Refused):
        transfer(in_another_tab, by=cast.carla)
    assert Job.objects.filter(task="reviews.open_case").count() == 1


@pytest.mark.parametrize("status", ["draft", "checking", "checked"])
def test_a_submission_is_withdrawn_before_the_transfer_and_keeps_its_files(cast: Cast, status: str) -> None:
    submission = checked_submission(cast.visit, by=cast.carla)
    Submission.objects.update(status=status)
    submission.refresh_from_db()
    withdraw(submission, by=cast.carla, because="Wrong visit.")
    assert submission.status == Submission.Status.WITHDRAWN
    assert submission.files.exists()
    event = events_about(submission).first()
    assert event is not None
    assert event.reason == "Wrong visit."


def test_what_the_core_lab_has_is_not_withdrawn(cast: Cast) -> None:
    submission = waiting_case(cast.visit, by=cast.carla).submission
    with pytest.raises(WrongState):
        withdraw(submission, by=cast.carla)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_transfer_and_withdrawal_at_once_leave_one_of_them(cast: Cast) -> None:
    submission = checked_submission(cast.visit, by=cast.carla)
    turns = [transfer, withdraw]

    def act() -> str:
        service = turns.pop()
        try:
            service(Submission.objects.get(pk=submission.pk), by=cast.carla)
        except Refused:
            return "refused"
        return service.__name__

    done = at_once(act, times=2)
    assert sorted(done)[0] == "refused"
    submission.refresh_from_db()
    assert submission.status == ("transferred" if "transfer" in done else "withdrawn")
