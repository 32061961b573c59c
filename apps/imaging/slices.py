"""The slices of a series one by one, as a viewer asks for them: where each lies, and its values in Hounsfield units."""

import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.imaging.errors import UnreadableFile
from apps.imaging.findings import Severity
from apps.imaging.geometry import Slice, Stack, arrange, slices_of
from apps.imaging.geometry.stack import rescales
from apps.imaging.headers import InstanceHeader, SeriesFiles, read_header
from apps.imaging.headers.refusals import damaged
from apps.imaging.hounsfield import Rescale
from apps.imaging.pixels import PixelReader
from apps.imaging.projections import CANONICAL
from apps.imaging.transfer_syntaxes import inflate

INDEX_SCHEMA = 1
"""Version of the JSON form; raised whenever a field changes its meaning."""

HOUNSFIELD = "HU"
AS_STORED = "as stored"
"""Units where the headers do not say how stored values become HU."""


@dataclass(frozen=True)
class SliceAt:
    """One slice: the frame (from 0) of a file, and how its stored values become what is shown."""

    file: str
    """What the caller calls the file."""
    frame: int
    number: int
    """What findings call the image: InstanceNumber, or the frame's number in a multi-frame object."""
    position_mm: tuple[float, float, float] | None
    """Centre of the first voxel in the patient (LPS)."""
    slope: float
    intercept: float
    padding: tuple[int, int] | None
    damaged: bool
    """Its pixels could not be decoded when the series was checked."""

    @property
    def rescale(self) -> Rescale:
        return Rescale(self.slope, self.intercept, self.padding)


