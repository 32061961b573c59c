"""How one series does in one slot, and what it costs there."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from apps.imaging.coverage import REGIONS_OF
from apps.imaging.digest import SeriesDigest
from apps.imaging.ensemble import Classification
from apps.imaging.findings import Finding, Severity
from apps.imaging.rules import catalogue, check_against, check_series_rules, why_never_a_slot
from apps.imaging.slots.board import SlotStatus
from apps.imaging.spec import ImagingSpec, SeriesSpec

UNSURE_BODY_PART_COST = 30.0
UNSURE_CONTRAST_COST = 20.0
UNLIKELY_BODY_PART_COST = 20.0
OTHER_CONTRAST_COST = 60.0
PART_OF_BODY_PART_COST = 60.0
WIDER_BODY_PART_COST = 5.0
BLOCK_COST = 10.0
WARN_COST = 2.0
SPACING_COST_PER_MM = 0.1
SHORTNESS_COST = 0.5
LONG_MM = 500.0
"""From this length on, a scan is no shorter than another."""

EMPTY_COST = 1000.0
EMPTY_OPTIONAL_COST = 50.0
LEAST_BODY_PART_SCORE = 0.1
"""A series whose body part is not sure stands for a slot only from this score for the slot's body part on."""

NEVER = 1e9
"""Cost of what must not be; finite, because the assignment needs finite numbers."""

UNSURE_CODES = frozenset(
    rule.code
    for rule in (
        catalogue.BODY_PART_UNSURE,
        catalogue.BODY_PART_BORDER,
        catalogue.CONTRAST_UNSURE,
        catalogue.NO_LABELS,
    )
)
"""Findings that leave open whether the series is the right one; they make a slot a problem without blocking it."""

_COSTS = {
    catalogue.BODY_PART_WIDER.code: WIDER_BODY_PART_COST,
    catalogue.BODY_PART_COVERED.code: WIDER_BODY_PART_COST,
    catalogue.COVERAGE_INCOMPLETE.code: PART_OF_BODY_PART_COST,
    catalogue.BODY_PART_BORDER.code: UNSURE_BODY_PART_COST,
    catalogue.NO_LABELS.code: UNSURE_BODY_PART_COST + UNSURE_CONTRAST_COST,
    catalogue.CONTRAST_UNSURE.code: UNSURE_CONTRAST_COST,
    catalogue.CONTRAST.code: OTHER_CONTRAST_COST,
}


_TELLING = (
    catalogue.NOT_CT.code,
    catalogue.LOCALIZER.code,
    catalogue.SECONDARY_CAPTURE.code,
    catalogue.BODY_PART.code,
    catalogue.COVERAGE_INCOMPLETE.code,
    catalogue.CONTRAST.code,
)
"""What to tell first when a series has several problems: that it is another scan altogether."""


def _telling(finding: Finding) -> int:
    return _TELLING.index(finding.code) if finding.code in _TELLING else len(_TELLING)


@dataclass(frozen=True)
class Candidate:
    """One series at hand. `key` is the caller's name for it, unique on the board.

    `classification` is None when no pictures could be made of the series.
    """

    key: str
    digest: SeriesDigest
    classification: Classification | None


@dataclass(frozen=True)
class Fit:
    """How one series does in one slot."""

    findings: tuple[Finding, ...]
    cost: float
    possible: bool
    """Whether it may stand there without a person having said so."""

    @property
    def problems(self) -> list[Finding]:
        """The findings that block or leave open whether this is the right series, the most telling first."""
        wrong = [
            finding for finding in self.findings if finding.severity is Severity.BLOCK or finding.code in UNSURE_CODES
        ]
        return sorted(wrong, key=lambda finding: (finding.severity is not Severity.BLOCK, _telling(finding)))

    @property
    def first_problem(self) -> Finding:
        """The most telling problem; only where there is one."""
        return self.problems[0]

    @property
    def blocks(self) -> bool:
        """Whether a transfer with this series in this slot needs a reason."""
        return any(finding.severity is Severity.BLOCK for finding in self.findings)

    @property
    def status(self) -> SlotStatus:
        """`ok` unless something blocks or is not sure."""
        return SlotStatus.PROBLEM if self.problems else SlotStatus.OK


