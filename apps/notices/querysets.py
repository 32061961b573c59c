from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

from apps.accounts.permissions import Person, is_person, scope
from apps.trials.models import Visit

if TYPE_CHECKING:
    from apps.notices.models import Notice  # noqa: F401 - named in quotes below


class NoticeQuerySet(models.QuerySet["Notice"]):
    def visible_to(self, user: Person) -> NoticeQuerySet:
        """A person's own, as long as they may see the submission: who leaves a site leaves its notices."""
        if not is_person(user):
            return self.none()
        site = "submission__visit__subject__site"
        return self.filter(scope(user, trial=f"{site}__trial", site=site), user=user)

    def unread(self) -> NoticeQuerySet:
        return self.filter(read_at=None)

    def about(self, visit: Visit) -> NoticeQuerySet:
        """Return those about any submission of a visit."""
        return self.filter(submission__visit=visit)

    def with_context(self) -> NoticeQuerySet:
        """Fetch what the name of a notice's visit needs."""
        return self.select_related("submission__visit__subject__site__trial", "submission__visit__visit_type")
