"""All that an analyst decides on."""

from dataclasses import dataclass

from django.db.models import Count

from apps.imageqc.models import SlotMatch
from apps.imaging.findings import Finding
from apps.intake.models import ReceivedFile
from apps.reviews.models import ReviewCase
from apps.reviews.selectors.evidence.earlier import SlotOverTime, slots_over_time
from apps.reviews.selectors.evidence.series import SeriesEvidence, series_evidence, series_of, stored_findings
from apps.reviews.selectors.evidence.slots import SlotEvidence, slot_evidence
from apps.reviews.selectors.shown import findings_as_shown, hides_labels


@dataclass(frozen=True)
class CaseEvidence:
    """All that an analyst decides on: slots with something wrong first, the rest of the submission behind them."""

    slots: tuple[SlotEvidence, ...]
    unused: tuple[SeriesEvidence, ...]
    findings: tuple[Finding, ...]
    labels_hidden: bool
    refused_files: tuple[tuple[str, int], ...]
    earlier: tuple[SlotOverTime, ...]
    """The slots that earlier visits of the subject filled as well: are the scans alike?"""

    @property
    def explained(self) -> bool:
        """Whether any series has a map of its evidence."""
        shown = (*(slot.evidence for slot in self.slots if slot.evidence), *self.unused)
        return any(series.explanations for series in shown)

    @property
    def n_refused_files(self) -> int:
        return sum(number for _, number in self.refused_files)


def case_evidence(case: ReviewCase) -> CaseEvidence:
    """Gather the evidence of a case; of other visits only how the scans were made, for the desk is blinded."""
    submission = case.submission
    series = {row.pk: series_evidence(case, row) for row in series_of(case)}
    matches = sorted(submission.slots.select_related("required"), key=_by_position if hides_labels(case) else _urgency)
    used = {match.series_id for match in matches}
    refused = (
        submission.files.filter(status__in=ReceivedFile.LEFT_OUT)
        .order_by()
        .values_list("reason")
        .annotate(number=Count("pk"))
        .order_by("-number", "reason")
    )
    standing: dict[int, list[SlotMatch]] = {}
    for match in matches:
        standing.setdefault(match.series_id or 0, []).append(match)
    slots = tuple(
        slot_evidence(case, match, series.get(match.series_id or 0), standing[match.series_id or 0])
        for match in matches
    )
    return CaseEvidence(
        slots=slots,
        unused=tuple(evidence for pk, evidence in series.items() if pk not in used),
        findings=findings_as_shown(case, stored_findings(submission.findings.filter(series=None))),
        labels_hidden=hides_labels(case),
        refused_files=tuple(refused),
        earlier=slots_over_time(case, slots),
    )


def _urgency(match: SlotMatch) -> tuple[int, int, int]:
    """Order slots: what is wrong first, an optional one without a series last."""
    not_needed = match.required.optional and match.state == SlotMatch.State.MISSING
    rank = len(SlotMatch.RANK) if not_needed else SlotMatch.RANK[match.state]
    return rank, match.required.position, match.pk


def _by_position(match: SlotMatch) -> tuple[int, int]:
    """Order slots as the protocol does: an order by what is wrong would tell what the AI says."""
    return match.required.position, match.pk
