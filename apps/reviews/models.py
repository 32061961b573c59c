from typing import ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from apps.imaging.vocabulary import LONGEST_CLASS_NAME
from apps.intake.models import Series, Submission
from apps.reviews.clock import BACK_TO_QUEUE_AFTER, IDLE_AFTER
from apps.reviews.querysets import AnnotationQuerySet, ReviewCaseQuerySet
from apps.trials.models import Site, Trial, VisitType

_SHARE = (MinValueValidator(0.0), MaxValueValidator(1.0))


class ReviewPolicy(models.Model):
    """How the core lab reviews a trial; a trial without a row goes by the defaults."""

    trial = models.OneToOneField(Trial, on_delete=models.PROTECT, related_name="review_policy")
    review_within_hours = models.PositiveSmallIntegerField(
        default=48, validators=(MinValueValidator(1),), help_text="From receipt to the moment a case is due."
    )
    idle_after_seconds = models.PositiveSmallIntegerField(
        default=int(IDLE_AFTER.total_seconds()),
        validators=(MinValueValidator(20), MaxValueValidator(600)),
        help_text="A gap between two signs of work that is longer was a pause and counts nothing.",
    )
    back_to_queue_minutes = models.PositiveSmallIntegerField(
        default=int(BACK_TO_QUEUE_AFTER.total_seconds() // 60),
        validators=(MinValueValidator(4), MaxValueValidator(240)),
        help_text="A case without a sign of work for so long goes back to the queue.",
    )
    sign_each_decision = models.BooleanField(
        default=False, help_text="Ask for the password at every signature, not only at the first of a sitting."
    )
    hidden_share = models.FloatField(
        default=0.0, validators=_SHARE, help_text="Share of cases, 0 to 1, whose AI labels the analyst does not see."
    )
    seeded_share = models.FloatField(
        default=0.0,
        validators=_SHARE,
        help_text="Share of cases, 0 to 1, that show one wrong label on purpose; the analyst is told afterwards.",
    )
    second_review_share = models.FloatField(
        default=0.0, validators=_SHARE, help_text="Share of cases, 0 to 1, that a second analyst reviews blindly."
    )
    second_review_findings = models.JSONField(
        default=list, blank=True, help_text="Codes of findings whose cases always get a second review."
    )
    query_reminder_days = models.PositiveSmallIntegerField(
        default=7, validators=(MinValueValidator(1),), help_text="The site is reminded of an open query this often."
    )

    class Meta:
        ordering = ("trial",)
        verbose_name_plural = "review policies"

    def __str__(self) -> str:
        return f"review policy of {self.trial}"


class ReturnReason(models.Model):
    """A reason of this trial's own list, as the site reads it; a trial without any uses apps.reviews.reasons."""

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="return_reasons")
    code = models.SlugField(max_length=40)
    sentence = models.CharField(max_length=200)
    position = models.PositiveSmallIntegerField(default=0)
    retired = models.BooleanField(default=False, help_text="No longer offered; earlier decisions keep their words.")

    class Meta:
        ordering = ("trial", "position", "pk")
        constraints = (models.UniqueConstraint(fields=("trial", "code"), name="one_reason_per_code"),)

    def __str__(self) -> str:
        return self.sentence


