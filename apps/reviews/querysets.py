from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

from apps.accounts.models import Membership, Role
from apps.accounts.permissions import Person, is_person

if TYPE_CHECKING:
    from apps.reviews.models import Annotation, ReviewCase  # noqa: F401 - named in quotes below

_SITE = "submission__visit__subject__site"


class AnnotationQuerySet(models.QuerySet["Annotation"]):
    def visible_to(self, user: Person) -> AnnotationQuerySet:
        """Return what was drawn in the person's trials; the site sees it once the case is decided, or it was asked."""
        if not is_person(user):
            return self.none()
        if user.is_superuser:
            return self.all()
        own = Membership.objects.filter(user=user)
        of_the_desk = models.Q(case__trial__in=own.exclude(role=Role.CRC).values("trial"))
        of_the_site = models.Q(case__site__in=own.filter(role=Role.CRC).values("site"))
        told = models.Q(case__status="decided") | models.Q(case__submission__queries__isnull=False)
        return self.filter(of_the_desk | (of_the_site & told)).distinct()


class ReviewCaseQuerySet(models.QuerySet["ReviewCase"]):
    def visible_to(self, user: Person) -> ReviewCaseQuerySet:
        """Return the cases of the person's trials; the desk is the core lab's, coordinators see none."""
        if not is_person(user):
            return self.none()
        if user.is_superuser:
            return self.all()
        trials = Membership.objects.filter(user=user).exclude(role=Role.CRC).values("trial")
        return self.filter(trial__in=trials)

    def decidable_by(self, user: Person) -> ReviewCaseQuerySet:
        """Return the cases of the trials in which the person is an analyst."""
        if not is_person(user):
            return self.none()
        return self.filter(trial__in=Membership.objects.filter(user=user, role=Role.ANALYST).values("trial"))

    def waiting(self) -> ReviewCaseQuerySet:
        return self.filter(status=self.model.Status.WAITING)

    def with_the_site(self) -> ReviewCaseQuerySet:
        """Return the waiting cases whose site still owes an answer; the queue passes over them until it came."""
        return self.waiting().filter(queries_open__gt=0)

    def in_the_queue(self) -> ReviewCaseQuerySet:
        """Return the waiting cases that somebody can take and finish."""
        return self.waiting().filter(queries_open=0)

    def not_reviewed_before_by(self, user: Person) -> ReviewCaseQuerySet:
        """Leave out second reviews and adjudications of submissions that the person decided in an earlier round."""
        blind = (self.model.Kind.SECOND, self.model.Kind.ADJUDICATION)
        earlier = self.model._default_manager.filter(
            submission=models.OuterRef("submission"),
            round__lt=models.OuterRef("round"),
            decision__decided_by=user.pk,
        )
        return self.exclude(models.Q(models.Exists(earlier), kind__in=blind))

    def kept_from(self, user: Person) -> ReviewCaseQuerySet:
        """Return what others decided on submissions that this person may be asked to review blindly."""
        status, second = self.model.Status, self.model.Kind.SECOND
        to_come = self.model._default_manager.filter(kind=second, status__in=(status.WAITING, status.CLAIMED))
        decided = self.decidable_by(user).filter(status=status.DECIDED, submission__in=to_come.values("submission"))
        return decided.exclude(decision__decided_by=user.pk)

    def not_kept_from(self, user: Person) -> ReviewCaseQuerySet:
        """Leave those out."""
        return self.exclude(pk__in=type(self)(self.model).kept_from(user).values("pk"))

    def with_open_labels(self) -> ReviewCaseQuerySet:
        """Return the cases of which a list may say what the AI found: a hidden one tells once it is decided."""
        return self.filter(models.Q(arm=self.model.Arm.SHOWN) | models.Q(status=self.model.Status.DECIDED))

    def in_due_order(self) -> ReviewCaseQuerySet:
        """Return what the protocol holds urgent first, then answers to a return, then what is due first."""
        return self.order_by("-priority", "-resubmitted", "due_at", "pk")

    def with_context(self) -> ReviewCaseQuerySet:
        """Fetch what a line of the worklist shows."""
        return self.select_related(f"{_SITE}__trial", "submission__visit__visit_type", "submission__protocol", "holder")
