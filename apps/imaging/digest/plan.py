"""reading_plan: what somebody else, a browser, is to do with the pixels of a series whose headers are known here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from apps.imaging.digest.concluding import crowded, frame_key, may_be_a_volume, rescale_of, stack_without
from apps.imaging.findings import Finding
from apps.imaging.geometry import Slice
from apps.imaging.headers import SeriesFiles


@dataclass(frozen=True)
class PlannedSlice:
    """One slice of the volume: frame `frame` of file `index` lies at `place`, and becomes HU by this rescale."""

    index: int
    frame: int
    place: int
    slope: float
    intercept: float
    padding: tuple[int, int] | None

    def to_json(self) -> dict[str, Any]:
        """Return the slice as JSON values."""
        return {
            "index": self.index,
            "frame": self.frame,
            "place": self.place,
            "slope": self.slope,
            "intercept": self.intercept,
            "padding": None if self.padding is None else list(self.padding),
        }


@dataclass(frozen=True)
class Plan:
    """How the pixels of a series are to be read.

    `scan` tells whether it may be one; where it is not, `why` says so to the person. `slices` is empty when there is
    nothing to project: files are hashed all the same. The images of one place in `same_place` are to be compared.
    """

    scan: bool
    why: str
    title: str
    shape: tuple[int, int, int]
    axes: tuple[int, int, int]
    flipped: tuple[bool, bool, bool]
    slices: tuple[PlannedSlice, ...]
    same_place: tuple[tuple[tuple[int, int], ...], ...]
    findings: tuple[Finding, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON values."""
        return {
            "scan": self.scan,
            "why": self.why,
            "title": self.title,
            "shape": list(self.shape),
            "axes": list(self.axes),
            "flipped": list(self.flipped),
            "slices": [one.to_json() for one in self.slices],
            "same_place": [[list(one) for one in place] for place in self.same_place],
            "findings": [finding.to_json() for finding in self.findings],
        }


def reading_plan(series: SeriesFiles) -> Plan:
    """Return how the pixels of `series`, read from header records, are to be read.

    Where some files then turn out to be damaged, the plan of the others is asked for anew.
    """
    stack = stack_without(series, {})
    scales = rescale_of(stack)
    chosen = stack.chosen if scales else []
    return Plan(
        scan=may_be_a_volume(series),
        why=_why_it_is_no_scan(series),
        title=series.description or (f"Series {series.number}" if series.number is not None else "Series"),
        shape=(len(chosen), stack.facts.rows, stack.facts.columns),
        axes=stack.orientation.axes,
        flipped=stack.orientation.flipped,
        slices=tuple(
            PlannedSlice(*named(one), place, scale.slope, scale.intercept, scale.padding)
            for place, one in enumerate(chosen)
            for scale in (scales[frame_key(one)],)
        ),
        same_place=tuple(tuple(map(named, place)) for place in crowded(stack)),
        findings=stack.findings if may_be_a_volume(series) else (),
    )


def named(one: Slice) -> tuple[int, int]:
    """Return the index of the file in the sender's list, and the frame."""
    return int(one.header.path.name), one.frame_index


def _why_it_is_no_scan(series: SeriesFiles) -> str:
    if series.modality != "CT":
        kind = f"{series.modality} images" if series.modality else "images of a kind that they do not name"
        return f"These are {kind}, not CT; they are part of no visit and stay where they are."
    if all(header.is_localizer for header in series.headers):
        return f"{_scouts(series.headers)} for planning the scan; not part of any visit, nothing needs to be done."
    return ""


def _scouts(headers: Sequence[object]) -> str:
    return "A scout picture" if len(headers) == 1 else "Scout pictures"
