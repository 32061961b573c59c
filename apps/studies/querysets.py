from __future__ import annotations

from typing import TYPE_CHECKING

from django.apps import apps
from django.db import models
from django.db.models import Exists, OuterRef, Q

from apps.accounts.models import Membership, Role
from apps.accounts.permissions import Person, is_person

if TYPE_CHECKING:
    from apps.studies.models import Assignment, ReadingStudy  # noqa: F401 - named in quotes below


class ReadingStudyQuerySet(models.QuerySet["ReadingStudy"]):
    def visible_to(self, user: Person) -> ReadingStudyQuerySet:
        """Return the studies that the person manages, and those that they read once they have started."""
        if not is_person(user):
            return self.none()
        if user.is_superuser:
            return self.all()
        own = Membership.objects.filter(user=user)
        managed = Q(trial__in=own.filter(role=Role.TRIAL_MANAGER).values("trial"))
        read = Q(pk__in=self.model.objects.read_by(user).values("pk"))
        return self.filter(managed | read)

    def read_by(self, user: Person) -> ReadingStudyQuerySet:
        """Return the started studies in which the person reads, as an analyst of the trial still."""
        if not is_person(user):
            return self.none()
        analysed = Membership.objects.filter(user=user, role=Role.ANALYST).values("trial")
        return self.filter(readers__analyst=user, trial__in=analysed).exclude(status=self.model.Status.DRAFT)


class AssignmentQuerySet(models.QuerySet["Assignment"]):
    def of_person(self, user: Person) -> AssignmentQuerySet:
        """Return what a person has to read or has read: their own, nobody else's, whatever their other roles."""
        if not is_person(user):
            return self.none()
        analysed = Membership.objects.filter(user=user, role=Role.ANALYST).values("trial")
        return self.filter(reader__analyst=user, reader__study__trial__in=analysed)

    def visible_to(self, user: Person) -> AssignmentQuerySet:
        return self.of_person(user)

    def unread(self) -> AssignmentQuerySet:
        """Return those without a reading.

        No join: an update of joined rows looks them up first, and PostgreSQL then changes them although another
        change came in between.
        """
        kept = apps.get_model("studies", "Reading")._default_manager.filter(assignment=OuterRef("pk"))
        return self.filter(~Exists(kept))

    def with_context(self) -> AssignmentQuerySet:
        """Fetch what a reading page needs."""
        return self.select_related(
            "reader__study__trial", "reader__analyst", "scan__series", "scan__classification"
        ).defer("scan__series__digest")