class ReviewCase(models.Model):
    """A transferred submission on its way to a decision; one analyst holds it at a time.

    Most submissions have one case. A second review, the adjudication of two that disagree, and a submission that is
    reopened are cases of their own, in later rounds; the case that `settles` gives the submission its outcome.
    """

    class Status(models.TextChoices):
        WAITING = "waiting"
        CLAIMED = "claimed"
        DECIDED = "decided"

    TRANSITIONS: ClassVar[dict[str, tuple[str, ...]]] = {
        Status.WAITING: (Status.CLAIMED,),
        Status.CLAIMED: (Status.WAITING, Status.DECIDED),
    }

    class Kind(models.TextChoices):
        FIRST = "first", "First review"
        SECOND = "second", "Second review"
        ADJUDICATION = "adjudication", "Adjudication"
        REOPENED = "reopened", "Reopened"

    class Arm(models.TextChoices):
        SHOWN = "shown", "AI labels shown"
        HIDDEN = "hidden", "AI labels hidden"

    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="cases")
    round = models.PositiveSmallIntegerField(default=1)
    kind = models.CharField(max_length=12, choices=Kind, default=Kind.FIRST)
    settles = models.BooleanField(default=False, help_text="Its decision is the outcome of the submission.")
    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="+", help_text="Of the submission.")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="+", help_text="Of the submission.")
    status = models.CharField(max_length=8, choices=Status, default=Status.WAITING)
    holder = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="held_cases"
    )
    opened_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField()
    priority = models.PositiveSmallIntegerField(
        choices=VisitType.Priority, default=VisitType.Priority.NORMAL, help_text="Of the visit type."
    )
    resubmitted = models.BooleanField(default=False, help_text="Answers a returned submission; goes first.")
    ai_disagrees = models.BooleanField(default=False, help_text="A slot is missing or has a problem.")
    abstained = models.BooleanField(default=False, help_text="The ensemble did not answer for a series in a slot.")

    arm = models.CharField(max_length=6, choices=Arm, default=Arm.SHOWN, help_text="Drawn before anybody opens it.")
    seeded = models.JSONField(
        null=True, blank=True, help_text="A wrong label shown on purpose: key of the series, module and label."
    )
    queries_open = models.PositiveSmallIntegerField(default=0, help_text="Queries that wait for the site.")
    queries_answered = models.PositiveSmallIntegerField(default=0, help_text="Answers that wait for the core lab.")

    objects = ReviewCaseQuerySet.as_manager()

    class Meta:
        ordering = ("-priority", "-resubmitted", "due_at", "pk")
        indexes = (
            models.Index(fields=("status", "-priority", "-resubmitted", "due_at"), name="cases_in_due_order"),
            models.Index(fields=("trial", "status"), name="cases_of_a_trial"),
            # The worklist counts and orders from this index alone, so it holds all that a filter asks of a case.
            models.Index(
                fields=(
                    *("-priority", "-resubmitted", "due_at", "id"),
                    *("trial", "site", "status", "holder", "queries_open", "queries_answered"),
                    *("kind", "arm", "ai_disagrees", "abstained", "submission"),
                ),
                condition=Q(status__in=("waiting", "claimed")),
                name="undecided_in_due_order",
            ),
        )
        constraints = (
            models.UniqueConstraint(fields=("submission", "round"), name="one_case_per_round"),
            models.UniqueConstraint(
                fields=("submission",), condition=Q(settles=True), name="one_outcome_per_submission"
            ),
            models.UniqueConstraint(
                fields=("holder",), condition=models.Q(status="claimed"), name="one_case_on_each_desk"
            ),
        )

    def __str__(self) -> str:
        return f"case {self.pk}"


class CaseFinding(models.Model):
    """A code that the rules found in the series of a case, so that the worklist can be asked for it."""

    case = models.ForeignKey(ReviewCase, on_delete=models.CASCADE, related_name="finding_codes")
    code = models.CharField(max_length=40)

    class Meta:
        ordering = ("code",)
        constraints = (models.UniqueConstraint(fields=("code", "case"), name="each_code_once_per_case"),)

    def __str__(self) -> str:
        return self.code


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


class SeriesTime(models.Model):
    """How much of a stretch of work went to one series."""

    session = models.ForeignKey(ReviewSession, on_delete=models.PROTECT, related_name="series_times")
    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="review_times")
    active_seconds = models.FloatField(default=0)

    class Meta:
        ordering = ("pk",)
        constraints = (models.UniqueConstraint(fields=("session", "series"), name="one_time_per_series_and_session"),)

    def __str__(self) -> str:
        return f"time on {self.series}"


class TimeCorrection(models.Model):
    """What is added to or taken from the measured time of an analyst on a case, and why. Append-only."""

    case = models.ForeignKey(ReviewCase, on_delete=models.PROTECT, related_name="time_corrections")
    analyst = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    delta_seconds = models.FloatField()
    reason = models.TextField()
    corrected_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    corrected_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("corrected_at", "pk")

    def __str__(self) -> str:
        return f"{self.delta_seconds:+.0f} s on {self.case}"


