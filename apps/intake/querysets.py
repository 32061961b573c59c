from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

from apps.accounts.permissions import Person, scope

if TYPE_CHECKING:
    from apps.intake.models import ReceivedFile, Series, Submission  # noqa: F401 - named in quotes below


def _visible(user: Person, to_submission: str) -> Q:
    """Coordinators see the rows of their sites, the core lab those of its trials."""
    site = f"{to_submission}visit__subject__site"
    return scope(user, trial=f"{site}__trial", site=site)


class SubmissionQuerySet(models.QuerySet["Submission"]):
    def visible_to(self, user: Person) -> SubmissionQuerySet:
        return self.filter(_visible(user, ""))

    def open(self) -> SubmissionQuerySet:
        """Return those that are neither decided nor withdrawn."""
        return self.filter(status__in=self.model.OPEN)

    def with_context(self) -> SubmissionQuerySet:
        """Fetch what the name of a submission's visit needs."""
        return self.select_related("visit__subject__site__trial", "visit__visit_type", "protocol")


class SeriesQuerySet(models.QuerySet["Series"]):
    def visible_to(self, user: Person) -> SeriesQuerySet:
        return self.filter(_visible(user, "submission__"))

    def unfinished(self) -> SeriesQuerySet:
        """Return those whose check has not ended."""
        return self.filter(status__in=self.model.UNFINISHED)


class ReceivedFileQuerySet(models.QuerySet["ReceivedFile"]):
    def refused(self) -> ReceivedFileQuerySet:
        """Return the files with a reason: those that belong to no series, and zips with members left out."""
        return self.exclude(reason="")
