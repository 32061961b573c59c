from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models

from apps.accounts.models import Membership, Role
from apps.accounts.permissions import Person, is_person, scope

if TYPE_CHECKING:
    from apps.queries.models import Query  # noqa: F401 - named in quotes below

_SITE = "submission__visit__subject__site"

LAST_TOLD = models.Max("messages__written_at", filter=models.Q(messages__kind__in=("question", "reminder")))
"""When the site was last asked or reminded."""


class QueryQuerySet(models.QuerySet["Query"]):
    def visible_to(self, user: Person) -> Self:
        """Return the queries of the person's trials, a coordinator's of the own site."""
        return self.filter(scope(user, trial=f"{_SITE}__trial", site=_SITE))

    def settled_by_hand_of(self, user: Person) -> Self:
        """Return the queries of the trials in which the person is an analyst."""
        if not is_person(user):
            return self.none()
        trials = Membership.objects.filter(user=user, role=Role.ANALYST).values("trial")
        return self.filter(**{f"{_SITE}__trial__in": trials})

    def unsettled(self) -> Self:
        """Return those that wait for somebody."""
        return self.filter(status__in=self.model.UNSETTLED)

    def with_context(self) -> Self:
        """Fetch what the name of a query's visit needs, and what it is about."""
        return self.select_related(
            f"{_SITE}__trial", "submission__visit__visit_type", "series", "required", "opened_by", "settled_by"
        ).defer("series__digest")