class Table:
    """The fit of every series in every slot; the series stand in the order of their keys."""

    def __init__(self, spec: ImagingSpec, candidates: Sequence[Candidate]) -> None:
        self.spec = spec
        self.candidates = {candidate.key: candidate for candidate in sorted(candidates, key=lambda one: one.key)}
        if len(self.candidates) != len(candidates):
            raise ValueError("two series have the same key")
        self._fits = {
            (required.slot, key): fit(candidate, required)
            for required in spec.series
            for key, candidate in self.candidates.items()
        }

    def fit(self, slot: str, key: str) -> Fit:
        """Return how the series of that key does in that slot."""
        return self._fits[slot, key]

    def part(self, slot: str, key: str) -> str:
        """Return which part of a series a slot takes: the first of its regions, or "" for the series as a whole.

        Slots that take different parts of a series can share it; all of its regions have to be covered for that.
        """
        said = self.candidates[key].classification
        regions = REGIONS_OF.get(self.spec.slot(slot).body_part, ())
        covered = said is not None and said.coverage is not None and said.coverage.covers(regions)
        return regions[0] if covered else ""

    def may_share(self, key: str, slot: str, others: Collection[str]) -> bool:
        """Return whether a slot can have a series that stands for the other slots already."""
        part = self.part(slot, key)
        return bool(part) and all(self.part(other, key) != part for other in others)


def slot_findings(candidate: Candidate, required: SeriesSpec) -> tuple[Finding, ...]:
    """Return all findings of a series in a slot: of reading, of the series, of the slot; blocking ones first."""
    of_slot = check_against(candidate.digest, candidate.classification, required)
    of_series = check_series_rules(candidate.digest, candidate.classification, allow_derived=required.allow_derived)
    codes = {finding.code for finding in of_slot}
    told_by_slot = {
        catalogue.BODY_PART_HEADER.code: catalogue.BODY_PART_HEADER_AGREES.code,
        catalogue.CONTRAST_HEADER.code: catalogue.CONTRAST_HEADER_AGREES.code,
    }
    of_series = tuple(finding for finding in of_series if told_by_slot.get(finding.code) not in codes)
    order = list(Severity)
    return tuple(
        sorted(
            (*of_slot, *of_series, *candidate.digest.findings),
            key=lambda finding: order.index(finding.severity),
        )
    )


def fit(candidate: Candidate, required: SeriesSpec) -> Fit:
    """Return how the series does in the slot, and what it costs there (see the table at the top)."""
    findings = slot_findings(candidate, required)
    geometry = candidate.digest.geometry
    cost = SPACING_COST_PER_MM * min(geometry.slice_spacing_mm or 10.0, 10.0)
    cost += SHORTNESS_COST * max(0.0, 1 - (geometry.coverage_mm or 0.0) / LONG_MM)
    possible = not why_never_a_slot(candidate.digest, candidate.classification)
    for finding in findings:
        if finding.code == catalogue.BODY_PART.code:
            cost += PART_OF_BODY_PART_COST
            possible = possible and _shows_a_part(candidate, required)
        elif finding.code == catalogue.BODY_PART_UNSURE.code:
            score = _body_part_score(candidate, required)
            cost += UNSURE_BODY_PART_COST + UNLIKELY_BODY_PART_COST * (1 - score)
            possible = possible and score >= LEAST_BODY_PART_SCORE
        elif finding.code in _COSTS:
            cost += _COSTS[finding.code]
        elif finding.severity is Severity.BLOCK:
            cost += BLOCK_COST
        elif finding.severity is Severity.WARN:
            cost += WARN_COST
    return Fit(findings, cost, possible)


def _shows_a_part(candidate: Candidate, required: SeriesSpec) -> bool:
    """Return whether a series of another body part is a near miss: the abdomen without the pelvis."""
    shown = candidate.classification.body_part.label if candidate.classification else None
    return (shown, required.body_part) == ("abdomen", "abdomen_pelvis")


def _body_part_score(candidate: Candidate, required: SeriesSpec) -> float:
    """Return the score (0 to 1) of the slot's body part; for the abdomen also that of abdomen and pelvis."""
    scores = candidate.classification.body_part.scores if candidate.classification else {}
    accepted = ("abdomen", "abdomen_pelvis") if required.body_part == "abdomen" else (required.body_part,)
    return max(scores.get(part, 0.0) for part in accepted)
