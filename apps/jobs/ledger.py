"""`ledgered`: a Celery task whose attempts are held together by the job ledger."""

import logging
import threading
from collections.abc import Callable
from traceback import format_tb

from celery import shared_task
from celery.signals import worker_ready
from django.db import InterfaceError, OperationalError, connection, transaction

from apps.jobs import services
from apps.jobs.models import Job
from apps.jobs.services import Lease, LeaseLost

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = services.LEASE.total_seconds() / 4
PASSING = (OperationalError, InterfaceError, OSError)
"""Errors that a later attempt may not meet: database, broker or storage away, disk full."""

FailureHook = Callable[[int, str], None]
_failure_hooks: dict[str, FailureHook] = {}


def ledgered(
    name: str, *, on_failure: FailureHook | None = None
) -> Callable[[Callable[[Lease], None]], Callable[[int], None]]:
    """Register `work(lease)` as the Celery task `name`; the message carries the job's id.

    A passing error (`PASSING`) is tried again, any other ends the job; both tell `on_failure(object_id, sentence)`
    when nothing more will be tried, so that the object ends in a state that a person sees.
    """

    def register(work: Callable[[Lease], None]) -> Callable[[int], None]:
        if on_failure:
            _failure_hooks[name] = on_failure

        @shared_task(name=name, ignore_result=True)
        def attempt(job_id: int) -> None:
            lease = services.claim(job_id)
            if lease is None:
                return
            try:
                with _Heartbeat(lease):
                    work(lease)
                services.finish(lease)
            except LeaseLost:
                log.warning("Job %s went to another worker", job_id)
            except PASSING as error:
                if not services.try_again(lease, _named(error)):
                    _give_up(lease, _named(error))
            except Exception as error:
                # Where it happened, not what the error says: its text may quote a header or a file name.
                log.error("Job %s failed: %s\n%s", job_id, _named(error), "".join(format_tb(error.__traceback__)))
                _give_up(lease, _named(error))

        return attempt

    return register


def _named(error: Exception) -> str:
    """Return the type of an error, all that the ledger and the person get of it."""
    return type(error).__name__


def _give_up(lease: Lease, error: str) -> None:
    tell = _failure_hooks.get(lease.job.task)
    with transaction.atomic():
        services.fail(lease, error)
        if tell:
            tell(lease.object_id, f"The check stopped with an error on our side ({error}).")


class _Heartbeat:
    """Renews a lease from a thread of its own while the work holds the main one."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        try:
            while not self._stop.wait(HEARTBEAT_SECONDS):
                try:
                    self._lease.renew()
                except LeaseLost:
                    return
                except (OperationalError, InterfaceError):
                    connection.close()
        finally:
            connection.close()


@shared_task(name="jobs.requeue_lapsed", ignore_result=True)
def requeue_lapsed() -> None:
    """Beat: give the jobs of dead workers to living ones, end the poisoned ones, resend what got lost."""
    for job in services.lapsed():
        try:
            _take_from_dead_worker(job)
        except Exception as error:
            # One job that cannot be closed must not keep the others from going on; the next beat tries it again.
            log.error("Job %s stays open: %s\n%s", job.pk, _named(error), "".join(format_tb(error.__traceback__)))
    services.resend_waiting()


def _take_from_dead_worker(job: Job) -> None:
    lease = services.take_over(job)
    if lease is None:
        return
    if job.attempts >= services.MAX_ATTEMPTS:
        _give_up(lease, "WorkerLost")
    else:
        services.requeue(lease)


@worker_ready.connect
def _catch_up(**_: object) -> None:
    """A worker that comes back does not wait for the next beat."""
    requeue_lapsed()
