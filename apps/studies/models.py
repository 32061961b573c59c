import secrets
from datetime import timedelta
from typing import ClassVar

from django.conf import settings
from django.db import models

from apps.imageqc.models import Classification
from apps.imaging.vocabulary import LONGEST_CLASS_NAME
from apps.intake.models import Series
from apps.studies.querysets import AssignmentQuerySet, ReadingStudyQuerySet
from apps.trials.models import Trial

WASHOUT_DAYS = 14
"""Between the two sessions of one analyst, unless the study says otherwise (the paper: two weeks)."""


def new_seed() -> str:
    """Return what decides every random order of a study, as hexadecimal digits."""
    return secrets.token_hex(16)


class Arm(models.TextChoices):
    """How scans are read: without or with the ensemble's labels."""

    MANUAL = "manual", "Manual"
    AI_AIDED = "ai_aided", "AI-aided"


class ReadingStudy(models.Model):
    """The same analysts read the same scans twice, with and without AI labels; the time is measured."""

    class Status(models.TextChoices):
        DRAFT = "draft"
        RUNNING = "running"
        CLOSED = "closed"

    TRANSITIONS: ClassVar[dict[str, tuple[str, ...]]] = {
        Status.DRAFT: (Status.RUNNING,),
        Status.RUNNING: (Status.CLOSED,),
    }

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="reading_studies")
    name = models.CharField(max_length=80)
    status = models.CharField(max_length=8, choices=Status, default=Status.DRAFT)
    washout_days = models.PositiveSmallIntegerField(default=WASHOUT_DAYS)
    seed = models.CharField(max_length=32, default=new_seed, editable=False, help_text="Of every random order.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_because = models.TextField(blank=True, help_text="Why it was closed with readings left.")

    objects = ReadingStudyQuerySet.as_manager()

    class Meta:
        verbose_name = "reading study"
        verbose_name_plural = "reading studies"
        ordering = ("-created_at", "-pk")
        constraints = (models.UniqueConstraint(fields=("trial", "name"), name="one_study_of_a_name_per_trial"),)

    def __str__(self) -> str:
        return self.name

    @property
    def washout(self) -> timedelta:
        return timedelta(days=self.washout_days)


class StudyScan(models.Model):
    """A series that a study reads, with the labels that count as right and those that the ensemble gave."""

    class Source(models.TextChoices):
        CORRECTED = "corrected", "Analyst’s correction"
        ACCEPTED = "accepted", "Accepted at review"
        ENTERED = "entered", "Entered"

    study = models.ForeignKey(ReadingStudy, on_delete=models.PROTECT, related_name="scans")
    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="+")
    digest_sha256 = models.CharField(max_length=64, help_text="Of the pictures that are read.")
    classification = models.ForeignKey(
        Classification, on_delete=models.PROTECT, related_name="+", help_text="What the AI-aided arm shows."
    )
    body_part = models.CharField(max_length=LONGEST_CLASS_NAME, blank=True, help_text="Reference label.")
    contrast = models.CharField(max_length=LONGEST_CLASS_NAME, blank=True, help_text="Reference label.")
    body_part_source = models.CharField(max_length=9, choices=Source, blank=True)
    contrast_source = models.CharField(max_length=9, choices=Source, blank=True)

    class Meta:
        ordering = ("pk",)
        constraints = (models.UniqueConstraint(fields=("study", "series"), name="a_series_once_per_study"),)

    def __str__(self) -> str:
        return f"scan {self.pk}"

    @property
    def has_reference(self) -> bool:
        """Whether both reference labels are known."""
        return bool(self.body_part and self.contrast)

    @property
    def picture_version(self) -> str:
        """Short name of the digest that is read, as paths of pictures carry it."""
        return self.digest_sha256[:16]


class Reader(models.Model):
    """An analyst who takes part in a study; which arm comes first is drawn when the study starts."""

    study = models.ForeignKey(ReadingStudy, on_delete=models.PROTECT, related_name="readers")
    analyst = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="readers")
    first_arm = models.CharField(max_length=8, choices=Arm, blank=True)

    class Meta:
        ordering = ("pk",)
        constraints = (models.UniqueConstraint(fields=("study", "analyst"), name="an_analyst_once_per_study"),)

    def __str__(self) -> str:
        return f"{self.analyst} in {self.study}"

    @property
    def arms(self) -> tuple[str, str]:
        """The arms in the order in which this analyst reads them."""
        other = Arm.AI_AIDED if self.first_arm == Arm.MANUAL else Arm.MANUAL
        return (self.first_arm, other)


class Assignment(models.Model):
    """A scan that a reader has to read in one arm, its place in their order, and the clock that runs meanwhile."""

    reader = models.ForeignKey(Reader, on_delete=models.PROTECT, related_name="assignments")
    arm = models.CharField(max_length=8, choices=Arm)
    scan = models.ForeignKey(StudyScan, on_delete=models.PROTECT, related_name="assignments")
    place = models.PositiveIntegerField(help_text="In this reader's order of the arm, from 1.")
    opened_at = models.DateTimeField(null=True, blank=True)
    last_beat_at = models.DateTimeField(
        null=True, blank=True, help_text="Server time of the last sign of work; empty while the clock stands."
    )
    active_seconds = models.FloatField(default=0, help_text="Gaps between signs of work, pauses left out.")

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        ordering = ("reader", "arm", "place")
        constraints = (
            models.UniqueConstraint(fields=("reader", "arm", "scan"), name="a_scan_once_per_reader_and_arm"),
            models.UniqueConstraint(fields=("reader", "arm", "place"), name="one_scan_per_place"),
        )

    def __str__(self) -> str:
        return f"reading {self.pk}"


class Reading(models.Model):
    """What an analyst saw on a scan in one arm, and how long it took. The database refuses to change or delete it."""

    assignment = models.OneToOneField(Assignment, on_delete=models.PROTECT, related_name="reading")
    body_part = models.CharField(max_length=LONGEST_CLASS_NAME)
    contrast = models.CharField(max_length=LONGEST_CLASS_NAME)
    active_seconds = models.FloatField()
    read_at = models.DateTimeField()

    class Meta:
        ordering = ("read_at", "pk")

    def __str__(self) -> str:
        return f"{self.body_part}, {self.contrast}"
