from django.db import models
from django.db.models import Q


class Job(models.Model):
    """One piece of background work, kept in the database so that no broker and no killed worker can lose it."""

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    task = models.CharField(max_length=80, help_text="Celery task name, for example imageqc.check_series")
    object_id = models.BigIntegerField(help_text="Primary key of what the task works on.")
    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(help_text="A job that waits for a retry rests until then.")
    sent_at = models.DateTimeField(null=True, help_text="When its message last went to the broker.")
    times_sent = models.PositiveSmallIntegerField(default=0)
    token = models.UUIDField(
        null=True, help_text="Names the attempt that holds the lease; a stale attempt cannot write."
    )
    lease_until = models.DateTimeField(null=True)
    error = models.TextField(blank=True, help_text="Type of the last error, never its text.")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("task", "object_id"), condition=Q(status="queued"), name="one_queued_job_per_object"
            ),
            models.UniqueConstraint(
                fields=("task", "object_id"), condition=Q(status="running"), name="one_running_job_per_object"
            ),
        )
        indexes = (
            models.Index(fields=("status", "sent_at"), condition=Q(status__in=("queued", "running")), name="open_jobs"),
        )

    def __str__(self) -> str:
        return f"{self.task}({self.object_id})"
