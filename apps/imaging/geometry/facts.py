"""The geometry of a series as the checks need it."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class GeometryFacts:
    """The geometry of the volume that a series makes; lengths in millimetres, angles in degrees.

    `None` stands for what the headers do not say. `slices` counts the slices that the pictures are made of; duplicates
    and slices left out are counted apart.
    """

    slices: int = 0
    rows: int = 0
    columns: int = 0
    plane: str = ""
    """Acquisition plane: axial, sagittal or coronal (the nearest one), empty when unknown."""
    pixel_spacing_mm: tuple[float, float] | None = None
    """Between rows, between columns."""
    slice_spacing_mm: float | None = None
    """Median distance of neighbouring slices along the normal, from positions."""
    smallest_spacing_mm: float | None = None
    largest_spacing_mm: float | None = None
    slice_thickness_mm: float | None = None
    coverage_mm: float | None = None
    """First to last slice along the normal, one slice's thickness included."""
    extent_mm: tuple[float, float, float] | None = None
    """Size of the volume inferior-superior, anterior-posterior, right-left (nearest axes)."""
    z_mm: tuple[float, float] | None = None
    """z (LPS) of the middles of the most inferior and the most superior slice; None unless the slices are axial."""
    tilt_degrees: float = 0.0
    """Gantry tilt: between the slice normal and the line along which the slices are stacked."""
    oblique_degrees: float = 0.0
    """Between the slice normal and the nearest axis of the patient."""
    gaps: int = 0
    duplicates: int = 0
    left_out: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the facts as JSON values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "GeometryFacts":
        """Return the facts that `to_json` wrote."""
        facts: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()
        }
        return cls(**facts)
