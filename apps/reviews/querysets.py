from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

from apps.accounts.models import Membership, Role
from apps.accounts.permissions import Person, is_person

if TYPE_CHECKING:
    from apps.reviews.models import ReviewCase  # noqa: F401 - named in quotes below

_SITE = "submission__visit__subject__site"


class ReviewCaseQuerySet(models.QuerySet["ReviewCase"]):
    def visible_to(self, user: Person) -> ReviewCaseQuerySet:
        """Return the cases of the person's trials; the desk is the core lab's, coordinators see none."""
        if not is_person(user):
            return self.none()
        if user.is_superuser:
            return self.all()
        trials = Membership.objects.filter(user=user).exclude(role=Role.CRC).values("trial")
        return self.filter(**{f"{_SITE}__trial__in": trials})

    def decidable_by(self, user: Person) -> ReviewCaseQuerySet:
        """Return the cases of the trials in which the person is an analyst."""
        if not is_person(user):
            return self.none()
        return self.filter(
            **{f"{_SITE}__trial__in": Membership.objects.filter(user=user, role=Role.ANALYST).values("trial")}
        )

    def waiting(self) -> ReviewCaseQuerySet:
        return self.filter(status=self.model.Status.WAITING)

    def in_due_order(self) -> ReviewCaseQuerySet:
        """Return answers to a return first, then what is due first."""
        return self.order_by("-resubmitted", "due_at", "pk")

    def with_context(self) -> ReviewCaseQuerySet:
        """Fetch what a line of the worklist shows."""
        return self.select_related(f"{_SITE}__trial", "submission__visit__visit_type", "submission__protocol", "holder")
