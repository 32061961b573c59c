from typing import Any, ClassVar

from django.db import models

from apps.imaging import ensemble
from apps.imaging.coverage import CoverageAnswer
from apps.intake.models import Series, Submission
from apps.protocols.models import RequiredSeries

ANSWER = "label, score, scores, planes, abstained, reason, distance, activations"


class Classification(models.Model):
    """What one bundle said of one digest of a series, with all that is needed to say it again. Never overwritten."""

    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="classifications")
    digest_sha256 = models.CharField(max_length=64)
    bundle_name = models.CharField(max_length=60)
    bundle_version = models.CharField(max_length=20)
    bundle_sha256 = models.CharField(max_length=64)
    body_part = models.JSONField(help_text=ANSWER)
    contrast = models.JSONField(help_text=ANSWER)
    coverage = models.JSONField(null=True, blank=True, help_text="Empty: the bundle does not tell it.")
    abstained = models.BooleanField()
    recipe = models.TextField(blank=True, help_text="How the bundle's networks were made.")
    settings = models.JSONField(
        default=dict,
        help_text="Per module: temperature, limits, and each plane's picture and network. Empty: not kept then.",
    )
    device = models.CharField(max_length=60)
    seconds = models.FloatField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-created_at", "-pk")

    def __str__(self) -> str:
        return f"{self.bundle_name} {self.bundle_version} on {self.series}"

    @classmethod
    def latest_of(cls, series: Series) -> "Classification | None":
        """Return what was said last of the digest that the series has now; None where nothing was."""
        return cls.objects.filter(series=series, digest_sha256=series.digest_sha256).order_by("pk").last()

    @property
    def answers(self) -> dict[str, dict[str, Any]]:
        """Each module's answer as it is kept."""
        return {"body_part": self.body_part, "contrast": self.contrast}

    @property
    def bundle(self) -> dict[str, str]:
        """Name, version and SHA-256 of the bundle."""
        return {"name": self.bundle_name, "version": self.bundle_version, "sha256": self.bundle_sha256}

    @property
    def provenance(self) -> dict[str, Any]:
        """How the labels were made, as plain values."""
        return {
            "bundle": self.bundle,
            "recipe": self.recipe,
            "settings": self.settings,
            "device": self.device,
            "seconds": self.seconds,
            "made_at": self.created_at.isoformat(),
        }

    def is_calibrated(self, module: str) -> bool:
        """Whether a temperature was fitted to the scores of this module."""
        return self.settings.get(module, {}).get("temperature", 1) != 1

    def picture_of(self, module: str, plane: str) -> str:
        """Return which picture the network of this plane looked at; empty where that was not kept."""
        planes: dict[str, dict[str, str]] = self.settings.get(module, {}).get("planes", {})
        return planes.get(plane, {}).get("picture", "")

    @property
    def answer(self) -> ensemble.Classification:
        """The classification as the imaging core reads it."""
        return ensemble.Classification(
            body_part=ensemble.ModuleAnswer(**self.body_part),
            contrast=ensemble.ModuleAnswer(**self.contrast),
            bundle=self.bundle,
            device=self.device,
            seconds=self.seconds,
            recipe=self.recipe,
            coverage=CoverageAnswer.from_json(self.coverage) if self.coverage else None,
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
