from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from apps.imaging.errors import BadSpec
from apps.imaging.spec import SeriesSpec
from apps.imaging.vocabulary import LONGEST_CLASS_NAME
from apps.protocols.labels import body_part_choices, contrast_choices
from apps.trials.models import Trial, VisitType


class ImagingProtocol(models.Model):
    """A version of what the trial asks of the images; each check names the version that it used."""

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="imaging_protocols")
    version = models.CharField(max_length=20)
    effective_from = models.DateField(
        help_text="Submissions begun on or after this day are checked against this version."
    )
    summary_of_changes = models.TextField(blank=True)

    class Meta:
        ordering = ("trial", "-effective_from")
        constraints = (
            models.UniqueConstraint(fields=("trial", "version"), name="one_protocol_per_version"),
            models.UniqueConstraint(fields=("trial", "effective_from"), name="one_protocol_per_day"),
        )

    def __str__(self) -> str:
        return f"{self.trial} imaging protocol {self.version}"


class RequiredSeries(models.Model):
    """A slot: one CT series that a visit type asks for, and the limits that it must keep."""

    protocol = models.ForeignKey(ImagingProtocol, on_delete=models.PROTECT, related_name="required_series")
    visit_type = models.ForeignKey(VisitType, on_delete=models.PROTECT, related_name="required_series")
    slot = models.SlugField(max_length=40, help_text="Short name within the visit, for example chest")
    body_part = models.CharField(max_length=LONGEST_CLASS_NAME, choices=body_part_choices)
    contrast = models.CharField(max_length=LONGEST_CLASS_NAME, choices=contrast_choices)
    max_slice_thickness_mm = models.FloatField(null=True, blank=True)
    max_spacing_mm = models.FloatField(null=True, blank=True, help_text="Between slice centres.")
    min_coverage_mm = models.FloatField(null=True, blank=True, help_text="From the first to the last slice.")
    min_kvp = models.FloatField("lowest kVp", null=True, blank=True)
    max_kvp = models.FloatField("highest kVp", null=True, blank=True)
    kernels = models.JSONField(default=list, blank=True, help_text="Accepted convolution kernels; empty accepts any.")
    optional = models.BooleanField(default=False)
    position = models.PositiveSmallIntegerField(default=0, help_text="Place on the slot board.")

    class Meta:
        verbose_name_plural = "required series"
        ordering = ("protocol", "visit_type", "position", "pk")
        constraints = (
            models.UniqueConstraint(fields=("protocol", "visit_type", "slot"), name="one_required_series_per_slot"),
            models.CheckConstraint(
                name="kvp_limits_come_together",
                condition=Q(min_kvp__isnull=True, max_kvp__isnull=True)
                | Q(min_kvp__isnull=False, max_kvp__isnull=False),
                violation_error_message="Give both kVp limits or none.",
            ),
        )

    def __str__(self) -> str:
        return self.spec.title

    @property
    def spec(self) -> SeriesSpec:
        """The slot as the imaging core reads it."""
        return SeriesSpec(
            slot=self.slot,
            body_part=self.body_part,
            contrast=self.contrast,
            max_slice_thickness_mm=self.max_slice_thickness_mm,
            max_spacing_mm=self.max_spacing_mm,
            min_coverage_mm=self.min_coverage_mm,
            kvp_range=None if self.min_kvp is None or self.max_kvp is None else (self.min_kvp, self.max_kvp),
            kernels=tuple(self.kernels),
            optional=self.optional,
        )

    def clean(self) -> None:
        try:
            _ = self.spec
        except BadSpec as error:
            raise ValidationError(str(error)) from None
