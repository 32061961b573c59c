"""One series: its labels, pictures, facts, and the findings on the series itself."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import F, Prefetch

from apps.imageqc.explanations import Explanation, explanations
from apps.imageqc.models import Classification
from apps.imageqc.provenance import Provenance, provenance
from apps.imaging.findings import Finding, Severity
from apps.imaging.vocabulary import SHOWN_PICTURES
from apps.intake.models import Declaration, Series
from apps.reviews.labels import labels_to_choose
from apps.reviews.models import Annotation, LabelCorrection, ReviewCase, SeriesDecision
from apps.reviews.selectors.drawings import standing_drawings
from apps.reviews.selectors.shown import LABEL_CODES, as_shown, findings_as_shown, hides_labels
from apps.ui.formats import mm

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
    explained: Explanation | None = None
    """The map of where the evidence lies, where this is a picture that a network looked at."""
    drawn: Annotation | None = None
    """What the analyst drew on it."""


@dataclass(frozen=True)
class SeriesEvidence:
    """One series: its labels, pictures, facts, and the findings on the series itself."""

    series: Series
    header: Mapping[str, Any]
    geometry: Mapping[str, Any]
    classification: Classification | None
    corrections: Mapping[str, LabelCorrection]
    findings: tuple[Finding, ...]
    pictured: bool = False
    """Whether the check made pictures of it."""
    unused_because: str = ""
    declaration: Declaration | None = None
    """What the site says that it is, the last time that it said so."""
    word: SeriesDecision | None = None
    """The analyst's newest verdict on this series alone."""
    drawings: Mapping[str, Annotation] = field(default_factory=dict)
    """What the analyst drew, by picture."""

    @property
    def declared(self) -> dict[str, str]:
        """What the site declared, by module."""
        of = self.declaration
        return {"body_part": of.body_part, "contrast": of.contrast} if of else {}

    @property
    def pictures(self) -> list[Picture]:
        """The pictures to show, with all that the networks looked at; a series that makes no volume has none."""
        if not self.pictured:
            return []
        extent = self.geometry.get("extent_mm") or (0, 0, 0)
        sides = {plane: (extent[width], extent[height]) for plane, (width, height) in _SIDES.items()}
        explained = {explanation.picture: explanation for explanation in reversed(self.explanations)}
        names = dict.fromkeys((*SHOWN_PICTURES, *explained))
        return [
            Picture(name, *sides[name.partition("_")[2]], explained.get(name), self.drawings.get(name))
            for name in names
        ]

    @property
    def explanations(self) -> tuple[Explanation, ...]:
        """Where in which picture the evidence for which label lies."""
        return explanations(self.classification) if self.classification else ()

    @property
    def calibrated(self) -> dict[str, bool]:
        """Per module whether a temperature was fitted to its scores."""
        return (
            {module: self.classification.is_calibrated(module) for module in self.answers}
            if self.classification
            else {}
        )

    @property
    def provenance(self) -> Provenance | None:
        """How the labels were made."""
        return provenance(self.classification) if self.classification else None

    @property
    def answers(self) -> dict[str, Any]:
        """What the ensemble said, by module."""
        return self.classification.answers if self.classification else {}

    @property
    def facts(self) -> list[tuple[str, Any]]:
        """Geometry and header as pairs of name and value."""
        return [
            *self._geometry_facts(),
            *((self._named(tag, name), self.header[tag]) for tag, name in HEADER_FACTS if tag in self.header),
        ]

    def _named(self, tag: str, name: str) -> str:
        """Return the name of a header fact; a date that went through de-identification says so."""
        at_the_site = self.series.origin == Series.Origin.SITE
        return f"{name}, de-identified" if at_the_site and tag.endswith("Date") else name

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
            (module, labels_to_choose(module, self.answers.get(module)), self._label(module))
            for module in LabelCorrection.Module.values
        ]

    def _label(self, module: str) -> str:
        if module in self.corrections:
            return self.corrections[module].label
        return (self.answers.get(module) or {}).get("label") or ""


def series_of(case: ReviewCase) -> Iterable[Series]:
    """Return the series of the case with two parts of their digests: its list of instances is long."""
    return (
        Series.objects.filter(submission=case.submission_id)
        .defer("digest")
        .annotate(header_facts=F("digest__header"), geometry_facts=F("digest__geometry"))
        .prefetch_related(
            "findings",
            "chosen_slots",
            Prefetch("declarations", Declaration.objects.select_related("declared_by")),
            Prefetch("classifications", Classification.objects.order_by("pk")),
            Prefetch("series_decisions", SeriesDecision.objects.filter(case=case).select_related("decided_by")),
            Prefetch("annotations", Annotation.objects.filter(case=case).select_related("made_by")),
            Prefetch("corrections", LabelCorrection.objects.filter(case=case).select_related("corrected_by")),
        )
    )


def series_evidence(case: ReviewCase, series: Any) -> SeriesEvidence:
    said = [row for row in series.classifications.all() if row.digest_sha256 == series.digest_sha256]
    last = said[-1] if said else None
    findings = stored_findings(series.findings.all())
    if as_shown(case, last) is not last:
        findings = tuple(finding for finding in findings if finding.code not in LABEL_CODES)
    return SeriesEvidence(
        series=series,
        header=series.header_facts or {},
        geometry=series.geometry_facts or {},
        classification=as_shown(case, last),
        corrections={row.module: row for row in series.corrections.all()},
        findings=findings_as_shown(case, findings),
        pictured=last is not None,
        unused_because="" if hides_labels(case) else series.unused_because,
        declaration=next(iter(list(series.declarations.all())[::-1]), None),
        word=next(iter(list(series.series_decisions.all())[::-1]), None),
        drawings={name: row for (_, name), row in standing_drawings(series.annotations.all()).items()},
    )


def stored_findings(rows: Iterable[Any]) -> tuple[Finding, ...]:
    """Return stored findings as the core knows them, the gravest first."""
    found = [
        Finding(row.code, Severity(row.severity), row.sentence, row.expected, row.found, row.where) for row in rows
    ]
    return gravest_first(found)


def gravest_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    order = list(Severity)
    return tuple(sorted(findings, key=lambda finding: order.index(finding.severity)))
