from datetime import timedelta
from typing import ClassVar

from django.conf import settings
from django.db import models

from apps.imaging.vocabulary import BODY_PARTS, CONTRASTS, OUT_OF_SCOPE
from apps.intake.models import Series, Submission
from apps.reviews.querysets import ReviewCaseQuerySet
from apps.reviews.reasons import REASONS

REVIEW_WITHIN = timedelta(days=2)
"""From receipt to the day a case is due."""


class ReviewCase(models.Model):
    """A transferred submission on its way to a decision; one analyst holds it at a time."""

    class Status(models.TextChoices):
        WAITING = "waiting"
        CLAIMED = "claimed"
        DECIDED = "decided"

    TRANSITIONS: ClassVar[dict[str, tuple[str, ...]]] = {
        Status.WAITING: (Status.CLAIMED,),
        Status.CLAIMED: (Status.WAITING, Status.DECIDED),
    }

    submission = models.OneToOneField(Submission, on_delete=models.PROTECT, related_name="case")
    status = models.CharField(max_length=8, choices=Status, default=Status.WAITING)
    holder = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="held_cases"
    )
    opened_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField()
    resubmitted = models.BooleanField(default=False, help_text="Answers a returned submission; goes first.")
    ai_disagrees = models.BooleanField(default=False, help_text="A slot is missing or has a problem.")
    abstained = models.BooleanField(default=False, help_text="The ensemble did not answer for a series in a slot.")

    objects = ReviewCaseQuerySet.as_manager()

    class Meta:
        ordering = ("-resubmitted", "due_at", "pk")
        indexes = (models.Index(fields=("status", "-resubmitted", "due_at"), name="cases_in_due_order"),)
        constraints = (
            models.UniqueConstraint(
                fields=("holder",), condition=models.Q(status="claimed"), name="one_case_on_each_desk"
            ),
        )

    def __str__(self) -> str:
        return f"case {self.pk}"


class ReviewSession(models.Model):
    """One analyst's stretch of work on a case: from claim to decision, release or idle return."""

    case = models.ForeignKey(ReviewCase, on_delete=models.PROTECT, related_name="sessions")
    analyst = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="review_sessions")
    started_at = models.DateTimeField()
    last_beat_at = models.DateTimeField(help_text="Server time of the last sign of work.")
    active_seconds = models.FloatField(default=0, help_text="Gaps between heartbeats, idle ones left out.")
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("started_at", "pk")
        constraints = (
            models.UniqueConstraint(
                fields=("case",), condition=models.Q(ended_at__isnull=True), name="one_open_session_per_case"
            ),
        )

    def __str__(self) -> str:
        return f"{self.analyst} on {self.case}"


class Decision(models.Model):
    """An analyst's word on a submission. The database refuses to change or delete it."""

    class Verdict(models.TextChoices):
        ACCEPT = "accept", "Accept"
        ACCEPT_WITH_DEVIATION = "accept_with_deviation", "Accept with deviation"
        RETURN_TO_SITE = "return_to_site", "Return to site"
        REJECT = "reject", "Reject"

    case = models.OneToOneField(ReviewCase, on_delete=models.PROTECT, related_name="decision")
    verdict = models.CharField(max_length=24, choices=Verdict)
    reasons = models.JSONField(default=list, help_text="Codes of apps.reviews.reasons")
    note = models.TextField(blank=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="decisions")
    decided_at = models.DateTimeField(auto_now_add=True)
    active_seconds = models.FloatField(help_text="All sessions of the case together.")

    def __str__(self) -> str:
        return f"{self.get_verdict_display()}: {self.case}"

    @property
    def reason_sentences(self) -> list[str]:
        """The reasons as the site reads them."""
        return [REASONS[code] for code in self.reasons]


class LabelCorrection(models.Model):
    """An analyst's label where the ensemble was wrong or silent; the ensemble's own stays beside it."""

    class Module(models.TextChoices):
        BODY_PART = "body_part", "Body part"
        CONTRAST = "contrast", "Contrast"

    LABELS: ClassVar[dict[str, tuple[str, ...]]] = {
        Module.BODY_PART: (*BODY_PARTS, OUT_OF_SCOPE),
        Module.CONTRAST: CONTRASTS,
    }

    case = models.ForeignKey(ReviewCase, on_delete=models.PROTECT, related_name="corrections")
    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="corrections")
    module = models.CharField(max_length=10, choices=Module)
    ensemble_label = models.CharField(max_length=20, blank=True, help_text="Empty when it abstained.")
    label = models.CharField(max_length=20)
    corrected_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    corrected_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("corrected_at", "pk")

    def __str__(self) -> str:
        return f"{self.get_module_display()} of {self.series}: {self.label}"
