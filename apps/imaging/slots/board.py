"""The slot board: what the person is shown of required series and series at hand."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from apps.imaging.findings import Finding, Severity


class SlotStatus(StrEnum):
    """`ok`: the series fits; `problem`: a series is there, but blocks or is not sure; `missing`: no series is."""

    OK = "ok"
    PROBLEM = "problem"
    MISSING = "missing"


@dataclass(frozen=True)
class SlotState:
    """One slot of the board.

    `series` is the key of the series that stands here, None when none does; `suggestion` the key of one that would
    be right instead. `sentence` says in full how the slot is and what to do next.
    """

    slot: str
    title: str
    optional: bool
    status: SlotStatus
    sentence: str
    series: str | None = None
    chosen_by_person: bool = False
    findings: tuple[Finding, ...] = ()
    suggestion: str | None = None

    @property
    def blocks(self) -> bool:
        """True when a transfer needs a reason: a mandatory slot is empty or a finding blocks."""
        if self.status is SlotStatus.MISSING:
            return not self.optional
        return any(finding.severity is Severity.BLOCK for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Return the slot as plain values."""
        return {
            "slot": self.slot,
            "title": self.title,
            "optional": self.optional,
            "status": str(self.status),
            "blocks": self.blocks,
            "sentence": self.sentence,
            "series": self.series,
            "chosen_by_person": self.chosen_by_person,
            "findings": [finding.to_json() for finding in self.findings],
            "suggestion": self.suggestion,
        }


@dataclass(frozen=True)
class UnusedSeries:
    """A series that stands for no slot, and why in words."""

    series: str
    reason: str

    def to_json(self) -> dict[str, str]:
        """Return the series and the reason."""
        return {"series": self.series, "reason": self.reason}


@dataclass(frozen=True)
class SlotBoard:
    """All slots of a visit in the protocol's order, and the series that fill none."""

    slots: tuple[SlotState, ...]
    unused: tuple[UnusedSeries, ...]

    @property
    def blocks(self) -> bool:
        """True when any slot keeps the submission from a transfer without a reason."""
        return any(slot.blocks for slot in self.slots)

    @property
    def complete(self) -> bool:
        """True when every mandatory slot is ok, and each optional one ok or empty."""
        return all(
            slot.status is SlotStatus.OK or (slot.optional and slot.status is SlotStatus.MISSING) for slot in self.slots
        )

    def to_json(self) -> dict[str, Any]:
        """Return the board as plain values."""
        return {
            "blocks": self.blocks,
            "complete": self.complete,
            "slots": [slot.to_json() for slot in self.slots],
            "unused": [unused.to_json() for unused in self.unused],
        }
