from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

from apps.accounts.permissions import Person, scope

if TYPE_CHECKING:
    from apps.trials.models import Site, Subject, Trial, Visit  # noqa: F401 - named in quotes below


class TrialQuerySet(models.QuerySet["Trial"]):
    def visible_to(self, user: Person) -> TrialQuerySet:
        return self.filter(scope(user, trial="pk", site="sites")).distinct()


class SiteQuerySet(models.QuerySet["Site"]):
    def visible_to(self, user: Person) -> SiteQuerySet:
        return self.filter(scope(user, trial="trial", site="pk"))


class SubjectQuerySet(models.QuerySet["Subject"]):
    def visible_to(self, user: Person) -> SubjectQuerySet:
        return self.filter(scope(user, trial="site__trial", site="site"))


class VisitQuerySet(models.QuerySet["Visit"]):
    def visible_to(self, user: Person) -> VisitQuerySet:
        return self.filter(scope(user, trial="subject__site__trial", site="subject__site"))

    def with_context(self) -> VisitQuerySet:
        """Fetch what the name of a visit needs: subject, site, trial and visit type."""
        return self.select_related("subject__site__trial", "visit_type")
