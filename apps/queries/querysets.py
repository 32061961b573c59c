from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

from apps.accounts.permissions import Person, scope

if TYPE_CHECKING:
    from apps.queries.models import Query  # noqa: F401 - named in quotes below

_SITE = "submission__visit__subject__site"


class QueryQuerySet(models.QuerySet["Query"]):
    def visible_to(self, user: Person) -> QueryQuerySet:
        """Return the queries of the person's trials, a coordinator's of the own site."""
        return self.filter(scope(user, trial=f"{_SITE}__trial", site=_SITE))

    def unsettled(self) -> QueryQuerySet:
        """Return those that wait for somebody."""
        return self.filter(status__in=self.model.UNSETTLED)
