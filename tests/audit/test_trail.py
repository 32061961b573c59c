"""The audit trail: written with the change or not at all, and never touched again."""

import pytest
from django.db import DatabaseError, connection, transaction

from apps.accounts.models import User
from apps.audit.lifecycle import StaleState, WrongState, advance
from apps.audit.models import AuditEvent
from apps.audit.services import events_about, record
from apps.imageqc.models import Classification
from apps.intake.models import Submission
from apps.intake.services import begin_submission
from tests.cast import Cast
from tests.factories import checked_submission


@pytest.fixture
def submission(cast: Cast) -> Submission:
    return begin_submission(cast.visit, by=cast.carla)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_auditevent SET actor_name = 'nobody'",
        "DELETE FROM audit_auditevent",
        "UPDATE imageqc_classification SET abstained = NOT abstained",
        "DELETE FROM imageqc_classification",
    ],
)
def test_the_database_refuses_to_change_or_remove_what_was_recorded(cast: Cast, statement: str) -> None:
    checked_submission(cast.visit, by=cast.carla)
    assert AuditEvent.objects.exists()
    assert Classification.objects.exists()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_the_trail_cannot_be_truncated(cast: Cast) -> None:
    with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
        cursor.execute("TRUNCATE audit_auditevent")
    assert AuditEvent.objects.exists()


def test_replacing_a_recorded_row_is_refused_too(cast: Cast) -> None:
    event = AuditEvent.objects.first()
    assert event is not None
    event.actor_name = "nobody"
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        event.save()


def test_an_event_says_who_did_what_from_what_to_what_and_why(cast: Cast, submission: Submission) -> None:
    advance(submission, Submission.Status.WITHDRAWN, by=cast.carla, because="Wrong visit.")
    event = events_about(submission).first()
    assert event is not None
    assert (event.actor, event.actor_name, event.action) == (cast.carla, "carla", "submission.withdrawn")
    assert (event.old, event.new, event.reason) == ({"status": "draft"}, {"status": "withdrawn"}, "Wrong visit.")
    assert (event.object_type, event.object_id) == ("intake.submission", str(submission.pk))


def test_what_a_worker_does_is_recorded_as_the_systems(submission: Submission) -> None:
    advance(submission, Submission.Status.CHECKING, by=None)
    event = events_about(submission).first()
    assert event is not None
    assert (event.actor, event.actor_name) == (None, "system")


def test_a_step_that_does_not_exist_is_refused_and_leaves_no_trace(cast: Cast, submission: Submission) -> None:
    before = AuditEvent.objects.count()
    with pytest.raises(WrongState, match="is draft, so it cannot become accepted"):
        advance(submission, Submission.Status.ACCEPTED, by=cast.anna)
    submission.refresh_from_db()
    assert submission.status == Submission.Status.DRAFT
    assert AuditEvent.objects.count() == before


def test_the_second_of_two_who_saw_the_same_status_is_refused(cast: Cast, submission: Submission) -> None:
    seen_by_another = Submission.objects.get(pk=submission.pk)
    advance(submission, Submission.Status.WITHDRAWN, by=cast.carla)
    before = AuditEvent.objects.count()
    with pytest.raises(StaleState, match="Somebody else changed this submission"):
        advance(seen_by_another, Submission.Status.CHECKING, by=cast.carla)
    assert seen_by_another.status == Submission.Status.DRAFT, "the object in hand does not claim what was not written"
    assert AuditEvent.objects.count() == before


@pytest.mark.django_db(transaction=True)
def test_a_change_that_is_rolled_back_takes_its_event_with_it(cast: Cast, submission: Submission) -> None:
    before = AuditEvent.objects.count()
    with pytest.raises(RuntimeError), transaction.atomic():
        advance(submission, Submission.Status.CHECKING, by=cast.carla)
        raise RuntimeError
    submission.refresh_from_db()
    assert submission.status == Submission.Status.DRAFT
    assert AuditEvent.objects.count() == before


@pytest.mark.django_db(transaction=True)
def test_an_event_that_cannot_be_written_takes_the_change_with_it(cast: Cast, submission: Submission) -> None:
    with pytest.raises(ValueError, match="unsaved"):
        advance(submission, Submission.Status.CHECKING, by=User(username="nobody"))
    submission.refresh_from_db()
    assert submission.status == Submission.Status.DRAFT


@pytest.mark.django_db(transaction=True)
def test_an_event_outside_the_transaction_of_its_change_is_a_mistake(cast: Cast) -> None:
    with pytest.raises(RuntimeError, match="transaction"):
        record("submission.begun", cast.visit, by=cast.carla)
