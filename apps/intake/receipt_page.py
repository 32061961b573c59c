"""The proof of receipt as its page shows it: the content that was written down, and whether its hash still holds."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.intake.models import Receipt, Submission
from apps.intake.services.receipts import content_sha256


@dataclass(frozen=True)
class ReceivedSeries:
    """One series of a receipt. `same` tells whether the received images are what the site's check saw."""

    title: str
    instances: int
    size: str
    sha256: str
    digest_sha256: str
    same: bool
    verdict: str
    differences: tuple[str, ...]
    objects: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class ReceiptPage:
    receipt: Receipt
    submission: Submission
    content: dict[str, Any]
    holds: bool
    """Whether the SHA-256 is still that of the content."""
    sent_at: datetime | None
    size: str
    series: tuple[ReceivedSeries, ...]

    @property
    def same(self) -> bool:
        return all(series.same for series in self.series)


def receipt_page(receipt: Receipt) -> ReceiptPage:
    """Return a receipt as page and PDF show it."""
    content = receipt.content
    return ReceiptPage(
        receipt=receipt,
        submission=receipt.submission,
        content=content,
        holds=content_sha256(content) == receipt.sha256,
        sent_at=datetime.fromisoformat(content["sent_at"]) if content["sent_at"] else None,
        size=size_words(content["bytes"]),
        series=tuple(map(_series, content["series"])),
    )


def size_words(number: int) -> str:
    """Return bytes as people say them."""
    return f"{number / 1e6:.1f} MB" if number >= 1e5 else f"{number / 1e3:.1f} kB"


def _series(said: dict[str, Any]) -> ReceivedSeries:
    name = f"Series {said['number']}" if said["number"] is not None else "Series"
    compared = said["compared"]
    same = bool(compared.get("same"))
    return ReceivedSeries(
        title=f"{name}, {said['description']}" if said["description"] else name,
        instances=said["instances"],
        size=f"{size_words(said['bytes'])} ({said['bytes']:,} bytes)",
        sha256=said["sha256"],
        digest_sha256=said["digest_sha256"],
        same=same,
        verdict=_verdict(same, compared.get("checked_here", False)),
        differences=tuple(compared.get("differences", ())),
        objects=tuple(said["objects"]),
    )


def _verdict(same: bool, checked_here: bool) -> str:
    if not same:
        return "Not quite what the site's check saw"
    return "Checked here; the site could not read the pixels" if checked_here else "What the site's check saw"