class Decision(models.Model):
    """An analyst's word on a submission. The database refuses to change or delete it."""

    class Verdict(models.TextChoices):
        ACCEPT = "accept", "Accept"
        ACCEPT_WITH_DEVIATION = "accept_with_deviation", "Accept with deviation"
        RETURN_TO_SITE = "return_to_site", "Return to site"
        REJECT = "reject", "Reject"

    case = models.OneToOneField(ReviewCase, on_delete=models.PROTECT, related_name="decision")
    verdict = models.CharField(max_length=24, choices=Verdict)
    reasons = models.JSONField(default=list, help_text="Codes of the trial's reasons")
    reason_texts = models.JSONField(default=list, help_text="The reasons as the site reads them, as they were then.")
    note = models.TextField(blank=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="decisions")
    decided_at = models.DateTimeField(auto_now_add=True)
    active_seconds = models.FloatField(help_text="All sessions of the case together.")

    def __str__(self) -> str:
        return f"{self.get_verdict_display()}: {self.case}"


class LabelCorrection(models.Model):
    """An analyst's label where the ensemble was wrong or silent; the ensemble's own stays beside it."""

    class Module(models.TextChoices):
        BODY_PART = "body_part", "Body part"
        CONTRAST = "contrast", "Contrast"

    case = models.ForeignKey(ReviewCase, on_delete=models.PROTECT, related_name="corrections")
    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="corrections")
    module = models.CharField(max_length=10, choices=Module)
    ensemble_label = models.CharField(max_length=LONGEST_CLASS_NAME, blank=True, help_text="Empty when it abstained.")
    label = models.CharField(max_length=LONGEST_CLASS_NAME)
    corrected_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    corrected_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("corrected_at", "pk")

    def __str__(self) -> str:
        return f"{self.get_module_display()} of {self.series}: {self.label}"


class SeriesDecision(models.Model):
    """An analyst's word on one series; the newest of a case counts. Append-only."""

    class Verdict(models.TextChoices):
        ACCEPT = "accept", "Accept"
        ACCEPT_WITH_DEVIATION = "accept_with_deviation", "Accept with deviation"
        RETURN_TO_SITE = "return_to_site", "Return to site"
        OUT_OF_SCOPE = "out_of_scope", "Out of scope"

    case = models.ForeignKey(ReviewCase, on_delete=models.PROTECT, related_name="series_decisions")
    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="series_decisions")
    verdict = models.CharField(max_length=24, choices=Verdict)
    reasons = models.JSONField(default=list, help_text="Codes of the trial's reasons")
    note = models.TextField(blank=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("decided_at", "pk")

    def __str__(self) -> str:
        return f"{self.get_verdict_display()}: {self.series}"


class Annotation(models.Model):
    """What an analyst drew on a picture, for the site to see. Append-only; the newest per picture counts."""

    case = models.ForeignKey(ReviewCase, on_delete=models.PROTECT, related_name="annotations")
    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="annotations")
    picture = models.CharField(max_length=20, help_text="For example mip_coronal")
    shapes = models.JSONField(
        default=list, help_text="Arrows and ellipses, in parts of the picture's sides; empty takes them away."
    )
    note = models.CharField(max_length=200, blank=True)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField(auto_now_add=True)

    objects = AnnotationQuerySet.as_manager()

    class Meta:
        ordering = ("made_at", "pk")

    def __str__(self) -> str:
        return f"{self.picture} of {self.series}"


class Signature(models.Model):
    """Who signed which decision, what it meant, and exactly what was signed. Append-only."""

    decision = models.OneToOneField(Decision, on_delete=models.PROTECT, related_name="signature")
    signer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="signatures")
    printed_name = models.CharField(max_length=200, help_text="The signer's name as it was then.")
    meaning = models.CharField(max_length=200)
    signed_at = models.DateTimeField()
    record = models.TextField(help_text="What was signed: canonical JSON.")
    record_sha256 = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.meaning}: {self.printed_name}"


class Voiding(models.Model):
    """That a signature no longer stands, and why. Append-only."""

    signature = models.OneToOneField(Signature, on_delete=models.PROTECT, related_name="voiding")
    because = models.TextField()
    voided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    voided_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.signature} is void"


class SavedView(models.Model):
    """A person's own name for a set of filters of the worklist."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="saved_views")
    name = models.CharField(max_length=40)
    query = models.CharField(max_length=400, help_text="The filters as an address carries them.")

    class Meta:
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=("user", "name"), name="one_view_per_name"),)

    def __str__(self) -> str:
        return self.name
