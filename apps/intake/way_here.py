"""How images come from the site's computer: where its scripts turn to, and how far the images have come."""

from dataclasses import dataclass

from django.db.models import Count, Sum
from django.urls import reverse

from apps.intake.models import Instance, Part, Submission
from apps.intake.receipt_page import size_words

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
    """Images of a transfer: announced and arrived, and bytes: of all, and here, in parts that are not whole too."""

    total: int
    arrived: int
    size: int
    here: int

    @property
    def left(self) -> int:
        return self.total - self.arrived

    @property
    def size_words(self) -> str:
        """How much is here, as people say it: an image counts as arrived only when its whole part is here."""
        return f"{size_words(self.here)} of {size_words(self.size)}"


def addresses(submission: Submission) -> dict[str, str]:
    """Return where the script of the page turns to for a submission."""
    return {name: reverse(url_name, args=(submission.pk,)) for name, url_name in ADDRESSES.items()}


def on_the_way(submission: Submission) -> OnTheWay:
    """Count the images of a transfer, those that have arrived, and what has come of the others."""
    wanted = Instance.objects.filter(series__submission=submission, series__to_send=True)
    counts = wanted.aggregate(total=Count("pk"), arrived=Count("file"), size=Sum("size"), here=Sum("file__size"))
    unopened = submission.parts.filter(status__in=(Part.Status.RECEIVING, Part.Status.COMPLETE))
    begun = unopened.aggregate(bytes=Sum("offset"))["bytes"] or 0
    size = counts["size"] or 0
    return OnTheWay(counts["total"], counts["arrived"], size, min(size, (counts["here"] or 0) + begun))