@dataclass(frozen=True)
class SliceIndex:
    """The slices of a series in the order in which they are shown, and how they lie in the patient.

    Of a volume they lie along their normal, row direction x column direction, and `axes` and `flipped` are those of its
    `Orientation`. A series that makes no volume has its images in the order of their numbers, and `why_no_volume`.
    """

    rows: int
    columns: int
    spacing_mm: tuple[float, float] | None
    """Between rows, between columns; None where the images do not agree."""
    directions: tuple[float, ...] | None
    """Along a row, down a column, six numbers in the patient (LPS); None where the images do not agree."""
    axes: tuple[int, int, int]
    flipped: tuple[bool, bool, bool]
    units: str
    slices: tuple[SliceAt, ...]
    left_out: int
    """Images of the series that are not among `slices`."""
    why_no_volume: str
    """A sentence; empty for a volume."""

    def to_json(self) -> dict[str, Any]:
        """Return the index as JSON values."""
        return {"schema": INDEX_SCHEMA, **asdict(self)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "SliceIndex":
        """Return the index that `to_json` wrote."""
        fields = {name: _tupled(value) for name, value in stored.items() if name not in ("schema", "slices")}
        slices = tuple(
            SliceAt(**{name: _tupled(value) for name, value in one.items()}) for one in stored.get("slices", ())
        )
        return cls(slices=slices, **fields)


def index_slices(
    series: SeriesFiles, files: Mapping[Path, str], undecoded: Collection[str] = frozenset()
) -> SliceIndex:
    """Return where the slices of `series` lie, from its headers alone.

    Parameters
    ----------
    series
        The series.
    files
        What each of its files is called in the index.
    undecoded
        SOP instance UIDs of the objects whose pixels are known to be damaged. They keep their place; of several images
        at one place the first that is whole is shown.
    """
    slices = slices_of(series)
    stack = arrange(slices)
    if stack.places:
        shown = [_first_whole(place, undecoded) for place in stack.places]
        why = ""
    else:
        shown, why = _loose(slices), _why_no_volume(stack)
    scales = rescales(shown)
    orientation = stack.orientation if stack.places else CANONICAL
    first = shown[0] if shown else None
    return SliceIndex(
        rows=first.header.rows if first else 0,
        columns=first.header.columns if first else 0,
        spacing_mm=_spacing(shown),
        directions=_directions(shown),
        axes=orientation.axes,
        flipped=orientation.flipped,
        units=AS_STORED if scales is None else HOUNSFIELD,
        slices=tuple(
            SliceAt(
                file=files[one.header.path],
                frame=one.frame_index,
                number=one.number,
                position_mm=one.frame.position,
                slope=scale.slope,
                intercept=scale.intercept,
                padding=scale.padding,
                damaged=one.header.sop_instance_uid in undecoded,
            )
            for one, scale in zip(shown, scales or [_unscaled(one) for one in shown], strict=True)
        ),
        left_out=len(slices) - len(shown),
        why_no_volume=why,
    )


def read_slice(path: Path, one: SliceAt) -> NDArray[np.int16]:
    """Return the values (rows, columns) of one slice, by its own rescale; nothing but its file is read.

    Of an uncompressed or encapsulated multi-frame object only the frame is read, a deflated one is inflated as a whole.

    Raises
    ------
    UnreadableFile
        When the file cannot be read or the frame not be decoded.
    """
    header = read_header(path)
    if not 0 <= one.frame < len(header.pixels.spans):
        raise UnreadableFile(damaged("the image is not in the file any more"))
    stored = PixelReader(header).decode(_coded(header, one.frame))
    if stored.ndim != 2:
        raise UnreadableFile("holds a colour picture, not a CT slice")
    return one.rescale.hounsfield(stored)


def _coded(header: InstanceHeader, frame: int) -> bytes:
    """Return the bytes of one frame as they lie in the file."""
    pieces, deflated_at = header.pixels.spans[frame], header.pixels.deflated_at
    try:
        with header.path.open("rb", buffering=0) as file:
            if deflated_at is not None:
                content = inflate(os.pread(file.fileno(), header.file_size, deflated_at))
                return b"".join(content[offset : offset + length] for offset, length in pieces)
            return b"".join(os.pread(file.fileno(), length, offset) for offset, length in pieces)
    except OSError as error:
        raise UnreadableFile(f"could not be read ({error.strerror or error})") from None


def _first_whole(place: Sequence[Slice], undecoded: Collection[str]) -> Slice:
    return next((one for one in place if one.header.sop_instance_uid not in undecoded), place[0])


def _loose(slices: Sequence[Slice]) -> list[Slice]:
    """Return the images of a series that is no volume: those of the commonest size, in the order of their numbers."""
    gray = [one for one in slices if one.is_gray]
    sizes = Counter((one.header.rows, one.header.columns) for one in gray)
    if not sizes:
        return []
    size = sizes.most_common(1)[0][0]
    same = [one for one in gray if (one.header.rows, one.header.columns) == size]
    return sorted(
        same,
        key=lambda one: (
            one.header.acquisition_number or 0,
            one.header.instance_number or 0,
            one.header.sop_instance_uid,
            one.frame_index,
        ),
    )


def _why_no_volume(stack: Stack) -> str:
    reasons = [finding.sentence for finding in stack.findings if finding.severity is Severity.BLOCK]
    return reasons[0] if reasons else "The series holds no slices of a scan."


def _unscaled(one: Slice) -> Rescale:
    return Rescale(1.0, 0.0, one.header.pixels.padding)


def _spacing(slices: Sequence[Slice]) -> tuple[float, float] | None:
    spacing = slices[0].frame.spacing if slices else None
    if spacing is None or any(one.frame.spacing is None for one in slices):
        return None
    found = np.array([one.frame.spacing for one in slices])
    return (spacing[0], spacing[1]) if np.allclose(found, spacing, rtol=0.01) else None


def _directions(slices: Sequence[Slice]) -> tuple[float, ...] | None:
    """Return what the first image says of its directions, where the others say the same."""
    if not slices or not all(one.sits() for one in slices):
        return None
    found = np.array([one.frame.orientation for one in slices])
    return slices[0].frame.orientation if np.allclose(found, found[0], atol=0.01) else None


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
