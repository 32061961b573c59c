"""The evidence of a case: per slot what is required, what the header says, what the ensemble sees, what rules found."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, Prefetch

from apps.imageqc.models import Classification, SlotMatch
from apps.imaging.findings import Finding, Severity
from apps.imaging.spec import BODY_PART_WORDS, CONTRAST_WORDS, SeriesSpec
from apps.imaging.vocabulary import PLANES, SHOWN_PICTURES
from apps.intake.models import ReceivedFile, Series
from apps.reviews.models import LabelCorrection, ReviewCase
from apps.ui.formats import NARROW, mm

HEADER_FACTS = (
    ("Manufacturer", "Manufacturer"),
    ("ManufacturerModelName", "Scanner"),
    ("SoftwareVersions", "Software"),
    ("StudyDate", "Study date"),
    ("ImageType", "Image type"),
    ("BodyPartExamined", "Body part examined"),
    ("ContrastBolusAgent", "Contrast agent"),
    ("SliceThickness", "Slice thickness, mm"),
    ("KVP", "Tube voltage, kVp"),
    ("ConvolutionKernel", "Kernel"),
    ("ReconstructionDiameter", "Field of view, mm"),
    ("GantryDetectorTilt", "Gantry tilt, degrees"),
    ("PatientPosition", "Patient position"),
)
"""Header facts in the order in which an analyst reads them, and their names."""


_SIDES = {"axial": (2, 1), "sagittal": (1, 0), "coronal": (2, 0)}
"""Per plane the places of width and height in `GeometryFacts.extent_mm`."""


@dataclass(frozen=True)
class Picture:
    """One picture of a series, and how wide and high the square picture is in the patient; 0 where that is unknown."""

    name: str
    width_mm: float
    height_mm: float


@dataclass(frozen=True)
class SeriesEvidence:
    """One series: its labels, pictures, facts, and the findings on the series itself."""

    series: Series
    header: Mapping[str, Any]
    geometry: Mapping[str, Any]
    classification: Classification | None
    corrections: Mapping[str, LabelCorrection]
    findings: tuple[Finding, ...]

    @property
    def pictures(self) -> list[Picture]:
        """The pictures to show; a series that makes no volume has none, and so no labels."""
        if self.classification is None:
            return []
        extent = self.geometry.get("extent_mm") or (0, 0, 0)
        sides = {plane: (extent[width], extent[height]) for plane, (width, height) in _SIDES.items()}
        return [Picture(name, *sides[name.partition("_")[2]]) for name in SHOWN_PICTURES]

    @property
    def answers(self) -> dict[str, Any]:
        """What the ensemble said, by module."""
        if self.classification is None:
            return {}
        return {"body_part": self.classification.body_part, "contrast": self.classification.contrast}

    @property
    def facts(self) -> list[tuple[str, Any]]:
        """Geometry and header as pairs of name and value."""
        return [
            *self._geometry_facts(),
            *((name, self.header[tag]) for tag, name in HEADER_FACTS if tag in self.header),
        ]

    def _geometry_facts(self) -> list[tuple[str, Any]]:
        of = self.geometry
        if not of.get("slices"):
            return []
        facts = [("Slices", f"{of['slices']} {of.get('plane', '')}".strip())]
        facts.append(("Matrix", f"{of['rows']} × {of['columns']}"))
        if of.get("pixel_spacing_mm"):
            facts.append(("Pixel size", mm(of["pixel_spacing_mm"][0])))
        if of.get("slice_spacing_mm"):
            facts.append(("Spacing", mm(of["slice_spacing_mm"])))
        if of.get("coverage_mm"):
            facts.append(("Coverage", mm(of["coverage_mm"])))
        return facts

    @property
    def label_choices(self) -> list[tuple[str, tuple[str, ...], str]]:
        """Per module the labels that can be given, and the one that holds now."""
        return [
            (module, LabelCorrection.LABELS[LabelCorrection.Module(module)], self._label(module))
            for module in LabelCorrection.Module.values
        ]

    def _label(self, module: str) -> str:
        if module in self.corrections:
            return self.corrections[module].label
        return (self.answers.get(module) or {}).get("label") or ""


@dataclass(frozen=True)
class Fact:
    """One line of evidence: what is required, what the header says, what is seen; and what the rules found of it."""

    name: str
    required: str
    header: str
    seen: str
    answer: Mapping[str, Any] | None
    correction: LabelCorrection | None
    findings: tuple[Finding, ...]

    @property
    def differs(self) -> bool:
        return any(finding.severity != Severity.INFO for finding in self.findings)

    @property
    def blocks(self) -> bool:
        return any(finding.severity == Severity.BLOCK for finding in self.findings)

    @property
    def votes(self) -> list[tuple[str, str, float]]:
        """Per plane the label that it would have given alone, and its score."""
        planes = self.answer["planes"] if self.answer else {}
        best = {plane: max(planes[plane], key=planes[plane].get) for plane in PLANES if plane in planes}
        return [(plane, label, planes[plane][label]) for plane, label in best.items()]


@dataclass(frozen=True)
class SlotEvidence:
    """A required series and all that speaks for and against the series that fills it."""

    match: SlotMatch
    required: SeriesSpec
    evidence: SeriesEvidence | None
    facts: tuple[Fact, ...]
    findings: tuple[Finding, ...]

    @property
    def differing(self) -> list[Fact]:
        return [fact for fact in self.facts if fact.differs]

    @property
    def agreeing(self) -> list[Fact]:
        return [fact for fact in self.facts if not fact.differs]

    @property
    def calm(self) -> bool:
        """Whether nothing here asks for a second look."""
        return not self.differing and all(finding.severity == Severity.INFO for finding in self.findings)

    @property
    def not_needed(self) -> bool:
        """Whether the slot is empty and may be."""
        return self.evidence is None and self.required.optional

    @property
    def chosen_by_site(self) -> bool:
        """Whether the coordinator put the series here, instead of leaving it to the check."""
        chosen = self.evidence.series.chosen_slot_id if self.evidence else None
        return chosen is not None and chosen == self.match.required_id


@dataclass(frozen=True)
class CaseEvidence:
    """All that an analyst decides on: slots with something wrong first, the rest of the submission behind them."""

    slots: tuple[SlotEvidence, ...]
    unused: tuple[SeriesEvidence, ...]
    findings: tuple[Finding, ...]
    refused_files: tuple[tuple[str, int], ...]

    @property
    def n_refused_files(self) -> int:
        return sum(number for _, number in self.refused_files)


def case_evidence(case: ReviewCase) -> CaseEvidence:
    """Gather the evidence of a case; of the subject nothing but this submission, for the desk is blinded."""
    submission = case.submission
    series = {row.pk: _series_evidence(row) for row in _series(case)}
    matches = sorted(submission.slots.select_related("required"), key=_urgency)
    used = {match.series_id for match in matches}
    refused = (
        submission.files.filter(status=ReceivedFile.Status.REFUSED)
        .order_by()
        .values_list("reason")
        .annotate(number=Count("pk"))
        .order_by("-number", "reason")
    )
    return CaseEvidence(
        slots=tuple(_slot_evidence(match, series.get(match.series_id or 0)) for match in matches),
        unused=tuple(evidence for pk, evidence in series.items() if pk not in used),
        findings=_findings(submission.findings.filter(series=None)),
        refused_files=tuple(refused),
    )


def _urgency(match: SlotMatch) -> tuple[int, int, int]:
    """Order slots: what is wrong first, an optional one without a series last."""
    not_needed = match.required.optional and match.state == SlotMatch.State.MISSING
    rank = len(SlotMatch.RANK) if not_needed else SlotMatch.RANK[match.state]
    return rank, match.required.position, match.pk


def _series(case: ReviewCase) -> Iterable[Series]:
    """Return the series of the case with two parts of their digests: its list of instances is long."""
    return (
        Series.objects.filter(submission=case.submission_id)
        .defer("digest")
        .annotate(header_facts=F("digest__header"), geometry_facts=F("digest__geometry"))
        .prefetch_related(
            "findings",
            Prefetch("classifications", Classification.objects.order_by("pk")),
            Prefetch("corrections", LabelCorrection.objects.filter(case=case).select_related("corrected_by")),
        )
    )


def _series_evidence(series: Any) -> SeriesEvidence:
    said = [row for row in series.classifications.all() if row.digest_sha256 == series.digest_sha256]
    return SeriesEvidence(
        series=series,
        header=series.header_facts or {},
        geometry=series.geometry_facts or {},
        classification=said[-1] if said else None,
        corrections={row.module: row for row in series.corrections.all()},
        findings=_findings(series.findings.all()),
    )


def _findings(rows: Iterable[Any]) -> tuple[Finding, ...]:
    """Return stored findings as the core knows them, the gravest first."""
    found = [
        Finding(row.code, Severity(row.severity), row.sentence, row.expected, row.found, row.where) for row in rows
    ]
    return _gravest_first(found)


def _gravest_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    order = list(Severity)
    return tuple(sorted(findings, key=lambda finding: order.index(finding.severity)))


def _slot_evidence(match: SlotMatch, evidence: SeriesEvidence | None) -> SlotEvidence:
    required = match.required.spec
    findings = [Finding.from_json(stored) for stored in match.findings]
    if evidence is None:
        return SlotEvidence(match, required, None, (), _gravest_first(findings))
    findings = list(dict.fromkeys([*findings, *evidence.findings]))
    facts = []
    for name, codes, line in _FACTS:
        of_it = [finding for finding in findings if finding.code.startswith(codes)]
        asked, header, seen, module = line(required, evidence)
        if asked or module or of_it:
            answer, correction = evidence.answers.get(module), evidence.corrections.get(module)
            facts.append(Fact(name, asked, header, seen, answer, correction, _gravest_first(of_it)))
    told = {finding for fact in facts for finding in fact.findings}
    rest = _gravest_first(finding for finding in findings if finding not in told)
    return SlotEvidence(match, required, evidence, tuple(facts), rest)


Cells = tuple[str, str, str, str]
"""Required, header, seen, and the module whose answer is shown instead of what is seen."""


def _body_part(required: SeriesSpec, of: SeriesEvidence) -> Cells:
    return BODY_PART_WORDS[required.body_part].capitalize(), _said(of, "BodyPartExamined"), "", "body_part"


def _contrast(required: SeriesSpec, of: SeriesEvidence) -> Cells:
    asked = CONTRAST_WORDS[required.contrast].capitalize() or "With or without"
    return asked, _said(of, "ContrastBolusAgent"), "", "contrast"


def _thickness(required: SeriesSpec, of: SeriesEvidence) -> Cells:
    return _at_most(required.max_slice_thickness_mm), _said(of, "SliceThickness", "mm"), "", ""


def _spacing(required: SeriesSpec, of: SeriesEvidence) -> Cells:
    header = _said(of, "SpacingBetweenSlices", "mm")
    return _at_most(required.max_spacing_mm), header, _measured(of, "slice_spacing_mm"), ""


def _coverage(required: SeriesSpec, of: SeriesEvidence) -> Cells:
    asked = f"At least {mm(required.min_coverage_mm)}" if required.min_coverage_mm else ""
    return asked, "", _measured(of, "coverage_mm"), ""


def _voltage(required: SeriesSpec, of: SeriesEvidence) -> Cells:
    low, high = required.kvp_range or (0, 0)
    return (f"{low:g} to {high:g}{NARROW}kVp" if required.kvp_range else ""), _said(of, "KVP", "kVp"), "", ""


def _kernel(required: SeriesSpec, of: SeriesEvidence) -> Cells:
    return " or ".join(required.kernels), _said(of, "ConvolutionKernel"), "", ""


def _field_of_view(required: SeriesSpec, of: SeriesEvidence) -> Cells:
    low, high = required.field_of_view_range_mm or (0, 0)
    asked = f"{low:g} to {high:g}{NARROW}mm" if required.field_of_view_range_mm else ""
    return asked, _said(of, "ReconstructionDiameter", "mm"), "", ""


_FACTS = (
    ("Body part", ("body_part", "no_labels"), _body_part),
    ("Contrast", ("contrast",), _contrast),
    ("Slice thickness", ("slice_thickness",), _thickness),
    ("Spacing", ("spacing", "contiguity"), _spacing),
    ("Coverage", ("coverage",), _coverage),
    ("Tube voltage", ("tube_voltage",), _voltage),
    ("Kernel", ("kernel",), _kernel),
    ("Field of view", ("field_of_view",), _field_of_view),
)
"""The lines of evidence: name, beginnings of the rules' codes that speak of it, and how its cells are filled."""


def _said(of: SeriesEvidence, tag: str, unit: str = "") -> str:
    """Return a header fact as text, numbers with their unit."""
    value = of.header.get(tag)
    if value is None or value == "" or value == []:
        return ""
    if isinstance(value, list):
        return " \\ ".join(str(part) for part in value)
    if isinstance(value, float | int):
        return f"{value:g}{NARROW}{unit}".strip() if unit else f"{value:g}"
    return str(value)


def _measured(of: SeriesEvidence, name: str) -> str:
    value = of.geometry.get(name)
    return mm(value) if value is not None else ""


def _at_most(limit: float | None) -> str:
    return f"At most {mm(limit)}" if limit is not None else ""
