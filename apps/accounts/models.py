from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q


class User(AbstractUser):
    """A person with one account of their own; accounts are deactivated, never reused or deleted."""

    def __str__(self) -> str:
        return self.get_full_name() or self.username


class Role(models.TextChoices):
    CRC = "crc", "Clinical research coordinator"
    ANALYST = "analyst", "Image analyst"
    TRIAL_MANAGER = "trial_manager", "Trial manager"


class Membership(models.Model):
    """A person's role: a coordinator's at one site, an analyst's or a manager's in a whole trial."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role)
    trial = models.ForeignKey("trials.Trial", on_delete=models.PROTECT, related_name="memberships")
    site = models.ForeignKey(
        "trials.Site",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="memberships",
        help_text="For coordinators: the one site whose visits they see.",
    )

    class Meta:
        constraints = (
            models.CheckConstraint(
                name="coordinators_have_a_site_others_none",
                condition=Q(role="crc", site__isnull=False) | (~Q(role="crc") & Q(site__isnull=True)),
                violation_error_message="A coordinator needs a site; the other roles are for the whole trial.",
            ),
            models.UniqueConstraint(
                fields=("user", "role", "trial", "site"), condition=Q(site__isnull=False), name="one_role_per_site"
            ),
            models.UniqueConstraint(
                fields=("user", "role", "trial"), condition=Q(site__isnull=True), name="one_role_per_trial"
            ),
        )

    def __str__(self) -> str:
        return f"{self.user}, {self.get_role_display().lower()}"

    def clean(self) -> None:
        if self.site is not None and self.site.trial_id != self.trial_id:
            raise ValidationError({"site": "This site belongs to another trial."})
