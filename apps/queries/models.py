import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models

from apps.intake.models import Series, Submission
from apps.protocols.models import RequiredSeries
from apps.queries.querysets import QueryQuerySet
from apps.reviews.models import Decision


class Query(models.Model):
    """A question of the core lab to a site about one submission, with its thread."""

    class Status(models.TextChoices):
        OPEN = "open"
        ANSWERED = "answered"
        CLOSED = "closed"
        CANCELLED = "cancelled"

    TRANSITIONS: ClassVar[dict[str, tuple[str, ...]]] = {
        Status.OPEN: (Status.ANSWERED, Status.CLOSED, Status.CANCELLED),
        Status.ANSWERED: (Status.OPEN, Status.CLOSED, Status.CANCELLED),
    }
    UNSETTLED = (Status.OPEN, Status.ANSWERED)
    """Nothing is accepted while one of these stands."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False, help_text="Names it in addresses.")
    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="queries")
    series = models.ForeignKey(Series, null=True, blank=True, on_delete=models.PROTECT, related_name="queries")
    required = models.ForeignKey(RequiredSeries, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    status = models.CharField(max_length=9, choices=Status, default=Status.OPEN)
    subject = models.CharField(max_length=160, help_text="The question in one line.")
    reasons = models.JSONField(default=list, blank=True, help_text="Codes of the trial's reasons")
    finding_code = models.CharField(max_length=40, blank=True, help_text="The rule from whose finding it was drafted")
    pictures = models.JSONField(default=list, blank=True, help_text="Attached: series and name of the picture.")
    decision = models.OneToOneField(
        Decision,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="query",
        help_text="The return to the site that opened it.",
    )
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    opened_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True, blank=True)
    answered_by_submission = models.ForeignKey(
        Submission,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="answers",
        help_text="The new submission that answers it.",
    )
    settled_at = models.DateTimeField(null=True, blank=True, help_text="Closed or cancelled.")
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    reminders = models.PositiveSmallIntegerField(default=0)
    last_reminded_at = models.DateTimeField(null=True, blank=True)

    objects = QueryQuerySet.as_manager()

    class Meta:
        ordering = ("opened_at", "pk")
        verbose_name_plural = "queries"
        indexes = (models.Index(fields=("status", "opened_at"), name="queries_by_age"),)

    def __str__(self) -> str:
        return f"query {self.pk}"


class Message(models.Model):
    """One entry in the thread of a query. Append-only."""

    class Kind(models.TextChoices):
        QUESTION = "question"
        ANSWER = "answer"
        REMINDER = "reminder"
        EVENT = "event"

    query = models.ForeignKey(Query, on_delete=models.PROTECT, related_name="messages")
    kind = models.CharField(max_length=8, choices=Kind)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    text = models.TextField()
    written_at = models.DateTimeField()

    class Meta:
        ordering = ("written_at", "pk")

    def __str__(self) -> str:
        return f"{self.kind} of {self.query}"
