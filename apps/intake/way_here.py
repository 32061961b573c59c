"""How images come from the site's computer: where its scripts turn to, and how far the images have come."""

from dataclasses import dataclass

from django.db.models import Count, Sum
from django.urls import reverse

from apps.intake.models import Instance, Submission

ADDRESSES = {
    "files": "intake:files",
    "received": "intake:received",
    "check": "intake:check",
    "progress": "intake:progress",
    "profile": "intake:profile",
    "describe": "intake:describe",
    "digest": "imageqc:digest",
    "transfer": "intake:transfer",
    "missing": "intake:missing",
    "parts": "intake:parts",
    "stop": "intake:stop",
}
"""What scripts call it -> name of the address; each takes the number of the submission."""


@dataclass(frozen=True)
class OnTheWay:
    """Images of a transfer: announced, arrived, and their bytes."""

    total: int
    arrived: int
    size: int

    @property
    def left(self) -> int:
        return self.total - self.arrived


def addresses(submission: Submission) -> dict[str, str]:
    """Return where the script of the page turns to for a submission."""
    return {name: reverse(url_name, args=(submission.pk,)) for name, url_name in ADDRESSES.items()}


def on_the_way(submission: Submission) -> OnTheWay:
    """Count the images of a transfer, and those that have arrived."""
    wanted = Instance.objects.filter(series__submission=submission, series__to_send=True)
    counts = wanted.aggregate(total=Count("pk"), arrived=Count("file"), size=Sum("size"))
    return OnTheWay(counts["total"], counts["arrived"], counts["size"] or 0)
