"""How the labels of a series were made, in words for the page."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.imageqc.models import Classification
from apps.imaging.bundle.manifest import MAX_DISTANCE
from apps.ui.words import label_words

NOT_KEPT = "Not kept then"


@dataclass(frozen=True)
class Provenance:
    """`modules` are the names of the columns, `lines` a name and a value for each of them."""

    classification: Classification
    modules: tuple[str, ...]
    lines: tuple[tuple[str, tuple[str, ...]], ...]


def provenance(classification: Classification) -> Provenance:
    """Return how both labels were made: calibration, limits, and how unlike the training pictures they look."""
    modules = tuple(classification.answers)
    kept = [classification.settings.get(module) for module in modules]
    distances = [classification.answers[module].get("distance") for module in modules]
    return Provenance(
        classification,
        modules=tuple(label_words(module) for module in modules),
        lines=(
            ("Scores", tuple(_calibration(classification, module) for module in modules)),
            ("Answered from", tuple(f"{of['min_score']:.2f}" if of else NOT_KEPT for of in kept)),
            ("Planes agreeing", tuple(_planes(of) for of in kept)),
            ("Distance", tuple(_distance(distance, of) for distance, of in zip(distances, kept, strict=True))),
        ),
    )


def _calibration(classification: Classification, module: str) -> str:
    kept = classification.settings.get(module)
    if not kept:
        return "Not calibrated"
    if classification.is_calibrated(module):
        return f"Calibrated, temperature {kept['temperature']:.2f}"
    return "Not calibrated, temperature 1"


def _planes(kept: Mapping[str, Any] | None) -> str:
    return f"At least {kept['min_planes_agreeing']} of {len(kept['planes'])}" if kept else NOT_KEPT


def _distance(distance: float | None, kept: Mapping[str, Any] | None) -> str:
    if distance is None or not kept:
        return "Not measured then"
    limit = kept["max_distance"]
    return f"{distance:.2f}, at most {limit:.2f}" if limit < MAX_DISTANCE else f"{distance:.2f}, no limit"
