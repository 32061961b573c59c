"""The lines of evidence of a slot: what is required, what the header says, what is seen, what the rules found."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.imaging.findings import Finding, Severity
from apps.imaging.spec import EITHER, SeriesSpec
from apps.imaging.vocabulary import PLANES, body_part_name, contrast_words
from apps.reviews.models import LabelCorrection
from apps.reviews.selectors.evidence.series import SeriesEvidence
from apps.ui.formats import NARROW, mm


@dataclass(frozen=True)
class Fact:
    """One line of evidence: what is required, what the site declared, what the header says, what is seen; and what
    the rules found of it."""

    name: str
    required: str
    header: str
    seen: str
    answer: Mapping[str, Any] | None
    correction: LabelCorrection | None
    findings: tuple[Finding, ...]
    declared: str = ""

    @property
    def differs(self) -> bool:
        return self.is_contested or any(finding.severity != Severity.INFO for finding in self.findings)

    @property
    def is_contested(self) -> bool:
        """Whether site and ensemble give two labels."""
        said = self.answer["label"] if self.answer else None
        return bool(self.declared and said and self.declared != said)

    @property
    def blocks(self) -> bool:
        return any(finding.severity == Severity.BLOCK for finding in self.findings)

    @property
    def votes(self) -> list[tuple[str, str, float]]:
        """Per plane the label that it would have given alone, and its score."""
        planes = self.answer["planes"] if self.answer else {}
        best = {plane: max(planes[plane], key=planes[plane].get) for plane in PLANES if plane in planes}
        return [(plane, label, planes[plane][label]) for plane, label in best.items()]


Cells = tuple[str, str, str, str]
"""Required, header, seen, and the module whose answer is shown instead of what is seen."""


def _body_part(required: SeriesSpec, of: SeriesEvidence) -> Cells:
    return body_part_name(required.body_part).capitalize(), _said(of, "BodyPartExamined"), "", "body_part"


def _contrast(required: SeriesSpec, of: SeriesEvidence) -> Cells:
    asked = "With or without" if required.contrast == EITHER else contrast_words(required.contrast).capitalize()
    return asked, _said(of, "ContrastBolusAgent"), "", "contrast"


def _thickness(required: SeriesSpec, of: SeriesEvidence) -> Cells:
    return _at_most(required.max_slice_thickness_mm), _said(of, "SliceThickness", "mm"), "", ""


def _spacing(required: SeriesSpec, of: SeriesEvidence) -> Cells:
    header = _said(of, "SpacingBetweenSlices", "mm")
    return _at_most(required.max_spacing_mm), header, _measured(of, "slice_spacing_mm"), ""


def _coverage(required: SeriesSpec, of: SeriesEvidence) -> Cells:
    asked = f"At least {mm(required.min_coverage_mm)}" if required.min_coverage_mm else ""
    covered = of.classification.answer.coverage if of.classification else None
    regions = f" ({covered.short})" if covered is not None and covered.short else ""
    return asked, "", _measured(of, "coverage_mm") + regions, ""


def _voltage(required: SeriesSpec, of: SeriesEvidence) -> Cells:
    low, high = required.kvp_range or (0, 0)
    return (f"{low:g} to {high:g}{NARROW}kVp" if required.kvp_range else ""), _said(of, "KVP", "kVp"), "", ""


def _kernel(required: SeriesSpec, of: SeriesEvidence) -> Cells:
    return " or ".join(required.kernels), _said(of, "ConvolutionKernel"), "", ""


def _field_of_view(required: SeriesSpec, of: SeriesEvidence) -> Cells:
    low, high = required.field_of_view_range_mm or (0, 0)
    asked = f"{low:g} to {high:g}{NARROW}mm" if required.field_of_view_range_mm else ""
    return asked, _said(of, "ReconstructionDiameter", "mm"), "", ""


FACTS = (
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
