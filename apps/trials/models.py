import secrets
from datetime import date, timedelta

from django.db import models
from django.db.models import F, Q

from apps.trials.querysets import SiteQuerySet, SubjectQuerySet, TrialQuerySet, VisitQuerySet


class Trial(models.Model):
    """A clinical trial whose images the core lab receives."""

    protocol_number = models.CharField(max_length=40, unique=True)
    title = models.CharField(max_length=200)
    sponsor = models.CharField(max_length=120)

    objects = TrialQuerySet.as_manager()

    class Meta:
        ordering = ("protocol_number",)

    def __str__(self) -> str:
        return self.protocol_number


def new_key() -> str:
    """Return a secret key of 32 bytes, as hexadecimal digits."""
    return secrets.token_hex(32)


class DeidentificationProfile(models.Model):
    """How the images of a trial are de-identified: the Basic Profile of PS3.15 Annex E with these options."""

    class Dates(models.TextChoices):
        REMOVE = "remove"
        SHIFT = "shift"
        KEEP = "keep"

    trial = models.OneToOneField(Trial, on_delete=models.PROTECT, related_name="deidentification")
    key = models.CharField(
        max_length=64,
        default=new_key,
        editable=False,
        help_text="Of the keyed hash that makes new UIDs and date shifts; hexadecimal.",
    )
    dates = models.CharField(
        max_length=6,
        choices=Dates,
        default=Dates.SHIFT,
        help_text="Shift: by a number of days that is the same for all scans of a subject.",
    )
    retain_patient_characteristics = models.BooleanField(default=False, help_text="Age, sex, size and weight.")
    retain_device = models.BooleanField(default=False, help_text="Station name, serial numbers of the scanner.")
    clean_descriptors = models.BooleanField(
        default=True, help_text="Keep descriptions of study and series, without words that name the patient."
    )

    class Meta:
        ordering = ("trial",)

    def __str__(self) -> str:
        return f"de-identification of {self.trial}"


class Site(models.Model):
    """A hospital that takes part in one trial, under its site number."""

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="sites")
    number = models.CharField(max_length=10)
    name = models.CharField(max_length=120)

    objects = SiteQuerySet.as_manager()

    class Meta:
        ordering = ("trial", "number")
        constraints = (models.UniqueConstraint(fields=("trial", "number"), name="one_site_per_number"),)

    def __str__(self) -> str:
        return f"{self.number} {self.name}"


class Subject(models.Model):
    """A patient in the trial, known by the screening number alone."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="subjects")
    screening_number = models.CharField(max_length=20)
    consented_on = models.DateField(help_text="Day on which the subject agreed to take part.")
    baseline_on = models.DateField(help_text="Day 0, from which the visits are counted.")

    objects = SubjectQuerySet.as_manager()

    class Meta:
        ordering = ("site", "screening_number")
        constraints = (
            models.UniqueConstraint(fields=("site", "screening_number"), name="one_subject_per_screening_number"),
        )

    def __str__(self) -> str:
        return self.screening_number


class VisitType(models.Model):
    """A visit as the protocol plans it: a target day after baseline and the window around it."""

    class Priority(models.IntegerChoices):
        NORMAL = 0
        HIGH = 1
        URGENT = 2

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="visit_types")
    name = models.CharField(max_length=40)
    target_day = models.IntegerField(help_text="Days after baseline; negative for screening.")
    days_before = models.PositiveIntegerField(default=0, help_text="Window before the target day.")
    days_after = models.PositiveIntegerField(default=0, help_text="Window after the target day.")
    priority = models.PositiveSmallIntegerField(
        choices=Priority, default=Priority.NORMAL, help_text="Cases of higher priority are reviewed first."
    )

    class Meta:
        ordering = ("trial", "target_day")
        constraints = (models.UniqueConstraint(fields=("trial", "name"), name="one_visit_type_per_name"),)

    def __str__(self) -> str:
        return self.name


class Visit(models.Model):
    """One subject's visit of one type; the window's days are fixed when the visit is planned."""

    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, related_name="visits")
    visit_type = models.ForeignKey(VisitType, on_delete=models.PROTECT, related_name="visits")
    target_on = models.DateField()
    opens_on = models.DateField()
    closes_on = models.DateField(db_index=True)

    objects = VisitQuerySet.as_manager()

    class Meta:
        ordering = ("closes_on", "pk")
        constraints = (
            models.UniqueConstraint(fields=("subject", "visit_type"), name="one_visit_per_type"),
            models.CheckConstraint(
                condition=Q(opens_on__lte=F("target_on")) & Q(target_on__lte=F("closes_on")), name="window_in_order"
            ),
        )

    def __str__(self) -> str:
        return f"{self.subject} {self.visit_type}"

    @property
    def site(self) -> Site:
        return self.subject.site

    @property
    def trial(self) -> Trial:
        return self.subject.site.trial

    def timing(self, today: date) -> str:
        """Return where `today` lies in the window: upcoming, due or late."""
        if today < self.opens_on:
            return "upcoming"
        return "due" if today <= self.closes_on else "late"


def window(visit_type: VisitType, baseline_on: date) -> tuple[date, date, date]:
    """Return the target day of a visit and the first and last day of its window."""
    target = baseline_on + timedelta(days=visit_type.target_day)
    return target, target - timedelta(days=visit_type.days_before), target + timedelta(days=visit_type.days_after)
