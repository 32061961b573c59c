"""The job ledger: what is promised once is done once, whatever happens to workers, brokers and messages."""

from collections.abc import Callable
from datetime import timedelta
from threading import Event, Thread
from typing import Any

import pytest
from celery import current_app
from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils import timezone

from apps.jobs import ledger, services
from apps.jobs.models import Job
from apps.jobs.services import Lease, LeaseLost, claim, enqueue
from tests.threads import at_once
from tests.work import run_job, run_jobs

SECRET = "Doe^Jane"
"""Stands for what an error's text may quote from a header."""


class Errand:
    """A piece of work whose behaviour the test decides; notes each attempt and each sentence told."""

    name = "tests.errand"

    def __init__(self) -> None:
        self.attempts: list[int] = []
        self.told: list[tuple[int, str]] = []
        self.behave: Callable[[Lease], None] = lambda lease: None
        self.untellable: set[int] = set()

    def work(self, lease: Lease) -> None:
        self.attempts.append(lease.object_id)
        self.behave(lease)

    def tell(self, object_id: int, sentence: str) -> None:
        if object_id in self.untellable:
            raise ValueError(SECRET)
        self.told.append((object_id, sentence))


@pytest.fixture
def errand() -> Any:
    errand = Errand()
    ledger.ledgered(errand.name, on_failure=errand.tell)(errand.work)
    current_app.finalize()
    yield errand
    del current_app.tasks[errand.name]
    del ledger._failure_hooks[errand.name]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Ids of the jobs whose messages went to the broker."""
    ids: list[int] = []
    monkeypatch.setattr(current_app, "send_task", lambda task, args, **_: ids.extend(args))
    return ids


def queued(object_id: int = 7) -> Job:
    enqueue(Errand.name, object_id)
    return Job.objects.get(object_id=object_id, status=Job.Status.QUEUED)


def silent_for(job: Job, time: timedelta) -> None:
    """Let the worker of a running job have gone silent so long ago that its lease lapsed."""
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - time)


def rested(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(not_before=timezone.now())


def refuse_with(error: Exception) -> Callable[[Lease], None]:
    def behave(lease: Lease) -> None:
        raise error

    return behave


@pytest.mark.django_db
def test_a_job_is_run_once_however_often_its_message_comes(errand: Errand) -> None:
    job = queued()
    run_job(job)
    run_job(job)
    job.refresh_from_db()
    assert errand.attempts == [7]
    assert (job.status, job.attempts, job.lease_until) == (Job.Status.DONE, 1, None)
    assert job.finished_at is not None


@pytest.mark.django_db
def test_a_message_for_a_job_that_is_gone_does_nothing(errand: Errand) -> None:
    current_app.tasks[errand.name](999)
    assert errand.attempts == []


@pytest.mark.django_db(transaction=True)
def test_a_message_is_sent_when_the_transaction_has_committed(errand: Errand, sent: list[int]) -> None:
    with transaction.atomic():
        enqueue(errand.name, 7)
        assert sent == []
    assert sent == [Job.objects.get().pk]
    assert Job.objects.get().times_sent == 1


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_change_leaves_neither_job_nor_message(errand: Errand, sent: list[int]) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        enqueue(errand.name, 7)
        raise RuntimeError
    assert not Job.objects.exists()
    assert sent == []


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_away_does_not_refuse_the_work(errand: Errand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current_app, "send_task", _no_broker)
    enqueue(errand.name, 7)
    assert Job.objects.get().status == Job.Status.QUEUED


def _no_broker(*_: object, **__: object) -> None:
    raise ConnectionError("no broker")


@pytest.mark.django_db
def test_one_object_waits_in_the_queue_once(errand: Errand) -> None:
    enqueue(errand.name, 7)
    enqueue(errand.name, 7)
    enqueue(errand.name, 8)
    assert sorted(Job.objects.values_list("object_id", flat=True)) == [7, 8]


@pytest.mark.django_db
def test_work_asked_for_during_a_run_is_done_after_it(errand: Errand) -> None:
    def ask_again(lease: Lease) -> None:
        if len(errand.attempts) == 1:
            enqueue(errand.name, lease.object_id)

    errand.behave = ask_again
    enqueue(errand.name, 7)
    assert run_jobs() == 2
    assert errand.attempts == [7, 7]


@pytest.mark.django_db
def test_the_same_object_is_never_worked_on_twice_at_a_time(errand: Errand) -> None:
    first = claim(queued().pk)
    assert first is not None
    behind = queued()
    assert claim(behind.pk) is None
    services.finish(first)
    assert claim(behind.pk) is not None


@pytest.mark.django_db(transaction=True)
def test_the_job_that_waited_behind_a_run_is_sent_when_the_run_ends(errand: Errand, sent: list[int]) -> None:
    first = claim(queued().pk)
    assert first is not None
    behind = queued()
    sent.clear()
    services.finish(first)
    assert sent == [behind.pk]


@pytest.mark.django_db
def test_a_lease_is_renewed_by_its_holder(errand: Errand) -> None:
    lease = claim(queued().pk)
    assert lease is not None
    silent_for(lease.job, timedelta(seconds=1))
    lease.renew()
    assert services.lapsed() == []


@pytest.mark.django_db
def test_an_attempt_that_lost_its_lease_writes_nothing(errand: Errand) -> None:
    lease = claim(queued().pk)
    assert lease is not None
    silent_for(lease.job, timedelta(seconds=1))
    ledger.requeue_lapsed()
    again = claim(lease.job.pk)
    assert again is not None
    with pytest.raises(LeaseLost), transaction.atomic():
        lease.confirm()
    with pytest.raises(LeaseLost):
        services.finish(lease)
    with transaction.atomic():
        again.confirm()
    services.finish(again)
    assert Job.objects.get().attempts == 2


@pytest.mark.django_db(transaction=True)
def test_confirm_outside_the_writing_transaction_is_a_mistake(errand: Errand) -> None:
    lease = claim(queued().pk)
    assert lease is not None
    with pytest.raises(RuntimeError, match="transaction"):
        lease.confirm()


@pytest.mark.django_db
def test_the_work_of_a_killed_worker_is_done_by_another(errand: Errand) -> None:
    killed = claim(queued().pk)
    assert killed is not None
    assert run_jobs() == 0
    silent_for(killed.job, timedelta(seconds=1))
    ledger.requeue_lapsed()
    assert run_jobs() == 1
    assert errand.attempts == [7]
    assert Job.objects.get().status == Job.Status.DONE


@pytest.mark.django_db
def test_a_worker_that_came_back_in_time_keeps_its_job(errand: Errand) -> None:
    lease = claim(queued().pk)
    assert lease is not None
    silent_for(lease.job, timedelta(seconds=1))
    (seen,) = services.lapsed()
    lease.renew()
    assert services.take_over(seen) is None


@pytest.mark.django_db
def test_a_killed_attempt_makes_way_for_the_newer_job_of_its_object(errand: Errand) -> None:
    killed = claim(queued().pk)
    assert killed is not None
    newer = queued()
    silent_for(killed.job, timedelta(seconds=1))
    ledger.requeue_lapsed()
    killed.job.refresh_from_db()
    assert killed.job.status == Job.Status.DONE
    assert run_jobs() == 1
    newer.refresh_from_db()
    assert newer.status == Job.Status.DONE


@pytest.mark.django_db
def test_a_job_that_kills_every_worker_ends_where_a_person_sees_it(errand: Errand) -> None:
    job = queued()
    for _ in range(services.MAX_ATTEMPTS):
        assert claim(job.pk) is not None
        silent_for(job, timedelta(seconds=1))
        ledger.requeue_lapsed()
    job.refresh_from_db()
    assert (job.status, job.error) == (Job.Status.FAILED, "WorkerLost")
    assert [object_id for object_id, _ in errand.told] == [7]
    assert run_jobs() == 0


@pytest.mark.django_db
def test_a_passing_trouble_is_tried_again_after_a_rest(errand: Errand) -> None:
    errand.behave = refuse_with(OperationalError(SECRET))
    job = queued()
    run_job(job)
    job.refresh_from_db()
    assert (job.status, job.error) == (Job.Status.QUEUED, "OperationalError")
    assert run_jobs() == 0, "it rests first"
    errand.behave = lambda lease: None
    rested(job)
    assert run_jobs() == 1
    job.refresh_from_db()
    assert (job.status, errand.told) == (Job.Status.DONE, [])


@pytest.mark.django_db
def test_a_trouble_that_does_not_pass_ends_the_job_after_four_attempts(errand: Errand) -> None:
    errand.behave = refuse_with(ConnectionError(SECRET))
    job = queued()
    rests = []
    for _ in range(services.MAX_ATTEMPTS):
        rested(job)
        run_job(job)
        job.refresh_from_db()
        rests.append(job.not_before - timezone.now())
    assert rests[0] < rests[1] < rests[2], "each rest is longer"
    assert job.status == Job.Status.FAILED
    assert len(errand.told) == 1


@pytest.mark.django_db
def test_an_error_of_our_own_ends_the_job_at_once(errand: Errand) -> None:
    errand.behave = refuse_with(ValueError(SECRET))
    job = queued()
    run_job(job)
    job.refresh_from_db()
    assert (job.status, job.attempts, job.error) == (Job.Status.FAILED, 1, "ValueError")
    assert errand.told == [(7, "The check stopped with an error on our side (ValueError).")]


@pytest.mark.django_db
@pytest.mark.parametrize("error", [ValueError(SECRET), OperationalError(SECRET)])
def test_what_an_error_quotes_is_kept_out_of_ledger_and_sentence(errand: Errand, error: Exception) -> None:
    errand.behave = refuse_with(error)
    job = queued()
    for _ in range(services.MAX_ATTEMPTS):
        rested(job)
        run_job(job)
    job.refresh_from_db()
    assert job.status == Job.Status.FAILED
    assert SECRET not in job.error
    assert SECRET not in errand.told[0][1]


@pytest.mark.django_db(transaction=True)
def test_a_lost_message_is_sent_again(errand: Errand, sent: list[int]) -> None:
    job = queued()
    sent.clear()
    assert services.resend_waiting() == 0, "it was sent a moment ago"
    Job.objects.update(sent_at=timezone.now() - services.RESEND_AFTER * 1.5)
    assert services.resend_waiting() == 1
    assert sent == [job.pk]
    Job.objects.update(sent_at=timezone.now() - services.RESEND_AFTER * 1.5)
    assert services.resend_waiting() == 0, "the pause doubles with each sending"


@pytest.mark.django_db
def test_two_jobs_cannot_run_on_one_object_by_any_path(errand: Errand) -> None:
    assert claim(queued().pk) is not None
    with pytest.raises(IntegrityError), transaction.atomic():
        Job.objects.create(task=errand.name, object_id=7, status=Job.Status.RUNNING, not_before=timezone.now())


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_two_workers_never_hold_the_same_job(errand: Errand, sent: list[int]) -> None:
    job = queued()
    assert len([lease for lease in at_once(lambda: claim(job.pk), times=6) if lease]) == 1
    job.refresh_from_db()
    assert job.attempts == 1


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_many_requests_at_once_queue_an_object_once(errand: Errand, sent: list[int]) -> None:
    at_once(lambda: enqueue(errand.name, 7), times=6)
    assert Job.objects.count() == 1
    assert sent == [Job.objects.get().pk]


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_waiting_job_does_not_start_before_the_change_it_serves_is_committed(errand: Errand, sent: list[int]) -> None:
    job = queued()
    claimed = Event()

    def take() -> None:
        try:
            assert claim(job.pk) is not None
            claimed.set()
        finally:
            connection.close()

    worker = Thread(target=take)
    with transaction.atomic():
        enqueue(errand.name, 7)
        worker.start()
        assert not claimed.wait(0.5)
    worker.join()
    assert claimed.is_set()
    assert Job.objects.count() == 1


@pytest.mark.django_db
def test_a_job_that_cannot_be_closed_does_not_hold_up_the_others(errand: Errand) -> None:
    stuck, other = queued(7), queued(8)
    for job in (stuck, other):
        assert claim(job.pk) is not None
        silent_for(job, timedelta(seconds=1))
    Job.objects.filter(pk=stuck.pk).update(attempts=services.MAX_ATTEMPTS)
    errand.untellable = {7}
    ledger.requeue_lapsed()
    other.refresh_from_db()
    stuck.refresh_from_db()
    assert (stuck.status, other.status) == (Job.Status.RUNNING, Job.Status.QUEUED)
