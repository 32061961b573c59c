import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.imaging.vocabulary import LONGEST_CLASS_NAME
from apps.intake.querysets import ReceivedFileQuerySet, SeriesQuerySet, SubmissionQuerySet
from apps.protocols.models import ImagingProtocol, RequiredSeries
from apps.trials.models import Visit


class Submission(models.Model):
    """What a coordinator sends for one visit: a data transmittal with its CT series."""

    class Status(models.TextChoices):
        DRAFT = "draft"
        CHECKING = "checking"
        CHECKED = "checked"
        SENDING = "sending"
        TRANSFERRED = "transferred"
        IN_REVIEW = "in_review"
        ACCEPTED = "accepted"
        RETURNED = "returned"
        REJECTED = "rejected"
        WITHDRAWN = "withdrawn"

    TRANSITIONS: ClassVar[dict[str, tuple[str, ...]]] = {
        Status.DRAFT: (Status.CHECKING, Status.WITHDRAWN),
        Status.CHECKING: (Status.CHECKED, Status.WITHDRAWN),
        Status.CHECKED: (Status.CHECKING, Status.SENDING, Status.TRANSFERRED, Status.WITHDRAWN),
        Status.SENDING: (Status.CHECKED, Status.TRANSFERRED, Status.WITHDRAWN),
        Status.TRANSFERRED: (Status.IN_REVIEW,),
        Status.IN_REVIEW: (Status.TRANSFERRED, Status.ACCEPTED, Status.RETURNED, Status.REJECTED),
        Status.ACCEPTED: (Status.TRANSFERRED,),
        Status.RETURNED: (Status.TRANSFERRED,),
        Status.REJECTED: (Status.TRANSFERRED,),
    }
    TAKES_FILES = (Status.DRAFT, Status.CHECKING, Status.CHECKED)
    """Files and digests may still come."""
    BEFORE_TRANSFER = (*TAKES_FILES, Status.SENDING)
    """The coordinator still holds it: it may be withdrawn."""
    AT_THE_CORE_LAB = (Status.TRANSFERRED, Status.IN_REVIEW)
    OPEN = (*BEFORE_TRANSFER, *AT_THE_CORE_LAB)

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False, help_text="Names its files.")
    visit = models.ForeignKey(Visit, on_delete=models.PROTECT, related_name="submissions")
    protocol = models.ForeignKey(ImagingProtocol, on_delete=models.PROTECT, related_name="submissions")
    status = models.CharField(max_length=12, choices=Status, default=Status.DRAFT)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    replaces = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="replaced_by",
        help_text="The returned submission that this one answers.",
    )
    blockers = models.JSONField(
        default=list, help_text="Sentences of the last check that ask for a reason before transfer."
    )
    transferred_at = models.DateTimeField(null=True, blank=True)
    transfer_reason = models.TextField(blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    objects = SubmissionQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-pk")
        constraints = (
            models.UniqueConstraint(
                fields=("visit",),
                condition=Q(status__in=("draft", "checking", "checked", "sending", "transferred", "in_review")),
                name="one_open_submission_per_visit",
            ),
        )
        indexes = (models.Index(fields=("status", "transferred_at"), name="submissions_by_status"),)

    def __str__(self) -> str:
        return f"submission {self.pk}"


class ReceivedFile(models.Model):
    """One file as it arrived, kept unaltered; it ends in a series or with the reason why not."""

    class Status(models.TextChoices):
        STORED = "stored"
        SORTED = "sorted"
        UNPACKED = "unpacked"
        REFUSED = "refused"
        QUARANTINED = "quarantined"

    LEFT_OUT = (Status.REFUSED, Status.QUARANTINED)
    """A whole file that belongs to no series, with the reason."""

    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="files")
    given_name = models.CharField(
        max_length=400, help_text="Path as the coordinator's computer named it; never logged."
    )
    stored_as = models.CharField(max_length=200)
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    status = models.CharField(max_length=11, choices=Status, default=Status.STORED)
    reason = models.TextField(
        blank=True,
        help_text="Why it belongs to no series, as the end of a sentence; of a zip, a line per member.",
    )
    received_at = models.DateTimeField(auto_now_add=True)

    objects = ReceivedFileQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)
        constraints = (
            models.UniqueConstraint(fields=("submission", "sha256"), name="a_file_is_kept_once_per_submission"),
        )

    def __str__(self) -> str:
        return f"file {self.pk}"

    @property
    def refusals(self) -> list[dict[str, str]]:
        """Name and sentence of what belongs to no series: the file itself, or members of a zip."""
        sentences = [f"This file {self.reason}."] if self.status in self.LEFT_OUT else self.reason.splitlines()
        return [{"name": self.given_name, "reason": sentence} for sentence in sentences]


