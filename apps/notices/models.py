from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.notices.querysets import NoticeQuerySet


class Notice(models.Model):
    """What one coordinator is told about one submission of their site; its words never change."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="notices")
    submission = models.ForeignKey("intake.Submission", on_delete=models.PROTECT, related_name="notices")
    kind = models.CharField(max_length=40, help_text="What happened, of apps/notices/kinds.py.")
    occasion = models.CharField(
        max_length=64, blank=True, help_text="Tells events of one kind apart where a submission can meet several."
    )
    sentence = models.TextField(help_text="What the page says; never part of an e-mail.")
    created_at = models.DateTimeField(auto_now_add=True)
    read_at = models.DateTimeField(null=True, blank=True)
    to_mail = models.BooleanField(default=False, help_text="It goes out by e-mail too.")
    mailed_at = models.DateTimeField(null=True, blank=True)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-pk")
        constraints = (
            models.UniqueConstraint(
                fields=("user", "submission", "kind", "occasion"), name="one_notice_per_event_and_person"
            ),
        )
        indexes = (
            models.Index(fields=("user", "-created_at"), name="notices_of_a_person"),
            models.Index(fields=("user",), condition=Q(read_at=None), name="unread_notices"),
            models.Index(fields=("created_at",), condition=Q(to_mail=True, mailed_at=None), name="notices_to_mail"),
        )

    def __str__(self) -> str:
        return f"notice {self.pk}"


class MailPreference(models.Model):
    """Whether a person gets notices by e-mail; without a row they do."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="mail_preference")
    by_mail = models.BooleanField("Send me notices by e-mail", default=True)

    def __str__(self) -> str:
        return f"mail preference of {self.user}"
