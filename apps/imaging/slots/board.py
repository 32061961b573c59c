"""The slot board: what the person is shown of required series and series at hand."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from apps.imaging.findings import Finding, Severity
from apps.imaging.spec import SeriesSpec


class SlotStatus(StrEnum):
    """`ok`: the series fits; `problem`: a series is there, but blocks or is not sure; `missing`: no series is."""

    OK = "ok"
    PROBLEM = "problem"
    MISSING = "missing"


@dataclass(frozen=True)
class SlotState:
    """One slot of the board.

    `key` names the series that stands here, None when none does. `sentence` says in full how the slot is;
    `suggestion` is the next step where there is one, `suggested_key` the series that it names.
    """

    spec: SeriesSpec
    status: SlotStatus
    sentence: str
    key: str | None = None
    chosen_by_person: bool = False
    findings: tuple[Finding, ...] = ()
    suggestion: str = ""
    suggested_key: str | None = None

    @property
    def blocks(self) -> bool:
        """True when a transfer needs a reason: a mandatory slot is empty or a finding blocks."""
        if self.status is SlotStatus.MISSING:
            return not self.spec.optional
        return any(finding.severity is Severity.BLOCK for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Return the slot as plain values."""
        return {
            "slot": self.spec.slot,
            "title": self.spec.title,
            "optional": self.spec.optional,
            "status": str(self.status),
            "blocks": self.blocks,
            "sentence": self.sentence,
            "series": self.key,
            "chosen_by_person": self.chosen_by_person,
            "findings": [finding.to_json() for finding in self.findings],
            "suggestion": self.suggestion,
            "suggested_series": self.suggested_key,
        }


@dataclass(frozen=True)
class UnusedSeries:
    """A series that stands for no slot, and why in words."""

    key: str
    reason: str

    def to_json(self) -> dict[str, str]:
        """Return the series and the reason."""
        return {"series": self.key, "reason": self.reason}


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
            slot.status is SlotStatus.OK or (slot.spec.optional and slot.status is SlotStatus.MISSING)
            for slot in self.slots
        )

    def to_json(self) -> dict[str, Any]:
        """Return the board as plain values."""
        return {
            "blocks": self.blocks,
            "complete": self.complete,
            "slots": [slot.to_json() for slot in self.slots],
            "unused": [unused.to_json() for unused in self.unused],
        }
