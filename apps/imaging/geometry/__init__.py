"""Where the slices of a series lie: order, spacing, gaps, tilt, and what does not belong."""

from apps.imaging.geometry.facts import GeometryFacts
from apps.imaging.geometry.slices import Slice, slices_of
from apps.imaging.geometry.stack import Stack, arrange

__all__ = ["GeometryFacts", "Slice", "Stack", "arrange", "slices_of"]
