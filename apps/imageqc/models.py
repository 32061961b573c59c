from typing import Any, ClassVar

from django.db import models

from apps.imaging import ensemble
from apps.intake.models import Series, Submission
from apps.protocols.models import RequiredSeries


class Classification(models.Model):
    """What one bundle said of one digest of a series, with all that is needed to say it again. Never overwritten."""

    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="classifications")
    digest_sha256 = models.CharField(max_length=64)
    bundle_name = models.CharField(max_length=60)
    bundle_version = models.CharField(max_length=20)
    bundle_sha256 = models.CharField(max_length=64)
    body_part = models.JSONField(help_text="label, score, scores, planes, abstained, reason")
    contrast = models.JSONField(help_text="label, score, scores, planes, abstained, reason")
    abstained = models.BooleanField()
    device = models.CharField(max_length=60)
    seconds = models.FloatField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-created_at", "-pk")

    def __str__(self) -> str:
        return f"{self.bundle_name} {self.bundle_version} on {self.series}"

    @property
    def answer(self) -> ensemble.Classification:
        """The classification as the imaging core reads it."""
        return ensemble.Classification(
            body_part=ensemble.ModuleAnswer(**self.body_part),
            contrast=ensemble.ModuleAnswer(**self.contrast),
            bundle={"name": self.bundle_name, "version": self.bundle_version, "sha256": self.bundle_sha256},
            device=self.device,
            seconds=self.seconds,
        )


class Finding(models.Model):
    """The result of one rule on a series, or on the submission as a whole, as the person reads it."""

    class Severity(models.TextChoices):
        BLOCK = "block"
        WARN = "warn"
        INFO = "info"

    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="findings")
    series = models.ForeignKey(
        Series,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="findings",
        help_text="Empty: all of them.",
    )
    code = models.CharField(max_length=40, db_index=True)
    severity = models.CharField(max_length=5, choices=Severity)
    sentence = models.TextField()
    expected = models.CharField(max_length=200, blank=True)
    found = models.CharField(max_length=400, blank=True)
    where = models.CharField(max_length=400, blank=True)

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return self.code


class SlotMatch(models.Model):
    """A required series of a submission and the series that fills it, or why none does."""

    class State(models.TextChoices):
        OK = "ok"
        PROBLEM = "problem"
        MISSING = "missing"

    RANK: ClassVar[dict[str, int]] = {State.MISSING: 0, State.PROBLEM: 1, State.OK: 2}

    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="slots")
    required = models.ForeignKey(RequiredSeries, on_delete=models.PROTECT, related_name="+")
    series = models.ForeignKey(Series, null=True, blank=True, on_delete=models.CASCADE, related_name="slots")
    state = models.CharField(max_length=8, choices=State)
    sentence = models.TextField()
    suggested_series = models.ForeignKey(
        Series,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="Fits better than the chosen.",
    )
    findings = models.JSONField(default=list, help_text="Findings of the series against this slot.")

    class Meta:
        ordering = ("required__position", "pk")
        verbose_name_plural = "slot matches"
        constraints = (
            models.UniqueConstraint(fields=("submission", "required"), name="one_match_per_required_series"),
        )

    def __str__(self) -> str:
        return f"{self.required}: {self.state}"

    @property
    def spec_json(self) -> dict[str, Any]:
        """The limits that the series was held against."""
        return self.required.spec.to_json()
