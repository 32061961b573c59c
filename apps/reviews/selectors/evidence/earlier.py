"""How the series of earlier visits of the same subject were made, against those of this one.

Measurements over time compare only where the scans do. Of earlier visits nothing else is told: no verdict, no reading.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, F, OuterRef, Q

from apps.imageqc.models import Classification, SlotMatch
from apps.intake.models import Submission
from apps.reviews.models import LabelCorrection, ReviewCase
from apps.reviews.selectors.evidence.slots import SlotEvidence
from apps.reviews.selectors.shown import hides_labels
from apps.ui.formats import mm
from apps.ui.words import label_words

THICKNESS_TOLERANCE_MM = 0.1
"""Scanners write 2.5 and 2.49 for the same thickness; steps between settings are larger."""

DECIDED = (Submission.Status.ACCEPTED, Submission.Status.RETURNED, Submission.Status.REJECTED)


@dataclass(frozen=True)
class EarlierFact:
    """One way in which a scan was made, at the visits of the table; empty where that is not known."""

    name: str
    cells: tuple[str, ...]
    differs: bool
    """Whether this visit is not as the baseline, both being known."""

    @property
    def then(self) -> str:
        return self.cells[0]

    @property
    def now(self) -> str:
        return self.cells[-1]


@dataclass(frozen=True)
class SlotOverTime:
    """A slot at the first visit that has it, at the last before this one, and now."""

    title: str
    visits: tuple[str, ...]
    """Their names, this visit last."""
    facts: tuple[EarlierFact, ...]
    left_out: int
    """Visits between the first and the last that have the slot too."""

    @property
    def baseline(self) -> str:
        return self.visits[0]

    @property
    def differing(self) -> list[EarlierFact]:
        return [fact for fact in self.facts if fact.differs]


@dataclass(frozen=True)
class _Scan:
    """How one series was made."""

    visit: str
    thickness_mm: float | None
    kernel: str
    scanner: str
    contrast: str
    """The analyst's label, else the ensemble's; empty where the labels are hidden."""
    agent: str


def slots_over_time(case: ReviewCase, slots: Sequence[SlotEvidence]) -> tuple[SlotOverTime, ...]:
    """Return the slots of the case that earlier, decided visits of the subject filled as well.

    A case whose labels are hidden compares what the headers say of contrast, and nothing of the ensemble.
    """
    filled = [slot for slot in slots if slot.evidence]
    earlier = _earlier(case, {slot.required.slot for slot in filled}) if filled else {}
    return tuple(
        _over_time(slot, earlier[slot.required.slot], _now(case, slot))
        for slot in sorted(filled, key=lambda slot: slot.match.required.position)
        if slot.required.slot in earlier
    )


def _over_time(slot: SlotEvidence, earlier: Sequence[_Scan], now: _Scan) -> SlotOverTime:
    shown = (earlier[0], *earlier[1:][-1:], now)
    thin, before = now.thickness_mm, shown[0].thickness_mm
    other_thickness = thin is not None and before is not None and abs(thin - before) > THICKNESS_TOLERANCE_MM
    facts = (
        EarlierFact("Slice thickness", tuple(_length(scan.thickness_mm) for scan in shown), other_thickness),
        _compared("Kernel", [scan.kernel for scan in shown]),
        _compared("Scanner", [scan.scanner for scan in shown]),
        _compared("Contrast", [scan.contrast for scan in shown]),
        # Makers give the same substance many names: they are shown, and say nothing of a difference.
        EarlierFact("Contrast agent", tuple(scan.agent for scan in shown), differs=False),
    )
    visits = tuple(scan.visit for scan in shown)
    known = tuple(fact for fact in facts if any(fact.cells))
    return SlotOverTime(slot.required.title, visits, known, left_out=len(earlier) + 1 - len(shown))


def _compared(name: str, cells: Sequence[str]) -> EarlierFact:
    first, *_, now = (cell.casefold() for cell in cells)
    return EarlierFact(name, tuple(cells), differs=bool(first and now and first != now))


def _now(case: ReviewCase, slot: SlotEvidence) -> _Scan:
    of = slot.evidence
    assert of is not None
    label = None if hides_labels(case) else of.corrections.get("contrast") or of.answers.get("contrast")
    said = label.label if isinstance(label, LabelCorrection) else (label or {}).get("label")
    return _scan("This visit", of.header, said)


def _earlier(case: ReviewCase, slots: Iterable[str]) -> dict[str, list[_Scan]]:
    """Return per slot the scans of the subject's earlier visits, the first visit first.

    Of each visit the accepted submission counts; where none is, the last that was decided.
    """
    visit = case.submission.visit
    still_open = ReviewCase.objects.filter(submission=OuterRef("submission")).exclude(status=ReviewCase.Status.DECIDED)
    matches = (
        SlotMatch.objects.filter(
            submission__visit__subject=visit.subject_id,
            submission__visit__target_on__lt=visit.target_on,
            submission__status__in=DECIDED,
            required__slot__in=slots,
            series__isnull=False,
        )
        .annotate(
            header=F("series__digest__header"),
            digest_sha256=F("series__digest_sha256"),
            visit=F("submission__visit"),
            visit_name=F("submission__visit__visit_type__name"),
            slot=F("required__slot"),
            accepted=Q(submission__status=Submission.Status.ACCEPTED),
            under_review=Exists(still_open),
        )
        .order_by("submission__visit__target_on", "accepted", "submission__pk")
        .values("slot", "visit", "visit_name", "series", "digest_sha256", "header", "under_review")
    )
    standing: dict[tuple[str, int], Mapping[str, Any]] = {(row["slot"], row["visit"]): row for row in matches}
    labels = {} if hides_labels(case) else _contrast_labels(standing.values())
    earlier: dict[str, list[_Scan]] = {}
    for (slot, _), row in standing.items():
        earlier.setdefault(slot, []).append(_scan(row["visit_name"], row["header"] or {}, labels.get(row["series"])))
    return earlier


def _contrast_labels(rows: Iterable[Mapping[str, Any]]) -> dict[int, str | None]:
    """Return the contrast of each series: the analyst's label, else the ensemble's.

    A submission that somebody still reviews tells neither: its next reader might read it here.
    """
    digests = {row["series"]: row["digest_sha256"] for row in rows if not row["under_review"]}
    said = Classification.objects.filter(series__in=digests).order_by("pk")
    labels: dict[int, str | None] = {
        series: label
        for series, sha256, label in said.values_list("series", "digest_sha256", "contrast__label")
        if sha256 == digests[series]
    }
    corrected = LabelCorrection.objects.filter(series__in=digests, module=LabelCorrection.Module.CONTRAST)
    return labels | dict(corrected.order_by("pk").values_list("series", "label"))


def _scan(visit: str, header: Mapping[str, Any], label: str | None) -> _Scan:
    thickness = header.get("SliceThickness")
    return _Scan(
        visit=visit,
        thickness_mm=float(thickness) if isinstance(thickness, int | float) else None,
        kernel=_text(header.get("ConvolutionKernel")),
        scanner=" ".join(filter(None, (_text(header.get(tag)) for tag in ("Manufacturer", "ManufacturerModelName")))),
        contrast=label_words(label) if label else "",
        agent=_text(header.get("ContrastBolusAgent")),
    )


def _text(value: Any) -> str:
    return " \\ ".join(str(part) for part in value) if isinstance(value, list) else str(value or "")


def _length(value: float | None) -> str:
    return "" if value is None else mm(value)
