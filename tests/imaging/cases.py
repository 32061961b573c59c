"""Digests and answers made by hand, for tests of what follows from them."""

from typing import Any

from apps.imaging.digest import DIGEST_SCHEMA, InstanceFact, SeriesDigest
from apps.imaging.ensemble import Classification, ModuleAnswer
from apps.imaging.findings import Finding
from apps.imaging.geometry import GeometryFacts
from apps.imaging.slots import Candidate
from apps.imaging.vocabulary import BODY_PARTS, CONTRASTS, OUT_OF_SCOPE, PLANES

GOOD_GEOMETRY: dict[str, Any] = {
    "slices": 80,
    "rows": 512,
    "columns": 512,
    "plane": "axial",
    "pixel_spacing_mm": (0.7, 0.7),
    "slice_spacing_mm": 5.0,
    "slice_thickness_mm": 5.0,
    "coverage_mm": 400.0,
}

GOOD_HEADER: dict[str, Any] = {
    "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
    "SliceThickness": 5.0,
    "KVP": 120.0,
    "ConvolutionKernel": "B30f",
    "StudyDate": "20261123",
}


def a_digest(number: int = 4, description: str = "Thorax", /, **changes: Any) -> SeriesDigest:
    """Return a digest of a sound CT series; `header` and `geometry` are merged into the good ones."""
    geometry = GeometryFacts(**{**GOOD_GEOMETRY, **changes.pop("geometry", {})})
    header = {**GOOD_HEADER, **changes.pop("header", {})}
    facts: dict[str, Any] = {
        "schema": DIGEST_SCHEMA,
        "series_uid": f"1.2.{number}",
        "study_uid": "1.1",
        "patient_key": "patient-a",
        "description": description,
        "series_number": number,
        "modality": "CT",
        "n_instances": geometry.slices,
        "header": {name: value for name, value in header.items() if value is not None},
        "geometry": geometry,
        "instances": (),
        "findings": (),
    }
    return SeriesDigest(**{**facts, **changes})


def instances(*names: str) -> tuple[InstanceFact, ...]:
    """Return one instance per name, with its own pixels."""
    return tuple(InstanceFact(name, f"file-{name}", f"pixels-{name}") for name in names)


def an_answer(classes: tuple[str, ...], label: str | None, **scores: float) -> ModuleAnswer:
    """Return an answer with that label, or an abstention with those scores."""
    given = scores or {str(label): 0.9}
    rest = (1 - sum(given.values())) / (len(classes) - len(given))
    voted = {name: given.get(name, rest) for name in classes}
    return ModuleAnswer(
        label=label,
        score=max(voted.values()),
        scores=voted,
        planes={plane: dict(voted) for plane in PLANES},
        abstained=label is None,
        reason="" if label else "The planes disagree.",
    )


def labels(body_part: str | ModuleAnswer = "chest", contrast: str | ModuleAnswer = "enhanced") -> Classification:
    """Return a classification with those labels."""
    return Classification(
        body_part=body_part_answer(body_part) if isinstance(body_part, str) else body_part,
        contrast=an_answer(CONTRASTS, contrast) if isinstance(contrast, str) else contrast,
        bundle={"name": "tiny", "version": "1.0.0", "sha256": "0" * 64},
        device="CPU",
        seconds=0.01,
    )


def body_part_answer(label: str | None, **scores: float) -> ModuleAnswer:
    """Return an answer of the body part module."""
    return an_answer((*BODY_PARTS, OUT_OF_SCOPE), label, **scores)


def contrast_unsure() -> ModuleAnswer:
    """Return an abstention of the contrast module."""
    return an_answer(CONTRASTS, None, enhanced=0.55)


def a_candidate(
    number: int,
    description: str,
    body_part: str | ModuleAnswer = "chest",
    contrast: str | ModuleAnswer = "enhanced",
    /,
    **changes: Any,
) -> Candidate:
    """Return a series at hand whose key is its number."""
    return Candidate(str(number), a_digest(number, description, **changes), labels(body_part, contrast))


def codes(findings: tuple[Finding, ...]) -> list[str]:
    """Return the codes of findings in their order."""
    return [finding.code for finding in findings]
