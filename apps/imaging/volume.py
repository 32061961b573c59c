"""A whole volume in memory, for training and tools; the digest works without one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.imaging.errors import NotAVolume
from apps.imaging.findings import Finding, Severity
from apps.imaging.geometry import GeometryFacts, arrange, slices_of
from apps.imaging.geometry.stack import rescales
from apps.imaging.headers import SeriesFiles
from apps.imaging.pixels import PixelReader


@dataclass(frozen=True)
class Volume:
    """A CT volume: `voxels` int16 (slices from inferior to superior, rows from anterior to posterior, columns from the
    patient's right to left) in HU, `spacing_mm` in the same order."""

    voxels: NDArray[np.int16]
    spacing_mm: tuple[float, float, float]
    geometry: GeometryFacts
    findings: tuple[Finding, ...]


def build_volume(series: SeriesFiles) -> Volume:
    """Return the volume of `series`, every slice by its own rescale.

    Raises
    ------
    NotAVolume
        When the slices do not make one; the sentence says why.
    UnreadableFile
        When a slice cannot be decoded.
    """
    stack = arrange(slices_of(series))
    if not stack.places:
        reasons = [finding.sentence for finding in stack.findings if finding.severity is Severity.BLOCK]
        raise NotAVolume(reasons[0] if reasons else "The series holds no slices of a scan.")
    scales = rescales(stack.chosen)
    if scales is None:
        raise NotAVolume("The images do not say how their values become Hounsfield units.")
    index = {(one.header.path, one.frame_index): place for place, one in enumerate(stack.chosen)}
    acquired = np.empty((stack.facts.slices, stack.facts.rows, stack.facts.columns), np.int16)
    for header in {one.header.path: one.header for one in stack.chosen}.values():
        for frame_index, stored in enumerate(PixelReader(header).frames()):
            place = index.get((header.path, frame_index))
            if place is not None:
                acquired[place] = scales[place].hounsfield(stored)
    spacing = (stack.facts.slice_spacing_mm or 0.0, *(stack.facts.pixel_spacing_mm or (0.0, 0.0)))
    superior, posterior, left = (spacing[axis] for axis in stack.orientation.axes)
    voxels = np.ascontiguousarray(stack.orientation.canonical(acquired))
    return Volume(voxels, (superior, posterior, left), stack.facts, stack.findings)
