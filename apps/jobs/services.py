"""The job ledger: background work that survives a killed worker, a restarted broker and a lost message.

A row per job carries the promise; the broker only carries a hint that there is work. A running attempt holds a
lease that it renews; when the worker dies the lease lapses and `requeue_lapsed` sends the job again. A result is
written in one transaction with `Lease.confirm`, so an attempt that lost its lease writes nothing.
"""

import logging
import uuid
from datetime import datetime, timedelta

from celery import current_app
from django.db import IntegrityError, models, transaction
from django.utils import timezone

from apps.jobs.models import Job

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=20)
"""How long an attempt may stay silent before its job is given to another worker."""

MAX_ATTEMPTS = 4
"""Attempts after which a job counts as poisoned and ends where a person sees it."""

RETRY_AFTER = timedelta(seconds=5)
"""Rest before the first retry; it doubles with each attempt."""

RESEND_AFTER = timedelta(seconds=20)
"""How long a sent message may go unanswered before it is sent again; it doubles with each sending, up to 32 times."""


class LeaseLost(Exception):
    """Another attempt has taken the job over; this one must write nothing."""


class Lease:
    """The right to work on one job and to write its result."""

    def __init__(self, job: Job) -> None:
        self.job = job

    @property
    def object_id(self) -> int:
        return self.job.object_id

    def _mine(self) -> models.QuerySet[Job]:
        return Job.objects.filter(pk=self.job.pk, token=self.job.token, status=Job.Status.RUNNING)

    def renew(self) -> None:
        """Stay the holder for another `LEASE`; raises LeaseLost when another attempt has taken over."""
        if self._mine().update(lease_until=timezone.now() + LEASE) != 1:
            raise LeaseLost(str(self.job))

    def confirm(self) -> None:
        """Call inside the transaction that writes the result: locks the job row, so the lease cannot change hands."""
        if not transaction.get_connection().in_atomic_block:
            raise RuntimeError("confirm() belongs in the transaction that writes the result")
        self.renew()


def enqueue(task: str, object_id: int) -> None:
    """Note that `task` is to be run for `object_id`, and send it when the transaction has committed.

    A job that already waits for the same object serves this call too; one that runs does not, for it may have read
    the object before the change that caused this call.
    """
    with transaction.atomic():
        job = _queue(task, object_id)
        if job is not None:
            transaction.on_commit(lambda: _send(job))


def _queue(task: str, object_id: int) -> Job | None:
    """Add a job; None when one waits already, which then cannot start before the caller's change is committed."""
    while True:
        try:
            with transaction.atomic():
                return Job.objects.create(task=task, object_id=object_id, not_before=timezone.now())
        except IntegrityError:
            waiting = Job.objects.filter(task=task, object_id=object_id, status=Job.Status.QUEUED)
            if waiting.select_for_update().first() is not None:
                return None
            # A worker took it in this moment, and may have read the object before this change.


def _send(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(sent_at=timezone.now(), times_sent=models.F("times_sent") + 1)
    try:
        current_app.send_task(job.task, args=[job.pk], retry=False)
    except Exception:
        # Any broker's failure means the same here: the ledger still holds the job and the next beat sends it again.
        log.warning("The broker did not take job %s; it will be sent again", job.pk, exc_info=True)


def claim(job_id: int) -> Lease | None:
    """Take a queued job for this process; None when it is gone, resting, or the same work is running elsewhere."""
    now = timezone.now()
    token = uuid.uuid4()
    try:
        with transaction.atomic():
            claimed = Job.objects.filter(pk=job_id, status=Job.Status.QUEUED, not_before__lte=now).update(
                status=Job.Status.RUNNING,
                token=token,
                lease_until=now + LEASE,
                started_at=now,
                attempts=models.F("attempts") + 1,
            )
    except IntegrityError:
        return None
    return Lease(Job.objects.get(pk=job_id)) if claimed else None


def finish(lease: Lease) -> None:
    """Close a job that is done, and wake the one that waited behind it."""
    _close(lease, Job.Status.DONE, "")


def fail(lease: Lease, error: str) -> None:
    """Close a job for good; its task's own hook tells the person."""
    _close(lease, Job.Status.FAILED, error)


def _close(lease: Lease, status: str, error: str) -> None:
    with transaction.atomic():
        if lease._mine().update(status=status, error=error, finished_at=timezone.now(), lease_until=None) != 1:
            raise LeaseLost(str(lease.job))
        behind = Job.objects.filter(task=lease.job.task, object_id=lease.object_id, status=Job.Status.QUEUED).first()
        if behind:
            transaction.on_commit(lambda: _send(behind))


def try_again(lease: Lease, error: str) -> bool:
    """Put a job back after a passing trouble; False when it has had `MAX_ATTEMPTS`."""
    job = lease.job
    if job.attempts >= MAX_ATTEMPTS:
        return False
    if _requeue(lease._mine(), job, error, timezone.now() + RETRY_AFTER * 2 ** (job.attempts - 1)) != 1:
        raise LeaseLost(str(job))
    return True


def _requeue(jobs: models.QuerySet[Job], job: Job, error: str, not_before: datetime) -> int:
    """Put `job` back in the queue, or close it when a newer job for the same object waits there already."""
    changes = {"error": error, "lease_until": None, "token": None}
    try:
        with transaction.atomic():
            return jobs.update(status=Job.Status.QUEUED, not_before=not_before, sent_at=None, **changes)
    except IntegrityError:
        return jobs.update(status=Job.Status.DONE, finished_at=timezone.now(), **changes)


def lapsed() -> list[Job]:
    """Return the running jobs whose worker has gone silent."""
    return list(Job.objects.filter(status=Job.Status.RUNNING, lease_until__lt=timezone.now()))


def take_over(job: Job) -> Lease | None:
    """Hold a lapsed job for closing it; None when its worker came back in time or another process was quicker."""
    token = uuid.uuid4()
    now = timezone.now()
    taken = Job.objects.filter(pk=job.pk, status=Job.Status.RUNNING, token=job.token, lease_until__lt=now).update(
        token=token, lease_until=now + LEASE
    )
    if not taken:
        return None
    job.refresh_from_db()
    return Lease(job)


def requeue(lease: Lease) -> None:
    """Give a taken-over job back to the queue at once."""
    _requeue(lease._mine(), lease.job, "The worker stopped in the middle of this job.", timezone.now())


def resend_waiting() -> int:
    """Send the jobs again whose message got lost, or whose rest is over; returns how many."""
    now = timezone.now()
    waiting = Job.objects.filter(status=Job.Status.QUEUED, not_before__lte=now)
    sent = 0
    for job in waiting.order_by("pk"):
        if job.sent_at is None or now - job.sent_at > RESEND_AFTER * 2 ** min(job.times_sent - 1, 5):
            _send(job)
            sent += 1
    return sent
