"""The worker's part of a story, done by the process that plays it."""

import time
from datetime import timedelta

from celery import current_app
from django.db.models import Q, QuerySet

from apps.demo.seeding.clock import StoryClock
from apps.intake.models import Submission
from apps.jobs.models import Job
from apps.jobs.services import Lease, requeue
from apps.reviews.models import Decision

OF_A_SUBMISSION = (
    "intake.sort_files",
    "imageqc.match_slots",
    "imageqc.verify_receipt",
    "reviews.open_case",
    "queries.recount",
    "queries.answer_by_submission",
)
OF_A_DECISION = "queries.open_for_return"
OF_A_SERIES = "imageqc.check_series"
OF_A_PART = "intake.unpack_part"

ELSEWHERE_SECONDS = 0.2
"""How long to wait before looking again at a job that another process runs."""


class WorkFailed(Exception):
    """A job of the demo data could not be done."""


def do_work(submission: Submission, clock: StoryClock) -> None:
    """Run the queued jobs of a submission, and what they queue, until none is left: the same tasks, the same ledger.

    Time waits for nobody: a job that rests before its next attempt is run when the clock of the story says so.
    """
    ran = []
    while job := _open_jobs(submission).order_by("pk").first():
        if job.status == Job.Status.RUNNING:
            time.sleep(ELSEWHERE_SECONDS)
            continue
        clock.forward(max(job.not_before - clock.now(), timedelta(0)))
        current_app.tasks[job.task](job.pk)
        ran.append(job.pk)
    failed = Job.objects.filter(pk__in=ran, status=Job.Status.FAILED).first()
    if failed:
        raise WorkFailed(f"{failed} ended with {failed.error}; the lines above say more.")
    submission.refresh_from_db()


def _open_jobs(submission: Submission) -> QuerySet[Job]:
    own = Q(task__in=OF_A_SUBMISSION, object_id=submission.pk)
    of_series = Q(task=OF_A_SERIES, object_id__in=submission.series.values("pk"))
    of_parts = Q(task=OF_A_PART, object_id__in=submission.parts.values("pk"))
    decided = Decision.objects.filter(case__submission=submission)
    of_decisions = Q(task=OF_A_DECISION, object_id__in=decided.values("pk"))
    return Job.objects.filter(
        own | of_series | of_parts | of_decisions, status__in=(Job.Status.QUEUED, Job.Status.RUNNING)
    )


def take_up_again() -> None:
    """Give back the jobs that an interrupted run left behind, whatever day their lease is of."""
    for job in Job.objects.filter(status=Job.Status.RUNNING):
        requeue(Lease(job))


def work_alone() -> None:
    """Load the tasks, and keep their messages here: a worker that starts later finds no pile of work long done."""
    current_app.loader.import_default_modules()
    current_app.conf.broker_url = "memory://localhost"