class Series(models.Model):
    """One CT series of a submission."""

    class Status(models.TextChoices):
        WAITING = "waiting"
        CHECKING = "checking"
        CHECKED = "checked"
        FAILED = "failed"

    TRANSITIONS: ClassVar[dict[str, tuple[str, ...]]] = {
        Status.WAITING: (Status.CHECKING, Status.FAILED),
        Status.CHECKING: (Status.CHECKING, Status.CHECKED, Status.FAILED, Status.WAITING),
        Status.CHECKED: (Status.WAITING,),
        Status.FAILED: (Status.WAITING,),
    }
    UNFINISHED = (Status.WAITING, Status.CHECKING)

    class Origin(models.TextChoices):
        SITE = "site"
        SERVER = "server"

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False, help_text="Names its pictures.")
    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="series")
    series_uid = models.CharField(max_length=64)
    study_uid = models.CharField(max_length=64, blank=True)
    patient_key = models.CharField(
        max_length=64, blank=True, help_text="Hash of the identity in the headers, never the identity."
    )
    description = models.CharField(max_length=120, blank=True)
    number = models.IntegerField(null=True)
    modality = models.CharField(max_length=16, blank=True)
    origin = models.CharField(
        max_length=6,
        choices=Origin,
        default=Origin.SERVER,
        help_text="Where its digest was made: at the site, before any image travelled, or here from the files.",
    )
    to_send = models.BooleanField(
        default=False, help_text="Its images are part of the transfer that the coordinator asked for."
    )
    received = models.JSONField(
        null=True, help_text="How the digest of the received images compares with that of the site."
    )
    status = models.CharField(max_length=10, choices=Status, default=Status.WAITING)
    failure = models.TextField(blank=True, help_text="Why the check could not be finished, in a sentence.")
    chosen_slots = models.ManyToManyField(
        RequiredSeries,
        blank=True,
        related_name="+",
        help_text="The required series that the coordinator chose it for; empty leaves the choice to the check.",
    )
    unused_because = models.TextField(blank=True, help_text="Why it fills no required series, in a sentence.")
    digest = models.JSONField(null=True, help_text="SeriesDigest without its pictures.")
    digest_sha256 = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = SeriesQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "series"
        ordering = ("submission", "number", "pk")
        constraints = (
            models.UniqueConstraint(
                fields=("submission", "series_uid", "patient_key"), name="one_series_per_uid_patient_and_submission"
            ),
        )

    def __str__(self) -> str:
        return f"series {self.number if self.number is not None else self.pk}"

    @property
    def title(self) -> str:
        """What people call it: "series 7, PV 3.0"."""
        return f"{self}, {self.description}" if self.description else str(self)

    @property
    def header(self) -> dict[str, Any]:
        """The allow-listed header facts, empty before the check."""
        return self.digest["header"] if self.digest else {}

    @property
    def geometry(self) -> dict[str, Any]:
        """The geometry facts, empty before the check."""
        return self.digest["geometry"] if self.digest else {}

    @property
    def has_pictures(self) -> bool:
        """Whether the check made pictures; a series that is no volume has none."""
        return bool(self.digest and self.digest["geometry"]["slices"])

    @property
    def digest_version(self) -> str:
        """Short name of the digest at hand, for paths and addresses of its pictures."""
        return self.digest_sha256[:16]

    def picture_path(self, picture: str) -> str:
        """Return where the storage keeps a picture (`mip_axial`) of the digest at hand."""
        return f"pictures/{self.uuid}/{self.digest_version}/{picture}.png"


class Instance(models.Model):
    """One DICOM object of a series; announced by the site's digest until its file is here."""

    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="instances")
    file = models.OneToOneField(
        ReceivedFile,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="instance",
        help_text="Empty while it is only announced.",
    )
    sop_instance_uid = models.CharField(max_length=64, db_index=True)
    pixel_sha256 = models.CharField(max_length=64, blank=True, db_index=True)
    sha256 = models.CharField(
        max_length=64, blank=True, help_text="Of the de-identified object that the site announced."
    )
    size = models.PositiveBigIntegerField(null=True, help_text="Bytes of the same.")

    class Meta:
        ordering = ("pk",)
        constraints = (
            models.UniqueConstraint(
                fields=("series", "sha256"), condition=~Q(sha256=""), name="an_object_is_announced_once_per_series"
            ),
        )

    def __str__(self) -> str:
        return f"instance {self.pk}"


class Part(models.Model):
    """Some announced instances on their way in one resumable upload (tus), as far as they have come."""

    class Status(models.TextChoices):
        RECEIVING = "receiving"
        COMPLETE = "complete"
        UNPACKED = "unpacked"
        REFUSED = "refused"

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="parts")
    size = models.PositiveBigIntegerField()
    offset = models.PositiveBigIntegerField(default=0, help_text="Bytes that are safely here.")
    status = models.CharField(max_length=10, choices=Status, default=Status.RECEIVING)
    reason = models.TextField(blank=True, help_text="Why it was refused, in a sentence.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    moved_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return f"part {self.pk}"


class Declaration(models.Model):
    """What the coordinator says a series is; kept beside header and ensemble, never changed."""

    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="declarations")
    body_part = models.CharField(max_length=LONGEST_CLASS_NAME, blank=True)
    contrast = models.CharField(max_length=LONGEST_CLASS_NAME, blank=True)
    note = models.TextField(blank=True)
    declared_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    declared_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return f"declaration {self.pk}"


class Receipt(models.Model):
    """The proof that a submission arrived whole: what, how many, hashes, when, by whom. Never changed."""

    submission = models.OneToOneField(Submission, on_delete=models.PROTECT, related_name="receipt")
    content = models.JSONField(help_text="All that the receipt says, as it was shown.")
    sha256 = models.CharField(max_length=64, help_text="Of the canonical JSON of the content.")
    issued_at = models.DateTimeField()

    class Meta:
        ordering = ("-issued_at",)

    def __str__(self) -> str:
        return f"receipt {self.pk}"
