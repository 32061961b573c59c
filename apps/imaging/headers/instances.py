"""InstanceHeader: what one DICOM object says of itself, as far as it is allowed to say it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

Vector = tuple[float, float, float]
HeaderFact = str | float | list[str] | list[float]


@dataclass(frozen=True, slots=True)
class Frame:
    """One slice of an object: a classic CT object has one, an Enhanced CT object many.

    Lengths in millimetres in patient coordinates (LPS); None is what the header does not say in a usable way.
    """

    position: Vector | None
    """Centre of the first voxel (ImagePositionPatient)."""
    orientation: tuple[float, ...] | None
    """Direction along a row, then down a column (ImageOrientationPatient), six numbers."""
    spacing: tuple[float, ...] | None
    """Between rows, between columns (PixelSpacing)."""
    thickness: float | None
    slope: float | None
    """None when absent; `nan` when it is no number."""
    intercept: float | None
    image_type: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PixelLayout:
    """Where the stored values of an object lie in its file and how to read them."""

    transfer_syntax: str
    bits_allocated: int
    bits_stored: int
    signed: bool
    samples: int
    padding: tuple[int, int] | None
    """Lowest and highest stored value that stand for "no measurement"."""
    spans: tuple[tuple[tuple[int, int], ...], ...]
    """Per frame the pieces (offset, length) that make it; offsets count in the inflated data set of a deflated file."""
    deflated_at: int | None
    """Where the deflated data set begins, None when it is not deflated."""
    little_endian: bool


@dataclass(frozen=True, slots=True)
class InstanceHeader:
    """One readable image object. `name` is what people call the file; only `facts` may reach a digest."""

    path: Path
    name: str
    file_size: int
    sop_instance_uid: str
    sop_class_uid: str
    series_uid: str
    study_uid: str
    patient_key: str
    modality: str
    image_type: tuple[str, ...]
    description: str
    series_number: int | None
    acquisition_number: int | None
    instance_number: int | None
    transfer_syntax: str
    rows: int
    columns: int
    frames: tuple[Frame, ...]
    pixels: PixelLayout
    facts: Mapping[str, HeaderFact]

    @property
    def position(self) -> Vector | None:
        """Position of the first frame."""
        return self.frames[0].position

    @property
    def orientation(self) -> tuple[float, ...] | None:
        """Orientation of the first frame."""
        return self.frames[0].orientation

    @property
    def spacing(self) -> tuple[float, ...] | None:
        """Pixel spacing of the first frame."""
        return self.frames[0].spacing

    @property
    def is_localizer(self) -> bool:
        """Whether the object is a scout picture by its ImageType."""
        return "LOCALIZER" in self.image_type
