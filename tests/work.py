"""What a worker would do, done here and now: the suite starts no process to run a job."""

from celery import current_app
from django.utils import timezone

from apps.jobs.models import Job

current_app.loader.import_default_modules()


def run_job(job: Job) -> None:
    """Deliver the message of one job."""
    current_app.tasks[job.task](job.pk)


def run_jobs() -> int:
    """Run what is queued, and what that queues, until nothing is left that may run now; returns how many ran."""
    ran = 0
    while job := Job.objects.filter(status=Job.Status.QUEUED, not_before__lte=timezone.now()).order_by("pk").first():
        run_job(job)
        ran += 1
    return ran
